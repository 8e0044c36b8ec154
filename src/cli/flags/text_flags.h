// Texts on a command line: of `hone classify` and `hone embed`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/flags/flags.h"

namespace hone {

struct TextFlags {
    std::vector<std::string> texts;
    std::string text_file;
    int64_t batch_size = 8, max_seq_len = 1024;

    // what: "what to classify"
    void Add(Flags& flags, const std::string& what);
    absl::Status Check() const;
    // At least one: of --text and --text_file, else of standard input.
    absl::StatusOr<std::vector<std::string>> Collect() const;
};

}  // namespace hone
