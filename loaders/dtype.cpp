#include <algorithm>
#include <array>

#include "loaders/dtype.hpp"

namespace berth::loaders {
namespace {

constexpr std::array kDTypes = {
    DTypeFacts{DType::boolean, "BOOL", 8},
    DTypeFacts{DType::u8, "U8", 8},
    DTypeFacts{DType::i8, "I8", 8},
    DTypeFacts{DType::u16, "U16", 16},
    DTypeFacts{DType::i16, "I16", 16},
    DTypeFacts{DType::u32, "U32", 32},
    DTypeFacts{DType::i32, "I32", 32},
    DTypeFacts{DType::u64, "U64", 64},
    DTypeFacts{DType::i64, "I64", 64},
    DTypeFacts{DType::f16, "F16", 16},
    DTypeFacts{DType::bf16, "BF16", 16},
    DTypeFacts{DType::f32, "F32", 32},
    DTypeFacts{DType::f64, "F64", 64},
    // Part of the format, but no encoder that berth runs has them.
    DTypeFacts{DType::other, "C64", 64},
    DTypeFacts{DType::other, "F4", 4},
    DTypeFacts{DType::other, "F6_E2M3", 6},
    DTypeFacts{DType::other, "F6_E3M2", 6},
    DTypeFacts{DType::other, "F8_E5M2", 8},
    DTypeFacts{DType::other, "F8_E4M3", 8},
    DTypeFacts{DType::other, "F8_E8M0", 8},
    DTypeFacts{DType::other, "F8_E5M2FNUZ", 8},
    DTypeFacts{DType::other, "F8_E4M3FNUZ", 8},
};

}  // namespace

DTypeFacts dtype_facts(std::string_view name) {
  const auto found = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFacts& facts) { return facts.name == name; });
  return found == kDTypes.end() ? DTypeFacts{DType::other, "", 0} : *found;
}

std::string_view name(DType dtype) {
  if (dtype == DType::other) return "other";
  return std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFacts& facts) { return facts.dtype == dtype; })->name;
}

std::size_t size_in_bits(DType dtype) {
  if (dtype == DType::other) return 0;
  return std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFacts& facts) { return facts.dtype == dtype; })->bits;
}

}  // namespace berth::loaders
