// UnicodeScripts: cuts where the script changes. Kana count as Han; characters of no script, and spaces, go with what is before them.
#include <algorithm>

#include "base/utf8.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/script_tables.hpp"

namespace berth::tokenizer {
namespace {

std::uint8_t script_of(char32_t c) {
  const auto ranges = script_ranges();
  const auto it = std::partition_point(ranges.begin(), ranges.end(), [c](const ScriptRange& range) { return range.last < c; });
  return it != ranges.end() && it->first <= c ? it->script : kAnyScript;
}

class UnicodeScripts final : public PreTokenizer {
 public:
  UnicodeScripts() {
    for (std::size_t c = 0; c < ascii_.size(); ++c) ascii_[c] = script_of(static_cast<char32_t>(c));
  }

  void apply(WordText& text) const override {
    for (const Span& word : text.words) split(text.text.text, word, text.next_words);
    text.take_next_words();
  }

 private:
  // What stands before the first character of a script belongs to no word: so it is in the reference.
  void split(std::string_view text, Span piece, std::vector<Span>& words) const {
    std::uint8_t last = kAnyScript;
    std::uint32_t begin = piece.end;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      const base::CodePoint c = base::decode_utf8(text, at);
      const std::uint8_t script = c.value < ascii_.size() ? ascii_[c.value] : script_of(c.value);
      if (script != kAnyScript && script != last) {
        if (begin < at) words.push_back({begin, at});
        begin = at;
        last = script;
      }
      at += c.length;
    }
    if (begin < piece.end) words.push_back({begin, piece.end});
  }

  std::array<std::uint8_t, 128> ascii_{};
};

}  // namespace

std::unique_ptr<PreTokenizer> load_unicode_scripts(const StageSource&) { return std::make_unique<UnicodeScripts>(); }

}  // namespace berth::tokenizer
