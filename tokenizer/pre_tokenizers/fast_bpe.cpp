// The words of PhoBERT's and BERTweet's classes.
#include "base/utf8.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

// The line feed after a word is its last character. Others of the white space between words belong to none.
class FastBpeWords final : public PreTokenizer {
 public:
  void apply(WordText& text) const override {
    for (const Span& piece : text.words) split(text.text.text, piece, text.next_words);
    text.take_next_words();
  }

 private:
  void split(std::string_view text, Span piece, std::vector<Span>& words) const {
    std::uint32_t begin = piece.begin;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      const base::CodePoint c = base::decode_utf8(text, at);
      const bool space = is_python_space(chars_, c.value);
      if (space && begin < at) words.push_back({begin, c.value == '\n' ? at + c.length : at});
      at += c.length;
      if (space) begin = at;
    }
    if (begin < piece.end) words.push_back({begin, piece.end});
  }

  const CharTable& chars_ = CharTable::instance();
};

}  // namespace

std::unique_ptr<PreTokenizer> make_fast_bpe_pre_tokenizer() { return std::make_unique<FastBpeWords>(); }

}  // namespace berth::tokenizer
