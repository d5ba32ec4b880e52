#include "base/json.hpp"

#include <gtest/gtest.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::base {
namespace {

using test::expect_error;

std::string nested(int depth) { return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']'); }

TEST(ParseJson, ReadsEveryKindOfValue) {
  const Json value = parse_json(R"( {"a": [1, -2, 3.5, "x\u00e9\ud83d\ude00", true, false, null], "b": {"c": {}}, "": [] } )", "f");
  EXPECT_EQ(value["a"].size(), 7U);
  EXPECT_EQ(value["a"][1], -2);
  EXPECT_EQ(value["a"][2], 3.5);
  EXPECT_EQ(value["a"][3], "x\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_TRUE(value["a"][6].is_null());
  EXPECT_TRUE(value["b"]["c"].is_object());
  EXPECT_TRUE(value.contains(""));
  EXPECT_EQ(parse_json("3", "f"), 3);
}

struct BadJson {
  const char* name;
  std::string text;
  std::vector<std::string> fragments;
};

void PrintTo(const BadJson& bad, std::ostream* out) { *out << bad.name; }

class RejectedJson : public testing::TestWithParam<BadJson> {};

TEST_P(RejectedJson, NamesFileOffsetAndReason) {
  std::vector<std::string> fragments = GetParam().fragments;
  fragments.push_back("dir/f.json: ");
  expect_error(ErrorCode::corrupt_file, fragments, [&] { parse_json(GetParam().text, "dir/f.json"); });
  // The streaming reader is as strict, whether or not the fault lies in what it streams.
  for (const char* path : {"", "/a", "/nowhere"}) {
    expect_error(ErrorCode::corrupt_file, fragments, [&] { parse_json_streaming(GetParam().text, "dir/f.json", {path}, [](const auto&) {}, {}); });
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, RejectedJson,
    testing::Values(BadJson{"empty", "", {"is empty"}}, BadJson{"blank", "  \n", {"byte 3"}},
                    BadJson{"cut_short", R"({"a": [1, 2)", {"byte 11", "unexpected end of input"}},
                    BadJson{"trailing_garbage", "{} x", {"byte 3", "end of input"}}, BadJson{"two_documents", "{}{}", {"byte 2"}},
                    BadJson{"trailing_comma", R"({"a":1,})", {"byte 7", "object key"}}, BadJson{"single_quotes", "{'a':1}", {"byte 1"}},
                    BadJson{"comment", "{} // x", {"byte 3"}}, BadJson{"not_a_number", "[NaN]", {"byte 1"}}, BadJson{"infinity", "[Infinity]", {"byte 1"}},
                    BadJson{"leading_zero", "[01]", {"byte 2"}}, BadJson{"leading_plus", "[+1]", {"byte 1"}}, BadJson{"bare_minus", "[-]", {"byte 2"}},
                    BadJson{"number_too_large", "[1e999]", {"number overflow", "1e999"}}, BadJson{"number_too_small", "[-1e999]", {"number overflow"}},
                    BadJson{"duplicate_key", R"({"a":1,"b":2,"a":3})", {"byte 15", "\"a\"", "twice"}},
                    BadJson{"duplicate_key_by_escape", R"({"a":1,"\u0061":3})", {"\"a\"", "twice"}},
                    BadJson{"duplicate_key_below", R"({"a":{"x":{"k":1,"k":1}}})", {"\"k\"", "twice"}},
                    BadJson{"nul_byte", std::string("{\"a\":1}\0{}", 10), {"byte 7", "NUL"}},
                    BadJson{"nul_at_start", std::string("\0{}", 3), {"byte 0", "NUL"}}, BadJson{"overlong_utf8", "[\"\xc0\xaf\"]", {"byte 2", "UTF-8"}},
                    BadJson{"surrogate_utf8", "[\"\xed\xa0\x80\"]", {"byte 2", "UTF-8"}}, BadJson{"utf8_cut_short", "[\"\xe2\x82", {"byte 2", "UTF-8"}},
                    BadJson{"utf8_outside_strings", "[\xff]", {"byte 1", "UTF-8"}}, BadJson{"lone_surrogate_escape", R"(["\ud800"])", {"surrogate"}},
                    BadJson{"bad_escape", R"(["\x41"])", {"byte 3"}}, BadJson{"raw_newline_in_string", "[\"a\nb\"]", {"byte 3"}},
                    BadJson{"too_deep", nested(65), {"nested deeper than"}}, BadJson{"far_too_deep", std::string(1000000, '['), {"nested deeper than"}},
                    BadJson{"too_deep_objects",
                            [] {
                              std::string text;
                              for (int i = 0; i < 100000; ++i) text += "{\"a\":";
                              return text;
                            }(),
                            {"nested deeper than"}}),
    [](const auto& info) { return info.param.name; });

TEST(ParseJson, DepthIsCountedExactly) {
  EXPECT_NO_THROW(parse_json(nested(64), "f"));
  EXPECT_NO_THROW(parse_json(nested(3), "f", {1000, 3}));
  expect_error(ErrorCode::corrupt_file, {"f: ", "byte 3", "deeper than 3 levels"}, [] { parse_json(nested(4), "f", {1000, 3}); });
  expect_error(ErrorCode::corrupt_file, {"f: ", "byte 64", "deeper than 64 levels"}, [] { parse_json(nested(65), "f"); });
}

TEST(ParseJson, SizeIsCountedExactly) {
  EXPECT_NO_THROW(parse_json("[1,2]", "f", {5, 4}));
  expect_error(ErrorCode::corrupt_file, {"f: ", "6 bytes", "limit is 5"}, [] { parse_json("[1,23]", "f", {5, 4}); });
  EXPECT_NO_THROW(parse_json("[1,2,3]", "f", {100, 4, 4}));
  expect_error(ErrorCode::corrupt_file, {"more than 3 values"}, [] { parse_json("[1,2,3]", "f", {100, 4, 3}); });
}

TEST(JsonMemory, IsAboutWhatADocumentTakes) {
#if defined(__GLIBC__)
  if (test::kSanitized) GTEST_SKIP() << "the sanitizer's allocator counts for itself";
  for (const char* value : {"{}", "[]", "1", "-1.5e3", "null", R"("")", R"("fifteen letters")", R"("sixteen letters.")", R"({"":0})",
                            R"({"a":1,"b":2,"a longer key than that":3})", "[[]]", R"(["a","b"])", R"({"a":{"a":{}}})", R"("\"[[[[,,,,{{{{\\")"}) {
    std::string text = "[";
    for (int i = 0; i < 20000; ++i) text.append(i > 0 ? "," : "").append(value);
    text += "]";
    const std::size_t expected = json_memory(text);
    const auto used = [] {
      const auto now = ::mallinfo2();
      return now.uordblks + now.hblkhd;
    };
    const std::size_t before = used();
    const Json document = parse_json(text, "f", {.max_bytes = text.size()});
    const std::size_t taken = used() - before;
    EXPECT_EQ(document.size(), 20000U);
    EXPECT_GT(expected, taken) << value;
    EXPECT_LT(expected, 6 * taken + 4096) << value;
  }
#endif
}

TEST(JsonMemory, StringsAreCharactersAndNobodyReadsDeeperThanTheLimit) {
  const std::string brackets(100000, '[');
  EXPECT_LT(json_memory(brackets), 250000U);
  EXPECT_LT(json_memory("\"" + brackets + "\\\"" + brackets + "\""), 450000U);
  EXPECT_GT(json_memory("\"\\\\\"" + std::string(1000, ',')), 64000U);  // the string ends at its second quote
  EXPECT_GT(json_memory(brackets, {.max_depth = 200000}), 10000000U);
  for (const char* cut : {"", "\"", "\"\\", "\"abc", "]]]]", "{\"a"}) EXPECT_LT(json_memory(cut), 2000U);
}

TEST(ReadJsonFile, NamesWhatTheFileReallyIs) {
  const test::TempDirectory directory;
  const auto path = directory.write("config.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n");
  expect_error(ErrorCode::corrupt_file, {path.native(), "Git LFS pointer", "git lfs pull"}, [&] { read_json_file(path); });
  directory.write("config.json", "\n <!DOCTYPE html><html></html>");
  expect_error(ErrorCode::corrupt_file, {path.native(), "HTML"}, [&] { read_json_file(path); });
  directory.write("config.json", std::string((1 << 20) + 1, ' '));
  expect_error(ErrorCode::corrupt_file, {path.native(), "1048577", "limit"}, [&] { read_json_file(path); });
  expect_error(ErrorCode::not_found, {"missing.json"}, [&] { read_json_file(directory / "missing.json"); });
}

// ---- JsonObject ----

TEST(JsonObject, ErrorsNameFileFieldAndValue) {
  const Json json =
      parse_json(R"({"text":"x","float":512.0,"exponent":1e3,"negative":-1,"zero":-0,"large":9223372036854775808,"huge":123456789012345678901234567890,)"
                 R"("true":true,"null":null,"list":[1,2],"inner":{"deep":{"n":"seven"}}})",
                 "c.json");
  const JsonObject object(json, "c.json");
  const auto rejects = [&](const char* key, const char* got) {
    expect_error(ErrorCode::corrupt_file, {std::string("c.json: field \"") + key + "\": expected an integer in [1, 16384]", got},
                 [&] { object.integer(key, 1, 16384); });
  };
  rejects("text", "got \"x\"");
  rejects("float", "got 512.0");
  rejects("exponent", "got 1000.0");
  rejects("negative", "got -1");
  rejects("zero", "got 0");
  rejects("large", "got 9223372036854775808");
  rejects("huge", "got 1.2345678901234568e+29");
  rejects("true", "got true");
  rejects("null", "got null");
  rejects("list", "got [1,2]");
  rejects("inner", "got an object");
  rejects("absent", "missing");
  expect_error(ErrorCode::corrupt_file, {"field \"large\"", "[-9223372036854775808, 9223372036854775807]"},
               [&] { object.integer("large", INT64_MIN, INT64_MAX); });
  expect_error(ErrorCode::corrupt_file, {"c.json: field \"inner.deep.n\": expected a number in [0, 0.5], got \"seven\""},
               [&] { object.object("inner").object("deep").number("n", 0.0, 0.5); });
  expect_error(ErrorCode::corrupt_file, {"field \"list\": expected a string"}, [&] { static_cast<void>(object.string("list")); });
  expect_error(ErrorCode::corrupt_file, {"field \"text\": expected true or false, got \"x\""}, [&] { object.boolean_or("text", true); });
  expect_error(ErrorCode::corrupt_file, {"field \"list\": expected a JSON object"}, [&] { object.object("list"); });
  expect_error(ErrorCode::corrupt_file, {"c.json: expected a JSON object, got an array of 0 values"}, [&] {
    const Json list = Json::array();
    JsonObject(list, "c.json");
  });
}

TEST(JsonObject, FallbacksStandInForAbsentAndNull) {
  const Json json = parse_json(R"({"n":7,"null":null,"d":0.25,"i":3,"s":"t","b":true})", "c.json");
  const JsonObject object(json, "c.json");
  EXPECT_EQ(object.integer("n", 7, 7), 7);
  EXPECT_EQ(object.integer_or("null", 5, 0, 9), 5);
  EXPECT_EQ(object.integer_or("absent", -5, 0, 9), -5);
  EXPECT_EQ(object.number("i", 0, 9), 3.0);
  EXPECT_EQ(object.number_or("d", 1.0, 0, 9), 0.25);
  EXPECT_EQ(object.string_or("null", "f"), "f");
  EXPECT_EQ(object.string("s"), "t");
  EXPECT_TRUE(object.boolean_or("b", false));
  EXPECT_FALSE(object.has("null"));
  EXPECT_THROW(object.integer_or("s", 5, 0, 9), Error);
}

TEST(JsonObject, LongAndControlCharactersDoNotReachTheMessage) {
  const Json json = {{"k", std::string(100000, 'a')}, {"c", "a\x1b[2J\nb"}};
  expect_error(ErrorCode::corrupt_file, {"aaa...\""}, [&] { JsonObject(json, "c.json").integer("k", 0, 1); });
  expect_error(ErrorCode::corrupt_file, {"a\\x1b[2J\\nb"}, [&] { JsonObject(json, "c.json").integer("c", 0, 1); });
}

// ---- streaming ----

struct Seen {
  std::string path;
  std::size_t index;
  std::string key;
  Json value;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> stream(const std::string& text, const std::vector<std::string>& paths, Json& document) {
  std::vector<Seen> seen;
  document = parse_json_streaming(text, "t.json", paths,
                                  [&](const JsonStreamElement& element) {
                                    seen.push_back({std::string(element.path), element.index, element.key ? std::string(*element.key) : "-", *element.value});
                                  },
                                  {1 << 20, 64});
  return seen;
}

TEST(StreamedJson, ElementsGoToTheSinkAndTheRestStays) {
  Json document;
  const auto seen = stream(R"({"version":"1","model":{"type":"BPE","vocab":{"a":0,"b":{"x":[1,{"vocab":2}]},"":2},"merges":[["a","b"],"c d"],"unk":null},)"
                           R"("vocab":{"kept":1},"merges":[5]})",
                           {"/model/vocab", "/model/merges"}, document);
  const std::vector<Seen> expected = {{"/model/vocab", 0, "a", 0},
                                      {"/model/vocab", 1, "b", Json::parse(R"({"x":[1,{"vocab":2}]})")},
                                      {"/model/vocab", 2, "", 2},
                                      {"/model/merges", 0, "-", Json::parse(R"(["a","b"])")},
                                      {"/model/merges", 1, "-", "c d"}};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(document, Json::parse(R"({"version":"1","model":{"type":"BPE","vocab":null,"merges":null,"unk":null},"vocab":{"kept":1},"merges":[5]})"));
}

TEST(StreamedJson, PathsAreWholeKeys) {
  Json document;
  EXPECT_TRUE(stream(R"({"model/vocab":{"a":0},"model":[{"vocab":{"a":0}}],"x":{"model":{"vocab":[1]}}})", {"/model/vocab"}, document).empty());
  EXPECT_EQ(stream(R"({"a/b":[1],"c~d":[2]})", {"/a~1b", "/c~0d"}, document).size(), 2U);
  EXPECT_EQ(stream(R"({"a":{"b":[1]}})", {"/a", "/a/b"}, document).size(), 1U) << "the outer one is streamed, the inner one lies in its element";
  EXPECT_TRUE(stream(R"({"model":{"vocab":5}})", {"/model/vocab"}, document).empty()) << "a scalar is no container";
  EXPECT_EQ(document["model"]["vocab"], 5);
}

TEST(StreamedJson, TheDocumentItselfCanBeStreamed) {
  Json document;
  const auto seen = stream(R"({"a":{"b":{"c":[1]}},"d":1})", {""}, document);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].value, Json::parse(R"({"b":{"c":[1]}})"));
  EXPECT_TRUE(document.is_null());
}

TEST(StreamedJson, StreamedPartsAreCheckedToo) {
  Json document;
  const auto rejects = [&](const std::string& text, const char* fragment) {
    expect_error(ErrorCode::corrupt_file, {"t.json", fragment}, [&] { stream(text, {"/v"}, document); });
  };
  rejects(R"({"v":{"a":1,"b":2,"a":3}})", "\"a\" occurs twice");
  rejects(R"({"v":{"x":{"a":1,"a":3}}})", "\"a\" occurs twice");
  rejects(R"({"v":[1],"v":[2]})", "\"v\" occurs twice");
  rejects(R"({"v":[[[[[[1]]]]]]})", "deeper than 4");
  rejects(R"({"v":[[)" + std::string(70000, '1') + "]]}", "number overflow");
  std::string many = R"({"v":[[0)";
  for (int i = 0; i < 65536; ++i) many += ",0";
  rejects(many + "]]}", "more than 65536 values");
  EXPECT_EQ(stream(R"({"v":[[[[[1]]]]]})", {"/v"}, document).size(), 1U);
}

TEST(StreamedJson, ALargeVocabularyKeepsItsOrderAndItsKeysApart) {
  std::string text = R"({"model":{"vocab":{)";
  constexpr int kEntries = 250000;
  for (int i = 0; i < kEntries; ++i) text += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":" + std::to_string(i);
  const auto parse = [](const std::string& whole, const JsonStreamSink& sink) {
    return parse_json_streaming(whole, "t.json", {"/model/vocab"}, sink, {64U << 20, 64, 16});  // 16 values: no tree of it can be built
  };
  int next = 0;
  parse(text + "}}}", [&](const JsonStreamElement& element) {
    ASSERT_EQ(*element.key, "t" + std::to_string(next));
    ASSERT_EQ(*element.value, next++);
  });
  EXPECT_EQ(next, kEntries);
  expect_error(ErrorCode::corrupt_file, {"\"t77777\" occurs twice"}, [&] { parse(text + ",\"t77777\":1}}}", [](const auto&) {}); });
}

TEST(StreamedJson, TheSinkMayThrow) {
  expect_error(ErrorCode::unsupported, {"enough"},
               [] { parse_json_streaming("[1,2]", "t.json", {""}, [](const JsonStreamElement&) { throw Error(ErrorCode::unsupported, "enough"); }, {}); });
}

}  // namespace
}  // namespace berth::base
