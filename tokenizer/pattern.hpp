// What Replace and Split look for: a literal text or a regular expression.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

class Pattern {
 public:
  virtual ~Pattern() = default;
  // Appends all matches in order; they do not overlap and may be empty. Throws base::Error{invalid_argument} when a regular expression takes
  // too many steps on this text.
  virtual void find(std::string_view text, std::vector<Span>& matches) const = 0;
};

// {"String": "..."} or {"Regex": "..."}
std::unique_ptr<Pattern> load_pattern(const StageSource& source, const char* key);

std::unique_ptr<Pattern> make_literal(std::string text);
// `field` names the pattern in errors: `tokenizer.json: field "pre_tokenizer.pattern.Regex"`.
std::unique_ptr<Pattern> make_regex(const std::string& pattern, const std::string& field);

}  // namespace berth::tokenizer
