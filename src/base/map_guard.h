// A file that is cut while it is mapped: reading past its new end raises SIGBUS, which ends the
// process without a word. With a guard such reads give zeros, and the guard knows.
#pragma once

#include <cstddef>

namespace hone {

class MapGuard {
  public:
    // The map must last as long as the guard. The first guard sets the process's handler for
    // SIGBUS; a SIGBUS at any other place still does what it did before.
    MapGuard(const void* data, size_t size);
    ~MapGuard();
    MapGuard(const MapGuard&) = delete;
    MapGuard& operator=(const MapGuard&) = delete;

    // Whether a page could not be read: the file was cut, or its disk failed. What was read since
    // is not the file's.
    bool broken() const;

  private:
    struct Region;
    friend struct BusErrors;
    Region* region_;  // null for an empty map
};

}  // namespace hone
