// PhoBERT's and BERTweet's classes by what their files say. tests/cli/fast_bpe_test.py compares texts by the hundred with an independent reading of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "base/json.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

using base::ErrorCode;
using base::Json;
using Ids = std::vector<std::int32_t>;
using Offsets = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

//                             4      5       6      7       8      9      10
constexpr const char* kCountedVocab = "tôi 9\nsinh@@ 8\nviên 7\nhọc@@ 6\n_@@ 5\n. 4\nn 3\n";
constexpr const char* kFastCodes =
    "t ô 90\ntô i</w> 80\ns i 70\nsi nh 60\nn h 50\nv i 40\nvi ên</w> 30\nê n</w> 20\n"
    "h ọ 10\nhọ c 9\n";

class FastBpeFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_.write("vocab.txt", kCountedVocab);
    directory_.write("bpe.codes", kFastCodes);
    config({{"tokenizer_class", "PhobertTokenizer"}});
  }
  void config(const Json& json) const { directory_.write("tokenizer_config.json", json.dump()); }
  void vocab(const char* text) const { directory_.write("vocab.txt", text); }
  void codes(const char* text) const { directory_.write("bpe.codes", text); }
  Tokenizer load() const { return Tokenizer::load(directory_.path()); }
  Ids ids(const std::string& text) const { return load().encode(text).ids; }
  void expect_refused(ErrorCode code, const std::vector<std::string>& parts) const {
    test::expect_error(code, parts, [&] { load(); });
  }

  const test::TempDirectory directory_;
};

TEST_F(FastBpeFiles, TextsAndPairs) {
  const Tokenizer tokenizer = load();
  const Encoding one = tokenizer.encode("tôi  sinh_viên.");
  EXPECT_EQ(one.ids, (Ids{0, 4, 5, 8, 3, 3, 3, 9, 2})) << "\"ên\" is a merge at the end of a word only: vi@@ ê@@ n@@ .";
  EXPECT_EQ(one.offsets.front(), (Offsets::value_type{0, 0}));
  const Encoding word = tokenizer.encode("sinhviên");
  EXPECT_EQ(word.ids, (Ids{0, 5, 6, 2}));
  EXPECT_EQ(word.offsets, (Offsets{{0, 0}, {0, 4}, {4, 8}, {0, 0}}));
  const Encoding pair = tokenizer.encode("tôi", "học .");
  EXPECT_EQ(pair.ids, (Ids{0, 4, 2, 2, 3, 3, 9, 2})) << "\"học@@\" is in the vocabulary, \"họ@@ c\" is not";
  EXPECT_EQ(pair.type_ids, Ids(8, 0));
  EXPECT_EQ(tokenizer.num_special_tokens(true), 4u);
  EXPECT_EQ(ids(""), (Ids{0, 2}));
  EXPECT_EQ(ids(" \n\u00a0\u3000\x1c"), (Ids{0, 2}));
}

// The classes cut pairs by transformers' own rule, whose odd token is the first text's.
TEST_F(FastBpeFiles, PairsAreCutAsInPython) {
  const Tokenizer tokenizer = load();
  const auto kept = [&](const char* first, const char* second, std::size_t length) {
    const Ids ids = tokenizer.encode(first, second, {.truncation = Truncation{.max_length = length}}).ids;
    return std::pair(std::count(ids.begin(), ids.end(), 4), std::count(ids.begin(), ids.end(), 9));
  };
  using Kept = std::pair<std::ptrdiff_t, std::ptrdiff_t>;
  EXPECT_EQ(kept("tôi tôi tôi", ". . .", 9), (Kept{3, 2}));
  EXPECT_EQ(kept("tôi tôi tôi", ". . . . .", 9), (Kept{3, 2}));
  EXPECT_EQ(kept("tôi tôi tôi tôi tôi", ". . .", 9), (Kept{3, 2}));
  EXPECT_EQ(kept("tôi tôi tôi", ". . . . .", 11), (Kept{3, 4})) << "the longer alone";
  EXPECT_EQ(kept("tôi tôi tôi", ". . .", 5), (Kept{1, 0}));
}

TEST_F(FastBpeFiles, ALineFeedIsTheLastCharacterOfItsWord) {
  const Encoding encoding = load().encode("viên\nviên\r\nviên \n.");
  EXPECT_EQ(encoding.ids, (Ids{0, 3, 3, 3, 3, 6, 6, 9, 2})) << "as in the classes: \"vi@@ ê@@ n@@\", and a line feed that nothing knows";
  EXPECT_EQ(encoding.offsets[4], (Offsets::value_type{4, 5}));
}

