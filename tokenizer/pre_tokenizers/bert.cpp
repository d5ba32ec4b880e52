// BertPreTokenizer: words are separated by white space, and every punctuation character is a word of its own.
#include <array>

#include "base/utf8.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

class BertPreTokenizer final : public PreTokenizer {
 public:
  BertPreTokenizer() : chars_(CharTable::instance()) {
    for (unsigned c = 0; c < 128; ++c) ascii_[c] = chars_[c].flags & (kSpace | kPunctuation);
  }

  void apply(WordText& text) const override {
    for (const Span& word : text.words) split(text.text.text, word, text.next_words);
    text.take_next_words();
  }

 private:
  void split(std::string_view text, Span piece, std::vector<Span>& words) const {
    std::uint32_t begin = piece.begin;
    std::uint32_t at = piece.begin;
    while (at < piece.end) {
      unsigned flags = 0;
      std::uint32_t length = 1;
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte < 0x80) {
        flags = ascii_[byte];
      } else {
        const base::CodePoint c = base::decode_utf8(text, at);
        flags = chars_[c.value].flags & (kSpace | kPunctuation);
        length = c.length;
      }
      if (flags != 0) {
        if (begin < at) words.push_back({begin, at});
        if ((flags & kSpace) == 0) words.push_back({at, at + length});
        begin = at + length;
      }
      at += length;
    }
    if (begin < at) words.push_back({begin, at});
  }

  const CharTable& chars_;
  std::array<unsigned, 128> ascii_{};
};

}  // namespace

std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer() { return std::make_unique<BertPreTokenizer>(); }
std::unique_ptr<PreTokenizer> load_bert_pre_tokenizer(const StageSource&) { return make_bert_pre_tokenizer(); }

}  // namespace berth::tokenizer
