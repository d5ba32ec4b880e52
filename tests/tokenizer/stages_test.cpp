// Stages on their own: files that are refused, texts made to be slow, and the scanners written by hand against the regular expressions they stand for.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tests/tokenizer/fingerprint.hpp"
#include "tests/support/repeated.hpp"
#include "tokenizer/byte_alphabet.hpp"
#include "tokenizer/grapheme.hpp"
#include "tokenizer/pattern.hpp"
#include "tokenizer/stages.hpp"
#include "tokenizer/word_scanner.hpp"

namespace berth::tokenizer {
namespace {

using test::repeated;

StageSource source_of(const base::Json& json, const std::string& path) { return {base::JsonObject(json, "tokenizer.json", path), path}; }

std::unique_ptr<Normalizer> normalizer(const std::string& text) {
  const base::Json json = base::parse_json(text, "tokenizer.json");
  return make_normalizer(source_of(json, "normalizer"));
}

std::unique_ptr<PreTokenizer> pre_tokenizer(const std::string& text) {
  const base::Json json = base::parse_json(text, "tokenizer.json");
  return make_pre_tokenizer(source_of(json, "pre_tokenizer"));
}

std::string normalize(const Normalizer& stage, std::string_view text) {
  NormalizedText out;
  NormalizerScratch scratch;
  stage.apply({text, nullptr, 0}, out, scratch);
  EXPECT_EQ(out.text.size(), out.origin.size());
  return out.text;
}

std::vector<std::string> words(const PreTokenizer& stage, std::string_view text) {
  WordText words;
  copy_text({text, nullptr, 0}, words.text);
  words.words.assign(1, {0, static_cast<std::uint32_t>(text.size())});
  stage.apply(words);
  std::vector<std::string> result;
  for (const Span& word : words.words) result.emplace_back(words.word(word));
  return result;
}

// The message with which loading fails.
template <class Load>
std::string refusal(Load&& load, const std::string& json) {
  try {
    load(json);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string charsmap(std::uint32_t size, const std::vector<std::uint32_t>& units, const std::string& forms) {
  std::string bytes;
  const auto put = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  };
  put(size);
  for (const std::uint32_t unit : units) put(unit);
  return R"({"type": "Precompiled", "precompiled_charsmap": ")" + base::encode_base64(bytes + forms) + "\"}";
}

TEST(Stages, CraftedFilesAreRefused) {
  struct Case {
    const char* json;
    const char* message;
  };
  const Case normalizers[] = {
      {R"({"type": "Strip", "strip_left": true})", "\"normalizer.strip_right\": expected true or false"},
      {R"({"type": "Replace", "pattern": {"String": "a"}})", "\"normalizer.content\""},
      {R"({"type": "Replace", "pattern": "a", "content": ""})", "\"normalizer.pattern\""},
      {R"({"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""})", "\"normalizer.pattern.Regex\": \"(a\" is no valid regular expression"},
      {R"({"type": "Replace", "pattern": {"Regex": "a", "String": "b"}, "content": ""})", "\"normalizer.pattern\""},
      {R"({"type": "Prepend"})", "\"normalizer.prepend\""},
      {R"({"type": "Precompiled"})", "\"normalizer.precompiled_charsmap\""},
      {R"({"type": "Precompiled", "precompiled_charsmap": "*"})", "\"normalizer.precompiled_charsmap\": is not base64"},
      {R"({"type": "Precompiled", "precompiled_charsmap": ""})", "\"normalizer.precompiled_charsmap\": a character map of 0 bytes"},
      {R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFQ"}]})", "\"normalizer.normalizers[1].type\": \"NFQ\" is not supported"},
  };
  for (const auto& [json, message] : normalizers)
    EXPECT_NE(refusal(normalizer, json).find(message), std::string::npos) << json << "\n" << refusal(normalizer, json);
  const Case pre_tokenizers[] = {
      {R"({"type": "Metaspace"})", "\"pre_tokenizer.replacement\""},
      {R"({"type": "Metaspace", "replacement": "ab"})", "\"pre_tokenizer.replacement\": expected one character, got \"ab\""},
      {R"({"type": "Metaspace", "replacement": ""})", "\"pre_tokenizer.replacement\": expected one character"},
      {R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"})", "\"pre_tokenizer.prepend_scheme\""},
      {R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "add_prefix_space": false})", "\"pre_tokenizer.add_prefix_space\""},
      {R"({"type": "ByteLevel"})", "expected true or false"},
      {R"({"type": "Digits"})", "\"pre_tokenizer.individual_digits\""},
      {R"({"type": "Punctuation", "behavior": "isolated"})", "\"pre_tokenizer.behavior\""},
      {R"({"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated"})", "\"pre_tokenizer.invert\""},
      {R"({"type": "Split", "pattern": {}, "behavior": "Isolated", "invert": false})", "\"pre_tokenizer.pattern\""},
      {R"({"type": "FixedLength", "length": 0})", "\"pre_tokenizer.length\""},
      {R"({"type": "FixedLength", "length": -1})", "\"pre_tokenizer.length\""},
      {R"({"type": "CharDelimiterSplit", "delimiter": "--"})", "\"pre_tokenizer.delimiter\""},
  };
  for (const auto& [json, message] : pre_tokenizers)
    EXPECT_NE(refusal(pre_tokenizer, json).find(message), std::string::npos) << json << "\n" << refusal(pre_tokenizer, json);
  EXPECT_NE(refusal(pre_tokenizer, R"({"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex": ")" + std::string(5000, '(') + "\"}}")
                .find("no valid"),
            std::string::npos);
}

