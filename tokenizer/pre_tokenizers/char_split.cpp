// WhitespaceSplit, Punctuation, Digits and CharDelimiterSplit.
#include "tokenizer/pre_tokenizers/char_split.hpp"

#include <array>

#include "base/error.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

template <class IsDelimiter>
std::unique_ptr<PreTokenizer> make_char_split(IsDelimiter is_delimiter, SplitBehavior behavior) {
  return std::make_unique<CharSplit<IsDelimiter>>(is_delimiter, behavior);
}

auto has_flag(unsigned flag) {
  return [flag, &chars = CharTable::instance()](char32_t c) { return chars.has(c, flag); };
}

}  // namespace

SplitBehavior load_behavior(const StageSource& source, const char* key) {
  static constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kNames = {{
      {"Removed", SplitBehavior::removed},
      {"Isolated", SplitBehavior::isolated},
      {"MergedWithPrevious", SplitBehavior::merged_with_previous},
      {"MergedWithNext", SplitBehavior::merged_with_next},
      {"Contiguous", SplitBehavior::contiguous},
  }};
  const std::string name = source.object.string(key);
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  source.object.fail(key, "expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

std::unique_ptr<PreTokenizer> load_whitespace_split(const StageSource&) { return make_char_split(has_flag(kSpace), SplitBehavior::removed); }

std::unique_ptr<PreTokenizer> load_punctuation(const StageSource& source) {
  return make_char_split(has_flag(kPunctuation), source.object.has("behavior") ? load_behavior(source, "behavior") : SplitBehavior::isolated);
}

std::unique_ptr<PreTokenizer> load_digits(const StageSource& source) {
  return make_char_split(has_flag(kNumeric), source.boolean("individual_digits") ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

std::unique_ptr<PreTokenizer> load_char_delimiter_split(const StageSource& source) {
  const char32_t delimiter = source.character("delimiter");
  return make_char_split([delimiter](char32_t c) { return c == delimiter; }, SplitBehavior::removed);
}

}  // namespace berth::tokenizer
