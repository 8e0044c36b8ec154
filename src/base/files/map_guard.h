// Protection against a file that is cut while it is mapped. Reading past its new end raises SIGBUS,
// which ends the process without a message. With a guard such reads give zeros, and the guard
// knows.
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

    // Whether a page could not be read, because the file was cut or its disk failed. What was read
    // since may not be what the file held.
    bool broken() const;

  private:
    struct Region;
    friend struct BusErrors;
    Region* region_;  // null for an empty map
};

}  // namespace hone
