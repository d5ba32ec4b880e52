// Input channels that stand out. In real checkpoints a few channels of the hidden state, or of what attention gives, are tens of times as large as
// the others. An INT8 row has one scale, so such a channel would leave the others a handful of levels. Where the weights tell that a channel is large, its
// values are multiplied with a small power of two before they are quantised and the weights that read it with the inverse: the same function, since a
// power of two rounds nothing. docs/quantization.md explains it.
#pragma once

#include <cstddef>
#include <span>

#include "engine/packing.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

// Factors in {1, 1/2, 1/4, ...} for the inputs of a product, from the size each input is expected to have and the largest weight that reads it, both
// [in]. Multiplying a channel and dividing the weights that read it changes both sizes, so channel by channel it is their ratio that shows; its square
// root shares the burden between inputs and weights, and gives back exactly the factor that was put in. Empty when no channel stands out.
Vector channel_factors(std::span<const float> inputs, std::span<const float> weights);
// 1 / factors.
Vector inverse(const Vector& factors);

// The size that each output of a norm is expected to have: what it normalises has mean 0 and variance 1 (of RMSNorm: a mean square of 1).
Vector expected_sizes(const Norm& norm, std::size_t size);

// What those outputs are to be multiplied with for the product that reads them.
Vector input_factors(TensorRows& reader, const Norm& norm, const LinearSource& reads);

// How attention gives values to the product behind it: it has inputs for every head of queries, which share the values of a head of keys.
struct ValueHeads {
  std::size_t count = 0;          // of heads of values
  std::size_t size = 0;           // of each
  std::size_t queries_a_key = 1;  // heads side by side that read the same one

  // The value that an input is an average of.
  std::size_t value_of(std::size_t input) const noexcept { return input / size / queries_a_key * size + input % size; }
};

// Attention averages the values, which a projection of a norm's outputs gives: the last rows of `query_key_value`, in one tensor or the last of several.
// What those rows are to be multiplied with for the product behind attention, whose inputs are to be divided by it.
Vector value_factors(TensorRows& reader, const Norm& norm, const LinearSource& query_key_value, const LinearSource& reads, const ValueHeads& heads);

}  // namespace berth::engine
