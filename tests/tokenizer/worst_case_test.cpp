// A megabyte of one thing through each model takes a moment, and twice as much no more than about twice as long. The bounds are generous: they tell
// n log n from quadratic (hours), not fast from slow; bench/tokenizer_bench has the figures.
#include <gtest/gtest.h>

#include <chrono>

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

}  // namespace
}  // namespace berth::tokenizer
