// UTF-8 at the borders of the library: everything inside may rely on valid text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth::base {

// Offset of the first byte that is not valid UTF-8 (overlong, surrogate, above U+10FFFF, cut short), or npos when all is valid.
std::size_t find_invalid_utf8(std::string_view text) noexcept;

struct CodePoint {
  char32_t value;
  unsigned length;  // bytes, 1 to 4
};
// Decodes the code point at `offset` of valid UTF-8; offset < text.size().
inline CodePoint decode_utf8(std::string_view text, std::size_t offset) noexcept {
  const char* const at = text.data() + offset;
  const auto byte = [at](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  const auto tail = [&](std::size_t i) { return byte(i) & 0x3f; };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xe0) return {(lead & 0x1f) << 6 | tail(1), 2};
  if (lead < 0xf0) return {(lead & 0x0f) << 12 | tail(1) << 6 | tail(2), 3};
  return {(lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4};
}

void append_utf8(std::string& out, char32_t code_point);

// With the letters of ASCII in lower case: names of hosts, fields and the like are the same in any case.
std::string lower_ascii(std::string_view text);

// Number of code points in valid UTF-8.
std::size_t count_code_points(std::string_view text) noexcept;

}  // namespace berth::base
