#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace berth::base {
namespace {

// The definition: the shortest encoding of a code point up to U+10FFFF that is no surrogate. Slow and obvious.
bool oracle_valid(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned>(static_cast<unsigned char>(text[i + k])); };
    const std::size_t length = byte(0) < 0x80 ? 1 : (byte(0) & 0xe0) == 0xc0 ? 2 : (byte(0) & 0xf0) == 0xe0 ? 3 : (byte(0) & 0xf8) == 0xf0 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    unsigned value = length == 1 ? byte(0) : byte(0) & (0x7fU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(k) & 0xc0) != 0x80) return false;
      value = value << 6 | (byte(k) & 0x3f);
    }
    constexpr unsigned kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

std::string bytes_of(std::uint32_t value, std::size_t count) {
  std::string text;
  for (std::size_t i = count; i-- > 0;) text += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  return text;
}

TEST(Utf8, AgreesWithTheDefinitionOnEveryShortSequence) {
  for (std::size_t count = 1; count <= 3; ++count) {
    for (std::uint32_t value = 0; value < 1U << (8 * count); ++value) {
      const std::string text = bytes_of(value, count);
      if ((find_invalid_utf8(text) == std::string_view::npos) != oracle_valid(text)) FAIL() << count << " bytes " << std::hex << value;
    }
  }
  // Four bytes: all leads and second bytes, and the borders of the others' ranges.
  for (std::uint32_t head = 0; head < 0x10000; ++head) {
    for (const std::uint32_t third : {0x00U, 0x7fU, 0x80U, 0xbfU, 0xc0U, 0xffU}) {
      for (const std::uint32_t fourth : {0x00U, 0x7fU, 0x80U, 0xbfU, 0xc0U, 0xffU}) {
        const std::string text = bytes_of(head << 16 | third << 8 | fourth, 4);
        if ((find_invalid_utf8(text) == std::string_view::npos) != oracle_valid(text)) FAIL() << std::hex << head << ' ' << third << ' ' << fourth;
      }
    }
  }
}

TEST(Utf8, FindsTheFirstBadByteAtAnyOffset) {
  for (std::size_t before = 0; before < 40; ++before) {
    for (const char* bad : {"\x80", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
      for (const std::size_t after : {0U, 1U, 20U}) {
        const std::string text = std::string(before, 'a') + bad + std::string(after, 'b');
        EXPECT_EQ(find_invalid_utf8(text), before);
        EXPECT_EQ(find_invalid_utf8("\xc3\xa9" + text), before + 2);
      }
    }
  }
  EXPECT_EQ(find_invalid_utf8(""), std::string_view::npos);
}

TEST(Utf8, EveryCodePointComesBack) {
  std::string all;
  std::size_t count = 0;
  for (char32_t value = 0; value <= 0x10ffff; ++value) {
    if (value >= 0xd800 && value <= 0xdfff) continue;
    const std::size_t offset = all.size();
    append_utf8(all, value);
    const CodePoint decoded = decode_utf8(all, offset);
    ASSERT_EQ(decoded.value, value);
    ASSERT_EQ(decoded.length, all.size() - offset);
    ++count;
  }
  EXPECT_EQ(find_invalid_utf8(all), std::string_view::npos);
  EXPECT_EQ(count_code_points(all), count);
}

TEST(Quoted, IsOneLineOfValidUtf8CutAtACodePoint) {
  EXPECT_EQ(base::quoted("a\"b"), "\"a\"b\"");
  EXPECT_EQ(base::quoted("a\nb\x01\x7f\xff"), "\"a\\nb\\x01\\x7f\\xff\"");
  EXPECT_EQ(base::quoted("\xc3\xa9\xc3\xa9", 3), "\"\xc3\xa9...\"");
  EXPECT_EQ(base::quoted("\xc3\xa9\xc3\xa9", 4), "\"\xc3\xa9\xc3\xa9\"");
  for (std::size_t limit = 0; limit < 20; ++limit) {
    EXPECT_EQ(find_invalid_utf8(base::quoted("a\xf0\x9f\x98\x80\xe2\x82\xac\x80\x80\x80\x80\x80", limit)), std::string_view::npos);
  }
  EXPECT_EQ(printable(std::string("x\0y", 3)), "x\\x00y");
}

}  // namespace
}  // namespace berth::base
