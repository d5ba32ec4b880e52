// From stored matrices to packed ones: FP32 as it is, rounded to BF16, or quantised to 8 bits row by row. What arrives quantised already needs none of
// this: kernels::PackedS8::set_row takes 8-bit rows and their scales.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/tensor_rows.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

// Matrices [out, in] stacked upon each other, with or without biases.
struct LinearSource {
  std::vector<const loaders::TensorView*> weights;
  std::vector<const loaders::TensorView*> biases;  // one after another over all outputs, each for as many; null: zeros
  std::size_t out = 0;                             // of each matrix
  std::size_t in = 0;
  Precision precision = Precision::fp32;
};

// Powers of two that an INT8 product's weights are multiplied with before they are quantised (engine/outliers.hpp); empty: none.
struct WeightFactors {
  Vector columns;  // [in]
  Vector rows;     // [all outputs]; the biases, too
};

// Fills `to`, but for input_factors. Throws as TensorRows does.
void pack(TensorRows& reader, const LinearSource& source, const WeightFactors& factors, Linear& to);

}  // namespace berth::engine
