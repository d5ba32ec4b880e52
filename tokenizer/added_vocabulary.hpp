// Added tokens: texts that are cut out of the input before the model sees it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

struct AddedToken {
  std::string content;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // takes the white space after it along
  bool normalized = true;    // matched in the normalized text, against its own normalized form
  bool special = false;
  bool operator==(const AddedToken&) const = default;
};

// A piece of a text: an added token, or what lies between two.
struct AddedSplit {
  Span span;
  std::int32_t id = -1;  // -1: ordinary text
};

// Finds the leftmost-longest occurrences of a fixed set of texts.
class AddedTokenMatcher {
 public:
  struct Pattern {
    std::string text;
    std::int32_t id;
    AddedToken token;  // whose flags rule
  };
  explicit AddedTokenMatcher(std::vector<Pattern> patterns);

  bool empty() const { return patterns_.empty(); }
  // Cuts `text` into added tokens and the rest; with no match, one piece. Pieces may be empty.
  void split(std::string_view text, std::vector<AddedSplit>& pieces) const;

 private:
  struct Match {
    std::size_t begin;
    std::size_t end;
    std::size_t pattern;
  };
  bool find(std::string_view text, std::size_t from, Match& match) const;
  std::size_t next_candidate(std::string_view text, std::size_t from) const;

  std::vector<Pattern> patterns_;
  PrefixTrie trie_;  // text -> index of the first pattern with that text
  std::array<bool, 256> begins_{};
  int only_first_byte_ = -1;  // when all patterns begin with one byte
};

class AddedVocabulary {
 public:
  // Gives ids as the reference does: the model's own id for a text it knows, else one past the largest in use.
  AddedVocabulary(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer);

  const AddedTokenMatcher& raw() const { return *raw_; }                            // in the text as given
  const AddedTokenMatcher& normalized() const { return *normalized_; }              // in the normalized text
  std::optional<std::int32_t> id(std::string_view text) const;                      // of an added token
  std::int32_t required_id(std::string_view text, const std::string& label) const;  // corrupt_file naming `label` when it is none
  std::string_view text(std::int32_t id) const;                                     // "" when it is none
  bool is_special(std::string_view text) const;
  std::int32_t max_id() const { return max_id_; }
  std::size_t new_tokens() const { return new_tokens_; }  // those the model does not know

 private:
  struct Known {
    AddedToken token;
    std::int32_t id;
  };
  std::unique_ptr<AddedTokenMatcher> raw_;
  std::unique_ptr<AddedTokenMatcher> normalized_;
  std::vector<std::pair<std::string, std::int32_t>> by_text_;  // sorted
  std::vector<std::pair<std::int32_t, std::string>> by_id_;    // sorted
  std::vector<std::string> specials_;                          // sorted
  std::int32_t max_id_ = -1;
  std::size_t new_tokens_ = 0;
};

}  // namespace berth::tokenizer
