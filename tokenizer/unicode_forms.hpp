// What the normalization forms NFC, NFD, NFKC and NFKD need to know, with the reference's tables.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace berth::tokenizer {

// Two-stage table over all code points and the pairs that compose; built once per process (about 10 ms) from unicode.hpp.
class FormTable {
 public:
  enum Fact : std::uint8_t {
    kJoins = 1,            // canonically: may be reordered or composed with what stands before it
    kJoinsCompatible = 2,  // the same after compatibility decomposition
    kChangesNfd = 4,       // the code point alone is not in that form
    kChangesNfkd = 8,
    kChangesNfc = 16,
    kChangesNfkc = 32,
  };
  static const FormTable& instance();

  std::uint8_t operator[](char32_t code_point) const noexcept { return pages_[page_of_[code_point >> 8]][code_point & 0xFF]; }
  // The primary composite of two code points, 0 when there is none.
  char32_t compose(char32_t first, char32_t second) const noexcept;

 private:
  using Page = std::array<std::uint8_t, 256>;
  struct Pair {
    std::uint64_t key;  // first << 32 | second
    char32_t composite;
  };
  FormTable();
  void add_pairs();
  std::uint8_t facts(char32_t code_point) const;
  bool composes_back(char32_t code_point) const;

  std::array<std::uint16_t, 0x1100> page_of_{};
  std::vector<Page> pages_;
  std::vector<Pair> pairs_;        // sorted by key
  std::vector<char32_t> seconds_;  // sorted
};

}  // namespace berth::tokenizer
