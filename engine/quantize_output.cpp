#include "engine/quantize_output.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kBits = 8;

void check_finite(const float* x, std::size_t rows, std::size_t dimensions) {
  for (std::size_t i = 0; i < rows * dimensions; ++i) {
    if (std::isfinite(x[i])) continue;
    throw Error(ErrorCode::non_finite, "embedding " + std::to_string(i / dimensions) + ": value " + std::to_string(i % dimensions) + " is NaN or infinite");
  }
}

// What one bucket of each dimension spans. A dimension that never varied has buckets of 1.
std::vector<float> bucket_sizes(const float* ranges, std::size_t dimensions) {
  std::vector<float> sizes(dimensions);
  for (std::size_t d = 0; d < dimensions; ++d) {
    const float least = ranges[d];
    const float most = ranges[dimensions + d];
    const float size = (most - least) / 255.0F;
    if (!std::isfinite(least) || !std::isfinite(most) || !std::isfinite(size) || least > most)
      throw Error(ErrorCode::invalid_argument,
                  "ranges: dimension " + std::to_string(d) + " goes from " + std::to_string(least) + " to " + std::to_string(most));
    sizes[d] = size == 0.0F ? 1.0F : size;
  }
  return sizes;
}

// `offset` is subtracted from every byte, as two's complement.
void to_buckets(const float* x, std::size_t rows, std::size_t dimensions, const float* ranges, unsigned offset, std::uint8_t* out) {
  const std::vector<float> sizes = bucket_sizes(ranges, dimensions);
  for (std::size_t row = 0; row < rows; ++row, x += dimensions, out += dimensions) {
    for (std::size_t d = 0; d < dimensions; ++d) {
      const float bucket = std::clamp(std::floor((x[d] - ranges[d]) / sizes[d]), 0.0F, 255.0F);
      out[d] = static_cast<std::uint8_t>(static_cast<unsigned>(bucket) - offset);
    }
  }
}

void to_bits(const float* x, std::size_t rows, std::size_t dimensions, unsigned offset, std::uint8_t* out) {
  for (std::size_t row = 0; row < rows; ++row, x += dimensions) {
    for (std::size_t d = 0; d < dimensions; d += kBits) {
      unsigned byte = 0;
      for (std::size_t i = d; i < std::min(d + kBits, dimensions); ++i)
        if (x[i] > 0.0F) byte |= 0x80U >> (i - d);
      *out++ = static_cast<std::uint8_t>(byte - offset);
    }
  }
}

}  // namespace

std::optional<std::size_t> quantized_size(berth_output_type type, std::size_t dimensions) noexcept {
  switch (type) {
    case BERTH_FLOAT32: return dimensions * sizeof(float);
    case BERTH_INT8:
    case BERTH_UINT8: return dimensions;
    case BERTH_BINARY:
    case BERTH_UBINARY: return dimensions / kBits + (dimensions % kBits == 0 ? 0 : 1);
  }
  return std::nullopt;
}

void find_ranges(const float* x, std::size_t rows, std::size_t dimensions, bool widen, float* ranges) {
  if (rows == 0 && !widen) throw Error(ErrorCode::invalid_argument, "ranges of no embeddings");
  check_finite(x, rows, dimensions);
  float* least = ranges;
  float* most = ranges + dimensions;
  for (std::size_t row = 0; row < rows; ++row, x += dimensions) {
    if (row == 0 && !widen) {
      std::copy_n(x, dimensions, least);
      std::copy_n(x, dimensions, most);
    }
    for (std::size_t d = 0; d < dimensions; ++d) {
      least[d] = std::min(least[d], x[d]);
      most[d] = std::max(most[d], x[d]);
    }
  }
}

void quantize_embeddings(const float* x, std::size_t rows, std::size_t dimensions, berth_output_type type, const float* ranges, void* out) {
  constexpr unsigned kSigned = 128;
  if (!quantized_size(type, dimensions))
    throw Error(ErrorCode::invalid_argument, "type: " + std::to_string(static_cast<int>(type)) + " is no berth_output_type");
  check_finite(x, rows, dimensions);
  auto* bytes = static_cast<std::uint8_t*>(out);
  if (type == BERTH_FLOAT32) {
    std::copy_n(x, rows * dimensions, static_cast<float*>(out));
  } else if (type == BERTH_BINARY || type == BERTH_UBINARY) {
    to_bits(x, rows, dimensions, type == BERTH_BINARY ? kSigned : 0, bytes);
  } else {
    if (ranges == nullptr)
      throw Error(ErrorCode::invalid_argument,
                  "ranges is NULL: int8 and uint8 embeddings need the range of each dimension (berth calibrate-ranges, berth_find_ranges)");
    to_buckets(x, rows, dimensions, ranges, type == BERTH_INT8 ? kSigned : 0, bytes);
  }
}

}  // namespace berth::engine
