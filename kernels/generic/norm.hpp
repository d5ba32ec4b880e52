// LayerNorm (Ba et al. 2016) over rows: mean, then the variance from the deviations, then the affine map; three passes over a row in L1. And RMSNorm (Zhang and
// Sennrich 2019), which takes the mean for 0: two passes.
#pragma once

#include <cstddef>

#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa, bool centred>
struct RowNorm {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  static void run(const NormArgs& args) noexcept {
    std::size_t row = 0;
    for (; row + kRows <= args.rows; row += kRows) run_rows<kRows>(args, row);
    for (; row < args.rows; ++row) run_rows<1>(args, row);
  }

 private:
  // Rows go in step: the sums of one alone are two chains of additions that wait for each other.
  static constexpr std::size_t kRows = 4;

  template <std::size_t rows>
  static void run_rows(const NormArgs& args, std::size_t first) noexcept {
    const float* x = args.x + first * args.stride;
    float* out = args.out + first * args.stride;
    const std::size_t size = args.size;
    const std::size_t whole = size / kLanes * kLanes;
    const std::size_t left = size - whole;
    const float inverse_size = 1.0F / static_cast<float>(size);

    F32 mean[rows];
    for (std::size_t r = 0; r < rows; ++r) mean[r] = Isa::set1(0.0F);
    if constexpr (centred) {
      F32 sum[rows];
      for (std::size_t r = 0; r < rows; ++r) sum[r] = Isa::set1(0.0F);
      for (std::size_t i = 0; i < whole; i += kLanes)
        for (std::size_t r = 0; r < rows; ++r) sum[r] = Isa::add(sum[r], Isa::load(x + r * args.stride + i));
      for (std::size_t r = 0; r < rows; ++r) {
        if (left > 0) sum[r] = Isa::add(sum[r], Isa::load_partial(x + r * args.stride + whole, left));
        mean[r] = Isa::set1(Isa::reduce_add(sum[r]) * inverse_size);
      }
    }

    F32 squares[rows];
    for (std::size_t r = 0; r < rows; ++r) squares[r] = Isa::set1(0.0F);
    for (std::size_t i = 0; i < whole; i += kLanes) {
      for (std::size_t r = 0; r < rows; ++r) {
        const F32 d = deviation(Isa::load(x + r * args.stride + i), mean[r]);
        squares[r] = Isa::fma(d, d, squares[r]);
      }
    }
    F32 scale[rows];
    for (std::size_t r = 0; r < rows; ++r) {
      float tail = 0.0F;
      for (std::size_t i = whole; i < size; ++i) {
        float d = x[r * args.stride + i];
        if constexpr (centred) d -= Isa::first(mean[r]);
        tail += d * d;
      }
      const F32 variance = Isa::set1((Isa::reduce_add(squares[r]) + tail) * inverse_size + args.epsilon);
      scale[r] = Isa::div(Isa::set1(1.0F), Isa::sqrt(variance));
    }

    for (std::size_t i = 0; i < whole; i += kLanes) {
      const F32 weight = Isa::load(args.weight + i);
      const F32 bias = args.bias == nullptr ? Isa::set1(0.0F) : Isa::load(args.bias + i);
      for (std::size_t r = 0; r < rows; ++r) {
        const F32 d = Isa::mul(deviation(Isa::load(x + r * args.stride + i), mean[r]), scale[r]);
        Isa::store(out + r * args.stride + i, affine(d, weight, bias));
      }
    }
    if (left == 0) return;
    const F32 weight = Isa::load_partial(args.weight + whole, left);
    const F32 bias = args.bias == nullptr ? Isa::set1(0.0F) : Isa::load_partial(args.bias + whole, left);
    for (std::size_t r = 0; r < rows; ++r) {
      const F32 d = Isa::mul(deviation(Isa::load_partial(x + r * args.stride + whole, left), mean[r]), scale[r]);
      Isa::store_partial(out + r * args.stride + whole, affine(d, weight, bias), left);
    }
  }
  static F32 deviation(F32 x, [[maybe_unused]] const F32& mean) noexcept {
    if constexpr (centred) return Isa::sub(x, mean);
    return x;
  }
  static F32 affine(F32 x, F32 weight, F32 bias) noexcept { return Isa::fma(x, weight, bias); }
};

}  // namespace berth::kernels
