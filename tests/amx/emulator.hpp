// AMX without AMX: a signal handler that carries out the tile instructions of kernels/isa/amx.hpp, so that a CPU with AVX-512 BF16 and no tiles
// (AMD's since Zen 4, for one) runs the same tests, a few hundred times as slowly. What the instructions do is from Intel's Software Developer's
// Manual, volume 2; on a CPU that has them emulator_test.cpp holds this against them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berth::test {

// Sixteen rows of 64 bytes: the one shape that is supported, since the kernels use no other.
struct alignas(64) Tile {
  unsigned char rows[16][64];
};

// TDPBSSD: c[m][n] += sum of a[m][4 k + i] * b[k][4 n + i] over 16 k and 4 i, s8 into s32 that wraps.
void multiply_s8(Tile& c, const Tile& a, const Tile& b) noexcept;

// TDPBF16PS: the even and the odd elements of k make a chain of multiply-adds each, beginning at zero; c[m][n] += the chains' sum. Denormal values
// count as zero, in and out; rounding is to nearest, whatever MXCSR says.
void multiply_bf16(Tile& c, const Tile& a, const Tile& b) noexcept;

// From now on tile instructions that the CPU does not know are carried out, in every thread. What is used wrongly (tiles without a configuration,
// another shape than the one above) ends the process with a message. Needs AVX-512 BF16.
void emulate_amx();

}  // namespace berth::test
