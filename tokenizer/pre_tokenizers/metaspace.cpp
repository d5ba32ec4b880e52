// Metaspace: a visible character for every space, perhaps one before the word, and a cut before each.
#include <algorithm>

#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

enum class PrependScheme { first, never, always };

class Metaspace final : public PreTokenizer {
 public:
  Metaspace(char32_t replacement, PrependScheme scheme, bool split) : scheme_(scheme), split_(split), size_(put_utf8(mark_, replacement)) {}

  void apply(WordText& text) const override {
    {
      NormalizedWriter writer(text.next_text);
      writer.reserve(text.text.text.size() + 4 * text.words.size() + 16);
      std::uint32_t size = 0;  // of what was written
      for (const Span& word : text.words) size = write(text, word, writer, size);
    }
    text.take_next_text();
    text.take_next_words();
  }

 private:
  std::string_view mark() const { return {mark_, size_}; }

  std::uint32_t put_mark(NormalizedWriter& writer, Offset origin) const {
    writer.reserve(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      writer.text()[i] = mark_[i];
      writer.origin()[i] = origin;
    }
    writer.advance(size_);
    return static_cast<std::uint32_t>(size_);
  }

  // Returns the size of the new text after the word.
  std::uint32_t write(WordText& text, Span span, NormalizedWriter& writer, std::uint32_t size) const {
    const std::string_view word = text.word(span);
    const Offset* origin = text.text.origin.data() + span.begin;
    std::uint32_t begin = size;  // of the word being written
    const auto cut = [&] {
      if (split_ && begin < size) {
        text.next_words.push_back({begin, size});
        begin = size;
      }
    };
    const bool has_mark = word[0] == ' ' || word.starts_with(mark());
    const bool at_start = (origin[0] & ~NormalizedText::kInserted) == 0;
    if (!has_mark && (scheme_ == PrependScheme::always || (scheme_ == PrependScheme::first && at_start))) size += put_mark(writer, origin[0]);
    for (std::size_t at = 0; at < word.size();) {
      if (word[at] == ' ') {
        cut();
        size += put_mark(writer, origin[at]);
        ++at;
        continue;
      }
      if (word.substr(at).starts_with(mark())) {
        cut();
        size += put_mark(writer, origin[at]);
        at += size_;
        continue;
      }
      // Up to the next code point that may be one of those.
      std::size_t end = at + 1;
      while (end < word.size() && word[end] != ' ' && word[end] != mark_[0]) ++end;
      writer.reserve(end - at);
      std::copy_n(word.data() + at, end - at, writer.text());
      std::copy_n(origin + at, end - at, writer.origin());
      writer.advance(end - at);
      size += static_cast<std::uint32_t>(end - at);
      at = end;
    }
    text.next_words.push_back({begin, size});
    return size;
  }

  PrependScheme scheme_;
  bool split_;
  char mark_[4] = {};
  std::size_t size_;
};

PrependScheme load_scheme(const StageSource& source) {
  const std::string name = source.object.string_or("prepend_scheme", "always");
  if (name == "first") return PrependScheme::first;
  if (name == "never") return PrependScheme::never;
  if (name == "always") return PrependScheme::always;
  source.object.fail("prepend_scheme", "expected first, never or always");
}

}  // namespace

std::unique_ptr<PreTokenizer> load_metaspace(const StageSource& source) {
  PrependScheme scheme = load_scheme(source);
  // Files older than prepend_scheme have add_prefix_space. (The reference refuses those with `false`, which can only mean one thing.)
  if (source.object.has("add_prefix_space") && !source.boolean("add_prefix_space")) {
    if (source.object.has("prepend_scheme") && scheme != PrependScheme::never) {
      source.object.fail("add_prefix_space", "false contradicts prepend_scheme " + source.object.string("prepend_scheme"));
    }
    scheme = PrependScheme::never;
  }
  return std::make_unique<Metaspace>(source.character("replacement"), scheme, source.object.boolean_or("split", true));
}

}  // namespace berth::tokenizer
