// Any text through tokenizers that use every stage: offsets stay inside the text and in order, ids inside the vocabulary.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "fuzz/fuzz.hpp"
#include "tokenizer/tokenizer.hpp"

namespace {

using berth::tokenizer::EncodeOptions;
using berth::tokenizer::Encoding;
using berth::tokenizer::Tokenizer;

Tokenizer make(const std::string& lowercase, const std::string& post_processor) {
  const std::string rest = R"("special": true})";
  return Tokenizer::from_json(
      R"({"added_tokens": [
        {"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, )" + rest + R"(,
        {"id": 9, "content": "<m>", "single_word": false, "lstrip": true, "rstrip": true, "normalized": false, )" + rest + R"(,
        {"id": 9, "content": "ab", "single_word": true, "lstrip": true, "rstrip": false, "normalized": true, )" + rest + R"(],
      "normalizer": {"type": "BertNormalizer", "clean_text": )" + lowercase + R"(, "handle_chinese_chars": true, "strip_accents": null, "lowercase": )" +
          lowercase + R"(}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": )" + post_processor + R"(,
      "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20,
        "vocab": {"[UNK]": 0, "[CLS]": 1, "a": 2, "##a": 3, "b": 4, "##bc": 5, "e": 6, "##e": 7, "##\u0301": 8}}})",
      "fuzz.json");
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
  return {"ab abc ae\xCC\x81 e\xCC\x81", "[CLS] a <m> ab<m>  b", " \t\n\u00a0\u3000a", "\xE6\x88\x91\xE7\x88\xB1 a\xED\x95\x9C\xEA\xB8\x80",
          "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB\xEF\xB8\x8F", std::string("a\0b\x01\x7f", 5), "\xC4\xB0\xC3\x9F\xCE\xA3 A!b?c",
          std::string(300, 'a'), "\xEF\xBF\xBD\xE2\x80\x8B\xE2\x80\xAE"};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<Tokenizer, 2> tokenizers = {
      make("true", "null"),
      make("false", R"({"type": "RobertaProcessing", "sep": ["[CLS]", 1], "cls": ["[CLS]", 1], "trim_offsets": true, "add_prefix_space": false})"),
  };
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
