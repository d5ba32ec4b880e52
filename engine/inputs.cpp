#include "engine/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/lower_text.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

// As the model is to see it. What a text makes the tokenizer refuse is known to it, but not which of the texts it was.
tokenizer::Encoding tokenize(const tokenizer::Tokenizer& tokenizer, std::string_view text, std::optional<std::string_view> pair,
                             const tokenizer::EncodeOptions& options, std::size_t index) {
  try {
    return as_seen(tokenizer, pair ? tokenizer.encode(text, *pair, options) : tokenizer.encode(text, options));
  } catch (const Error& error) {
    throw Error(error.code(), input_name(index) + ": " + error.what());
  }
}

// Static models have no special tokens, and what is too long is cut after tokens were left out.
tokenizer::Encoding encode_own_tokens(std::string_view text, const berth_input& input, std::size_t index, const InputRules& rules) {
  if (input.text_pair.data != nullptr) throw Error(ErrorCode::invalid_argument, input_name(index) + ": a static model takes single texts, not pairs");
  std::string prompted;
  if (!rules.prompt.empty()) text = prompted = std::string(rules.prompt).append(text);
  std::size_t end = text.size();
  if (rules.max_code_points > 0) {
    end = 0;
    for (std::size_t i = 0; i < rules.max_code_points && end < text.size(); ++i) end += base::decode_utf8(text, end).length;
  }
  tokenizer::EncodeOptions options{.add_special_tokens = false, .truncation = rules.tokenizer->file_truncation()};
  if (!rules.cut_by_file) options.truncation = {.max_length = rules.max_length, .side = rules.side.value_or(rules.tokenizer->truncation_side())};
  const tokenizer::Encoding all = tokenize(*rules.tokenizer, text.substr(0, end), std::nullopt, options, index);
  tokenizer::Encoding kept;
  kept.truncated = end < text.size() || all.truncated;
  for (std::size_t t = 0; t < all.ids.size(); ++t) {
    if (rules.dropped && all.ids[t] == *rules.dropped) continue;
    if (kept.ids.size() == rules.max_length) {
      kept.truncated = true;
      break;
    }
    kept.ids.push_back(all.ids[t]);
    kept.type_ids.push_back(all.type_ids[t]);
  }
  if (kept.truncated && rules.long_text == LongText::error) {
    const std::size_t limit = options.truncation ? std::min(rules.max_length, options.truncation->max_length) : rules.max_length;
    options.truncation.reset();
    refuse_long_text(index, tokenize(*rules.tokenizer, text, std::nullopt, options, index).size(), limit);
  }
  return kept;
}

tokenizer::Encoding encode(const berth_input& input, std::size_t index, const InputRules& rules) {
  if (rules.only_own_tokens) return encode_own_tokens(checked_text(input.text, "text", index), input, index, rules);
  const PreparedText texts(input, index, {.prompt = rules.prompt, .strip = rules.strip_text, .lower = rules.lower_text});
  const std::size_t marks = rules.marker && rules.max_length > 0 ? 1 : 0;
  tokenizer::EncodeOptions options;
  options.truncation = tokenizer::Truncation{.max_length = rules.max_length - marks, .side = rules.side.value_or(rules.tokenizer->truncation_side())};
  tokenizer::Encoding encoding = texts.encode(*rules.tokenizer, options);
  if (encoding.truncated && rules.long_text == LongText::error) refuse_long_text(index, texts.encode(*rules.tokenizer, {}).size() + marks, rules.max_length);
  return encoding;
}

// Adds what late-interaction models have besides the text; returns how many tokens are seen.
std::size_t add_marks(const InputRules& rules, tokenizer::Encoding& encoding) {
  const auto insert = [&encoding](std::size_t at, std::size_t count, std::int32_t id) {
    encoding.ids.insert(encoding.ids.begin() + static_cast<std::ptrdiff_t>(at), count, id);
    encoding.type_ids.insert(encoding.type_ids.begin() + static_cast<std::ptrdiff_t>(at), count, 0);
  };
  if (rules.marker) insert(std::min<std::size_t>(1, encoding.ids.size()), 1, *rules.marker);
  const std::size_t tokens = encoding.ids.size();
  if (tokens >= rules.fill_length) return 0;
  insert(tokens, rules.fill_length - tokens, rules.fill_id);
  return rules.fill_attended ? 0 : tokens;
}

}  // namespace

tokenizer::Encoding as_seen(const tokenizer::Tokenizer& tokenizer, tokenizer::Encoding encoding) {
  if (!tokenizer.gives_types()) std::fill(encoding.type_ids.begin(), encoding.type_ids.end(), 0);
  return encoding;
}

std::string input_name(std::size_t index) { return "input " + std::to_string(index); }

Error with_input_named(const Error& error, const std::function<std::string(std::size_t)>& name) {
  constexpr std::string_view kWord = "input ";
  const std::string_view message = error.what();
  std::size_t index = 0;
  if (!message.starts_with(kWord)) return error;
  const auto [end, problem] = std::from_chars(message.data() + kWord.size(), message.data() + message.size(), index);
  if (problem != std::errc()) return error;
  return Error(error.code(), name(index).append(end, message.data() + message.size()));
}

PreparedText::PreparedText(const berth_input& input, std::size_t index, const TextRules& rules) : index_(index) {
  const auto prepare = [&rules](std::string_view given, std::string& lower_case) -> std::string_view {
    if (rules.strip) given = strip(given);
    if (!rules.lower) return given;
    return lower_case = tokenizer::lower_text(given);
  };
  std::string_view text = checked_text(input.text, "text", index);
  if (!rules.prompt.empty()) text = prompted_ = std::string(rules.prompt).append(text);
  text_ = prepare(text, lower_case_text_);
  if (input.text_pair.data != nullptr) pair_ = prepare(checked_text(input.text_pair, "text_pair", index), lower_case_pair_);
}

