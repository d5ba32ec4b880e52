// LayerNorm (Ba et al. 2016) over rows: mean, then the variance from the deviations, then the affine map; three passes over a row in L1.
#pragma once

#include <cstddef>

#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct LayerNorm {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  static void run(const LayerNormArgs& args) noexcept {
    for (std::size_t row = 0; row < args.rows; ++row) run_row(args, args.x + row * args.stride, args.out + row * args.stride);
  }

 private:
  static void run_row(const LayerNormArgs& args, const float* x, float* out) noexcept {
    const std::size_t size = args.size;
    const std::size_t whole = size / kLanes * kLanes;
    const float inverse_size = 1.0F / static_cast<float>(size);

    F32 sum = Isa::set1(0.0F);
    for (std::size_t i = 0; i < whole; i += kLanes) sum = Isa::add(sum, Isa::load(x + i));
    if (whole < size) sum = Isa::add(sum, Isa::load_partial(x + whole, size - whole));
    const F32 mean = Isa::set1(Isa::reduce_add(sum) * inverse_size);

    F32 squares = Isa::set1(0.0F);
    for (std::size_t i = 0; i < whole; i += kLanes) {
      const F32 d = Isa::sub(Isa::load(x + i), mean);
      squares = Isa::fma(d, d, squares);
    }
    float tail = 0.0F;
    for (std::size_t i = whole; i < size; ++i) {
      const float d = x[i] - Isa::first(mean);
      tail += d * d;
    }
    const F32 variance = Isa::set1((Isa::reduce_add(squares) + tail) * inverse_size + args.epsilon);
    const F32 scale = Isa::div(Isa::set1(1.0F), Isa::sqrt(variance));

    for (std::size_t i = 0; i < whole; i += kLanes) {
      const F32 d = Isa::mul(Isa::sub(Isa::load(x + i), mean), scale);
      Isa::store(out + i, affine(d, Isa::load(args.weight + i), args.bias == nullptr ? Isa::set1(0.0F) : Isa::load(args.bias + i)));
    }
    if (whole < size) {
      const std::size_t left = size - whole;
      const F32 d = Isa::mul(Isa::sub(Isa::load_partial(x + whole, left), mean), scale);
      const F32 bias = args.bias == nullptr ? Isa::set1(0.0F) : Isa::load_partial(args.bias + whole, left);
      Isa::store_partial(out + whole, affine(d, Isa::load_partial(args.weight + whole, left), bias), left);
    }
  }
  static F32 affine(F32 x, F32 weight, F32 bias) noexcept { return Isa::fma(x, weight, bias); }
};

}  // namespace berth::kernels
