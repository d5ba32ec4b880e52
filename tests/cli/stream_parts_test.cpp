// Parts of streams that are easier to try by themselves: CSV records, rows made by several threads, halves, the header of .npy.
#include <bit>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <gtest/gtest.h>

#include "apps/cli/csv.hpp"
#include "apps/cli/embeddings.hpp"
#include "apps/cli/npy.hpp"
#include "apps/cli/stream.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::cli {
namespace {

using State = CsvRecord::State;

TEST(Csv, Records) {
  CsvRecord record(',');
  EXPECT_EQ(record.add_line("a,,\"b, \"\"c\"\"\",d e"), State::complete);
  EXPECT_EQ(record.fields(), (std::vector<std::string>{"a", "", "b, \"c\"", "d e"}));
  record.clear();
  EXPECT_EQ(record.add_line("1,\"two"), State::open);
  record.add_break("\r\n");
  EXPECT_EQ(record.add_line(""), State::open);
  record.add_break("\n");
  EXPECT_EQ(record.add_line("lines\",3"), State::complete);
  EXPECT_EQ(record.fields(), (std::vector<std::string>{"1", "two\r\n\nlines", "3"}));
  EXPECT_EQ(record.raw(), "1,\"two\r\n\nlines\",3");
  record.clear();
  EXPECT_EQ(record.add_line("a b\"c"), State::bad);
  EXPECT_NE(record.problem().find("field 1"), std::string::npos);
  record.clear();
  EXPECT_EQ(record.add_line("x,\"a\"b"), State::bad);
  record.clear();
  EXPECT_EQ(record.add_line(""), State::complete);
  EXPECT_EQ(record.fields(), std::vector<std::string>{""});
  CsvRecord tabs('\t');
  EXPECT_EQ(tabs.add_line("\"a\t,b\""), State::complete);
  EXPECT_EQ(tabs.fields(), (std::vector<std::string>{"\"a", ",b\""}));
}

TEST(Csv, FieldsAreWrittenSoThatTheyAreReadAgain) {
  const std::vector<std::string> fields = {"", "a", "a,b", "say \"x\"", "\"", "two\nlines", " b ", "\t"};
  std::string line;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) line += ',';
    append_field(line, field, ',');
  }
  CsvRecord record(',');
  const std::size_t cut = line.find('\n');
  EXPECT_EQ(record.add_line(std::string_view(line).substr(0, cut)), State::open);
  record.add_break("\n");
  EXPECT_EQ(record.add_line(std::string_view(line).substr(cut + 1)), State::complete);
  EXPECT_EQ(record.fields(), fields);
  std::string tabs;
  append_field(tabs, "a\tb\nc\"", '\t');
  EXPECT_EQ(tabs, "a b c\"");
}

// Rows of very different sizes, on more threads than there are rows at times: in order, and up to the one that fails.
TEST(Stream, RowsMadeByManyThreads) {
  const test::TempDirectory folder;
  StreamOptions options;
  options.output = (folder.path() / "out").string();
  const auto row = [](std::size_t i) { return std::to_string(i) + std::string(i % 100 == 0 ? 300'000 : i % 7, 'x') + "\n"; };
  for (const int threads : {1, 3}) {
    for (const std::size_t failing : {std::size_t{0}, std::size_t{15}, std::size_t{16}, std::size_t{1234}, std::size_t{5000}}) {
      {
        Stream stream({}, options, {"an argument"}, threads);
        stream.open_output({}, "");
        const auto write = [&] {
          stream.write_rows(5000, [&](std::size_t i, std::string& out) {
            EXPECT_EQ(out, "");
            if (i >= failing) throw std::runtime_error(std::to_string(i));
            out += row(i);
          });
        };
        try {
          write();
          EXPECT_EQ(failing, 5000U);
        } catch (const std::runtime_error& error) {
          EXPECT_EQ(error.what(), std::to_string(failing));
        }
        stream.output().flush();
      }
      std::string expected;
      for (std::size_t i = 0; i < failing; ++i) expected += row(i);
      std::ifstream file(options.output, std::ios::binary);
      EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == expected) << failing;
    }
  }
}

// Every half goes to float and back; between two halves values round to the nearer one, and to the even one in the middle.
TEST(Half, EveryValue) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_half(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_half(to_half(value))));
      continue;
    }
    ASSERT_EQ(to_half(value), half) << bits;
    if ((bits & 0x7fff) >= 0x7bff) continue;
    const float next = from_half(static_cast<std::uint16_t>(half + 1));
    const float middle = value + (next - value) / 2;
    ASSERT_EQ(to_half(middle), (half & 1) == 0 ? half : half + 1) << bits;
    ASSERT_EQ(to_half(std::nextafter(middle, value)), half) << bits;
    ASSERT_EQ(to_half(std::nextafter(middle, next)), half + 1) << bits;
  }
  EXPECT_EQ(to_half(65519.996F), 0x7bff);
  EXPECT_EQ(to_half(65520.0F), 0x7c00);
  EXPECT_EQ(to_half(-1e30F), 0xfc00);
  EXPECT_EQ(to_half(1e-30F), 0);
}

TEST(Npy, HeaderHasItsPlaceWhateverTheNumbers) {
  for (const std::uint64_t rows : {std::uint64_t{0}, std::uint64_t{18446744073709551615U}}) {
    const std::string header = npy_header("<f4", rows, 384);
    EXPECT_EQ(header.size(), kNpyHeaderBytes);
    EXPECT_EQ(header.back(), '\n');
    EXPECT_NE(header.find("'shape': (" + std::to_string(rows) + ", 384)"), std::string::npos);
  }
}

}  // namespace
}  // namespace berth::cli