tokenizer::Encoding PreparedText::encode(const tokenizer::Tokenizer& tokenizer, const tokenizer::EncodeOptions& options) const {
  return tokenize(tokenizer, text_, pair_, options, index_);
}

void refuse_long_text(std::size_t index, std::size_t tokens, std::size_t limit) {
  throw Error(ErrorCode::too_long, input_name(index) + ": " + std::to_string(tokens) + " tokens, but " + std::to_string(limit) +
                                       " are the limit; long_text says what becomes of longer texts: truncate or, where the task has them, window");
}

InputRow checked_ids(const berth_input& input, std::size_t index, const ModelConfig& config) {
  const std::span<const std::int32_t> ids(input.ids, input.ids_size);
  if (ids.empty()) throw Error(ErrorCode::invalid_argument, input_name(index) + ": ids is empty");
  if (ids.size() > config.max_positions) {
    throw Error(ErrorCode::too_long,
                input_name(index) + ": " + std::to_string(ids.size()) + " ids, but the model has " + std::to_string(config.max_positions) + " positions");
  }
  const auto check = [&](std::span<const std::int32_t> values, const char* field, std::size_t limit) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] >= 0 && static_cast<std::size_t>(values[i]) < limit) continue;
      throw Error(ErrorCode::invalid_argument, input_name(index) + ": " + field + "[" + std::to_string(i) + "] is " + std::to_string(values[i]) +
                                                   ", expected 0 to " + std::to_string(limit - 1));
    }
  };
  check(ids, "ids", config.vocab_size);
  InputRow row{.ids = ids, .type_ids = {}};
  if (input.type_ids != nullptr) {
    row.type_ids = {input.type_ids, input.ids_size};
    check(row.type_ids, "type_ids", config.type_vocab_size == 0 ? static_cast<std::size_t>(1) << 31 : config.type_vocab_size);
  }
  return row;
}

void check_encoding(const tokenizer::Encoding& encoding, std::size_t index, const ModelConfig& config) {
  if (encoding.ids.empty()) throw Error(ErrorCode::invalid_argument, input_name(index) + ": the text has no tokens, and the tokenizer adds none");
  if (config.type_vocab_size == 0) return;
  for (const std::int32_t type : encoding.type_ids) {
    if (static_cast<std::size_t>(type) < config.type_vocab_size) continue;
    throw Error(ErrorCode::invalid_argument, input_name(index) + ": the tokenizer gives token type " + std::to_string(type) + ", but the model has " +
                                                 std::to_string(config.type_vocab_size));
  }
}

tokenizer::Encoding encode_text(const berth_input& input, std::size_t index, const InputRules& rules) {
  if (rules.tokenizer == nullptr) throw Error(ErrorCode::invalid_argument, "the model's directory has no tokenizer files: give ids instead of text");
  tokenizer::Encoding encoding = encode(input, index, rules);
  if (!rules.only_own_tokens) check_encoding(encoding, index, rules.config);
  return encoding;
}

void InputRows::read(std::span<const berth_input> inputs, std::size_t first, const InputRules& rules, const base::ThreadPool& pool) {
  clear();
  rows_.resize(inputs.size());
  const auto is_text = [](const berth_input& input) { return input.ids == nullptr; };
  if (std::any_of(inputs.begin(), inputs.end(), is_text)) {
    if (rules.tokenizer == nullptr) throw Error(ErrorCode::invalid_argument, "the model's directory has no tokenizer files: give ids instead of text");
    encodings_.resize(inputs.size());
    attended_.resize(inputs.size());
  }
  errors_.assign(encodings_.size(), nullptr);
  pool.parallel_for(encodings_.size(), [&](std::size_t i, std::size_t) noexcept {
    if (!is_text(inputs[i])) return;
    try {
      encodings_[i] = encode(inputs[i], first + i, rules);
      attended_[i] = add_marks(rules, encodings_[i]);
      if (!rules.only_own_tokens) check_encoding(encodings_[i], first + i, rules.config);
    } catch (...) {
      errors_[i] = std::current_exception();
    }
  });
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!is_text(inputs[i])) {
      rows_[i] = checked_ids(inputs[i], first + i, rules.config);
      continue;
    }
    if (errors_[i]) std::rethrow_exception(errors_[i]);
    rows_[i] = {.ids = encodings_[i].ids, .type_ids = encodings_[i].type_ids, .truncated = encodings_[i].truncated, .attended = attended_[i]};
  }
}

std::string_view checked_text(const berth_string& text, const char* field, std::optional<std::size_t> input) {
  if (text.data == nullptr && text.size > 0)
    throw Error(ErrorCode::invalid_argument,
                (input ? input_name(*input) + ": " : std::string()) + field + " is NULL, of " + std::to_string(text.size) + " bytes");
  const std::string_view view(text.data == nullptr ? "" : text.data, text.size);
  const std::size_t bad = base::find_invalid_utf8(view);
  if (bad == std::string_view::npos) return view;
  throw Error(ErrorCode::invalid_argument, (input ? input_name(*input) + ": " : std::string()) + field + " is not valid UTF-8 at byte " + std::to_string(bad));
}

std::string_view strip(std::string_view text) noexcept {
  const auto is_space = [](char32_t c) {
    return (c >= 0x9 && c <= 0xd) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
  };
  while (!text.empty()) {
    const base::CodePoint point = base::decode_utf8(text, 0);
    if (!is_space(point.value)) break;
    text.remove_prefix(point.length);
  }
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xc0U) == 0x80U) --start;
    if (!is_space(base::decode_utf8(text, start).value)) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

}  // namespace berth::engine
