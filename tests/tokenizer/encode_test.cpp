// Encoding by hand-checked examples, extreme texts, and use from several threads.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/repeated.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

using test::repeated;

using Offsets = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

Tokenizer bert(const std::string& added = "[]") {
  return Tokenizer::from_json(R"({"added_tokens": )" + added + R"(,
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[UNK]": 0, "a": 1, "##a": 2, "b": 3, "!": 4, "caf": 5, "##e": 6, "我": 7, "ab": 8, "[M]": 9}}})",
                              "tokenizer.json");
}

TEST(Encode, OffsetsAreCodePointsOfTheOriginal) {
  const Encoding encoding = bert().encode("Cafe\u0301! \u00c0 我a");
  EXPECT_EQ(encoding.ids, (std::vector<std::int32_t>{5, 6, 4, 1, 7, 1}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 3}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {10, 11}}));
  EXPECT_EQ(encoding.words, (std::vector<std::int32_t>{0, 0, 1, 2, 3, 4}));
  EXPECT_EQ(encoding.sequence, (std::vector<std::int32_t>(6, 0)));
  EXPECT_FALSE(encoding.truncated);
}

TEST(Encode, EmptyAndRemovedText) {
  EXPECT_EQ(bert().encode("").size(), 0u);
  EXPECT_EQ(bert().encode(" \t\n\u3000").size(), 0u);
  EXPECT_EQ(bert().encode(std::string_view("\0\0", 2)).size(), 0u);
  EXPECT_EQ(bert().encode(std::string_view("a\0b", 3)).ids, (std::vector<std::int32_t>{8}));
  EXPECT_EQ(bert().encode(std::string_view("a\0b", 3)).offsets, (Offsets{{0, 3}}));
}

TEST(Encode, AddedTokenTakesSpacesAlong) {
  const Tokenizer tokenizer =
      bert(R"([{"id": 9, "content": "[M]", "single_word": false, "lstrip": true, "rstrip": true, "normalized": false, "special": true}])");
  const Encoding encoding = tokenizer.encode("a \u00a0[M]  b[M][M]");
  EXPECT_EQ(encoding.ids, (std::vector<std::int32_t>{1, 9, 3, 9, 9}));
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 1}, {1, 8}, {8, 9}, {9, 12}, {12, 15}}));
}

// An added token that is a space, where the token before has taken all spaces along.
TEST(Encode, AddedTokenWithinTakenSpaces) {
  const Tokenizer tokenizer = bert(R"([{"id": 9, "content": "[M]", "single_word": false, "lstrip": false, "rstrip": true, "normalized": false, "special": true},
               {"id": 10, "content": " ", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true}])");
  const Encoding encoding = tokenizer.encode("a [M]   b a");
  ASSERT_EQ(encoding.size(), encoding.offsets.size());
  for (const auto& [begin, end] : encoding.offsets) {
    EXPECT_LE(begin, end);
    EXPECT_LE(end, 11U);
  }
  EXPECT_EQ(encoding.offsets.back(), (std::pair<std::uint32_t, std::uint32_t>{10, 11}));
}

TEST(Encode, WordsOverTheLimitAreUnknown) {
  EXPECT_EQ(bert().encode(std::string(100, 'a')).size(), 100u);
  const Encoding encoding = bert().encode(std::string(101, 'a') + " b");
  EXPECT_EQ(encoding.ids, (std::vector<std::int32_t>{0, 3}));
  EXPECT_EQ(encoding.offsets[0], (std::pair<std::uint32_t, std::uint32_t>{0, 101}));
}

TEST(Encode, MegabyteTexts) {
  const std::size_t size = 1 << 20;
  const Tokenizer tokenizer = bert();
  EXPECT_EQ(tokenizer.encode(repeated("a", size)).ids, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(tokenizer.encode(repeated(" ", size)).size(), 0u);
  EXPECT_EQ(tokenizer.encode(repeated("我", size)).size(), size / 3 + 1);
  EXPECT_EQ(tokenizer.encode(repeated("!", size)).size(), size);
  EXPECT_EQ(tokenizer.encode("a" + repeated("\u0316\u0301", size)).ids, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(tokenizer.encode(repeated("\uac01", size)).ids, (std::vector<std::int32_t>{0}));
  EXPECT_EQ(tokenizer.encode(repeated("[M", size)).size(), size);
}

TEST(Encode, SameResultFromManyThreads) {
  const Tokenizer tokenizer = bert();
  const std::string text = repeated("Caf\u00e9 a ab! 我 ", 4000);
  const Encoding expected = tokenizer.encode(text);
  std::vector<std::thread> threads;
  std::vector<int> equal(4);
  for (std::size_t i = 0; i < equal.size(); ++i) {
    threads.emplace_back([&, i] {
      const Encoding encoding = tokenizer.encode(text);
      equal[i] = encoding.ids == expected.ids && encoding.offsets == expected.offsets;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, (std::vector<int>(4, 1)));
}

}  // namespace
}  // namespace berth::tokenizer
