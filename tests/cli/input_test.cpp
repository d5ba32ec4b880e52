// Lines and records: what is one line of input, and what each line says.
#include "apps/cli/input.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "apps/cli/errors.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::cli {
namespace {

class CliInput : public testing::Test {
 protected:
  // Everything that a file with this content gives, up to an error, whose message goes to error_.
  std::vector<Record> read(std::string_view content, InputFormat format = InputFormat::automatic, ChunkLimits limits = {}) {
    const std::string path = directory_.write("input", content).string();
    error_.clear();
    std::vector<Record> all, chunk;
    try {
      Source source(path, format);
      while (source.next_chunk(chunk, limits)) all.insert(all.end(), chunk.begin(), chunk.end());
    } catch (const DataError& error) {
      error_ = error.what();
    }
    return all;
  }
  std::vector<std::string> texts(std::string_view content, InputFormat format = InputFormat::automatic, ChunkLimits limits = {}) {
    std::vector<std::string> result;
    for (const Record& record : read(content, format, limits)) result.push_back(record.text);
    EXPECT_EQ(error_, "");
    return result;
  }
  void expect_error(std::string_view content, std::size_t good, std::initializer_list<std::string> fragments, InputFormat format = InputFormat::automatic) {
    EXPECT_EQ(read(content, format).size(), good) << content;
    ASSERT_NE(error_, "") << content;
    for (const std::string& fragment : fragments) EXPECT_NE(error_.find(fragment), std::string::npos) << error_;
  }

  test::TempDirectory directory_;
  std::string error_;
};

using Texts = std::vector<std::string>;

TEST_F(CliInput, PlainLines) {
  EXPECT_EQ(texts(""), Texts{});
  EXPECT_EQ(texts("a"), Texts{"a"});
  EXPECT_EQ(texts("a\n"), Texts{"a"});
  EXPECT_EQ(texts("a\n\n  b \n"), (Texts{"a", "", "  b "}));
  EXPECT_EQ(texts("\n"), Texts{""});
  EXPECT_EQ(texts("\n\n"), (Texts{"", ""}));
  EXPECT_EQ(texts("a\r\nb\r\n\r\nc"), (Texts{"a", "b", "", "c"}));
  EXPECT_EQ(texts("a\rb\nc\r"), (Texts{"a\rb", "c\r"}));
  EXPECT_EQ(texts(std::string_view("a\0b\nc", 5)), (Texts{std::string("a\0b", 3), "c"}));
  EXPECT_EQ(texts("a\u2028b\vc"), Texts{"a\u2028b\vc"});
}

TEST_F(CliInput, FormatIsRecognised) {
  EXPECT_EQ(texts("{\"text\":\"a\"}\n"), Texts{"a"});
  EXPECT_EQ(texts("\n \t\r\n {\"text\":\"a\"}"), Texts{"a"});
  EXPECT_EQ(texts("\n x {"), (Texts{"", " x {"}));
  EXPECT_EQ(texts("\"text\""), Texts{"\"text\""});
  EXPECT_EQ(texts("{\"text\":\"a\"}", InputFormat::lines), Texts{"{\"text\":\"a\"}"});
  expect_error("a", 0, {"line 1", "not valid JSON"}, InputFormat::jsonl);
}

// As Notepad and Excel write them.
TEST_F(CliInput, AByteOrderMarkIsNoText) {
  const std::string mark = "\xEF\xBB\xBF", quoted = "{\"text\":\"a\"}\n";
  for (const InputFormat format : {InputFormat::automatic, InputFormat::lines}) {
    EXPECT_EQ(texts(mark + "x\r\n" + mark + "y\n", format), (Texts{"x", mark + "y"})) << "only at the beginning";
    EXPECT_EQ(texts(mark + mark + "x" + mark, format), Texts{mark + "x" + mark}) << "one";
    EXPECT_EQ(texts(mark + "\nx", format), (Texts{"", "x"}));
    EXPECT_EQ(texts("\n" + mark + "x", format), (Texts{"", mark + "x"}));
    expect_error("\xEF\xBBx", 0, {"line 1: invalid UTF-8 at byte 1"}, format);
  }
  for (const InputFormat format : {InputFormat::automatic, InputFormat::lines, InputFormat::jsonl, InputFormat::csv, InputFormat::tsv})
    EXPECT_EQ(texts(mark, format), Texts{}) << "as empty as an empty file";
  for (const InputFormat format : {InputFormat::automatic, InputFormat::jsonl}) EXPECT_EQ(texts(mark + quoted + "\n" + quoted, format), (Texts{"a", "a"}));
  expect_error("{\"text\":" + mark + "\"a\"}", 0, {"line 1", "not valid JSON"}, InputFormat::jsonl);
  EXPECT_EQ(texts(mark + "text,b\n" + mark + "x,1\n", InputFormat::csv), Texts{mark + "x"}) << "the first column's name";
  EXPECT_EQ(texts(mark + "\"text\",b\nx,1\n", InputFormat::csv), Texts{"x"}) << "quoted";
  EXPECT_EQ(texts(mark + "text\tb\nx\t1\n", InputFormat::tsv), Texts{"x"});
}

// "Unicode text" of spreadsheets, whose other lines would be valid UTF-8; and what nobody has unpacked.
TEST_F(CliInput, OtherKindsOfFilesAreNamed) {
  for (const InputFormat format : {InputFormat::automatic, InputFormat::lines, InputFormat::jsonl, InputFormat::csv}) {
    expect_error(std::string("\xFF\xFEg\0o\0\n\0b\0\n\0", 12), 0, {"is UTF-16, UTF-8 is needed", "iconv"}, format);
    expect_error(std::string("\xFE\xFF\0g\0o\0\n", 8), 0, {"is UTF-16"}, format);
    expect_error("\x1F\x8B\x08\n", 0, {"is compressed; zcat"}, format);
    expect_error("\x28\xB5\x2F\xFD\n", 0, {"is compressed; zstdcat"}, format);
  }
}

TEST_F(CliInput, JsonLines) {
  const auto records = read(
      "{\"text\":\"a\\u0000\\n\\u00e9\",\"other\":[1,{}]}\n\n{\"text_pair\":\"q\",\"text\":\"\"}\r\n{\"ids\":[0,2147483647],\"type_ids\":[0,1],\"text\":null}"
      "\n{\"ids\":[]}");
  ASSERT_EQ(error_, "");
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].text, std::string("a\0\né", 5));
  EXPECT_FALSE(records[0].text_pair);
  EXPECT_FALSE(records[0].ids);
  EXPECT_EQ(records[1].text, "");
  EXPECT_EQ(records[1].text_pair, "q");
  EXPECT_TRUE(records[1].where.ends_with("line 3")) << records[1].where;
  EXPECT_EQ(*records[2].ids, (std::vector<std::int32_t>{0, 2147483647}));
  EXPECT_EQ(records[2].type_ids, (std::vector<std::int32_t>{0, 1}));
  EXPECT_TRUE(records[3].ids && records[3].ids->empty());
}

