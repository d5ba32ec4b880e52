// The gated inner activation (Shazeer 2020: GEGLU, SwiGLU, ...): one half of a row goes through the activation and multiplies the other.
#pragma once

#include <cstddef>

#include "kernels/generic/math.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct Gate {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  static void run(const GateArgs& args) noexcept {
    with_activation(args.activation, [&](auto tag) {
      for (std::size_t row = 0; row < args.rows; ++row) {
        float* first = args.x + row * args.stride;
        const float* second = first + args.size;
        run_row<decltype(tag)::value>(args.second_half ? second : first, args.second_half ? first : second, first, args.size);
      }
    });
  }

 private:
  template <Activation kind>
  static void run_row(const float* gate, const float* value, float* out, std::size_t size) noexcept {
    std::size_t i = 0;
    for (; i + kLanes <= size; i += kLanes) Isa::store(out + i, Isa::mul(VectorMath<Isa>::template activate<kind>(Isa::load(gate + i)), Isa::load(value + i)));
    if (i == size) return;
    const std::size_t left = size - i;
    Isa::store_partial(out + i, Isa::mul(VectorMath<Isa>::template activate<kind>(Isa::load_partial(gate + i, left)), Isa::load_partial(value + i, left)),
                       left);
  }
};

}  // namespace berth::kernels
