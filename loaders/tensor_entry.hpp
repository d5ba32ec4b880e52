// A tensor as a file's own header describes it, whichever format that is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loaders/tensors.hpp"

namespace berth::loaders {

constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxRank = 8;

struct TensorEntry {
  std::string name;
  DType dtype = DType::other;
  std::string dtype_name;  // as written
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> strides;  // as TensorView's
  std::uint64_t begin = 0;             // offsets in the file itself
  std::uint64_t end = 0;
};

}  // namespace berth::loaders