TEST_F(CliInput, MalformedLinesAreNamedAfterTheGoodOnes) {
  expect_error("a\nb\xff\nc", 1, {"line 2", "UTF-8", "byte 2"});
  expect_error("a\n\xed\xa0\x80", 1, {"line 2", "UTF-8"});
  expect_error("{\"text\":\"a\"}\n{\"text\":\"\xc3\"}", 1, {"line 2", "UTF-8"});
  for (const char* bad : {"{", "[1]", "\"a\"", "{}", "{\"text\":1}", "{\"text\":\"a\"} x", "{\"text\":\"a\",\"ids\":[1]}", "{\"ids\":[1.5]}", "{\"ids\":[-1]}",
                          "{\"ids\":[2147483648]}", "{\"ids\":[\"1\"]}", "{\"ids\":3}", "{\"ids\":[1],\"type_ids\":[0,0]}", "{\"text\":\"a\",\"type_ids\":[0]}",
                          "{\"ids\":[1],\"text_pair\":\"b\"}", "{\"text_pair\":\"b\"}", "{\"text\":\"a\",\"text\":\"b\"}", "{\"text\":\"\\ud800\"}"})
    expect_error(std::string("{\"text\":\"good\"}\n\n") + bad + "\n{\"text\":\"after\"}", 1, {"input: line 3"});
}

TEST_F(CliInput, NoSuchFile) {
  EXPECT_THROW(Source("no/such/file", InputFormat::automatic), DataError);
  EXPECT_THROW(Source(directory_.path().string(), InputFormat::automatic), DataError);
}

TEST_F(CliInput, ChunksAreBoundedAndKeepTheOrder) {
  std::string content;
  Texts expected;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(i % 97), 'x') + std::to_string(i));
    content += expected.back() + "\n";
  }
  EXPECT_EQ(texts(content, InputFormat::automatic, {.rows = 7, .bytes = 1 << 20}), expected);
  EXPECT_EQ(texts(content, InputFormat::automatic, {.rows = 1000, .bytes = 300}), expected);

  Source source(directory_.write("input", content).string(), InputFormat::automatic);
  std::vector<Record> chunk;
  ASSERT_TRUE(source.next_chunk(chunk, {.rows = 7, .bytes = 1 << 20}));
  EXPECT_EQ(chunk.size(), 7U);
  ASSERT_TRUE(source.next_chunk(chunk, {.rows = 1000, .bytes = 1}));
  EXPECT_EQ(chunk.size(), 1U);
  EXPECT_EQ(source.total_bytes(), content.size());
}

TEST_F(CliInput, LinesAcrossReads) {
  const std::string line(200'000, 'y');
  EXPECT_EQ(texts(line + "\n" + line + "z"), (Texts{line, line + "z"}));
}

TEST_F(CliInput, AChunkEndsWhereTheWriterPauses) {
  const std::string path = (directory_ / "pipe").string();
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR);
  ASSERT_GE(writer, 0);
  ASSERT_EQ(::write(writer, "one\ntwo\nthr", 11), 11);
  Source source(path, InputFormat::automatic);
  std::vector<Record> chunk;
  ASSERT_TRUE(source.next_chunk(chunk, {}));
  ASSERT_EQ(chunk.size(), 2U);
  EXPECT_EQ(chunk[1].text, "two");
  ASSERT_EQ(::write(writer, "ee\n", 3), 3);
  ASSERT_TRUE(source.next_chunk(chunk, {}));
  ASSERT_EQ(chunk.size(), 1U);
  EXPECT_EQ(chunk[0].text, "three");
  ::close(writer);
}

TEST(CliArguments, AreTexts) {
  Source source({"{\"text\":\"a\"}", "", "b\nc", "\xff"});
  std::vector<Record> chunk;
  ASSERT_TRUE(source.next_chunk(chunk, {}));
  ASSERT_EQ(chunk.size(), 3U);
  EXPECT_EQ(chunk[0].text, "{\"text\":\"a\"}");
  EXPECT_EQ(chunk[2].text, "b\nc");
  EXPECT_EQ(chunk[2].where, "argument 3");
  EXPECT_THROW(source.next_chunk(chunk, {}), DataError);
}

}  // namespace
}  // namespace berth::cli
