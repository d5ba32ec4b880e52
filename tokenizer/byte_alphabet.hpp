// The byte-level alphabet: every byte as a printable code point. Bytes that are printable in Latin-1 stand for themselves, the others, in
// order, for U+0100 onwards: a space is U+0120.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tokenizer/text.hpp"

namespace berth::tokenizer {

struct ByteForm {
  char text[2];
  std::uint8_t size;  // 1 or 2
};

// [byte]
const std::array<ByteForm, 256>& byte_forms();

// The byte that a code point of the alphabet stands for; -1 when it is none.
int byte_of(char32_t code_point) noexcept;

// Appends the bytes of `text` in the alphabet; each has the origin of its own byte.
void put_byte_forms(std::string_view text, const Offset* origin, NormalizedWriter& out);

}  // namespace berth::tokenizer
