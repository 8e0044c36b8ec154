#include "data/load/token_store.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace hone {
namespace {

constexpr size_t kChunkWords = size_t{1} << 20;  // 4 MiB

}  // namespace

TokenStore::~TokenStore() {
    if (mapped_ != nullptr) munmap(const_cast<int32_t*>(mapped_), total_words_ * sizeof(int32_t));
}

absl::StatusOr<int64_t> TokenStore::Append(const Example& example, uint32_t file, int64_t line) {
    HONE_CHECK(example.tokens.size() == example.weights.size() && !example.tokens.empty());
    HONE_CHECK(example.tokens.size() <= INT32_MAX && example.second < int64_t{1} << 29);
    std::vector<int32_t> runs;
    const size_t size = example.tokens.size();
    for (size_t i = 0; i < size; ++i) {
        if (i + 1 < size && example.weights[i + 1] == example.weights[i]) continue;
        runs.push_back(static_cast<int32_t>(i + 1));
        runs.push_back(std::bit_cast<int32_t>(example.weights[i]));
    }
    std::vector<int32_t> labels;
    for (const TokenLabel& label : example.labels) {
        labels.push_back(label.token);
        labels.push_back(label.label);
    }
    const size_t words = size + runs.size() + labels.size();
    if (chunks_.empty() || chunks_.back().words.size() + words > chunks_.back().words.capacity()) {
        const bool full =
            static_cast<int64_t>((total_words_ + words) * sizeof(int32_t)) > memory_limit_bytes_;
        if (full || spilled()) HONE_RETURN_IF_ERROR(Spill());
        chunks_.push_back({total_words_, {}});
        chunks_.back().words.reserve(std::max(words, kChunkWords));
    }
    std::vector<int32_t>& chunk = chunks_.back().words;
    rows_.push_back({.offset = total_words_,
                     .tokens = static_cast<uint32_t>(size),
                     .runs = static_cast<uint32_t>(runs.size() / 2),
                     .labels = static_cast<uint32_t>(example.labels.size()),
                     .file = file,
                     .second = static_cast<uint32_t>(example.second),
                     .undesired = example.undesired ? 1U : 0U,
                     .kind = static_cast<uint32_t>(example.kind),
                     .score = example.score,
                     .line = line});
    chunk.insert(chunk.end(), example.tokens.begin(), example.tokens.end());
    chunk.insert(chunk.end(), runs.begin(), runs.end());
    chunk.insert(chunk.end(), labels.begin(), labels.end());
    total_words_ += words;
    return size_t{rows_.size()} - 1;
}

// Moves the chunks to the temporary file.
absl::Status TokenStore::Spill() {
    if (!file_) {
        if (cache_folder_.empty())
            return DataError(
                "the tokens of the data set take more than {} MiB and there is no cache folder to "
                "keep them in",
                memory_limit_bytes_ >> 20);
        HONE_ASSIGN_OR_RETURN(file_, TemporaryFile::Create(cache_folder_));
    }
    for (const Chunk& chunk : chunks_) {
        HONE_RETURN_IF_ERROR(file_->Write({reinterpret_cast<const char*>(chunk.words.data()),
                                           chunk.words.size() * sizeof(int32_t)}));
    }
    chunks_.clear();
    return absl::OkStatus();
}

absl::Status TokenStore::Finish() {
    if (!spilled()) return absl::OkStatus();
    HONE_RETURN_IF_ERROR(Spill());
    const size_t bytes = total_words_ * sizeof(int32_t);
    HONE_CHECK(file_->size() == bytes);
    void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file_->fd(), 0);
    if (mapped == MAP_FAILED)
        return OtherError("cannot map the temporary file of the data set in {}: {}", cache_folder_,
                          std::strerror(errno));
    mapped_ = static_cast<const int32_t*>(mapped);
    return absl::OkStatus();
}

const int32_t* TokenStore::Words(uint64_t offset) const {
    if (mapped_ != nullptr) return mapped_ + offset;
    const auto after =
        std::upper_bound(chunks_.begin(), chunks_.end(), offset,
                         [](uint64_t value, const Chunk& chunk) { return value < chunk.offset; });
    const Chunk& chunk = *(after - 1);
    return chunk.words.data() + (offset - chunk.offset);
}

Example TokenStore::Read(int64_t index) const {
    const Row& row = rows_[static_cast<size_t>(index)];
    const int32_t* words = Words(row.offset);
    Example example;
    example.row = index;
    example.second = row.second;
    example.undesired = row.undesired != 0;
    example.kind = static_cast<LabelKind>(row.kind);
    example.score = row.score;
    example.tokens.assign(words, words + row.tokens);
    example.weights.reserve(row.tokens);
    for (uint32_t run = 0; run < row.runs; ++run) {
        const int32_t* entry = words + row.tokens + 2 * run;
        example.weights.resize(static_cast<size_t>(entry[0]), std::bit_cast<float>(entry[1]));
    }
    const int32_t* label = words + row.tokens + 2 * row.runs;
    for (uint32_t i = 0; i < row.labels; ++i, label += 2)
        example.labels.push_back({label[0], label[1]});
    return example;
}

}  // namespace hone
