// Where the reference tokenizer's Unicode tables differ from utf8proc 2.8 (Unicode 15): it mixes tables of several ages.
// unicode_tables.cpp is generated: see tests/tokenizer/reference/README.md.
#pragma once

#include <cstdint>
#include <span>

namespace berth::tokenizer {

struct CodePointRange {
  std::uint32_t first;
  std::uint32_t last;
};

// Code points whose flag is the opposite of what unicode.cpp derives from utf8proc.
struct FlagDifference {
  std::uint16_t flag;
  std::span<const CodePointRange> ranges;
};
std::span<const FlagDifference> flag_differences();

struct CombiningClassDifference {
  std::uint32_t first;
  std::uint32_t last;
  std::uint8_t combining_class;
};
std::span<const CombiningClassDifference> combining_class_differences();

// A mapping that replaces utf8proc's; unused places of `to` are 0.
struct MappingDifference {
  std::uint32_t from;
  std::uint32_t to[4];
};
std::span<const MappingDifference> decomposition_differences();
std::span<const MappingDifference> lower_case_differences();
// Code points whose compatibility decomposition is their canonical one, whatever utf8proc says: characters newer than the reference's table.
std::span<const CodePointRange> no_compatibility_ranges();

}  // namespace berth::tokenizer
