// The instruction sets berth distinguishes, lowest first. Each one's CPUs have all that the ones named in its row of dispatch.cpp need.
#pragma once

namespace berth::kernels {

enum class Isa { baseline, avx2, avxvnni, avx512, avx512vnni, avx512bf16, amx };
inline constexpr int kIsaCount = 7;

}  // namespace berth::kernels
