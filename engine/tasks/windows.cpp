#include "engine/tasks/windows.hpp"

#include <algorithm>
#include <exception>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "engine/inputs.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

// A token span of one text within an encoding, which windows run over; what stands before and behind it is in every window.
struct Body {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

// Of pairs the longer text is cut, unless the strategy says which.
Body body_of(const tokenizer::Encoding& whole, tokenizer::TruncationStrategy strategy) {
  const auto of = [&](std::int32_t which) {
    const auto first = std::find(whole.sequence.begin(), whole.sequence.end(), which);
    const auto last = std::find(whole.sequence.rbegin(), whole.sequence.rend(), which).base();
    return first == whole.sequence.end()
               ? Body{}
               : Body{static_cast<std::size_t>(first - whole.sequence.begin()), static_cast<std::size_t>(last - whole.sequence.begin())};
  };
  const Body first = of(0), second = of(1);
  if (strategy == tokenizer::TruncationStrategy::longest_first) return second.size() > first.size() ? second : first;
  return strategy == tokenizer::TruncationStrategy::only_first ? first : second;
}

// `whole` with the tokens [begin, end) of its body alone.
tokenizer::Encoding slice(const tokenizer::Encoding& whole, const Body& body, std::size_t begin, std::size_t end) {
  const auto cut = [&](const auto& values) {
    auto result = values;
    if (values.empty()) return result;
    const auto at = [&](std::size_t i) { return values.begin() + static_cast<std::ptrdiff_t>(i); };
    result.assign(values.begin(), at(body.begin));
    result.insert(result.end(), at(begin), at(end));
    result.insert(result.end(), at(body.end), values.end());
    return result;
  };
  tokenizer::Encoding part;
  part.ids = cut(whole.ids);
  part.type_ids = cut(whole.type_ids);
  part.special_mask = cut(whole.special_mask);
  part.offsets = cut(whole.offsets);
  part.sequence = cut(whole.sequence);
  part.words = cut(whole.words);
  return part;
}

// Of a window that the long text must have: with one token in each, a query that fills the rest would be computed anew for every token of the text.
constexpr std::size_t kLeastShare = 16;

std::vector<Window> cut_into_windows(const tokenizer::Encoding& whole, std::size_t index, const WindowOptions& options, std::size_t limit) {
  Body body = body_of(whole, options.strategy);
  body.begin = std::clamp(options.prompt_tokens, body.begin, body.end);
  const std::size_t fixed = whole.size() - body.size();
  if (fixed + limit / kLeastShare >= limit)
    throw Error(ErrorCode::too_long, input_name(index) + ": the " + std::to_string(fixed) +
                                         " tokens that every window has leave too little room for the long text in " + std::to_string(limit));
  const std::size_t room = limit - fixed;
  const std::size_t step = room - std::min(options.stride == 0 ? kDefaultStride : options.stride, room / 2);  // every window has something new
  std::vector<Window> windows;
  for (std::size_t begin = body.begin;; begin += step) {
    const std::size_t end = std::min(begin + room, body.end);
    const std::size_t first_new = begin == body.begin ? 0 : body.begin + room - step;
    windows.push_back({.tokenized = true, .first_new = first_new, .encoding = slice(whole, body, begin, end)});
    if (end == body.end) return windows;
  }
}

std::vector<Window> encode(const Model& model, const berth_input& input, std::size_t index, const WindowOptions& options, std::size_t limit) {
  const tokenizer::Tokenizer& tokenizer = *model.tokenizer();
  const PreparedText texts(input, index, options.text);
  tokenizer::EncodeOptions how;
  if (options.long_text != LongText::window)
    how.truncation = tokenizer::Truncation{.max_length = limit, .strategy = options.strategy, .side = tokenizer.truncation_side()};
  tokenizer::Encoding whole = texts.encode(tokenizer, how);
  if (options.long_text == LongText::window && whole.size() > limit) return cut_into_windows(whole, index, options, limit);
  if (whole.truncated && options.long_text == LongText::error) refuse_long_text(index, texts.encode(tokenizer, {}).size(), limit);
  std::vector<Window> windows(1);
  windows.front() = {.tokenized = true, .encoding = std::move(whole)};
  return windows;
}

}  // namespace

berth_input Window::row() const {
  berth_input row{};
  row.ids = encoding.ids.data();
  row.ids_size = encoding.ids.size();
  if (!encoding.type_ids.empty()) row.type_ids = encoding.type_ids.data();
  return row;
}

std::vector<berth_input> rows_of(std::span<const Window> windows) {
  std::vector<berth_input> rows;
  rows.reserve(windows.size());
  for (const Window& window : windows) rows.push_back(window.row());
  return rows;
}

std::vector<Window> windows_of(const Model& model, std::span<const berth_input> inputs, std::size_t first, const WindowOptions& options, berth_row* rows) {
  const std::size_t limit = options.max_length == 0 ? model.max_length() : std::min(model.max_length(), options.max_length);
  std::vector<std::vector<Window>> of_inputs(inputs.size());
  std::vector<std::exception_ptr> errors(inputs.size());
  model.compute().pool.parallel_for(inputs.size(), [&](std::size_t i, std::size_t) noexcept {
    const std::size_t index = first + i / options.rows_per_input;
    try {
      if (inputs[i].ids == nullptr) {
        if (model.tokenizer() == nullptr) throw Error(ErrorCode::invalid_argument, "the model's directory has no tokenizer files: give ids instead of text");
        of_inputs[i] = encode(model, inputs[i], index, options, limit);
        check_encoding(of_inputs[i].front().encoding, index, model.config());
      } else {
        const InputRow row = checked_ids(inputs[i], index, model.config());
        tokenizer::Encoding& encoding = of_inputs[i].emplace_back().encoding;
        encoding.ids.assign(row.ids.begin(), row.ids.end());
        encoding.type_ids.assign(row.type_ids.begin(), row.type_ids.end());
      }
    } catch (...) {
      errors[i] = std::current_exception();
    }
  });
  std::vector<Window> windows;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (errors[i]) std::rethrow_exception(errors[i]);
    berth_row row{.tokens = 0, .truncated = 0, .windows = static_cast<std::uint32_t>(of_inputs[i].size())};
    for (Window& window : of_inputs[i]) {
      row.tokens += static_cast<std::uint32_t>(window.encoding.size());
      row.truncated |= window.encoding.truncated ? 1U : 0U;
      window.input = i;
      windows.push_back(std::move(window));
    }
    if (rows != nullptr) rows[i] = row;
  }
  return windows;
}

TextSpans::TextSpans(std::string_view text) : text_(text) {
  for (std::size_t at = 0; at < text.size(); at += base::decode_utf8(text, at).length) starts_.push_back(at);
  starts_.push_back(text.size());
}

std::string_view TextSpans::slice(std::size_t begin, std::size_t end) const {
  const std::size_t last = starts_.size() - 1;
  const std::size_t from = starts_[std::min(begin, last)], to = starts_[std::min(end, last)];
  return text_.substr(from, to > from ? to - from : 0);
}

}  // namespace berth::engine
