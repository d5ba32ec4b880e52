// The behaviours of Split and Punctuation: what becomes of the matches of a pattern and of what lies between them.
#pragma once

#include <cstdint>
#include <vector>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// "Removed", "Isolated", ...
SplitBehavior load_behavior(const StageSource& source, const char* key);

// Takes the pieces of one word from left to right, matches and gaps, and appends the words they make.
class SplitEvents {
 public:
  SplitEvents(SplitBehavior behavior, std::vector<Span>& words) : behavior_(behavior), words_(words) {}
  ~SplitEvents() { flush(); }
  SplitEvents(const SplitEvents&) = delete;
  SplitEvents& operator=(const SplitEvents&) = delete;

  void add(std::uint32_t begin, std::uint32_t end, bool is_match) {
    switch (behavior_) {
      case SplitBehavior::removed:
        if (!is_match) put({begin, end});
        break;
      case SplitBehavior::isolated: put({begin, end}); break;
      case SplitBehavior::contiguous: extend_if(is_match == previous_, begin, end); break;
      case SplitBehavior::merged_with_previous: extend_if(is_match && !previous_, begin, end); break;
      case SplitBehavior::merged_with_next:
        // A match joins the gap after it; of several matches in a row only the last one does.
        if (!is_match && previous_ && has_open_) {
          open_.end = end;
        } else {
          flush();
          open_ = {begin, end};
          has_open_ = true;
        }
        break;
    }
    previous_ = is_match;
  }

 private:
  void put(Span span) {
    if (span.begin < span.end) words_.push_back(span);
  }
  void flush() {
    if (has_open_) put(open_);
    has_open_ = false;
  }
  void extend_if(bool extend, std::uint32_t begin, std::uint32_t end) {
    if (extend && has_open_) {
      open_.end = end;
      return;
    }
    flush();
    open_ = {begin, end};
    has_open_ = true;
  }

  SplitBehavior behavior_;
  std::vector<Span>& words_;
  bool previous_ = false;
  bool has_open_ = false;
  Span open_{0, 0};
};

}  // namespace berth::tokenizer
