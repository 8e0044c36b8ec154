// What the CPU is, in words for a person.
#pragma once

#include <string>

namespace hone {

// What it calls itself: "AMD EPYC 9354"; where it does not say, its architecture.
std::string CpuName();

// The instruction sets beyond the architecture's first ones that it has, that the operating system
// lets programs use, and that kernels are chosen by: "SSE4.2 AVX AVX2 FMA". May be empty.
std::string CpuInstructionSets();

}  // namespace hone
