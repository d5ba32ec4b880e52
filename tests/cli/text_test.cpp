// What the command line writes: JSON that reads back, and columns for people.
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/cli/errors.hpp"
#include "apps/cli/input.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

std::uint32_t bits(float value) {
  std::uint32_t result = 0;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

float from_bits(std::uint32_t value) {
  float result = 0;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

// As a script does: JSON numbers are doubles, rounded to float afterwards.
float read_back(float value) {
  std::string text;
  append_number(text, value);
  const auto json = nlohmann::json::parse(text);
  EXPECT_TRUE(json.is_number_float()) << text << " would be read as an integer, and -0 lose its sign";
  return static_cast<float>(json.get<double>());
}

TEST(CliJson, FloatsReadBackToTheSameBits) {
  for (const float value : {0.0f, -0.0f, 1.0f, -1.0f, 0.1f, 1e-45f, -1e-38f, 16777216.0f, 1e10f, 3.4028235e38f, 1.17549435e-38f, 0.3333333f})
    EXPECT_EQ(bits(read_back(value)), bits(value)) << value;
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const float value = from_bits(static_cast<std::uint32_t>(random()));
    if (std::isfinite(value)) {
      ASSERT_EQ(bits(read_back(value)), bits(value)) << value;
    }
  }
}

TEST(CliJson, StringsReadBack) {
  for (const std::string& text :
       {std::string("plain"), std::string("quote \" backslash \\ slash /"), std::string("\0\1\x1f\x7f\n\r\t", 7), std::string("é 日本 😀 \u2028")}) {
    std::string out;
    append_string(out, text);
    EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), text);
    EXPECT_EQ(out.find('\n'), std::string::npos);
  }
  std::string out;
  append_string(out, "é");
  EXPECT_EQ(out, "\"é\"");
}

TEST(CliJson, ArraysAreTheirNumbersInOrder) {
  std::vector<float> values = {0.0f, -0.0f, -1.17549435e-38f, 3.4028235e38f, 16777216.0f, -0.07123456f};
  std::mt19937 random(2);
  while (values.size() < 1000)
    if (const float value = from_bits(static_cast<std::uint32_t>(random())); std::isfinite(value)) values.push_back(value);
  std::string out = "before", expected = "before[";
  append_array(out, values);
  for (const float value : values) {
    if (expected.back() != '[') expected += ',';
    append_number(expected, value);
  }
  EXPECT_EQ(out, expected + "]");
  out.clear();
  append_array(out, std::span<const float>());
  append_array(out, std::vector<std::int32_t>{std::numeric_limits<std::int32_t>::min(), 0, std::numeric_limits<std::int32_t>::max()});
  append_number(out, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(out, "[][-2147483648,0,2147483647]18446744073709551615");
}

TEST(CliJson, TextsOfARecord) {
  Record record;
  record.text = "a";
  std::string out;
  append_texts(out, record);
  EXPECT_EQ(out, "\"text\":\"a\",");
  record.text_pair = "";
  out.clear();
  append_texts(out, record);
  EXPECT_EQ(out, "\"text\":\"a\",\"text_pair\":\"\",");
  record.ids = std::vector<std::int32_t>{1};
  out.clear();
  append_texts(out, record);
  EXPECT_EQ(out, "");
}

TEST(CliJson, NotFiniteIsAnErrorThatNamesTheInput) {
  Record record;
  record.where = "input: line 7";
  const float good[] = {1.0f, -1.0f}, bad[] = {1.0f, std::numeric_limits<float>::infinity()};
  EXPECT_NO_THROW(require_finite(good, record));
  try {
    require_finite(bad, record);
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("input: line 7"), std::string::npos);
  }
}

TEST(CliPeople, OneLine) {
  EXPECT_EQ(one_line("short", 10), "short");
  EXPECT_EQ(one_line("exactly 10", 10), "exactly 10");
  EXPECT_EQ(one_line("eleven chars", 11), "eleven cha…");
  EXPECT_EQ(one_line("a\tb\r\nc", 10), "a b  c");
  EXPECT_EQ(one_line("x\x1b[31m\u202e\u0007", 20), "x\uFFFD[31m\uFFFD\uFFFD");
  EXPECT_EQ(one_line("日本語テキスト", 7), "日本語…");
  EXPECT_EQ(one_line("日本語テキスト", 6), "日本…");
  EXPECT_EQ(one_line("anything", 0), "");
  for (int columns = 0; columns < 20; ++columns) {
    const std::string line = one_line("日a本e\u0301語 😀 z z z z z", columns);
    EXPECT_LE(display_width(line), columns);
    EXPECT_EQ(base::find_invalid_utf8(line), std::string_view::npos);
  }
}

TEST(CliPeople, Numbers) {
  EXPECT_EQ(fixed(0.12345, 3), "0.123");
  EXPECT_EQ(fixed(-2.5, 1), "-2.5");
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999.4), "999");
  EXPECT_EQ(grouped(12345.6), "12,346");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(pad_right("日本", 6), "日本  ");
  EXPECT_EQ(pad_right("too long", 3), "too long");
}

TEST(CliOptions, Checks) {
  for (const char* good : {"1", "8", "2147483647"}) EXPECT_EQ(check_positive(good), "");
  for (const char* bad : {"0", "-1", "", "1.5", "two", "2147483648", "1 "}) EXPECT_NE(check_positive(bad), "") << bad;
  for (const char* good : {"1", "2147483648", "9223372036854775807"}) EXPECT_EQ(check_limit(good), "");
  for (const char* bad : {"0", "-1", "", "1e9", "9223372036854775808"}) EXPECT_NE(check_limit(bad), "") << bad;
  EXPECT_EQ(check_count("0"), "");
  EXPECT_NE(check_count("-1"), "");
}

}  // namespace
}  // namespace berth::cli
