// FixedLength: words of so many code points.
#include <limits>

#include "base/utf8.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"

namespace berth::tokenizer {
namespace {

class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(std::uint64_t length) : length_(length) {}

  void apply(WordText& text) const override {
    for (const Span& word : text.words) {
      std::uint32_t begin = word.begin;
      std::uint64_t count = 0;
      for (std::uint32_t at = word.begin; at < word.end;) {
        at += base::decode_utf8(text.text.text, at).length;
        if (++count < length_ && at < word.end) continue;
        text.next_words.push_back({begin, at});
        begin = at;
        count = 0;
      }
    }
    text.take_next_words();
  }

 private:
  std::uint64_t length_;
};

}  // namespace

std::unique_ptr<PreTokenizer> load_fixed_length(const StageSource& source) {
  constexpr std::int64_t kDefault = 5;
  return std::make_unique<FixedLength>(static_cast<std::uint64_t>(source.object.integer_or("length", kDefault, 1, std::numeric_limits<std::int64_t>::max())));
}

}  // namespace berth::tokenizer
