// Split: cuts at the matches of a pattern, or (inverted) at what lies between them.
#include "base/error.hpp"
#include "tokenizer/pattern.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/pre_tokenizers/split_events.hpp"
#include "tokenizer/word_scanner.hpp"

namespace berth::tokenizer {
namespace {

// A pattern whose matches are found by hand.
class Scanned final : public Pattern {
 public:
  using EndOfWord = std::size_t (*)(std::string_view, std::size_t) noexcept;
  explicit Scanned(EndOfWord end_of_word) : end_of_word_(end_of_word) {}
  void find(std::string_view text, std::vector<Span>& matches) const override {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = end_of_word_(text, at);
      matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
      at = end;
    }
  }

 private:
  EndOfWord end_of_word_;
};

class Split final : public PreTokenizer {
 public:
  Split(std::unique_ptr<Pattern> pattern, SplitBehavior behavior, bool invert) : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(WordText& text) const override {
    for (const Span& span : text.words) {
      text.matches.clear();
      pattern_->find(text.word(span), text.matches);
      SplitEvents events(behavior_, text.next_words);
      std::uint32_t gap = span.begin;
      for (const Span& match : text.matches) {
        const std::uint32_t begin = span.begin + match.begin;
        if (gap != begin) events.add(gap, begin, invert_);
        gap = span.begin + match.end;
        events.add(begin, gap, !invert_);
      }
      if (gap != span.end) events.add(gap, span.end, invert_);
    }
    text.take_next_words();
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

std::unique_ptr<Pattern> load_split_pattern(const StageSource& source) {
  const base::JsonObject pattern = source.object.object("pattern");
  if (!pattern.has("String") && pattern.has("Regex")) {
    const std::string regex = pattern.string("Regex");
    if (regex == kGpt2Pattern) return std::make_unique<Scanned>(&end_of_gpt2_word);
    if (regex == kGpt4Pattern) return std::make_unique<Scanned>(&end_of_gpt4_word);
  }
  return load_pattern(source, "pattern");
}

}  // namespace

std::unique_ptr<PreTokenizer> load_split(const StageSource& source) {
  return std::make_unique<Split>(load_split_pattern(source), load_behavior(source, "behavior"), source.boolean("invert"));
}

}  // namespace berth::tokenizer
