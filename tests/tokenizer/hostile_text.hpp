// Texts nobody would write, the same as tests/tokenizer/reference/hostile.cjs: eight kinds, from random code points to long runs.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/utf8.hpp"
#include "tests/tokenizer/fingerprint.hpp"

namespace berth::tokenizer::testing {

class HostileText {
 public:
  explicit HostileText(Random& random) : random_(random) {}

  std::string draw() {
    const std::uint32_t kind = below(8);
    std::string text;
    for (std::uint32_t pieces = kind == 6 ? 1 + below(2) : 1 + below(24); pieces > 0; --pieces) {
      text += piece(kind);
      if (below(4) == 0) text += ' ';
    }
    return text;
  }

 private:
  struct Range {
    char32_t first;
    std::uint32_t size;
  };
  static constexpr std::array kScripts = {Range{0x41, 26},      Range{0x61, 26},      Range{0xC0, 0x100},  Range{0x370, 0x80},    Range{0x400, 0x100},
                                          Range{0x5D0, 27},     Range{0x620, 0x50},   Range{0x904, 0x40},  Range{0xE01, 0x3A},    Range{0x1100, 0x100},
                                          Range{0x1E00, 0x100}, Range{0x2000, 0x100}, Range{0x2460, 0xA0}, Range{0x3041, 0xC0},   Range{0x4E00, 0x800},
                                          Range{0xAC00, 0x800}, Range{0xF900, 0x100}, Range{0xFF00, 0xF0}, Range{0x1D400, 0x200}, Range{0x20000, 0x100}};
  static constexpr std::array kControls = {Range{0, 0x20},     Range{0x7F, 0x21}, Range{0x200B, 5}, Range{0x2028, 7}, Range{0x2060, 16},
                                           Range{0xFFF9, 7},   Range{0xFEFF, 1},  Range{0xD7FF, 1}, Range{0xE000, 1}, Range{0xFFFE, 2},
                                           Range{0x10FFFF, 1}, Range{0xA0, 1},    Range{0x1680, 1}, Range{0x3000, 1}};
  static constexpr std::array kRightToLeft = {Range{0x590, 0x70}, Range{0x600, 0x100}, Range{0xFB1D, 0x2B0}, Range{0x660, 10},
                                              Range{0x202A, 5},   Range{0x2066, 4},    Range{0x1E900, 0x40}, Range{0x20, 1}};
  // clang-format off
  static constexpr std::array kWords = {
      "don't", "'s", "I'LL", "we've", "1234", "3.14", "``", "''", "<s>", "</s>", "[CLS]", "[MASK]", "<mask>", "<unk>", "<pad>", "\u2581", "\u0120", "\u0120the", "<0x0A>", "  ",
      "\n", "\t", "\r\n", " \n ", "the", "The", "THE", "unaffable", "https://a.b/c?d=e&f", "##ing", "...", "\u2026", "--", "\u2014", "$5", "\u20ac5", "a,b", "1,", "<extra_id_7>",
      "<|endoftext|>"};
  // clang-format on

  std::uint32_t below(std::uint32_t limit) { return random_.below(limit); }
  static std::string utf8(char32_t c) {
    std::string text;
    base::append_utf8(text, c);
    return text;
  }

  template <class Ranges>
  std::string pick(const Ranges& ranges) {
    const Range range = ranges[below(static_cast<std::uint32_t>(ranges.size()))];
    return utf8(range.first + below(range.size));
  }
  std::string word() { return kWords[below(static_cast<std::uint32_t>(kWords.size()))]; }

  std::string any_code_point() {
    const std::uint32_t c = below(0x110000);
    return utf8(c >= 0xD800 && c < 0xE000 ? (c % 2 == 0 ? 0xD7FF : 0xE000) : c);
  }

  std::string emoji() {
    std::string text = utf8(0x1F300 + below(0x300));
    for (std::uint32_t i = below(4); i > 0; --i) {
      switch (below(5)) {
        case 0: text += utf8(0x1F3FB + below(5)); break;
        case 1: text += "\u200d" + utf8(0x1F466 + below(4)); break;
        case 2: text += "\ufe0f\u20e3"; break;
        case 3: text += utf8(0x1F1E6 + below(26)); break;
        default: text += utf8(0xE0020 + below(0x60));
      }
    }
    return text;
  }

  std::string marked() {
    std::string text = pick(kScripts);
    for (std::uint32_t i = below(6); i > 0; --i) text += below(8) == 0 ? utf8(0x1DC0 + below(0x40)) : utf8(0x300 + below(0x70));
    return text;
  }

  std::string run() {
    const std::string one = below(2) == 0 ? pick(kScripts) : below(2) == 0 ? word() : pick(kControls);
    std::size_t units = 0;  // of UTF-16
    for (std::size_t at = 0; at < one.size();) {
      const base::CodePoint c = base::decode_utf8(one, at);
      units += c.value > 0xFFFF ? 2 : 1;
      at += c.length;
    }
    std::string text;
    for (std::uint32_t count = 1 + below(units > 2 ? 40 : 400); count > 0; --count) text += one;
    return text;
  }

  std::string piece(std::uint32_t kind) {
    switch (kind) {
      case 0: return any_code_point();
      case 1: return pick(kScripts);
      case 2: return marked();
      case 3: return emoji();
      case 4: return below(2) == 0 ? pick(kControls) : pick(kScripts);
      case 5: return pick(kRightToLeft);
      case 6: return run();
      default: return word();
    }
  }

  Random& random_;
};

}  // namespace berth::tokenizer::testing
