// Rotary positions (Su et al. 2021): pairs of a head's values, turned by an angle that grows with the token's place.
#pragma once

#include <cstddef>

#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct Rotary {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  static void run(const RotaryArgs& args) noexcept {
    for (std::size_t token = 0; token < args.tokens; ++token) {
      float* x = args.x + token * args.stride;
      const float* cosines = args.cosines + token * args.pairs;
      const float* sines = args.sines + token * args.pairs;
      if (args.interleaved) {
        turn_neighbours(x, cosines, sines, args.pairs);
      } else {
        turn_halves(x, x + args.pairs, cosines, sines, args.pairs);
      }
    }
  }

 private:
  static void turn_halves(float* a, float* b, const float* cosines, const float* sines, std::size_t pairs) noexcept {
    const auto turn = [](F32& x, F32& y, F32 c, F32 s) {
      const F32 turned = Isa::sub(Isa::mul(x, c), Isa::mul(y, s));
      y = Isa::fma(x, s, Isa::mul(y, c));
      x = turned;
    };
    std::size_t i = 0;
    for (; i + kLanes <= pairs; i += kLanes) {
      F32 x = Isa::load(a + i);
      F32 y = Isa::load(b + i);
      turn(x, y, Isa::load(cosines + i), Isa::load(sines + i));
      Isa::store(a + i, x);
      Isa::store(b + i, y);
    }
    if (i == pairs) return;
    const std::size_t left = pairs - i;
    F32 x = Isa::load_partial(a + i, left);
    F32 y = Isa::load_partial(b + i, left);
    turn(x, y, Isa::load_partial(cosines + i, left), Isa::load_partial(sines + i, left));
    Isa::store_partial(a + i, x, left);
    Isa::store_partial(b + i, y, left);
  }

  static void turn_neighbours(float* x, const float* cosines, const float* sines, std::size_t pairs) noexcept {
    for (std::size_t i = 0; i < pairs; ++i) {
      const float a = x[2 * i];
      const float b = x[2 * i + 1];
      x[2 * i] = a * cosines[i] - b * sines[i];
      x[2 * i + 1] = b * cosines[i] + a * sines[i];
    }
  }
};

}  // namespace berth::kernels
