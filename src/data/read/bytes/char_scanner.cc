#include "data/read/bytes/char_scanner.h"

#include <algorithm>

#include "base/limits.h"

namespace hone {

absl::StatusOr<std::unique_ptr<CharScanner>> CharScanner::Open(const std::string& path,
                                                               TextForm form) {
    HONE_ASSIGN_OR_RETURN(auto source, ByteSource::Open(path));
    return std::unique_ptr<CharScanner>(new CharScanner(path, std::move(source), form));
}

absl::StatusOr<std::string_view> CharScanner::Peek() {
    while (piece_.empty()) {
        HONE_ASSIGN_OR_RETURN(std::string_view bytes, source_->Next());
        if (bytes.empty()) {
            if (decoder_.half_character())
                return DataError("{} ends in the middle of a UTF-16 character: it is cut off",
                                 path_);
            return bytes;
        }
        piece_ = decoder_.Decode(bytes);
    }
    return piece_;
}

std::vector<std::string> CharScanner::notes() const {
    std::vector<std::string> notes;
    if (decoder_.encoding() == TextEncoding::kWindows1252)
        notes.push_back(fmt::format(
            "{} was read as Windows-1252 (\"{}\"); if that is wrong, save it as UTF-8.", path_,
            decoder_.example()));
    if (decoder_.encoding() == TextEncoding::kUtf16LittleEndian ||
        decoder_.encoding() == TextEncoding::kUtf16BigEndian)
        notes.push_back(fmt::format("{} was read as UTF-16.", path_));
    if (decoder_.lines_end_in_cr())
        notes.push_back(fmt::format("The lines of {} end in CR alone (0x0D).", path_));
    return notes;
}

void CharScanner::Take(size_t count) {
    std::string_view taken = piece_.substr(0, count);
    const size_t last = taken.rfind('\n');
    if (last == std::string_view::npos) {
        column_ += static_cast<int64_t>(count);
    } else {
        line_ += std::count(taken.begin(), taken.end(), '\n');
        column_ = static_cast<int64_t>(count - last);
    }
    piece_.remove_prefix(count);
}

absl::StatusOr<bool> NextLine(CharScanner& scanner, std::string* text, bool* too_long) {
    text->clear();
    *too_long = false;
    bool any = false;
    for (;;) {
        HONE_ASSIGN_OR_RETURN(std::string_view piece, scanner.Peek());
        if (piece.empty()) break;
        any = true;
        const size_t end = piece.find('\n');
        const size_t size = std::min(end, piece.size());
        if (text->size() + size > kMaxLineBytes) {
            *too_long = true;
            std::string().swap(*text);
        }
        if (!*too_long) text->append(piece.substr(0, size));
        scanner.Take(end == std::string_view::npos ? size : size + 1);
        if (end != std::string_view::npos) break;
    }
    if (!text->empty() && text->back() == '\r') text->pop_back();
    return any;
}

}  // namespace hone
