// One JSON row: simdjson reads it, nlohmann explains it when it is broken.
#include <simdjson.h>

#include <algorithm>

#include "base/limits.h"
#include "data/read/row_reader.h"

namespace hone {
namespace {

using nlohmann::ordered_json;

std::string TooManyFields() {
    return fmt::format("an object has more than {} members", kMaxRowFields);
}

// Bounded by the parser's depth limit. False: an object is too wide.
bool Convert(const simdjson::dom::element& element, ordered_json* out) {
    using simdjson::dom::element_type;
    switch (element.type()) {
        case element_type::ARRAY: {
            *out = ordered_json::array();
            auto& values = out->get_ref<ordered_json::array_t&>();
            for (simdjson::dom::element value : simdjson::dom::array(element)) {
                if (!Convert(value, &values.emplace_back())) return false;
            }
            return true;
        }
        case element_type::OBJECT: {
            *out = ordered_json::object();
            size_t members = 0;
            for (auto [key, value] : simdjson::dom::object(element)) {
                if (++members > kMaxRowFields) return false;
                if (!Convert(value, &(*out)[std::string(key)])) return false;
            }
            return true;
        }
        case element_type::STRING:
            *out = std::string(std::string_view(element));
            return true;
        case element_type::INT64:
            *out = int64_t(element);
            return true;
        case element_type::UINT64:
            *out = uint64_t(element);
            return true;
        case element_type::DOUBLE:
            *out = double(element);
            return true;
        case element_type::BOOL:
            *out = bool(element);
            return true;
        case element_type::NULL_VALUE:
            *out = nullptr;
            return true;
    }
    return false;
}

// Line and column of a byte of the row.
void SetPlace(const RawRow& raw, size_t offset, ParseProblem* problem) {
    std::string_view before = std::string_view(raw.text).substr(0, offset);
    const int64_t lines = std::count(before.begin(), before.end(), '\n');
    const size_t last = before.rfind('\n');
    problem->line = raw.line + lines;
    problem->column = last == std::string_view::npos ? raw.column + static_cast<int64_t>(offset)
                                                     : static_cast<int64_t>(offset - last);
}

// What nlohmann says, without its own id and position in front: "[json.exception...] parse error at
// line 1, column 5: syntax error while parsing value - invalid literal; last read: 'nul'".
std::string Shortened(std::string_view what) {
    for (std::string_view mark : {"parsing value - ", "parsing object key - ", "parsing object - ",
                                  "parsing array - ", "parsing object separator - "}) {
        if (size_t at = what.find(mark); at != std::string_view::npos)
            return std::string(what.substr(at + mark.size()));
    }
    if (size_t at = what.rfind(": "); at != std::string_view::npos) what.remove_prefix(at + 2);
    return std::string(what);
}

// What other tools write in place of JSON, and the cure; "" where it is none of that.
std::string Advice(std::string_view text, size_t offset) {
    if (text.starts_with("{'"))
        return "this is Python's repr, with single quotes; write rows with json.dumps(row)";
    const std::string_view here = text.substr(std::min(offset, text.size()));
    for (std::string_view word : {"NaN", "Infinity"})
        if (here.starts_with(word))
            return fmt::format(
                "{} is no JSON, though Python's json.dumps writes it; write null, or leave the "
                "member out",
                word);
    for (std::string_view word : {"None", "True", "False"})
        if (here.starts_with(word))
            return fmt::format("{} is Python's word; write rows with json.dumps(row)", word);
    if (here == "," && offset > 0 && text[offset - 1] == '}')
        return "a comma follows the row; in .jsonl there is none between rows";
    return "";
}

// Reads without building anything: finds the first error, and objects that are too wide.
class Explainer : public nlohmann::json_sax<ordered_json> {
  public:
    size_t offset = 0;
    std::string reason;

    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(size_t) override {
        members_.push_back(0);
        return true;
    }
    bool key(string_t&) override {
        if (++members_.back() <= kMaxRowFields) return true;
        reason = TooManyFields();
        return false;
    }
    bool end_object() override {
        members_.pop_back();
        return true;
    }
    bool start_array(size_t) override { return true; }
    bool end_array() override { return true; }
    bool parse_error(size_t position, const std::string&,
                     const nlohmann::detail::exception& error) override {
        offset = position > 0 ? position - 1 : 0;
        reason = "malformed JSON: " + Shortened(error.what());
        return false;
    }

  private:
    std::vector<size_t> members_;  // of the objects that are open
};

// Rows that simdjson refuses: nlohmann knows where and why, and takes numbers beyond 64 bits.
bool ParseSlowly(const RawRow& raw, ordered_json* row, ParseProblem* problem) {
    Explainer explainer;
    if (!ordered_json::sax_parse(raw.text, &explainer)) {
        SetPlace(raw, std::min(explainer.offset, raw.text.size()), problem);
        problem->reason = explainer.reason;
        if (const std::string advice = Advice(raw.text, explainer.offset); !advice.empty())
            problem->reason = "malformed JSON: " + advice;
        return false;
    }
    *row = ordered_json::parse(raw.text, nullptr, /*allow_exceptions=*/false);
    if (!row->is_discarded()) return true;
    problem->reason = "malformed JSON";
    return false;
}

// Its deepest nesting, strings left out of account.
size_t Depth(std::string_view text) {
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return deepest;
}

}  // namespace

bool ParseJsonRow(const RawRow& raw, ordered_json* row, ParseProblem* problem) {
    problem->line = raw.line;
    problem->column = raw.column;
    // A parser keeps its buffers: one for each thread, for as long as the thread lives.
    thread_local simdjson::dom::parser parser;
    // A long row must not hold its buffers for ever.
    constexpr size_t kKeep = size_t{1} << 20;
    if (parser.max_depth() != kMaxJsonDepth + 1 || parser.capacity() < raw.text.size() ||
        (parser.capacity() > kKeep && raw.text.size() <= kKeep)) {
        const size_t capacity = std::max<size_t>(raw.text.size() * 5 / 4, 4096);
        if (parser.allocate(capacity, kMaxJsonDepth + 1) != simdjson::SUCCESS) {
            problem->reason = "not enough memory to parse this row";
            return false;
        }
    }
    simdjson::dom::element element;
    const simdjson::error_code error = parser.parse(raw.text.data(), raw.text.size()).get(element);
    if (error == simdjson::DEPTH_ERROR || (error && Depth(raw.text) > kMaxJsonDepth)) {
        problem->reason = fmt::format("nested more than {} levels deep", kMaxJsonDepth);
        return false;
    }
    if (error) {
        if (!ParseSlowly(raw, row, problem)) return false;
    } else if (!Convert(element, row)) {
        problem->reason = TooManyFields();
        return false;
    }
    if (!row->is_object()) {
        problem->reason =
            fmt::format("a row must be a JSON object, this is {} {}", row->is_array() ? "an" : "a",
                        row->type_name());
        return false;
    }
    return true;
}

}  // namespace hone
