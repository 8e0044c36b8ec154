// Where the objects and strings of a JSON text begin and end, byte by byte, without parsing it.
#pragma once

#include <cstdint>
#include <string>

namespace hone {

class JsonOutline {
  public:
    void Take(char c);

    int64_t depth() const { return depth_; }
    bool in_string() const { return in_string_; }
    // The name of the outermost object's member that was read last, cut at 64 bytes.
    const std::string& member() const { return member_; }

  private:
    int64_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    bool expects_name_ = false;
    bool in_name_ = false;
    std::string member_;
};

// How the objects of a file stand in it, by how it begins (from the first "{").
enum class JsonLayout {
    kLines,   // one on each line
    kObjects  // one after the other, over several lines; or one that holds the rows in a member
};

JsonLayout GuessJsonLayout(std::string_view start);

// Whether a member of this name holds a file's rows: "data", "rows", "train" ...
bool HoldsRows(std::string_view member);

}  // namespace hone
