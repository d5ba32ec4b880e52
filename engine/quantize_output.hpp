// Embeddings in fewer bits, by the formulas of sentence-transformers' quantize_embeddings, in FP32 as numpy computes them.
#pragma once

#include <cstddef>
#include <optional>

#include <berth/berth.h>

namespace berth::engine {

// Bytes of one embedding; nothing for a type that does not exist.
std::optional<std::size_t> quantized_size(berth_output_type type, std::size_t dimensions) noexcept;

// ranges [2, dimensions] = the minima and maxima of x [rows, dimensions], and of what is there already with `widen`. base::Error{invalid_argument,
// non_finite}.
void find_ranges(const float* x, std::size_t rows, std::size_t dimensions, bool widen, float* ranges);

// out [rows, quantized_size]. base::Error{invalid_argument} for ranges that are missing, not finite or the wrong way round; non_finite for an
// embedding that is.
void quantize_embeddings(const float* x, std::size_t rows, std::size_t dimensions, berth_output_type type, const float* ranges, void* out);

}  // namespace berth::engine
