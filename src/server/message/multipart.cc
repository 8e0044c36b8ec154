#include "server/message/multipart.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "server/message/ascii.h"

namespace hone::server {
namespace {

constexpr size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1

// Takes `prefix` from the front of `text`, if it is there.
bool Take(std::string_view prefix, std::string_view& text) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

bool IsBoundaryCharacter(char c) {
    return IsAlphanumeric(c) || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

// Takes `; name=value` or `; name="value"` from the front of `text`, with \" and \\ read in quotes.
// Nothing where `text` is not that.
std::optional<std::pair<std::string, std::string>> TakeParameter(std::string_view& text) {
    text = StripSpaces(text);
    if (!Take(";", text)) return std::nullopt;
    text = StripSpaces(text);
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string_view::npos) return std::nullopt;
    const std::string name = LowerCase(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    std::string value;
    if (!Take("\"", text)) {
        const size_t end = std::min(text.find(';'), text.size());
        value = StripSpaces(text.substr(0, end));
        text.remove_prefix(end);
        return std::pair(name, value);
    }
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') {
            text.remove_prefix(i + 1);
            return std::pair(name, value);
        }
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\'))
            ++i;
        value.push_back(text[i]);
    }
    return std::nullopt;
}

// All parameters up to the end of the text. Nothing if one is malformed or comes twice.
std::optional<std::vector<std::pair<std::string, std::string>>> TakeParameters(
    std::string_view text) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!StripSpaces(text).empty()) {
        auto parameter = TakeParameter(text);
        if (!parameter) return std::nullopt;
        for (const auto& earlier : parameters)
            if (earlier.first == parameter->first) return std::nullopt;
        parameters.push_back(*std::move(parameter));
    }
    return parameters;
}