TEST(Stages, CharacterMapsThatPointOutsideAreRefused) {
  const auto load = [](const std::string& json) { return refusal(normalizer, json); };
  EXPECT_NE(load(charsmap(0, {}, "")).find("a trie of 0 bytes"), std::string::npos);
  EXPECT_NE(load(charsmap(6, {0, 0}, "")).find("a trie of 6 bytes"), std::string::npos);
  EXPECT_NE(load(charsmap(0xFFFFFFFC, {0}, "")).find("a trie of 4294967292 bytes"), std::string::npos);
  EXPECT_NE(load(charsmap(4, {0x00010541}, "")).find("a trie whose root has the label 65"), std::string::npos);  // a walk along 'A' ends in the root
  std::vector<std::uint32_t> units(512);
  units[0] = 256 << 10;
  units[256 + 'a'] = (1 << 10) | 0x100 | 'a';
  units[(256 + 'a') ^ 1] = 0x80000000 | 2;
  EXPECT_EQ(load(charsmap(2048, units, std::string("x\0y", 4))), "accepted");
  EXPECT_NE(load(charsmap(2048, units, "x")).find("a normalized form at byte 2 of 1"), std::string::npos);
  EXPECT_NE(load(charsmap(2048, units, "x\u4e2d")).find("a normalized form at byte 2"), std::string::npos);
  EXPECT_NE(load(charsmap(2048, units, "xx\xff")).find("not valid UTF-8"), std::string::npos);
  units[256 + 'a'] = (1 << 20) | 0x100 | 'a';
  EXPECT_NE(load(charsmap(2048, units, "xyz")).find("a normalized form"), std::string::npos);
  units[256 + 'a'] = ('a' << 10) | 'a';  // leads back to its own block
  EXPECT_EQ(load(charsmap(2048, units, "xyz")), "accepted");
}

