// The element types a safetensors header may name.
#pragma once

#include <cstddef>
#include <string_view>

#include "loaders/tensors.hpp"

namespace berth::loaders {

struct DTypeFacts {
  DType dtype;
  std::string_view name;
  std::size_t bits;  // per element; 0 for a name the format does not have yet
};

// By the name written in the file. An unknown one is DType::other with 0 bits: its tensor is refused only when something needs it.
DTypeFacts dtype_facts(std::string_view name);

}  // namespace berth::loaders
