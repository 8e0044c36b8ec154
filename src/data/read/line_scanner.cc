#include "data/read/line_scanner.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"

namespace hone {

absl::StatusOr<std::unique_ptr<CharScanner>> CharScanner::Open(const std::string& path) {
    HONE_ASSIGN_OR_RETURN(auto source, ByteSource::Open(path));
    std::unique_ptr<CharScanner> scanner(new CharScanner(path, std::move(source)));
    HONE_ASSIGN_OR_RETURN(std::string_view start, scanner->Peek());
    if (start.substr(0, 3) == "\xEF\xBB\xBF") {
        scanner->piece_.remove_prefix(3);
    } else if (start.substr(0, 2) == "\xFF\xFE" || start.substr(0, 2) == "\xFE\xFF") {
        return DataError(
            "{} is UTF-16, hone reads UTF-8: convert it with \"iconv -f UTF-16 -t UTF-8\"", path);
    }
    return scanner;
}

absl::StatusOr<std::string_view> CharScanner::Peek() {
    if (piece_.empty()) {
        HONE_ASSIGN_OR_RETURN(piece_, source_->Next());
    }
    return piece_;
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

size_t FindInvalidUtf8(std::string_view text) {
    if (simdjson::validate_utf8(text.data(), text.size())) return std::string_view::npos;
    // The longest valid prefix: cut points inside a character are invalid too, so step by
    // characters.
    size_t at = 0;
    while (at < text.size()) {
        const auto lead = static_cast<unsigned char>(text[at]);
        const size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (at + size > text.size() || !simdjson::validate_utf8(text.data() + at, size)) return at;
        at += size;
    }
    return std::string_view::npos;
}

}  // namespace hone
