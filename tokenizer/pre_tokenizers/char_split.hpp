// Pre-tokenizers that cut at code points of some kind.
#pragma once

#include "base/utf8.hpp"
#include "tokenizer/pre_tokenizers/split_events.hpp"

namespace berth::tokenizer {

// IsDelimiter: bool(char32_t). Every delimiter is a match of its own.
template <class IsDelimiter>
class CharSplit final : public PreTokenizer {
 public:
  CharSplit(IsDelimiter is_delimiter, SplitBehavior behavior) : is_delimiter_(is_delimiter), behavior_(behavior) {}

  void apply(WordText& text) const override {
    for (const Span& word : text.words) split(text.text.text, word, text.next_words);
    text.take_next_words();
  }

 private:
  void split(std::string_view text, Span word, std::vector<Span>& words) const {
    SplitEvents events(behavior_, words);
    std::uint32_t gap = word.begin;
    for (std::uint32_t at = word.begin; at < word.end;) {
      const base::CodePoint c = base::decode_utf8(text, at);
      if (is_delimiter_(c.value)) {
        if (gap < at) events.add(gap, at, false);
        events.add(at, at + c.length, true);
        gap = at + c.length;
      }
      at += c.length;
    }
    if (gap < word.end) events.add(gap, word.end, false);
  }

  IsDelimiter is_delimiter_;
  SplitBehavior behavior_;
};

}  // namespace berth::tokenizer
