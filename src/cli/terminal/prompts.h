// Where `hone generate` and `hone compare` take their prompts from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/format/row_format.h"
#include "data/format/tokenize.h"

namespace hone {

// One thing to answer.
struct Prompt {
    std::string text;           // as it is shown
    Conversation conversation;  // what the chat template gets; a raw prompt has none
    bool raw = false;
    std::string adapter;  // the name that the row gives; empty: none
};

// A .jsonl file's rows: a JSON string, {"prompt": ...} or {"messages": [...]} that ends with the
// user's turn, each object with an "adapter" if it likes; the rows of a .json, .csv, .tsv or .parquet
// file likewise, where a column question, query, instruction or input may stand for "prompt"; any
// other file's lines that are not empty. Errors are of kind kData and name the line.
absl::StatusOr<std::vector<Prompt>> ReadPromptFile(const std::string& path,
                                                   const std::string& system_prompt, bool raw);

// One prompt from the command line or standard input.
absl::StatusOr<Prompt> MakePrompt(const std::string& text, const std::string& system_prompt,
                                  bool raw);

// The tokens of a prompt: raw ones get the tokenizer's BOS, the others the chat template.
absl::StatusOr<std::vector<int32_t>> EncodePrompt(const Prompt& prompt,
                                                  const ConversationEncoder& encoder);

}  // namespace hone
