// Inputs as the rows that a task runs on: each is one window, or several where its text is longer than one holds.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <berth/berth.h>

#include "engine/inputs.hpp"
#include "engine/model.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::engine {

inline constexpr std::size_t kTaskRowsAtATime = 256;  // inputs, so that a long list does not sit in memory as tokens

struct WindowOptions {
  std::size_t max_length = 0;  // 0: the model's limit
  LongText long_text = LongText::truncate;
  std::size_t stride = 0;  // LongText::window: tokens that neighbouring windows share, at most half a window; 0: kDefaultStride
  // What is cut, or runs as windows. longest_first with LongText::window: of a pair's texts the longer one runs as windows, the other is in all of them.
  tokenizer::TruncationStrategy strategy = tokenizer::TruncationStrategy::longest_first;
  std::size_t rows_per_input = 1;  // so many of the inputs stand for one of the caller's: messages name that one
  TextRules text = {};
  std::size_t prompt_tokens = 0;  // that a text begins with and every window has, special ones before them included
};

struct Window {
  std::size_t input = 0;      // which of the inputs
  bool tokenized = false;     // from text; otherwise `encoding` has ids and type_ids alone
  std::size_t first_new = 0;  // token: those before it are fixed ones, or in the window before, too
  tokenizer::Encoding encoding;
  berth_input row() const;  // borrows from this
};

// In the inputs' order, a text's windows from its begin to its end. `rows` ([inputs.size()] or null) is filled: the tokens of all windows, and whether a text was cut.
// base::Error{invalid_argument, too_long} naming the input, counted from `first`.
std::vector<Window> windows_of(const Model& model, std::span<const berth_input> inputs, std::size_t first, const WindowOptions& options, berth_row* rows);

std::vector<berth_input> rows_of(std::span<const Window> windows);  // borrow

// Code points of a text by number.
class TextSpans {
 public:
  explicit TextSpans(std::string_view text);
  std::string_view slice(std::size_t begin, std::size_t end) const;  // clamped to the text

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;  // [code points + 1], bytes
};

}  // namespace berth::engine
