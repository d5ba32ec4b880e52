// Rules of a profile at work: phrases and regular expressions looked for in a text.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fork.hpp"
#include "engine/profile/profile.hpp"

namespace berth::engine {

// What phrases and texts are compared as, and what regular expressions see: compatibility forms composed (NFKC), case folded, characters that show
// nothing (soft hyphens, zero-width spaces) left out, typographic quotes, dashes and spaces in their ASCII form, white space as one blank between words.
// `text` is valid UTF-8.
std::string normalised_for_rules(std::string_view text);

// What is wrong with a regular expression (RE2's syntax); nothing when it is good.
std::optional<std::string> pattern_problem(const std::string& pattern);

struct RuleHit {
  std::size_t rule;   // index of the profile's rules
  std::string match;  // what of the normalised text it matched
};

class RuleSet {
 public:
  explicit RuleSet(std::span<const RuleSpec> rules);  // patterns without a problem
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  // One hit for each rule that matches, in the rules' order. Time is linear in the text for every rule. Safe to call from many threads, none of which waits for
  // another's text, and in a child that is forked meanwhile.
  std::vector<RuleHit> match(std::string_view text) const;

 private:
  struct Phrase {
    std::string text;
    std::size_t rule;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>()(text); }
  };
  struct Pattern {
    std::string text;
    std::size_t rule;
  };
  struct Automata;
  class Lease;

  void match_phrases(const std::string& text, std::vector<std::string>& found, std::vector<bool>& hit) const;
  void match_patterns(const std::string& text, std::vector<std::string>& found, std::vector<bool>& hit) const;

  std::size_t rules_ = 0;
  std::unordered_map<std::string, std::vector<Phrase>, Hash, std::equal_to<>> by_first_word_;
  std::vector<Phrase> others_;  // that begin with something else than a word
  std::vector<Pattern> patterns_;
  mutable base::ForkMutex mutex_;                        // of idle_
  mutable std::vector<std::unique_ptr<Automata>> idle_;  // as many as there ever were callers at once
};

}  // namespace berth::engine
