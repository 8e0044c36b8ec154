// Figures of the running server, in the text format of Prometheus.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "server/http/service.h"

namespace hone::server {

class Metrics {
  public:
    void Count(const Answered& answered);
    std::string Text() const;

  private:
    // Upper bounds of the histogram, in seconds; one more for all that took longer.
    static constexpr std::array kBounds = {0.001, 0.005, 0.01, 0.03, 0.1,
                                           0.3,   1.0,   3.0,  10.0, 60.0};
    struct OfRoute {
        std::array<uint64_t, kBounds.size() + 1> within{};
        double seconds = 0;
        uint64_t count = 0, received_bytes = 0, sent_bytes = 0;
    };

    mutable std::mutex mutex_;
    std::map<std::tuple<std::string, std::string, int>, uint64_t>
        answers_;  // method, route, status
    std::map<std::pair<std::string, std::string>, OfRoute> routes_;
};

}  // namespace hone::server
