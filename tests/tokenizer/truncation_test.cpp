// Where texts are cut: the arithmetic alone, and its errors through Tokenizer.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizer/truncation.hpp"

namespace berth::tokenizer {
namespace {

TEST(KeptLengths, LongestFirstNeverExceedsTheRoomAndCutsTheLongerText) {
  for (std::size_t first = 0; first < 24; ++first) {
    for (std::size_t second = 0; second < 24; ++second) {
      for (std::size_t room = 0; room < 50; ++room) {
        const KeptLengths kept = kept_lengths(first, second, room, TruncationStrategy::longest_first);
        ASSERT_EQ(kept.first + kept.second, std::min(first + second, room)) << first << ' ' << second << ' ' << room;
        ASSERT_LE(kept.first, first);
        ASSERT_LE(kept.second, second);
        // A text that was cut is no shorter than the other, but for the odd token.
        if (kept.first < first) {
          ASSERT_LE(kept.second, kept.first + 1);
        }
        if (kept.second < second) {
          ASSERT_LE(kept.first, kept.second + 1);
        }
      }
    }
  }
}

TEST(KeptLengths, OddTokenGoesToTheLongerText) {
  const auto kept = [](std::size_t first, std::size_t second) {
    const KeptLengths k = kept_lengths(first, second, 7, TruncationStrategy::longest_first);
    return std::pair(k.first, k.second);
  };
  EXPECT_EQ(kept(9, 8), std::pair(std::size_t{4}, std::size_t{3}));
  EXPECT_EQ(kept(8, 9), std::pair(std::size_t{3}, std::size_t{4}));
  EXPECT_EQ(kept(8, 8), std::pair(std::size_t{3}, std::size_t{4}));
  EXPECT_EQ(kept(2, 9), std::pair(std::size_t{2}, std::size_t{5}));
}

TEST(KeptLengths, OneSidedStrategies) {
  EXPECT_EQ(kept_lengths(10, 4, 9, TruncationStrategy::only_first).first, 5u);
  EXPECT_EQ(kept_lengths(10, 4, 12, TruncationStrategy::only_second).second, 2u);
  EXPECT_THROW(kept_lengths(10, 4, 4, TruncationStrategy::only_first), base::Error);
  EXPECT_THROW(kept_lengths(10, 4, 10, TruncationStrategy::only_second), base::Error);
  EXPECT_THROW(kept_lengths(10, std::nullopt, 5, TruncationStrategy::only_second), base::Error);
  EXPECT_EQ(kept_lengths(4, 4, 8, TruncationStrategy::only_second).second, 4u);
}

TEST(Windows, CoverTheTextWithTheStride) {
  for (std::size_t length = 0; length < 40; ++length) {
    for (std::size_t keep = 1; keep < 15; ++keep) {
      for (std::size_t stride = 0; stride < keep; ++stride) {
        for (const TruncationSide side : {TruncationSide::right, TruncationSide::left}) {
          const auto windows = make_windows(length, keep, stride, side, true);
          std::vector<int> covered(length);
          for (std::size_t w = 0; w < windows.size(); ++w) {
            ASSERT_LE(windows[w].end - windows[w].begin, keep);
            for (std::size_t i = windows[w].begin; i < windows[w].end; ++i) covered[i]++;
            if (w == 0) continue;
            const Window& near = side == TruncationSide::right ? windows[w - 1] : windows[w];
            const Window& far = side == TruncationSide::right ? windows[w] : windows[w - 1];
            ASSERT_EQ(near.end - far.begin, stride);
          }
          for (const int count : covered) ASSERT_GE(count, 1);
          const auto kept = make_windows(length, keep, stride, side, false);
          ASSERT_EQ(kept.size(), 1u);
          ASSERT_EQ(kept[0].begin, windows[0].begin);
          ASSERT_EQ(kept[0].end, windows[0].end);
        }
      }
    }
  }
}

TEST(Windows, NothingKept) {
  const auto windows = make_windows(5, 0, 3, TruncationSide::right, true);
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].end, 0u);
  EXPECT_EQ(windows[1].end, 5u);
  EXPECT_THROW(make_windows(5, 3, 3, TruncationSide::right, true), base::Error);
  EXPECT_EQ(make_windows(3, 3, 3, TruncationSide::right, true).size(), 1u);
}

Tokenizer small() {
  return Tokenizer::from_json(R"({"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "model": {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "c": 5, "d": 6}}})",
                              "tokenizer.json");
}

EncodeOptions limit(std::size_t length, std::size_t stride = 0) {
  EncodeOptions options;
  options.truncation = Truncation{.max_length = length, .stride = stride};
  options.keep_overflow = true;
  return options;
}

TEST(TokenizerTruncation, SaysWhetherItCut) {
  const Tokenizer tokenizer = small();
  const Encoding whole = tokenizer.encode("a b", limit(4));
  EXPECT_FALSE(whole.truncated);
  EXPECT_TRUE(whole.overflow.empty());
  const Encoding cut = tokenizer.encode("a b c d", limit(4));
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.ids, (std::vector<std::int32_t>{1, 3, 4, 2}));
  ASSERT_EQ(cut.overflow.size(), 1u);
  EXPECT_EQ(cut.overflow[0].ids, (std::vector<std::int32_t>{1, 5, 6, 2}));
  EXPECT_EQ(tokenizer.encode("a", limit(2)).ids, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(tokenizer.encode("", limit(2)).ids, (std::vector<std::int32_t>{1, 2}));
}

TEST(TokenizerTruncation, Errors) {
  const Tokenizer tokenizer = small();
  const auto code = [&](const EncodeOptions& options) {
    try {
      tokenizer.encode("a b c d", "a b c d", options);
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::ErrorCode::internal;
  };
  EXPECT_EQ(code(limit(2)), base::ErrorCode::invalid_argument);
  EXPECT_EQ(code(limit(7, 2)), base::ErrorCode::invalid_argument);
  EXPECT_EQ(code(limit(0)), base::ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace berth::tokenizer
