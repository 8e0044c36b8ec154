// The C ABI of the crate in rust/: see rust/src/lib.rs for its rules. Only this room includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

extern "C" {

struct HoneBytes {
    uint8_t* data;
    size_t len;
};
struct HoneError {
    HoneBytes text;
    bool memory;  // only for want of memory
};
struct HoneIds {
    int32_t* ids;
    size_t* offsets;
    size_t len;
};
struct HoneRows {
    HoneBytes text;
    size_t* ends;
    size_t len;
};
struct HoneTokenizer;
struct HoneTemplate;
struct HoneParquet;

void hone_bytes_free(HoneBytes bytes);
void hone_ids_free(HoneIds ids);
void hone_rows_free(HoneRows rows);

bool hone_tokenizer_from_json(const uint8_t* json, size_t len, size_t max_vocabulary,
                              HoneTokenizer** out, HoneError* error);
void hone_tokenizer_free(HoneTokenizer* tokenizer);
bool hone_tokenizer_encode(const HoneTokenizer* tokenizer, const uint8_t* input, size_t len,
                           bool add_special, bool with_offsets, HoneIds* out, HoneError* error);
bool hone_tokenizer_decode(const HoneTokenizer* tokenizer, const int32_t* ids, size_t len,
                           bool skip_special, HoneBytes* out, HoneError* error);
int64_t hone_tokenizer_token_to_id(const HoneTokenizer* tokenizer, const uint8_t* token,
                                   size_t len);
bool hone_tokenizer_id_to_token(const HoneTokenizer* tokenizer, uint32_t id, HoneBytes* out);
bool hone_tokenizer_is_special(const HoneTokenizer* tokenizer, uint32_t id);
bool hone_tokenizer_is_added(const HoneTokenizer* tokenizer, uint32_t id);
bool hone_tokenizer_is_byte(const HoneTokenizer* tokenizer, uint32_t id);
size_t hone_tokenizer_size(const HoneTokenizer* tokenizer);
bool hone_tokenizer_to_json(const HoneTokenizer* tokenizer, HoneBytes* out, HoneError* error);

bool hone_template_parse(const uint8_t* source, size_t source_len, const uint8_t* tokens,
                         size_t tokens_len, HoneTemplate** out, HoneError* error);
void hone_template_free(HoneTemplate* chat_template);
bool hone_template_render(const HoneTemplate* chat_template, const uint8_t* context,
                          size_t context_len, const uint8_t* date, size_t date_len, HoneBytes* out,
                          HoneError* error);

bool hone_parquet_open(const uint8_t* path, size_t len, size_t max_row_bytes, size_t max_depth,
                       HoneParquet** out, HoneError* error);
void hone_parquet_free(HoneParquet* file);
int64_t hone_parquet_num_rows(const HoneParquet* file);
size_t hone_parquet_num_columns(const HoneParquet* file);
HoneBytes hone_parquet_column(const HoneParquet* file, size_t index);
HoneBytes hone_parquet_huggingface(const HoneParquet* file);
bool hone_parquet_read(HoneParquet* file, size_t max_rows, HoneRows* out, HoneError* error);

HoneBytes hone_unicode_lowercase(const uint8_t* input, size_t len);
bool hone_unicode_is_word(uint32_t code_point);

}  // extern "C"

namespace hone::rust {

inline const uint8_t* Data(std::string_view text) {
    return reinterpret_cast<const uint8_t*>(text.data());
}

// The bytes as a string; frees them.
inline std::string Take(HoneBytes bytes) {
    std::string text;
    if (bytes.len > 0) text.assign(reinterpret_cast<const char*>(bytes.data), bytes.len);
    hone_bytes_free(bytes);
    return text;
}

// What failed in the crate, as an error of `kind` that begins with `what`; a want of memory is
// nobody's fault. Frees it.
inline absl::Status TakeError(HoneError error, ErrorKind kind, std::string_view what) {
    const bool memory = error.memory;
    const std::string text = Take(error.text);
    if (memory) return MemoryError("not enough memory: {}", text);
    return MakeError(kind, fmt::format("{}: {}", what, text));
}

}  // namespace hone::rust
