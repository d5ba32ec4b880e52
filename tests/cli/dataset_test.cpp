// Labelled texts in every format: columns, headers, fields, labels, and what is wrong with a line.
#include "apps/cli/dataset.hpp"

#include <fstream>
#include <functional>

#include <gtest/gtest.h>

#include "apps/cli/errors.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::cli {
namespace {

using Labels = std::vector<std::string>;

class CliDataset : public ::testing::Test {
 protected:
  Dataset read(const std::string& content, const DatasetOptions& options = {}) { return read_as("data.tsv", content, options); }
  Dataset read_as(const std::string& name, const std::string& content, const DatasetOptions& options = {}) {
    const std::string path = (folder_.path() / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return read_dataset(path, options);
  }
  template <class Kind>
  void expect_problem(const std::function<void()>& call, const std::string& fragment) {
    try {
      call();
      ADD_FAILURE() << "nothing was wrong; expected: " << fragment;
    } catch (const Kind& error) {
      EXPECT_NE(std::string(error.what()).find(fragment), std::string::npos) << error.what();
    }
  }
  test::TempDirectory folder_;
};

TEST_F(CliDataset, TextAndLabel) {
  const Dataset data = read("\xEF\xBB\xBFgood\t1\r\n\n  bad \t 0 \textra\n");
  ASSERT_EQ(data.records.size(), 2U);
  EXPECT_EQ(data.records[0].text, "good");
  EXPECT_EQ(data.records[1].text, "  bad ");
  EXPECT_EQ(data.labels, (Labels{"1", "0"}));
  EXPECT_TRUE(data.records[1].where.ends_with("data.tsv: line 3")) << data.records[1].where;
  EXPECT_FALSE(data.has_pairs);
  EXPECT_TRUE(read("only\ntexts\n").labels.empty());
}

TEST_F(CliDataset, Headers) {
  const Dataset glue = read("index\tsentence1\tsentence2\tscore\n7\ta\tb\t2.5\n");
  ASSERT_EQ(glue.records.size(), 1U);
  EXPECT_EQ(glue.records[0].text, "a");
  EXPECT_EQ(glue.records[0].text_pair, "b");
  EXPECT_EQ(glue.labels, Labels{"2.5"});
  EXPECT_EQ(read("Sentence\tLabel\nx\t1\n").labels, Labels{"1"});
  EXPECT_EQ(read("whatever\theader\nx\t1\n", {.columns = {}, .header = true}).labels, Labels{"1"});
  EXPECT_EQ(read("label\tlabel\n").labels, Labels{"label"});  // no header without a text
}

TEST_F(CliDataset, ChosenColumns) {
  const Dataset data = read("main\t5.0\tone\ttwo\tsource\n", {.columns = "-,score,text,text_pair"});
  EXPECT_EQ(data.records[0].text, "one");
  EXPECT_EQ(data.records[0].text_pair, "two");
  EXPECT_EQ(data.labels, Labels{"5.0"});
  EXPECT_EQ(read("a\t1\nb\t2\nc\t3\n", {.columns = {}, .limit = 2}).records.size(), 2U);
  for (const char* bad : {"", "label", "text,text", "text,label,score", "text,x", "text,,label"}) EXPECT_THROW(parse_columns(bad), UsageError) << bad;
}

TEST_F(CliDataset, BadLinesAreNamed) {
  expect_problem<DataError>([&] { read("a\t1\nb\n"); }, "line 2: has 1 column separated by tabs, column 2 is needed");
  expect_problem<DataError>([&] { read("a\t1\n\nb\xff\t1\n"); }, "line 3: invalid UTF-8 at byte 2");
  expect_problem<DataError>([&] { read("\n\n"); }, "has no rows");
  expect_problem<DataError>([&] { read_dataset((folder_.path() / "absent.tsv").string(), {}); }, "absent.tsv: cannot open");
}

TEST_F(CliDataset, Csv) {
  const Dataset data = read_as("d.csv", "\xEF\xBB\xBFid,sentence,label\r\n1,\"a, \"\"b\"\"\nc\",x\r\n\r\n2,\ttab, y \r\n");
  ASSERT_EQ(data.records.size(), 2U);
  EXPECT_EQ(data.records[0].text, "a, \"b\"\nc");
  EXPECT_EQ(data.records[1].text, "\ttab");
  EXPECT_EQ(data.labels, (Labels{"x", "y"}));
  EXPECT_TRUE(data.records[1].where.ends_with("d.csv: line 5")) << data.records[1].where;
  EXPECT_EQ(data.records[0].fields->text, kTextFields.text);
  EXPECT_EQ(read_as("d.csv", "a,1\nb,2\n").labels, (Labels{"1", "2"}));
  EXPECT_EQ(read_as("d.csv", "a\t1\n", {.format = "tsv"}).labels, Labels{"1"});
  EXPECT_EQ(read_as("d.tsv", "a,1\n", {.format = "csv"}).labels, Labels{"1"});
  EXPECT_EQ(read_as("d.csv", "5,x,y\n", {.columns = "score,text,text_pair"}).records[0].text_pair, "y");
  expect_problem<DataError>([&] { read_as("d.csv", "a,1\nb\n"); }, "line 2: has 1 column separated by commas, column 2 is needed");
  expect_problem<DataError>([&] { read_as("d.csv", "a,1\n\"b,1\n"); }, "line 2: a quoted field is not closed");
}

TEST_F(CliDataset, ColumnsByName) {
  const DatasetOptions names = {.text_field = "body", .label_field = "kind"};
  for (const char* name : {"d.csv", "d.tsv"}) {
    const std::string between = std::string(name).ends_with("csv") ? "," : "\t";
    const Dataset data = read_as(name, "kind" + between + "text" + between + "body\nx" + between + "no" + between + "yes\n", names);
    EXPECT_EQ(data.records[0].text, "yes");
    EXPECT_EQ(data.labels, Labels{"x"});
    expect_problem<DataError>([&] { read_as(name, "kind" + between + "text\n", names); }, "line 1: there is no column \"body\"");
  }
  EXPECT_EQ(read("a\tb\tlabel\n1\t2\t3\n", {.text_field = "a", .pair_field = "b"}).records[0].text_pair, "2");
  EXPECT_THROW(read("a\t1\n", {.columns = "text", .text_field = "a"}), UsageError);
}

TEST_F(CliDataset, JsonLines) {
  const Dataset data = read_as("d", "{\"text\":\"a\\tb\",\"intent\":\"x\"}\n\n{\"intent\":7,\"text\":\"c\"}\n");
  ASSERT_EQ(data.records.size(), 2U);
  EXPECT_EQ(data.records[0].text, "a\tb");
  EXPECT_EQ(data.labels, (Labels{"x", "7"}));
  EXPECT_TRUE(data.records[1].where.ends_with("d: line 3"));
  EXPECT_TRUE(data.records[1].line.empty());
  EXPECT_EQ(read_as("d", "{\"text\":\"a\",\"labels\":[\"x\",2]}\n").labels, Labels{"x,2"});
  EXPECT_EQ(read_as("d", "{\"text\":\"a\",\"labels\":[]}\n").labels, Labels{""});
  EXPECT_TRUE(read_as("d", "{\"text\":\"a\"}\n").labels.empty());
  const Dataset pairs = read_as("d", "{\"s\":\"a\",\"t\":\"b\",\"score\":2.5}\n", {.text_field = "s", .pair_field = "t"});
  EXPECT_TRUE(pairs.has_pairs);
  EXPECT_EQ(pairs.labels, Labels{"2.5"});
  EXPECT_EQ(read("{\"a\"\t1\n").records[0].text, "{\"a\"");  // by its name no JSON
  expect_problem<DataError>([&] { read_as("d", "{\"text\":\"a\",\"label\":1}\n{\"text\":\"b\"}\n"); }, "line 2: has no \"label\"");
  expect_problem<DataError>([&] { read_as("d", "{\"text\":\"a\",\"label\":{}}\n"); }, "line 1: field \"label\": expected a string, a number, or an array");
  expect_problem<DataError>([&] { read_as("d", "{\"text\":\"a\",\"label\":[\"x,y\",\"z\"]}\n"); }, "one of several labels has a comma");
  expect_problem<DataError>([&] { read_as("d", "{\"ids\":[1],\"label\":\"a\"}\n"); }, "line 1: has \"ids\"");
  expect_problem<DataError>([&] { read_as("d", "{\"text\":\"a\",\"text_pair\":\"b\"}\n{\"text\":\"c\"}\n"); },
                            "line 2: has no \"text_pair\", unlike the first line");
  EXPECT_THROW(read_as("d", "{\"text\":\"a\"}\n", {.columns = "text"}), UsageError);
}

TEST_F(CliDataset, LabelsOfAModel) {
  const Labels names = {"NEGATIVE", "POSITIVE", "a, b", "1"};
  EXPECT_EQ(label_index("POSITIVE", names, "x"), 1U);
  EXPECT_EQ(label_index("negative", names, "x"), 0U);
  EXPECT_EQ(label_index("1", names, "x"), 3U);  // a name before an index
  EXPECT_EQ(label_index("2", names, "x"), 2U);
  for (const char* bad : {"4", "-1", "", "neutral", "1.0"}) expect_problem<DataError>([&] { label_index(bad, names, "f: line 9"); }, "f: line 9: ");
  EXPECT_EQ(label_set("0, POSITIVE", names, "x"), (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(label_set("a, b", names, "x"), (std::vector<bool>{false, false, true, false}));
  EXPECT_EQ(label_set("", names, "x"), std::vector<bool>(4, false));
  expect_problem<DataError>([&] { label_set("0,9", names, "f: line 3"); }, "\"9\" is no label of the model");
  EXPECT_EQ(label_number("-2.5e1", "x"), -25.0);
  for (const char* bad : {"", "x", "nan", "inf", "1 2"}) expect_problem<DataError>([&] { label_number(bad, "f: line 4"); }, "f: line 4: expected a number");
}

}  // namespace
}  // namespace berth::cli
