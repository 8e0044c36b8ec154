/* A loss of your own for hone, in C: hone finetune --loss plugin:./libmine.so
 *
 * A shared library defines both functions below. hone loads it into its own process, checks the
 * slopes by differences, and calls it for each batch, from one thread at a time.
 *
 *     cc -O2 -shared -fPIC -o libmine.so mine.c
 *
 * With --task feature-extraction a batch has two inputs of rows x columns, the embeddings of the
 * first and the second texts, each of length 1, and one number a row, how alike they are, from 0
 * to 1. With --task text-generation it has one input, the log-probability of each labelled token of
 * a row, and beside it a mask: 1 where there is such a token, 0 behind the last; inputs[1] is null
 * then. Matrices are row-major.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HONE_LOSS_VERSION 1

struct hone_loss_batch {
    int64_t rows, columns;
    const float* inputs[2]; /* [rows, columns] each */
    const float* labels;    /* [rows], or the mask [rows, columns] */
    /* [rows, columns] to be written: the derivative of the loss by each number of inputs[0] and
     * inputs[1]. Null where nobody asks for them. */
    float* slopes[2];
    /* A text to be written where the function fails, with its zero byte. */
    char* message;
    size_t message_size;
};

/* HONE_LOSS_VERSION of the header that the library was compiled with. */
int hone_loss_version(void);

/* Writes the loss of the batch, its mean. Returns 0; anything else fails the run, with the message.
 */
int hone_loss(const struct hone_loss_batch* batch, double* loss);

#ifdef __cplusplus
}
#endif
