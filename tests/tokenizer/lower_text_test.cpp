#include "tokenizer/lower_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using berth::tokenizer::lower_text;

TEST(LowerText, MapsAsPythonDoes) {
  EXPECT_EQ(lower_text(""), "");
  EXPECT_EQ(lower_text("Hello, WORLD 42!"), "hello, world 42!");
  EXPECT_EQ(lower_text("ÀÉÎ Ж Ⓐ Ⅷ ꭰ Ꭰ"), "àéî ж ⓐ ⅷ ꭰ ꭰ");
  EXPECT_EQ(lower_text("İstanbul"), "i\u0307stanbul") << "the one full mapping that is longer";
  EXPECT_EQ(lower_text("STRASSE straße"), "strasse straße");
  EXPECT_EQ(lower_text("日本語 😀"), "日本語 😀");
  EXPECT_EQ(lower_text(std::string("A\0B", 3)), std::string("a\0b", 3));
}

TEST(LowerText, ASigmaThatEndsAWordIsFinal) {
  EXPECT_EQ(lower_text("ΟΔΟΣ"), "οδος");
  EXPECT_EQ(lower_text("ΟΔΟΣ ΣΟΦΙΑΣ."), "οδος σοφιας.");
  EXPECT_EQ(lower_text("Σ"), "σ") << "no word before it";
  EXPECT_EQ(lower_text("1Σ"), "1σ");
  EXPECT_EQ(lower_text("ΑΣ\u0301"), "ας\u0301") << "a mark does not count";
  EXPECT_EQ(lower_text("ΑΣ'Α"), "ασ'α") << "neither does an apostrophe inside a word";
  EXPECT_EQ(lower_text("Α'Σ"), "α'ς");
  EXPECT_EQ(lower_text("ΑΣΣ"), "ασς");
}

}  // namespace
