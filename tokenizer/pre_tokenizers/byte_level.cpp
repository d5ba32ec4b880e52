// ByteLevel: words by GPT-2's pattern, and every byte as a code point of the byte-level alphabet.
#include "tokenizer/byte_alphabet.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/word_scanner.hpp"

namespace berth::tokenizer {
namespace {

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}

  void apply(WordText& text) const override {
    {
      NormalizedWriter writer(text.next_text);
      writer.reserve(2 * text.text.text.size() + 2 * text.words.size() + 2);
      const char* const start = writer.text();  // nothing below needs more room
      for (const Span& span : text.words) {
        const std::string_view word = text.word(span);
        const Offset* origin = text.text.origin.data() + span.begin;
        const auto put = [&](std::size_t begin, std::size_t end, bool prefix) {
          const auto before = static_cast<std::uint32_t>(writer.text() - start);
          if (prefix) put_byte_forms(" ", origin, writer);
          put_byte_forms(word.substr(begin, end - begin), origin + begin, writer);
          text.next_words.push_back({before, static_cast<std::uint32_t>(writer.text() - start)});
        };
        const bool prefix = add_prefix_space_ && word[0] != ' ';
        std::size_t begin = 0;
        if (!use_regex_) {
          put(0, word.size(), prefix);
          continue;
        }
        if (prefix) put(0, begin = end_of_gpt2_word_after_space(word), true);
        while (begin < word.size()) {
          const std::size_t end = end_of_gpt2_word(word, begin);
          put(begin, end, false);
          begin = end;
        }
      }
    }
    text.take_next_text();
    text.take_next_words();
  }

 private:
  bool add_prefix_space_;
  bool use_regex_;
};

}  // namespace

std::unique_ptr<PreTokenizer> load_byte_level_pre_tokenizer(const StageSource& source) {
  source.boolean("trim_offsets");  // the post-processor's; there it is asked for
  return std::make_unique<ByteLevel>(source.boolean("add_prefix_space"), source.object.boolean_or("use_regex", true));
}

}  // namespace berth::tokenizer
