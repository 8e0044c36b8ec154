// A JSON object of a request, field by field: what is asked for is checked, what was not asked for
// is unknown.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// Each call reads one field and keeps the first error, with the words, `param` and `code` of the
// OpenAI API. A field that is absent or null leaves its target as it was. Names in errors have the
// object's path in front: "messages[0].role".
class BodyReader {
  public:
    using Json = nlohmann::ordered_json;

    // `value` must outlive the reader. An error where it is not an object.
    explicit BodyReader(const Json& value, std::string path = "");

    BodyReader& Number(const char* name, double low, double high, std::optional<double>& target);
    BodyReader& Integer(const char* name, int64_t low, int64_t high,
                        std::optional<int64_t>& target);
    BodyReader& Bool(const char* name, bool& target);
    BodyReader& Text(const char* name, size_t most_bytes, std::optional<std::string>& target);
    BodyReader& Choice(const char* name, std::initializer_list<std::string_view> values,
                       std::optional<std::string>& target);
    // Whatever it is; null where it is absent.
    BodyReader& Any(const char* name, const Json*& target);
    // An array of so many; null where it is absent.
    BodyReader& Array(const char* name, size_t least, size_t most, const Json*& target);
    BodyReader& Object(const char* name, const Json*& target);
    // Must be there, and not null.
    BodyReader& Required(const char* name);
    // Read by someone else, or of no effect by its nature (a label).
    BodyReader& Skip(const char* name);
    // An error where it is there and not null.
    BodyReader& Refuse(const char* name, std::string_view why);
    // The first error, or that of a field that nobody asked for.
    absl::Status Finish();

    std::string Path(std::string_view name) const;
    const absl::Status& status() const { return status_; }
    void Fail(absl::Status status) {
        if (status_.ok()) status_ = std::move(status);
    }

  private:
    // The value of a field, or null where it is absent, null or something failed before.
    const Json* Take(const char* name);
    // The value of an "integer" or "decimal" is above or below the limit.
    void OutOfRange(const char* name, std::string_view kind, bool above, std::string_view limit,
                    const Json& value);
    void WrongType(const char* name, std::string_view expected, const Json& value);

    const Json& object_;
    std::string path_;
    std::set<std::string, std::less<>> known_;
    absl::Status status_;
};

// "an object", "a string", "null", ...: what a value is.
std::string_view TypeWords(const nlohmann::ordered_json& value);
absl::Status TypeError(std::string_view param, std::string_view expected,
                       const nlohmann::ordered_json& value);

}  // namespace hone
