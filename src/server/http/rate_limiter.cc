#include "server/http/rate_limiter.h"

#include <algorithm>
#include <cmath>

namespace hone::server {

int RateLimiter::Take(const std::string& name, double now) {
    if (per_minute_ == 0) return 0;
    const std::lock_guard lock(mutex_);
    if (buckets_.size() >= forget_at_) Forget(now);
    const double rate = per_minute_ / 60.0;
    Bucket& bucket = buckets_.try_emplace(name, Bucket{double(per_minute_), now}).first->second;
    bucket.left = std::min<double>(per_minute_, bucket.left + (now - bucket.filled) * rate);
    bucket.filled = now;
    if (bucket.left >= 1) {
        bucket.left -= 1;
        return 0;
    }
    return std::max(1, static_cast<int>(std::ceil((1 - bucket.left) / rate)));
}

void RateLimiter::Forget(double now) {
    const double rate = per_minute_ / 60.0;
    std::erase_if(buckets_, [&](const auto& entry) {
        return entry.second.left + (now - entry.second.filled) * rate >= per_minute_;
    });
    forget_at_ = std::max<size_t>(1024, 2 * buckets_.size());
}

}  // namespace hone::server
