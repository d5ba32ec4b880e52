// A megabyte of one thing through each model takes a moment, and twice as much no more than about twice as long. The bounds are generous: they tell
// n log n from quadratic (hours), not fast from slow; bench/tokenizer_bench has the figures.
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

using base::Json;

constexpr double kSeconds = 10;  // also for a build with sanitizers on a busy machine; a Release build takes a hundredth of it

Json byte_level_bpe() {
  Json vocab = Json::object();
  Json merges = Json::array();
  const auto add = [&](const std::string& token) {
    if (!vocab.contains(token)) vocab[token] = vocab.size();
  };
  // Doubled again and again, and merges of pieces that overlap, so that entries of the queue go stale.
  for (const std::string& unit : {std::string("a"), std::string("\u0120"), std::string("ab"), std::string("b")}) add(unit);
  merges.push_back("a b");
  for (std::string unit : {"a", "\u0120"}) {
    for (int i = 0; i < 6; ++i) {
      merges.push_back(unit + " " + unit);
      add(unit + unit);
      unit += unit;
    }
  }
  merges.push_back("ab a");
  add("aba");
  merges.push_back("aba ab");
  add("abaab");
  return {{"model", {{"type", "BPE"}, {"unk_token", nullptr}, {"vocab", vocab}, {"merges", merges}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}}};
}

Json long_unigram() {
  Json vocab = Json::array({Json::array({"<unk>", 0}), Json::array({"\u2581", -2}), Json::array({"b", -3})});
  for (std::size_t length = 1; length <= 64; ++length) vocab.push_back({std::string(length, 'a'), -1.5 - static_cast<double>(length) / 7});
  return {{"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}}},
          {"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", true}}}};
}

Json whole_text(Json json) {
  json.erase("pre_tokenizer");
  return json;
}

TEST(WorstCase, AMegabyteOfOneThing) {
  for (const Json& json : {byte_level_bpe(), whole_text(byte_level_bpe()), long_unigram(), whole_text(long_unigram())}) {
    const Tokenizer tokenizer = Tokenizer::from_json(json.dump(), "tokenizer.json");
    for (const std::string part : {"a", " ", "ab", "aab", "\U0001F600", "\u4e2d", "!", "a "}) {
      std::string text;
      while (text.size() < (1u << 20)) text += part;
      const auto begin = std::chrono::steady_clock::now();
      const Encoding encoding = tokenizer.encode(text);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      EXPECT_LT(seconds, kSeconds) << tokenizer.type() << " on " << part;
      std::uint32_t end = 0;
      for (const auto& offset : encoding.offsets) {
        ASSERT_LE(offset.first, offset.second);
        end = std::max(end, offset.second);
      }
      ASSERT_LE(end, text.size());
    }
  }
}

// Stages of a crafted file that make a lot of little: each of a few thousand, which multiplies in a row, or again and again between added tokens.
TEST(WorstCase, TextsThatGrowWithoutBoundAreRefused) {
  const auto replace = [](const std::string& from, std::size_t count) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", std::string(count, 'a')}};
  };
  const Json words = {{"type", "WordLevel"}, {"unk_token", "<unk>"}, {"vocab", {{"<unk>", 0}, {"<s>", 1}}}};
  const Json added = {{{"id", 1}, {"content", "<s>"}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", true}}};
  Json once = {{"model", words}, {"normalizer", replace("a", 1024)}, {"added_tokens", added}};
  Json in_a_row = once;
  in_a_row["normalizer"] = {{"type", "Sequence"}, {"normalizers", {replace("a", 100), replace("a", 100), replace("a", 100), replace("a", 17)}}};
  Json bytes = {{"model", words}, {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", Json::array()}}}};
  for (int i = 0; i < 30; ++i)
    bytes["pre_tokenizer"]["pretokenizers"].push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  std::string between;
  for (int i = 0; i < 20000; ++i) between += "a<s>";
  for (const auto& [json, text] : {std::pair{once, std::string(20000, 'a')}, {in_a_row, "a"}, {bytes, "\u00E9"}, {once, between}}) {
    const Tokenizer tokenizer = Tokenizer::from_json(json.dump(), "tokenizer.json");
    try {
      tokenizer.encode(text);
      ADD_FAILURE() << text.substr(0, 20);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("once normalized"), std::string::npos) << error.what();
    }
    EXPECT_EQ(tokenizer.encode("x").size(), 1U) << "the next text has its own room";
  }
  // Texts that are long from the start may be: here 12 MB that become 20, as decomposed letters.
  once["normalizer"] = {{"type", "NFD"}};
  std::string letters;
  for (int i = 0; i < 4'000'000; ++i) letters += "\u1ED9";
  EXPECT_EQ(Tokenizer::from_json(once.dump(), "tokenizer.json").encode(letters).size(), 1U);
}

}  // namespace
}  // namespace berth::tokenizer