// Seconds are far more than any of these takes, and far less than a quadratic one would.
TEST(Stages, MegabyteTextsStayLinear) {
  const std::string texts[] = {repeated(" ", 1 << 20),
                               repeated(" ", 1 << 20) + "a",
                               repeated("\u0301", 1 << 20),
                               "e" + repeated("\u0316\u0301", 1 << 20),
                               repeated("\U0001F600", 1 << 20),
                               repeated("a", 1 << 20),
                               repeated("\n ", 1 << 20),
                               repeated("\u1100\u1161", 1 << 20),
                               repeated("\u0600", 1 << 20),
                               repeated("'", 1 << 20),
                               repeated("\U0001F469\u200D", 1 << 20),
                               repeated("1", 1 << 20)};
  std::vector<std::unique_ptr<Normalizer>> normalizers;
  for (const char* type : {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"})
    normalizers.push_back(normalizer(R"({"type": ")" + std::string(type) + "\"}"));
  normalizers.push_back(normalizer(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})"));
  normalizers.push_back(normalizer(R"({"type": "Strip", "strip_left": true, "strip_right": true})"));
  std::vector<std::unique_ptr<PreTokenizer>> pre_tokenizers;
  for (const char* json :
       {R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true})", R"({"type": "Metaspace", "replacement": "_"})", R"({"type": "Whitespace"})",
        R"({"type": "UnicodeScripts"})", R"({"type": "Split", "pattern": {"Regex": "\\s+|\\w+"}, "behavior": "Isolated", "invert": false})",
        R"({"type": "Punctuation", "behavior": "MergedWithNext"})"}) {
    pre_tokenizers.push_back(pre_tokenizer(json));
  }
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& text : texts) {
    for (const auto& stage : normalizers) normalize(*stage, text);
    for (const auto& stage : pre_tokenizers) words(*stage, text);
    for (std::size_t at = 0; at < text.size();) at = end_of_gpt4_word(text, at);
    for (std::size_t at = 0; at < text.size();) at = end_of_cluster(text, at);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

TEST(Stages, RegularExpressionsMadeToHangGiveUp) {
  for (const char* regex : {"(a+)+$", "(a|aa)+$", "(.*)*x", "(a*)*(a*)*(a*)*b"}) {
    const auto pattern = make_regex(regex, "tokenizer.json: field \"pre_tokenizer.pattern.Regex\"");
    std::vector<Span> matches;
    try {
      pattern->find(repeated("a", 40) + "!", matches);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("too many steps on a text of 41 bytes"), std::string::npos) << error.what();
    }
  }
}

// Random texts of what matters to the patterns; the library's matches are the truth.
TEST(Stages, ScannersEqualTheirPatterns) {
  const std::vector<std::string> parts = {"a",      "B",      "é",  "中", "1",      "²",      "Ⅷ",
                                          "٣",      " ",      " ",  "  ", "\n",     "\r",     "\t",
                                          "\u00a0", "\u2028", "'",  "'",  "s",      "S",      "t",
                                          "re",     "VE",     "ll", "lL", "d",      "m",      "ſ",
                                          ".",      "!?",     "_",  "😀",  "\u0301", "\u200d", std::string(1, '\0'),
                                          "\u0085", "K"};
  const auto gpt2 = make_regex(std::string(kGpt2Pattern), "gpt2");
  const auto gpt4 = make_regex(std::string(kGpt4Pattern), "gpt4");
  testing::Random random(7);
  const auto scan = [](auto&& end_of_word, std::string_view text) {
    std::vector<std::string> result;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = end_of_word(text, at);
      result.emplace_back(text.substr(at, end - at));
      at = end;
    }
    return result;
  };
  const auto match = [](const Pattern& pattern, std::string_view text) {
    std::vector<Span> spans;
    pattern.find(text, spans);
    std::vector<std::string> result;
    for (const Span& span : spans) result.emplace_back(text.substr(span.begin, span.end - span.begin));
    return result;
  };
  for (int i = 0; i < 50000; ++i) {
    std::string text;
    for (std::uint32_t length = 1 + random.below(12); length > 0; --length) text += parts[random.below(static_cast<std::uint32_t>(parts.size()))];
    ASSERT_EQ(scan(end_of_gpt2_word, text), match(*gpt2, text)) << base::quoted(text);
    ASSERT_EQ(scan(end_of_gpt4_word, text), match(*gpt4, text)) << base::quoted(text);
    if (text[0] == ' ') continue;
    const std::size_t first = end_of_gpt2_word_after_space(text);
    ASSERT_EQ(first + 1, end_of_gpt2_word(" " + text, 0)) << base::quoted(text);
  }
}

TEST(Stages, EveryByteHasAForm) {
  for (int byte = 0; byte < 256; ++byte) {
    const ByteForm form = byte_forms()[static_cast<std::size_t>(byte)];
    const std::string text(form.text, form.size);
    EXPECT_EQ(byte_of(base::decode_utf8(text, 0).value), byte);
  }
  EXPECT_EQ(byte_of(U' '), -1);
  EXPECT_EQ(byte_of(0x120), ' ');
  EXPECT_EQ(byte_of(0x144), -1);
}

}  // namespace
}  // namespace berth::tokenizer
