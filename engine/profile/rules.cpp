#include "engine/profile/rules.hpp"

#include <re2/re2.h>
#include <utf8proc.h>

#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace berth::engine {
namespace {

// Letters, marks, digits and connectors make words; everything else stands between them.
bool is_word(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
  }
}

bool word_at(std::string_view text, std::size_t at) { return at < text.size() && is_word(base::decode_utf8(text, at).value); }

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  do --at;
  while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return word_at(text, at);
}

std::size_t word_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const auto [value, length] = base::decode_utf8(text, at);
    if (!is_word(value)) break;
    at += length;
  }
  return at;
}

bool is_space(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029 ||
         utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ZS;
}

std::string with_single_blanks(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [value, length] = base::decode_utf8(text, at);
    if (!is_space(value)) {
      out.append(text.substr(at, length));
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
    at += length;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(true);  // what it sees is case-folded
  return options;
}

// `phrase` stands at `at` with no word running on at either end.
bool stands_at(std::string_view text, std::size_t at, std::string_view phrase) {
  if (text.substr(at, phrase.size()) != phrase) return false;
  const std::size_t end = at + phrase.size();
  return !(word_at(text, at) && word_before(text, at)) && !(word_before(text, end) && word_at(text, end));
}

}  // namespace

std::string normalised_for_rules(std::string_view text) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_LUMP);
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) throw base::Error(base::ErrorCode::invalid_argument, std::string("text: ") + utf8proc_errmsg(size));
  return with_single_blanks({reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)});
}

std::optional<std::string> pattern_problem(const std::string& pattern) {
  const re2::RE2 compiled(pattern, pattern_options());
  if (!compiled.ok()) return compiled.error();
  if (re2::RE2::PartialMatch("", compiled)) return "it matches the empty text, so it would match every text";
  return std::nullopt;
}

// All patterns compiled. RE2 builds its automata while it matches, under locks that a fork() in the middle of that leaves locked in the child, and that
// callers would wait for.
struct RuleSet::Automata {
  explicit Automata(std::span<const Pattern> patterns) {
    each.reserve(patterns.size());
    for (const Pattern& pattern : patterns) each.push_back(std::make_unique<const re2::RE2>(pattern.text, pattern_options()));
  }
  std::vector<std::unique_ptr<const re2::RE2>> each;
};

// Automata that nobody else uses while this lives.
class RuleSet::Lease {
 public:
  explicit Lease(const RuleSet& rules) : rules_(rules) {
    {
      const std::lock_guard lock(rules_.mutex_);
      if (!rules_.idle_.empty()) {
        automata_ = std::move(rules_.idle_.back());
        rules_.idle_.pop_back();
        return;
      }
      rules_.idle_.reserve(rules_.idle_.capacity() + 1);  // so that giving back never allocates
    }
    automata_ = std::make_unique<Automata>(rules_.patterns_);
  }
  ~Lease() {
    const std::lock_guard lock(rules_.mutex_);
    rules_.idle_.push_back(std::move(automata_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const re2::RE2& operator[](std::size_t pattern) const { return *automata_->each[pattern]; }

 private:
  const RuleSet& rules_;
  std::unique_ptr<Automata> automata_;
};

RuleSet::RuleSet(std::span<const RuleSpec> rules) : rules_(rules.size()) {
  for (std::size_t rule = 0; rule < rules.size(); ++rule) {
    for (const std::string& phrase : rules[rule].phrases) {
      Phrase normalised{normalised_for_rules(phrase), rule};
      const std::size_t first_word = word_end(normalised.text, 0);
      if (first_word == 0) {
        others_.push_back(std::move(normalised));
      } else {
        std::string key = normalised.text.substr(0, first_word);
        by_first_word_[std::move(key)].push_back(std::move(normalised));
      }
    }
    for (const std::string& pattern : rules[rule].patterns) patterns_.push_back({pattern, rule});
  }
  if (!patterns_.empty()) idle_.push_back(std::make_unique<Automata>(patterns_));
}

RuleSet::~RuleSet() = default;

void RuleSet::match_phrases(const std::string& text, std::vector<std::string>& found, std::vector<bool>& hit) const {
  const auto take = [&](const Phrase& phrase) {
    if (hit[phrase.rule]) return;
    hit[phrase.rule] = true;
    found[phrase.rule] = phrase.text;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = word_end(text, at);
    if (end == at) {
      at += base::decode_utf8(text, at).length;
      continue;
    }
    const auto known = by_first_word_.find(std::string_view(text).substr(at, end - at));
    if (known != by_first_word_.end())
      for (const Phrase& phrase : known->second)
        if (!hit[phrase.rule] && stands_at(text, at, phrase.text)) take(phrase);
    at = end;
  }
  for (const Phrase& phrase : others_) {
    std::size_t at = hit[phrase.rule] ? std::string::npos : text.find(phrase.text);
    while (at != std::string::npos && !stands_at(text, at, phrase.text)) at = text.find(phrase.text, at + 1);
    if (at != std::string::npos) take(phrase);
  }
}

void RuleSet::match_patterns(const std::string& text, std::vector<std::string>& found, std::vector<bool>& hit) const {
  const Lease automata(*this);
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    const std::size_t rule = patterns_[i].rule;
    re2::StringPiece match;
    if (hit[rule] || !automata[i].Match(text, 0, text.size(), re2::RE2::UNANCHORED, &match, 1)) continue;
    hit[rule] = true;
    found[rule] = std::string(match.data(), match.size());
  }
}

std::vector<RuleHit> RuleSet::match(std::string_view text) const {
  std::vector<RuleHit> hits;
  if (rules_ == 0) return hits;
  const std::string normalised = normalised_for_rules(text);
  std::vector<std::string> found(rules_);
  std::vector<bool> hit(rules_, false);
  match_phrases(normalised, found, hit);
  if (!patterns_.empty()) match_patterns(normalised, found, hit);
  for (std::size_t rule = 0; rule < rules_; ++rule)
    if (hit[rule]) hits.push_back({rule, std::move(found[rule])});
  return hits;
}

}  // namespace berth::engine
