// The kinds of 4-bit floats that frozen weights can be held in.
#pragma once

namespace hone {

// NF4 is QLoRA's, FP4 a float of a sign, two bits of exponent and one of mantissa. Both have values
// of bitsandbytes (nf4.h).
enum class FourBits { kNf4, kFp4 };

inline const char* FourBitsName(FourBits kind) { return kind == FourBits::kNf4 ? "NF4" : "FP4"; }

}  // namespace hone
