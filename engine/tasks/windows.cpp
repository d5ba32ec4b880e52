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

std::string_view view(const berth_string& text) { return {text.data == nullptr ? "" : text.data, text.data == nullptr ? 0 : text.size}; }

// A stride that leaves every window something new of what is cut into windows.
std::size_t usable_stride(const tokenizer::Encoding& whole, const WindowOptions& options, std::size_t limit) {
  const bool first_is_cut = options.strategy != tokenizer::TruncationStrategy::only_second;
  const auto fixed = static_cast<std::size_t>(
      std::count_if(whole.sequence.begin(), whole.sequence.end(), [&](std::int32_t sequence) { return sequence != (first_is_cut ? 0 : 1); }));
  const std::size_t room = limit > fixed ? limit - fixed : 0;
  return std::min(*options.stride, room / 2);
}

tokenizer::Encoding encode(const tokenizer::Tokenizer& tokenizer, const berth_input& input, const WindowOptions& options, std::size_t limit) {
  const auto run = [&](const tokenizer::EncodeOptions& how) {
    return input.text_pair.data == nullptr ? tokenizer.encode(view(input.text), how) : tokenizer.encode(view(input.text), view(input.text_pair), how);
  };
  tokenizer::EncodeOptions how;
  tokenizer::Truncation truncation{.max_length = limit, .strategy = options.strategy, .side = tokenizer.truncation_side()};
  if (options.stride) {
    tokenizer::Encoding whole = run(how);
    if (whole.size() <= limit) return whole;
    truncation.stride = usable_stride(whole, options, limit);
    how.keep_overflow = true;
  }
  how.truncation = truncation;
  return run(how);
}

void check_text(const berth_input& input, std::size_t index) {
  checked_text(input.text, "text", index);
  if (input.text_pair.data != nullptr) checked_text(input.text_pair, "text_pair", index);
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
  std::vector<tokenizer::Encoding> encodings(inputs.size());
  std::vector<std::exception_ptr> errors(inputs.size());
  model.compute().pool.parallel_for(inputs.size(), [&](std::size_t i, std::size_t) noexcept {
    try {
      if (inputs[i].ids == nullptr) {
        if (model.tokenizer() == nullptr)
          throw Error(ErrorCode::invalid_argument, "the model's directory has no tokenizer files: give ids instead of text");
        check_text(inputs[i], first + i);
        encodings[i] = encode(*model.tokenizer(), inputs[i], options, limit);
        check_encoding(encodings[i], first + i, model.config());
      } else {
        const InputRow row = checked_ids(inputs[i], first + i, model.config());
        encodings[i].ids.assign(row.ids.begin(), row.ids.end());
        encodings[i].type_ids.assign(row.type_ids.begin(), row.type_ids.end());
      }
    } catch (...) {
      errors[i] = std::current_exception();
    }
  });
  std::vector<Window> windows;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (errors[i]) std::rethrow_exception(errors[i]);
    const bool tokenized = inputs[i].ids == nullptr;
    std::vector<tokenizer::Encoding> overflow = std::move(encodings[i].overflow);
    const bool cut = encodings[i].truncated && !options.stride;
    std::size_t tokens = encodings[i].size();
    windows.push_back({.input = i, .tokenized = tokenized, .encoding = std::move(encodings[i])});
    for (tokenizer::Encoding& more : overflow) {
      tokens += more.size();
      windows.push_back({.input = i, .tokenized = tokenized, .encoding = std::move(more)});
    }
    if (rows != nullptr) rows[i] = {.tokens = static_cast<std::uint32_t>(tokens), .truncated = cut ? 1U : 0U};
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
