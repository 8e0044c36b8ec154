// What a model is asked: from a command line, a request, or a file of many.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/format/row_format.h"
#include "data/format/tokenize.h"

namespace hone {

// One thing to answer.
struct Prompt {
    std::string text;             // as it is shown
    Conversation conversation;    // what the chat template gets
    bool text_only = true;        // there is no more to it than the text
    std::vector<int32_t> tokens;  // as they go to the model; empty: Asking::Encode makes them
    std::string adapter;          // the name that the row gives; empty: none
};

// A .jsonl file's rows: a JSON string, {"prompt": ...} or {"messages": [...]} that ends with the
// user's turn, each object with an "adapter" if it likes; the rows of a .json, .csv, .tsv or
// .parquet file likewise, where a column question, query, instruction or input may stand for
// "prompt"; any other file's lines that are not empty. With `raw` there is no chat template for
// messages. Errors are of kind kData and name the line.
absl::StatusOr<std::vector<Prompt>> ReadPromptFile(const std::string& path, bool raw);

// One prompt from the command line or standard input.
absl::StatusOr<Prompt> MakePrompt(const std::string& text);

// Puts a system message before those that are there, unless it is empty or they bring their own.
void AddSystemPrompt(const std::string& system_prompt, Conversation& conversation);

}  // namespace hone
