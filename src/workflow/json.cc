#include "workflow/json.h"

#include <iterator>
#include <string>

#include "workflow/tree_builder.h"

namespace hone {
namespace {

using Json = nlohmann::ordered_json;

// Goes over a text and says how far the parser is.
class CountingIterator {
  public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
    const char& operator*() const { return *at_; }
    CountingIterator& operator++() {
        *furthest_ = ++at_;
        return *this;
    }
    bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
    bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

  private:
    const char* at_;
    const char** furthest_;
};

// Counts lines and columns up to places that never lie before one another.
class PlaceCounter {
  public:
    explicit PlaceCounter(const char* begin) : at_(begin) {}
    Place Of(const char* target) {
        for (; at_ < target; ++at_) {
            ++place_.column;
            if (*at_ == '\n') place_ = {place_.line + 1, 1};
        }
        return place_;
    }

  private:
    const char* at_;
    Place place_;
};

// What nlohmann's parser calls for each token, once it has read it: the token begins where the one
// before ended, but for what stands between them.
class Sax {
  public:
    explicit Sax(std::string_view text)
        : begin_(text.data()),
          end_(text.data() + text.size()),
          furthest_(begin_),
          places_(begin_) {}

    bool null() { return builder_.Null(Token()), true; }
    bool boolean(bool value) { return Plain(value ? "true" : "false"); }
    bool number_integer(int64_t value) { return Plain(fmt::format("{}", value)); }
    bool number_unsigned(uint64_t value) { return Plain(fmt::format("{}", value)); }
    bool number_float(double, const std::string& text) { return Plain(text); }
    bool string(std::string& value) {
        builder_.Scalar(Token(), std::move(value), true);
        return true;
    }
    bool binary(Json::binary_t&) { return false; }  // JSON has none
    bool key(std::string& value) { return string(value); }
    bool start_object(size_t) { return builder_.BeginMap(Token()), true; }
    bool end_object() { return End(); }
    bool start_array(size_t) { return builder_.BeginList(Token()), true; }
    bool end_array() { return End(); }
    bool parse_error(size_t, const std::string&, const Json::exception& error) {
        // nlohmann's message begins with its own name and a place of its own.
        std::string message = error.what();
        for (const char* before : {": syntax error ", "] "})
            if (const size_t at = message.find(before); at != std::string::npos)
                message = message.substr(at + std::string_view(before).size());
        const char* last = furthest_ > begin_ ? furthest_ - 1 : begin_;
        throw DocumentError{places_.Of(last), message};
    }

    CountingIterator first() { return {begin_, &furthest_}; }
    CountingIterator last() { return {end_, &furthest_}; }
    std::optional<Node>& root() { return builder_.root(); }

  private:
    Place Token() {
        const char* start = ended_ ? ended_ : begin_;
        constexpr std::string_view kBetween = " \t\r\n,:";
        while (start < end_ && kBetween.find(*start) != std::string_view::npos) ++start;
        ended_ = furthest_;
        return places_.Of(start);
    }
    bool Plain(std::string text) {
        builder_.Scalar(Token(), std::move(text), false);
        return true;
    }
    bool End() {
        ended_ = furthest_;
        builder_.End();
        return true;
    }

    const char* begin_;
    const char* end_;
    const char* furthest_;
    const char* ended_ = nullptr;  // the token before
    PlaceCounter places_;
    TreeBuilder builder_;
};

}  // namespace

Node ParseJson(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
    Sax sax(text);
    Json::sax_parse(sax.first(), sax.last(), &sax);
    return sax.root() ? *std::move(sax.root()) : Node();
}

}  // namespace hone
