// The files of the dashboard, compressed when hone was built.
#pragma once

#include <span>
#include <string_view>

namespace hone::server {

struct PageFile {
    std::string_view path;  // "/assets/index-C8OYFgq-.css"
    std::string_view type;  // Content-Type
    std::string_view tag;   // a hash of what it holds
    bool compressed = false;
    std::string_view bytes;  // gzip, where it is compressed
};

// Empty where hone was built without them. They come from build/web/page_data.cc
// (src/server/page/page.cmake).
std::span<const PageFile> PageFiles();

}  // namespace hone::server
