// Replaces the matches of patterns in one text after another.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/pattern.hpp"

namespace berth::tokenizer {

class TextReplacer {
 public:
  TextReplacer(std::unique_ptr<Pattern> pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  TextReplacer(const char* text, const char* content) : TextReplacer(make_literal(text), content) {}

  void apply(std::string& text) const { apply(text, content_); }
  void apply(std::string& text, std::string_view content) const {
    std::vector<Span> matches;
    pattern_->find(text, matches);
    if (matches.empty()) return;
    std::string result;
    std::size_t done = 0;
    for (const Span& match : matches) {
      result.append(text, done, match.begin - done).append(content);
      done = match.end;
    }
    text = result.append(text, done);
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

// " ." to "." and the like: what English needs after words were joined with spaces.
void clean_up(std::string& text);

}  // namespace berth::tokenizer