TEST_F(FastBpeFiles, Roles) {
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.vocab_size(), 12u);
  EXPECT_EQ(tokenizer.max_id(), 11);
  EXPECT_EQ(tokenizer.mask_id(), 11) << "behind the vocabulary";
  EXPECT_EQ(tokenizer.unknown_id(), 3);
  EXPECT_EQ(tokenizer.pad_id(), 1);
  EXPECT_EQ(tokenizer.encode("tôi <mask>.").ids, (Ids{0, 4, 11, 9, 2}));
  EXPECT_EQ(tokenizer.encode("tôi <mask>.").offsets[2], (Offsets::value_type{4, 10})) << "it leaves the space before it";
  EXPECT_EQ(tokenizer.encode("<s>tôi</s>").ids, (Ids{0, 0, 4, 2, 2}));

  config({{"tokenizer_class", "PhobertTokenizer"}, {"bos_token", "[B]"}, {"cls_token", "[B]"}, {"unk_token", "[U]"}, {"mask_token", "n"}});
  EXPECT_EQ(ids("[B] [U] n <s>"), (Ids{0, 0, 3, 10, 3, 3, 3, 2}));
  EXPECT_EQ(load().unknown_id(), 3);
  vocab("tôi 9\n<mask> 8\nn 7\n");
  config({{"tokenizer_class", "BertweetTokenizer"}});
  EXPECT_EQ(load().mask_id(), 5) << "where the vocabulary has it";
  directory_.write("added_tokens.json", R"({"<new>": 7, "<more>": 8})");
  EXPECT_EQ(ids("<more>n<new>"), (Ids{0, 8, 6, 7, 2}));
}

TEST_F(FastBpeFiles, RolesTakenAwayAreErrors) {
  for (const char* key : {"cls_token", "sep_token", "unk_token"}) {
    config({{"tokenizer_class", "PhobertTokenizer"}, {key, ""}});
    expect_refused(ErrorCode::corrupt_file, {"vocab.txt", "\"\""});
  }
}

TEST_F(FastBpeFiles, ARepeatedTokenMovesAsInADictionary) {
  vocab("a 1\nb 1\na 1\nc 1\n");
  codes("x y 1\n");
  EXPECT_EQ(ids("a b c"), (Ids{0, 6, 5, 6, 2})) << "\"a\" goes to the end, and the dictionary has not grown when \"c\" comes";
  EXPECT_EQ(load().token(6), "c");
  EXPECT_EQ(load().token(4), "");
  EXPECT_EQ(load().mask_id(), 7);
}

TEST_F(FastBpeFiles, AMergeTakesEveryOccurrenceAtOnce) {
  vocab("ab@@ 1\nab 1\naba@@ 1\nb 1\naa@@ 1\n");
  codes("ab a 9\na b 8\n");
  EXPECT_EQ(ids("ababb"), (Ids{0, 4, 4, 7, 2})) << "not aba@@ b@@ b, which the first \"ab\" would begin before there is a second one";
  EXPECT_EQ(ids("abaab"), (Ids{0, 6, 3, 7, 2}));
  codes("a b</w> 9\na a 8\na b</w> 1\n");
  EXPECT_EQ(ids("aab"), (Ids{0, 8, 7, 2})) << "of equal merges the last has the rank";
}

TEST_F(FastBpeFiles, TheMarkIsText) {
  vocab("<@@ 1\na</w>@@ 1\na</w> 1\n");
  codes("< / 9\n</ w 8\n</w > 7\na </w> 6\na< /w>b</w> 5\n");
  EXPECT_EQ(ids("a</w>a"), (Ids{0, 5, 3, 2})) << "in the middle \"a</w>\" is four characters merged";
  EXPECT_EQ(ids("a"), (Ids{0, 3, 2}));
  EXPECT_EQ(ids("<a"), (Ids{0, 4, 3, 2}));
}

TEST_F(FastBpeFiles, Decodes) {
  const Tokenizer tokenizer = load();
  EXPECT_EQ(tokenizer.decode(Ids{0, 4, 5, 6, 9, 2}, true), "tôi sinhviên .");
  EXPECT_EQ(tokenizer.decode(Ids{0, 4, 5, 6, 9, 2}, false), "<s> tôi sinhviên . </s>");
  EXPECT_EQ(tokenizer.decode(Ids{4, 5}, true), "tôi sinh@@") << "the mark goes with the space behind it";
  EXPECT_EQ(tokenizer.decode(Ids{}, true), "");
  EXPECT_EQ(tokenizer.decode(Ids{11, 99, 4}, false), "<mask> tôi");
}

