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
CodePoint decode_utf8(std::string_view text, std::size_t offset) noexcept;

void append_utf8(std::string& out, char32_t code_point);

// Number of code points in valid UTF-8.
std::size_t count_code_points(std::string_view text) noexcept;

}  // namespace berth::base
