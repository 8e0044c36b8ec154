// How many requests a key or an address may make in a minute.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace hone::server {

// A bucket of `per_minute` requests for each name, which fills up again evenly: a client that was
// quiet may make all of them at once.
class RateLimiter {
  public:
    // 0: no limit.
    explicit RateLimiter(int per_minute) : per_minute_(per_minute) {}

    // Takes one request at `now` (seconds of a clock that goes forward). 0 if it may be made, else
    // the seconds, at least 1, until the next one may.
    int Take(const std::string& name, double now);

  private:
    struct Bucket {
        double left = 0, filled = 0;
    };
    // Full buckets are the same as none.
    void Forget(double now);

    const int per_minute_;
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
    size_t forget_at_ = 1024;  // buckets
};

}  // namespace hone::server
