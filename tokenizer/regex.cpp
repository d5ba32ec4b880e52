// Regular expressions by Oniguruma, the engine of the reference (whose syntax and matches are therefore the same), in bounds.
#include <oniguruma.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "base/fork.hpp"
#include "base/utf8.hpp"
#include "tokenizer/pattern.hpp"
#include "tokenizer/regex_stand_ins.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxPattern = 16 << 10;
constexpr unsigned kMaxParseDepth = 128;
constexpr unsigned kMaxStack = 4 << 20;  // entries of some 50 bytes: patterns that keep a way back for every character of a text
// Ways back that one text may cost: several per byte are normal, many thousands are a pattern made to hang.
constexpr std::uint64_t kFreeSteps = 20'000'000;
constexpr std::uint64_t kStepsPerByte = 200;
constexpr std::uint64_t kFirstSteps = 1000;
// Going forward is not counted by the library. What stops a pattern that only does that is the clock, between windows of so many bytes.
constexpr std::size_t kWindow = 4096;
constexpr std::chrono::seconds kMaxTime{10};

base::ForkMutex compiling;  // the library keeps tables while it compiles

const OnigUChar* bytes(const char* text) { return reinterpret_cast<const OnigUChar*>(text); }

std::string message_of(int code, OnigErrorInfo* info) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int size = onig_error_code_to_str(text, code, info);
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(std::max(size, 0))};
}

struct FreeRegex {
  void operator()(OnigRegex regex) const { onig_free(regex); }
};
struct FreeRegion {
  void operator()(OnigRegion* region) const { onig_region_free(region, 1); }
};
struct FreeParam {
  void operator()(OnigMatchParam* param) const { onig_free_match_param(param); }
};
using RegexPointer = std::unique_ptr<std::remove_pointer_t<OnigRegex>, FreeRegex>;

RegexPointer compile(const std::string& pattern, const std::string& field) {
  const std::lock_guard lock(compiling);
  static const int initialized = [] {
    OnigEncoding encoding = ONIG_ENCODING_UTF8;
    const int code = onig_initialize(&encoding, 1);
    onig_set_parse_depth_limit(kMaxParseDepth);
    onig_set_warn_func(onig_null_warn);
    onig_set_verb_warn_func(onig_null_warn);
    return code;
  }();
  OnigErrorInfo info{};
  OnigRegex regex = nullptr;
  int code = initialized;
  if (code == ONIG_NORMAL) {
    code = onig_new(&regex, bytes(pattern.data()), bytes(pattern.data() + pattern.size()), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_RUBY, &info);
  }
  if (code != ONIG_NORMAL) {
    throw base::Error(base::ErrorCode::corrupt_file, field + ": " + base::quoted(pattern, 80) + " is no valid regular expression: " + message_of(code, &info));
  }
  return RegexPointer(regex);
}

class Regex final : public Pattern {
 public:
  Regex(const std::string& pattern, std::string field) : regex_(compile(pattern, field)), field_(std::move(field)) {}

  void find(std::string_view text, std::vector<Span>& matches) const override {
    std::string replaced;
    if (StandIns::instance().needed(text)) text = replaced = StandIns::instance().replace(text);
    Search search(*this, text);
    std::size_t from = 0;
    bool any = false;
    std::size_t last_end = 0;
    Span match{0, 0};
    while (from <= text.size() && search.next(from, match)) {
      if (match.begin == match.end && any && match.end == last_end) {  // an empty match right after another match does not count
        from += from < text.size() ? base::decode_utf8(text, from).length : 1;
        continue;
      }
      matches.push_back(match);
      from = last_end = match.end;
      any = true;
    }
  }

 private:
  class Search {
   public:
    Search(const Regex& regex, std::string_view text)
        : regex_(regex), text_(text), region_(onig_region_new()), param_(onig_new_match_param()), steps_left_(kFreeSteps + kStepsPerByte * text.size()) {
      if (!region_ || !param_) throw std::bad_alloc();
      onig_initialize_match_param(param_.get());
      onig_set_match_stack_limit_size_of_match_param(param_.get(), kMaxStack);
    }

    bool next(std::size_t from, Span& match) {
      for (std::size_t begin = from;; begin += kWindow) {
        const bool last = text_.size() - begin <= kWindow;
        const int place = search(begin, last ? text_.size() : begin + kWindow);
        if (place >= 0) {
          match = {static_cast<std::uint32_t>(region_->beg[0]), static_cast<std::uint32_t>(region_->end[0])};
          return true;
        }
        if (last) return false;
        if (std::chrono::steady_clock::now() > deadline_) give_up();
      }
    }

   private:
    [[noreturn]] void give_up() const {
      throw base::Error(base::ErrorCode::invalid_argument,
                        regex_.field_ + ": the regular expression takes too many steps on a text of " + std::to_string(text_.size()) + " bytes");
    }

    // Where a match begins in [begin, range), or ONIG_MISMATCH. The library does not say how many steps it took, so it begins with few.
    int search(std::size_t begin, std::size_t range) {
      const OnigUChar* start = bytes(text_.data());
      for (std::uint64_t steps = kFirstSteps;; steps *= 16) {
        steps = std::min(steps, steps_left_);
        onig_set_retry_limit_in_search_of_match_param(param_.get(), steps);
        onig_set_retry_limit_in_match_of_match_param(param_.get(), steps);
        const int code = onig_search_with_param(regex_.regex_.get(), start, start + text_.size(), start + begin, start + range, region_.get(), ONIG_OPTION_NONE,
                                                param_.get());
        if (code >= 0 || code == ONIG_MISMATCH) return code;
        const bool too_long = code == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER || code == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER;
        if (!too_long) throw base::Error(base::ErrorCode::invalid_argument, regex_.field_ + ": " + message_of(code, nullptr));
        steps_left_ -= steps;
        if (steps_left_ == 0 || std::chrono::steady_clock::now() > deadline_) give_up();
      }
    }

    const Regex& regex_;
    std::string_view text_;
    std::unique_ptr<OnigRegion, FreeRegion> region_;
    std::unique_ptr<OnigMatchParam, FreeParam> param_;
    std::uint64_t steps_left_;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + kMaxTime;
  };

  RegexPointer regex_;
  std::string field_;
};

}  // namespace

std::unique_ptr<Pattern> make_regex(const std::string& pattern, const std::string& field) {
  if (pattern.size() > kMaxPattern) {
    throw base::Error(base::ErrorCode::corrupt_file, field + ": a regular expression of " + std::to_string(pattern.size()) + " bytes: at most " +
                                                         std::to_string(kMaxPattern) + " are supported");
  }
  return std::make_unique<Regex>(pattern, field);
}

}  // namespace berth::tokenizer
