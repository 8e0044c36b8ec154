#include "infer/stop.h"

#include <algorithm>
#include <utility>

namespace hone {

StopFilter::StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {
    std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string StopFilter::Push(std::string_view text) {
    if (stopped_) return "";
    held_ += text;
    // The one that is complete first, and of several the one that began first: so it does not
    // matter in which pieces the text comes.
    size_t begin = std::string::npos, end = std::string::npos;
    for (const std::string& stop : stops_) {
        const size_t at = held_.find(stop);
        if (at == std::string::npos) continue;
        if (std::pair(at + stop.size(), at) < std::pair(end, begin)) {
            begin = at;
            end = at + stop.size();
        }
    }
    if (begin != std::string::npos) {
        stopped_ = true;
        std::string before = held_.substr(0, begin);
        held_.clear();
        return before;
    }
    // The longest end of the text that some stop string begins with.
    size_t keep = 0;
    for (const std::string& stop : stops_) {
        for (size_t length = std::min(stop.size() - 1, held_.size()); length > keep; --length) {
            if (std::string_view(held_).substr(held_.size() - length) ==
                std::string_view(stop).substr(0, length)) {
                keep = length;
            }
        }
    }
    std::string certain = held_.substr(0, held_.size() - keep);
    held_.erase(0, held_.size() - keep);
    return certain;
}

std::string StopFilter::Finish() { return std::exchange(held_, ""); }

}  // namespace hone