// The part that "form-data; name=...; filename=..." describes, into `part`.
absl::Status ReadDisposition(std::string_view value, size_t limit, MultipartPart& part) {
    const size_t end = std::min(value.find(';'), value.size());
    if (!EqualsIgnoringCase(StripSpaces(value.substr(0, end)), "form-data"))
        return DataError("a part of the form is no form-data");
    const auto parameters = TakeParameters(value.substr(end));
    if (!parameters) return DataError("a part's Content-Disposition cannot be read");
    bool named = false;
    for (const auto& [name, text] : *parameters) {
        if (text.size() > limit)
            return DataError("the {} of a part is longer than {} bytes", name, limit);
        if (name == "name") {
            part.name = text;
            named = true;
        } else if (name == "filename") {
            part.filename = text;
            part.is_file = true;
        }
    }
    if (!named || part.name.empty()) return DataError("a part of the form has no name");
    return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MultipartBoundary(std::string_view content_type) {
    const size_t end = std::min(content_type.find(';'), content_type.size());
    const std::string_view type = StripSpaces(content_type.substr(0, end));
    if (!EqualsIgnoringCase(type, "multipart/form-data"))
        return DataError(
            "the body must be multipart/form-data, and its Content-Type is \"{:.100}\"",
            content_type);
    const auto parameters = TakeParameters(content_type.substr(end));
    if (!parameters) return DataError("the Content-Type of the form cannot be read");
    for (const auto& [name, value] : *parameters) {
        if (name != "boundary") continue;
        if (value.empty() || value.size() > kMaxBoundary || value.back() == ' ' ||
            !std::all_of(value.begin(), value.end(), IsBoundaryCharacter))
            break;
        return value;
    }
    return DataError("the Content-Type of the form has no usable boundary");
}

MultipartParser::MultipartParser(std::string boundary, MultipartLimits limits, MultipartSink& sink)
    : delimiter_("\r\n--" + boundary), limits_(limits), sink_(sink) {}

absl::Status MultipartParser::Feed(std::string_view bytes) {
    pending_.erase(0, std::exchange(used_, 0));
    pending_.append(bytes);
    for (;;) {
        HONE_ASSIGN_OR_RETURN(const bool more, Step());
        if (!more) return absl::OkStatus();
    }
}

absl::Status MultipartParser::Finish() {
    if (state_ == State::kEnd) return absl::OkStatus();
    return DataError("the form ends before its last boundary: it was cut off");
}

// Each step uses what it can of `pending_`, and returns false when it needs more bytes.
absl::StatusOr<bool> MultipartParser::Step() {
    switch (state_) {
        case State::kStart:
            return Start();
        case State::kAfterBoundary:
            return AfterBoundary();
        case State::kHead:
            return Head();
        case State::kData:
            return Data();
        case State::kEnd:
            break;
    }
    return End();
}

absl::StatusOr<bool> MultipartParser::Start() {
    const std::string_view first =
        std::string_view(delimiter_).substr(2);  // no line ends before it
    const std::string_view seen = std::string_view(pending_).substr(0, first.size());
    if (seen != first.substr(0, seen.size()))
        return DataError("the form does not begin with its boundary");
    if (seen.size() < first.size()) return false;
    used_ = first.size();
    state_ = State::kAfterBoundary;
    return true;
}

absl::StatusOr<bool> MultipartParser::AfterBoundary() {
    const std::string_view rest = std::string_view(pending_).substr(used_);
    if (rest.size() < 2) return false;
    if (rest.starts_with("\r\n")) {
        state_ = State::kHead;
        used_ += 2;
        return true;
    }
    if (!rest.starts_with("--")) return DataError("bytes follow a boundary of the form");
    used_ += 2;
    state_ = State::kEnd;
    return true;
}

// One line break may follow the last boundary.
absl::StatusOr<bool> MultipartParser::End() {
    const std::string_view rest = std::string_view(pending_).substr(used_);
    if (!std::string_view("\r\n").starts_with(rest))
        return DataError("bytes follow the last boundary of the form");
    return false;
}

absl::StatusOr<bool> MultipartParser::Head() {
    const std::string_view rest = std::string_view(pending_).substr(used_);
    const size_t end = rest.find("\r\n\r\n");
    // Without an end in sight, three more bytes may be its beginning.
    if (end == std::string_view::npos ? rest.size() > limits_.head_bytes + 3
                                      : end > limits_.head_bytes)
        return DataError("the fields of a part are longer than {} bytes", limits_.head_bytes);
    if (end == std::string_view::npos) return false;
    HONE_RETURN_IF_ERROR(BeginPart(rest.substr(0, end)));
    used_ += end + 4;
    state_ = State::kData;
    return true;
}

absl::Status MultipartParser::BeginPart(std::string_view head) {
    MultipartPart part;
    bool disposed = false;
    while (!head.empty()) {
        const size_t end = std::min(head.find("\r\n"), head.size());
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(std::min(end + 2, head.size()));
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0 || line.front() == ' ' ||
            line.front() == '\t')
            return DataError("a part of the form has a field that cannot be read");
        const std::string name = LowerCase(line.substr(0, colon));
        const std::string_view value = StripSpaces(line.substr(colon + 1));
        if (name == "content-disposition") {
            if (std::exchange(disposed, true))
                return DataError("a part of the form has two Content-Dispositions");
            HONE_RETURN_IF_ERROR(ReadDisposition(value, limits_.name_bytes, part));
        } else if (name == "content-type") {
            if (StartsIgnoringCase(value, "multipart/"))
                return DataError("a part of the form is itself multipart");
            part.content_type = std::string(value);
        } else if (name == "content-transfer-encoding" && !EqualsIgnoringCase(value, "binary") &&
                   !EqualsIgnoringCase(value, "8bit") && !EqualsIgnoringCase(value, "7bit")) {
            return DataError("a part of the form is encoded as {:.40}; send its bytes as they are",
                             value);
        }
    }
    if (!disposed) return DataError("a part of the form has no Content-Disposition");
    if (names_.size() == limits_.parts)
        return DataError("the form has more than {} parts", limits_.parts);
    if (!names_.insert(part.name).second)
        return DataError("the form has the part \"{:.100}\" twice", part.name);
    return sink_.OnPart(part);
}

absl::StatusOr<bool> MultipartParser::Data() {
    const std::string_view rest = std::string_view(pending_).substr(used_);
    const size_t found = rest.find(delimiter_);
    // What may be the beginning of a delimiter waits for the bytes that tell.
    const size_t sure = found != std::string_view::npos   ? found
                        : rest.size() < delimiter_.size() ? 0
                                                          : rest.size() - delimiter_.size() + 1;
    if (sure > 0) HONE_RETURN_IF_ERROR(sink_.OnData(rest.substr(0, sure)));
    used_ += sure;
    if (found == std::string_view::npos) return false;
    used_ += delimiter_.size();
    state_ = State::kAfterBoundary;
    HONE_RETURN_IF_ERROR(sink_.OnPartEnd());
    return true;
}

}  // namespace hone::server
