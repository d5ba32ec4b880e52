// What an instruction set must provide for the algorithms in kernels/generic. An incomplete one fails to compile, naming the missing member.
#pragma once

#include <concepts>
#include <cstddef>

namespace berth::kernels {

template <class Isa>
concept VectorIsa = requires(typename Isa::F32 x, const float* from, float* to, const void* bytes, std::size_t count, float s) {
  { Isa::kLanes } -> std::convertible_to<std::size_t>;     // floats in a register
  { Isa::kTileRows } -> std::convertible_to<int>;          // GEMM tile: rows x (vectors * lanes) accumulators,
  { Isa::kTileVectors } -> std::convertible_to<int>;       // chosen so that accumulators, one row of B and a broadcast fit the register file
  { Isa::kPairRows } -> std::convertible_to<std::size_t>;  // up to so many rows take two panels at a time
  {Isa::load(from)};                                       // no alignment needed
  {Isa::load_partial(from, count)};                        // the first `count` lanes, zeros above; reads nothing else
  {Isa::store(to, x)};
  {Isa::store_partial(to, x, count)};  // writes the first `count` lanes and nothing else
  {Isa::load_f32_bytes(bytes)};        // the same from bytes that need not hold float objects
  {Isa::load_f16(bytes)};              // lanes of IEEE half, widened
  {Isa::load_bf16(bytes)};
  {Isa::prefetch(from)};                                        // a hint; any address
  {Isa::store_s8(static_cast<signed char*>(nullptr), x)};       // rounded to nearest; x within [-127, 127]
  {Isa::store_bf16(static_cast<unsigned short*>(nullptr), x)};  // rounded to nearest, ties to even; NaN stays NaN
  {Isa::set1(s)};
  {Isa::add(x, x)};
  {Isa::sub(x, x)};
  {Isa::mul(x, x)};
  {Isa::div(x, x)};
  {Isa::fma(x, x, x)};  // x * y + z
  {Isa::min(x, x)};     // the second operand where either is NaN; so max
  {Isa::max(x, x)};
  {Isa::abs(x)};
  {Isa::max_magnitude(x, x)};    // of x >= 0 and |y|; NaN and infinity count as greater than all
  {Isa::clamp_magnitude(x, x)};  // x within [-limit, limit]; anything where x is NaN
  {Isa::sqrt(x)};
  {Isa::round(x)};                     // to nearest, ties to even
  {Isa::scale_by_power_of_two(x, x)};  // x * 2^n for integral n in [-126, 127]
  {Isa::select_less(x, x, x, x)};      // a < b ? then : otherwise
  {Isa::reduce_add(x)};                // in a fixed order
  {Isa::reduce_max(x)};
  {Isa::first(x)};  // lane 0
  requires requires(typename Isa::F32(&m)[Isa::kLanes]) { Isa::transpose(m); };
};

// Optional: see LowKernelTable::reads_ahead.
template <class Isa>
inline constexpr bool kReadsAhead = requires {
  requires Isa::kReadsAhead;
};

}  // namespace berth::kernels
