// What runs over activations between products, cut over threads by rows.
#pragma once

#include <cstddef>

#include "engine/linear.hpp"

namespace berth::engine {

// The first half of each row of x [rows, 2 size] becomes activation(one half) * other half; and low = that half as `reader` reads it, while it
// is at hand.
void run_gate(const Compute& compute, float* x, std::size_t rows, std::size_t size, bool second_half, kernels::Activation activation, const Linear& reader,
              const LowRows& low) noexcept;

// to[i] += x[i].
void add_rows(const Compute& compute, float* to, const float* x, std::size_t count) noexcept;

}  // namespace berth::engine