TEST_F(FastBpeFiles, WhichFilesAreRead) {
  const Ids wanted{0, 5, 6, 2};
  directory_.write("config.json", R"({"model_type": "roberta", "tokenizer_class": "PhobertTokenizer"})");
  config(Json::object());
  EXPECT_EQ(ids("sinhviên"), wanted) << "config.json names the class";
  directory_.write("config.json", R"({"model_type": "roberta"})");
  EXPECT_EQ(ids("sinhviên"), wanted) << "nobody names a class";
  directory_.write("tokenizer.json", R"({"model": {"type": "WordLevel", "unk_token": "u", "vocab": {"u": 0}}})");
  EXPECT_EQ(ids("sinhviên"), (Ids{0}));
  config({{"tokenizer_class", "PhobertTokenizerFast"}});
  EXPECT_EQ(ids("sinhviên"), wanted) << "the class is Python's: transformers does not look at tokenizer.json";
  std::filesystem::remove(directory_ / "bpe.codes");
  EXPECT_EQ(ids("sinhviên"), (Ids{0}));
  std::filesystem::remove(directory_ / "tokenizer.json");
  expect_refused(ErrorCode::not_found, {"bpe.codes"});

  vocab("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
  codes(kFastCodes);
  config({{"tokenizer_class", "BertTokenizer"}});
  EXPECT_EQ(ids("a"), (Ids{2, 5, 3})) << "a class that does not read bpe.codes";
  config({{"tokenizer_class", "FlaubertTokenizer"}});
  expect_refused(ErrorCode::unsupported, {"tokenizer_config.json", "tokenizer_class", "FlaubertTokenizer", "bpe.codes", "PhobertTokenizer, BertweetTokenizer"});
}

TEST_F(FastBpeFiles, NormalizationIsRefused) {
  for (const char* name : {"BertweetTokenizer", ""}) {
    config({{"tokenizer_class", name}, {"normalization", true}});
    expect_refused(ErrorCode::unsupported, {"tokenizer_config.json", "\"normalization\"", "true", "normalizeTweet"});
    config({{"tokenizer_class", name}, {"normalization", false}});
    EXPECT_EQ(ids("tôi"), (Ids{0, 4, 2}));
    config({{"tokenizer_class", name}, {"normalization", "yes"}});
    expect_refused(ErrorCode::corrupt_file, {"tokenizer_config.json", "\"normalization\""});
  }
  config({{"tokenizer_class", "PhobertTokenizer"}, {"normalization", true}});
  EXPECT_EQ(ids("tôi"), (Ids{0, 4, 2})) << "a class that knows no such thing";
}

TEST_F(FastBpeFiles, VocabulariesThatAreNone) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"tôi\n", "line 1"},
                                                                  {"tôi 9\n\nb 1\n", "line 2"},
                                                                  {"a 1\r\n \u00a0 5\r\n", "line 2"},
                                                                  {"a 1\n 7\n", "line 2"},
                                                                  {"a 1\nb\xff 2\n", "invalid UTF-8 at byte 5"},
                                                                  {"a 1\n" + std::string(1025, 'x') + " 1\n", "longer than 1024 bytes"},
                                                                  {"version https://git-lfs.github.com/spec/v1\n", "LFS"}};
  for (const auto& [text, problem] : cases) {
    vocab(text.c_str());
    expect_refused(ErrorCode::corrupt_file, {"vocab.txt", problem});
  }
  vocab("");
  EXPECT_EQ(ids("a"), (Ids{0, 3, 2}));
  EXPECT_EQ(load().mask_id(), 4);
}

TEST_F(FastBpeFiles, CodesThatAreNone) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"a b\nc d\n", "no line is a merge"},
                                                                  {"a b 1", "no line is a merge"},
                                                                  {"a b 1\n\xc3", "invalid UTF-8 at byte 6"},
                                                                  {"a " + std::string(1025, 'x') + " 1\n", "line 1: a part of the merge is longer than 1024"}};
  for (const auto& [text, problem] : cases) {
    codes(text.c_str());
    expect_refused(ErrorCode::corrupt_file, {"bpe.codes", problem});
  }
  codes("");
  EXPECT_EQ(ids("tôi . n"), (Ids{0, 3, 3, 3, 9, 10, 2})) << "no merges at all";
}

TEST_F(FastBpeFiles, AMegabyteOfOneWord) {
  codes("a a 1\naa aa 1\naaaa aaaa 1\naaaaaaaa aaaaaaaa 1\na b 1\nab a 1\nab ab 1\naa</w> a 1\n");
  const Tokenizer tokenizer = load();
  for (const std::string part : {"a", "ab", "aab", "\U0001F600"}) {
    std::string text;
    while (text.size() < (1u << 20)) text += part;
    const auto begin = std::chrono::steady_clock::now();
    const Encoding encoding = tokenizer.encode(text);
    EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 10) << part;
    ASSERT_GT(encoding.size(), 2u);
    EXPECT_EQ(encoding.offsets[encoding.size() - 2].second, text.size() / (part.size() == 4 ? 4 : 1));
  }
}

}  // namespace
}  // namespace berth::tokenizer
