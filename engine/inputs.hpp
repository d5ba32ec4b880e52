// What callers pass in, checked and turned into rows of ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <berth/berth.h>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "engine/long_text.hpp"
#include "engine/model_config.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::engine {

// What is done to a text before it is tokenized.
struct TextRules {
  std::string_view prompt;  // put before it
  bool strip = false;       // white space at both ends taken off, as older sentence-transformers do
  bool lower = false;       // made lower case, as they do where "do_lower_case" is set
};

// The texts of an input as they are tokenized. Borrows from the input where nothing was to be done.
class PreparedText {
 public:
  // base::Error{invalid_argument} naming the input where a text is not UTF-8.
  PreparedText(const berth_input& input, std::size_t index, const TextRules& rules);
  PreparedText(const PreparedText&) = delete;
  PreparedText& operator=(const PreparedText&) = delete;

  std::string_view text() const noexcept { return text_; }
  // base::Error as the tokenizer throws it, naming the input.
  tokenizer::Encoding encode(const tokenizer::Tokenizer& tokenizer, const tokenizer::EncodeOptions& options) const;

 private:
  std::size_t index_;
  std::string prompted_, lower_case_text_, lower_case_pair_;
  std::string_view text_;
  std::optional<std::string_view> pair_;
};

// How messages name an input.
std::string input_name(std::size_t index);
// The error of a call that was given some of the inputs, as the caller's: where it begins with an input's name, with `name` of that instead.
base::Error with_input_named(const base::Error& error, const std::function<std::string(std::size_t)>& name);

// What the tokenizer made, as its model is to see it: types are 0 where the model gets none.
tokenizer::Encoding as_seen(const tokenizer::Tokenizer& tokenizer, tokenizer::Encoding encoding);

// Texts longer than a row. `tokens` is what it has in full.
[[noreturn]] void refuse_long_text(std::size_t index, std::size_t tokens, std::size_t limit);

struct InputRules {
  const ModelConfig& config;
  const tokenizer::Tokenizer* tokenizer;  // null: only ids are accepted
  std::string_view prompt;                // put before every text
  bool strip_text;                        // white space at both ends, as older sentence-transformers do
  bool lower_text;                        // lower case, as they do where "do_lower_case" is set
  std::size_t max_length;                 // of texts, special tokens included; longer ones are cut

  // Of texts of static models:
  bool only_own_tokens = false;              // no special ones, and there may be none at all
  bool cut_by_file = false;                  // first as tokenizer.json says, which other models' texts are not
  std::optional<std::int32_t> dropped = {};  // these tokens are left out before anything is cut
  std::size_t max_code_points = 0;           // texts are cut to before they are tokenized; 0: they are not

  // Of texts of late-interaction models:
  std::optional<std::int32_t> marker = {};  // put behind the first token; counts for max_length
  std::size_t fill_length = 0;              // shorter texts are filled up to so many tokens
  std::int32_t fill_id = 0;                 // with this one
  bool fill_attended = false;               // whether the others see those

  LongText long_text = LongText::truncate;             // not window: windows come as rows of ids
  std::optional<tokenizer::TruncationSide> side = {};  // where texts are cut; absent: the tokenizer says
};

struct InputRow {
  std::span<const std::int32_t> ids;
  std::span<const std::int32_t> type_ids;  // empty: all 0
  bool truncated = false;
  std::size_t attended = 0;  // tokens from there on are seen by none; 0: all are seen
};

// One text or pair as a row. base::Error as InputRows::read.
tokenizer::Encoding encode_text(const berth_input& input, std::size_t index, const InputRules& rules);

// Rows [0, inputs.size()) of a call, tokenized on the pool's threads. Rows given as ids are passed through without a copy, and reading them allocates
// nothing once there were as many.
class InputRows {
 public:
  // base::Error{invalid_argument, too_long} naming the input ("input 3") counted from `first`.
  void read(std::span<const berth_input> inputs, std::size_t first, const InputRules& rules, const base::ThreadPool& pool);
  // Lets go of what was read; keeps the room for it.
  void clear() noexcept {
    encodings_.clear();
    errors_.clear();
    attended_.clear();
    rows_.clear();
  }

  std::size_t size() const noexcept { return rows_.size(); }
  const InputRow& operator[](std::size_t i) const noexcept { return rows_[i]; }

 private:
  std::vector<tokenizer::Encoding> encodings_;  // of the texts
  std::vector<std::size_t> attended_;           // likewise
  std::vector<std::exception_ptr> errors_;
  std::vector<InputRow> rows_;
};

// Ids as a caller gives them, checked. base::Error{invalid_argument, too_long} naming the input.
InputRow checked_ids(const berth_input& input, std::size_t index, const ModelConfig& config);
// What the tokenizer gave, checked likewise: it has tokens, and the model has their types.
void check_encoding(const tokenizer::Encoding& encoding, std::size_t index, const ModelConfig& config);

// A caller's string. base::Error{invalid_argument} naming `field`, and the input it belongs to where there are several, when it is not UTF-8.
std::string_view checked_text(const berth_string& text, const char* field, std::optional<std::size_t> input = std::nullopt);

// `text` without white space at both ends, where white space is what Python's str.strip() takes off.
std::string_view strip(std::string_view text) noexcept;

}  // namespace berth::engine
