// The scripts of the reference's UnicodeScripts, as numbers. script_tables.cpp is generated: see tests/tokenizer/reference/README.md.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace berth::tokenizer {

inline constexpr std::uint8_t kAnyScript = 0;  // characters of no script, and the space

struct ScriptRange {
  std::uint32_t first;
  std::uint32_t last;
  std::uint8_t script;
};
std::span<const ScriptRange> script_ranges();  // sorted; what is in none has kAnyScript

}  // namespace berth::tokenizer
