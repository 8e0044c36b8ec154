// The version of hone, as project() in the top CMakeLists.txt has it; a test compares them.
#pragma once

namespace hone {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace hone
