// Typed fields out of config.json, with a message that names the field and its value when one is
// wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "nlohmann/json.hpp"

namespace hone {

// Reads one JSON object. A field that is absent or null takes the fallback; without a fallback that
// is an error. The first error is kept: read everything, then ask status(). Errors are of kind
// kModel.
class ConfigReader {
  public:
    // `what` names the object in messages: "config.json".
    ConfigReader(const nlohmann::ordered_json& json, std::string what)
        : json_(json), what_(std::move(what)) {}

    // An integer in [low, high].
    int64_t Int(std::string_view key, int64_t low, int64_t high,
                std::optional<int64_t> fallback = std::nullopt);
    // A finite number in [low, high].
    double Number(std::string_view key, double low, double high,
                  std::optional<double> fallback = std::nullopt);
    bool Bool(std::string_view key, std::optional<bool> fallback = std::nullopt);
    std::string Text(std::string_view key, std::optional<std::string> fallback = std::nullopt);
    // A token id, or a list of them (as eos_token_id is); absent: empty.
    std::vector<int32_t> TokenIds(std::string_view key);

    // nullptr when absent or null.
    const nlohmann::ordered_json* Find(std::string_view key) const;
    // Keeps the message as the error unless there is one already.
    void Fail(std::string message);
    const absl::Status& status() const { return status_; }

  private:
    const nlohmann::ordered_json& json_;
    std::string what_;
    absl::Status status_;
};

}  // namespace hone
