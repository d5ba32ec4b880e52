// What the tokenizer stages need to know about a code point, with the answers of the reference tokenizer (see unicode_tables.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace berth::tokenizer {

enum CharFlag : std::uint16_t {
  kSpace = 1,                // Unicode White_Space
  kControl = 2,              // general category C*, apart from tab, line feed and carriage return
  kIdeograph = 4,            // the blocks BERT puts spaces around
  kPunctuation = 8,          // category P*, and every ASCII symbol
  kNonspacing = 16,          // category Mn
  kDecomposes = 32,          // its canonical decomposition is not itself
  kLowercases = 64,          // its lower case is not itself
  kWordCharacter = 128,      // \w of the regular expression library of added tokens and of Whitespace
  kMark = 256,               // category M*
  kNumeric = 512,            // category N*, for Digits
  kLetter = 1024,            // \p{L} of the regular expression library of Split and ByteLevel
  kNumber = 2048,            // \p{N} of the same
  kGraphemeExtend = 4096,    // joins the grapheme cluster before it (Extend, ZWJ, SpacingMark)
  kGraphemePrepend = 8192,   // joins the cluster after it
  kGraphemeControl = 16384,  // joins nothing
  kPictograph = 32768,       // Extended_Pictographic
};

struct CharInfo {
  std::uint16_t flags = 0;
  std::uint8_t combining_class = 0;
};

// Two-stage table over all code points, built once per process from utf8proc and the generated differences (about 2 ms, 200 KB).
class CharTable {
 public:
  static const CharTable& instance();

  CharInfo operator[](char32_t code_point) const noexcept { return pages_[page_of_[code_point >> 8]][code_point & 0xFF]; }
  bool has(char32_t code_point, unsigned flags) const noexcept { return ((*this)[code_point].flags & flags) != 0; }

 private:
  using Page = std::array<CharInfo, 256>;
  CharTable();

  std::array<std::uint16_t, 0x1100> page_of_{};
  std::vector<Page> pages_;
};

// str.isspace() of Python, by which its classes cut lines and words: White_Space and four separators of ASCII.
inline bool is_python_space(const CharTable& chars, char32_t c) noexcept { return chars.has(c, kSpace) || (c >= 0x1C && c <= 0x1F); }
// `text` without those at its ends.
std::string_view strip_python_space(std::string_view text) noexcept;

// A short result of mapping one code point.
struct CharSequence {
  std::array<char32_t, 4> chars{};
  std::size_t size = 0;
  const char32_t* begin() const noexcept { return chars.data(); }
  const char32_t* end() const noexcept { return chars.data() + size; }
};

// Full canonical decomposition; the code point itself when it has none.
CharSequence canonical_decomposition(char32_t code_point) noexcept;

// Full compatibility decomposition; at most kMaxCompatibility code points.
inline constexpr std::size_t kMaxCompatibility = 18;
std::size_t compatibility_decomposition(char32_t code_point, std::array<char32_t, kMaxCompatibility>& out) noexcept;

// Full lower case without context; the code point itself when it has none.
CharSequence lower_case(char32_t code_point) noexcept;

// Writes UTF-8 (1 to 4 bytes) to `out` and returns the number of bytes.
inline std::size_t put_utf8(char* out, char32_t c) noexcept {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  if (c < 0x80) {
    out[0] = byte(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = byte(0xC0 | (c >> 6));
    out[1] = byte(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = byte(0xE0 | (c >> 12));
    out[1] = byte(0x80 | ((c >> 6) & 0x3F));
    out[2] = byte(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = byte(0xF0 | (c >> 18));
  out[1] = byte(0x80 | ((c >> 12) & 0x3F));
  out[2] = byte(0x80 | ((c >> 6) & 0x3F));
  out[3] = byte(0x80 | (c & 0x3F));
  return 4;
}

}  // namespace berth::tokenizer
