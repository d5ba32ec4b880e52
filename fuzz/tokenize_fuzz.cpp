// Any text through tokenizers that use every stage: offsets stay inside the text and in order, ids inside the vocabulary.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "fuzz/fuzz.hpp"
#include "tokenizer/tokenizer.hpp"

namespace {

using berth::tokenizer::EncodeOptions;
using berth::tokenizer::Encoding;
using berth::tokenizer::Tokenizer;

Tokenizer make(const std::string& normalizer, const std::string& pre_tokenizer, const std::string& post_processor) {
  const std::string rest = R"("special": true})";
  return Tokenizer::from_json(
      R"({"added_tokens": [
        {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, )" +
          rest + R"(,
        {"id": 9, "content": "<m>", "single_word": false, "lstrip": true, "rstrip": true, "normalized": false, )" +
          rest + R"(,
        {"id": 9, "content": "ab", "single_word": true, "lstrip": true, "rstrip": false, "normalized": true, )" +
          rest + R"(],
      "normalizer": )" +
          normalizer + R"(, "pre_tokenizer": )" + pre_tokenizer + R"(, "post_processor": )" + post_processor + R"(,
      "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20,
        "vocab": {"[UNK]": 0, "[CLS]": 1, "a": 2, "##a": 3, "b": 4, "##bc": 5, "e": 6, "##e": 7, "##\u0301": 8}}})",
      "fuzz.json");
}

Tokenizer make_bert(const std::string& lowercase, const std::string& post_processor) {
  return make(
      R"({"type": "BertNormalizer", "clean_text": )" + lowercase + R"(, "handle_chinese_chars": true, "strip_accents": null, "lowercase": )" + lowercase + "}",
      R"({"type": "BertPreTokenizer"})", post_processor);
}

// A character map from "a" to "", "b" to "bee" and the letter e with an acute accent to "e".
std::string charsmap() {
  std::vector<std::uint32_t> units(256 * 6);
  const auto leaf = [&](std::size_t place, std::uint32_t block, std::uint32_t form, std::uint32_t byte) {
    units[place] = (static_cast<std::uint32_t>(place) ^ (256 * block)) << 10 | 0x100 | byte;
    units[256 * block] = 0x80000000 | form;
  };
  units[0] = 256 << 10;
  leaf(256 + 'a', 2, 0, 'a');
  leaf(256 + 'b', 3, 1, 'b');
  units[256 + 0xC3] = ((256 + 0xC3) ^ (256 * 4)) << 10 | 0xC3;
  leaf(256 * 4 + 0xA9, 5, 5, 0xA9);
  std::string bytes;
  const auto put = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  };
  put(static_cast<std::uint32_t>(4 * units.size()));
  for (const std::uint32_t unit : units) put(unit);
  bytes += std::string("\0bee\0e\0", 7);
  return berth::base::encode_base64(bytes);
}

// Every stage there is, in a few tokenizers.
std::vector<Tokenizer> make_all() {
  const std::string roberta = R"({"type": "RobertaProcessing", "sep": ["[CLS]", 1], "cls": ["[CLS]", 1], "trim_offsets": true, "add_prefix_space": true})";
  const std::string byte_level = R"({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": )";
  const auto split = [](const std::string& regex, const std::string& behavior) {
    return berth::base::Json{{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"invert", false}, {"behavior", behavior}}.dump();
  };
  const auto words = [](const std::string& list) { return R"({"type": "Sequence", "pretokenizers": [)" + list + "]}"; };
  const auto normalizers = [](const std::string& list) { return R"({"type": "Sequence", "normalizers": [)" + list + "]}"; };
  const std::string map = R"({"type": "Precompiled", "precompiled_charsmap": ")" + charsmap() + "\"}";
  std::vector<Tokenizer> all;
  all.push_back(make_bert("true", "null"));
  all.push_back(make_bert("false", roberta));
  all.push_back(make(R"({"type": "NFC"})", byte_level + "true}", roberta));
  all.push_back(
      make(R"({"type": "NFKC"})",
           words(split("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                       "Isolated") +
                 "," + byte_level + "false}"),
           R"({"type": "Sequence", "processors": [)" + byte_level + "true}]}"));
  all.push_back(make(normalizers(map + R"(, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})"),
                     R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"})", "null"));
  all.push_back(make(
      normalizers(
          R"({"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": true, "strip_right": true}, {"type": "Prepend", "prepend": "ab"})"),
      words(R"({"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "e", "split": false}, {"type": "Punctuation", "behavior": "MergedWithNext"})"),
      "null"));
  all.push_back(make(normalizers(R"({"type": "Nmt"}, {"type": "NFKD"}, {"type": "ByteLevel"}, {"type": "Replace", "pattern": {"String": ""}, "content": "a"})"),
                     words(split("\\w|x*", "Contiguous") + R"(, {"type": "Digits", "individual_digits": true}, {"type": "FixedLength", "length": 2})"),
                     "null"));
  all.push_back(make("null", words(R"({"type": "UnicodeScripts"}, {"type": "Whitespace"}, {"type": "CharDelimiterSplit", "delimiter": "e"})"), "null"));
  all.push_back(make("null", split("(a|b)+?$|\\s+(?=b)", "MergedWithPrevious"), roberta));
  return all;
}

void check(const Tokenizer& tokenizer, const Encoding& encoding, std::size_t code_points) {
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    if (begin > end || end > code_points || encoding.ids[i] < 0 || encoding.ids[i] > tokenizer.max_id()) __builtin_trap();
  }
  for (const Encoding& window : encoding.overflow) check(tokenizer, window, code_points);
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  return {"ab abc ae\xCC\x81 e\xCC\x81",
          "[CLS] a <m> ab<m>  b",
          " \t\n\u00a0\u3000a",
          "\xE6\x88\x91\xE7\x88\xB1 a\xED\x95\x9C\xEA\xB8\x80",
          "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB\xEF\xB8\x8F",
          std::string("a\0b\x01\x7f", 5),
          "\xC4\xB0\xC3\x9F\xCE\xA3 A!b?c",
          std::string(300, 'a'),
          "\xEF\xBF\xBD\xE2\x80\x8B\xE2\x80\xAE"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Tokenizer> tokenizers = make_all();
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  if (size == 0 || berth::base::find_invalid_utf8(all) != std::string_view::npos) return 0;  // the callers refuse such text
  const std::size_t code_points = berth::base::count_code_points(all);
  EncodeOptions options;
  options.truncation = berth::tokenizer::Truncation{.max_length = 12 + size % 5, .stride = 1};
  options.keep_overflow = size < 512;
  for (const Tokenizer& tokenizer : tokenizers) {
    check(tokenizer, tokenizer.encode(all), code_points);
    check(tokenizer, tokenizer.encode(all, all, options), code_points);
  }
  return 0;
}
