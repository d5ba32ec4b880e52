// Whitespace: runs of word characters, and runs of what is neither a word character nor white space.
#include "base/utf8.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

class Whitespace final : public PreTokenizer {
 public:
  void apply(WordText& text) const override {
    for (const Span& word : text.words) split(text.text.text, word, text.next_words);
    text.take_next_words();
  }

 private:
  enum class Kind { space, word, other };

  Kind kind(char32_t c) const {
    const unsigned flags = chars_[c].flags;
    return (flags & kWordCharacter) != 0 ? Kind::word : (flags & kSpace) != 0 ? Kind::space : Kind::other;
  }

  void split(std::string_view text, Span piece, std::vector<Span>& words) const {
    std::uint32_t begin = piece.begin;
    Kind before = Kind::space;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      const base::CodePoint c = base::decode_utf8(text, at);
      const Kind now = kind(c.value);
      if (now != before) {
        if (before != Kind::space) words.push_back({begin, at});
        begin = at;
        before = now;
      }
      at += c.length;
    }
    if (before != Kind::space) words.push_back({begin, piece.end});
  }

  const CharTable& chars_ = CharTable::instance();
};

}  // namespace

std::unique_ptr<PreTokenizer> load_whitespace(const StageSource&) { return std::make_unique<Whitespace>(); }

}  // namespace berth::tokenizer
