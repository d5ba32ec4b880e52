// From files to the parts of a tokenizer.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "tokenizer/encoder.hpp"

namespace berth::tokenizer {

inline constexpr std::size_t kMaxTokenizerFile = 64 << 20;
inline constexpr std::size_t kMaxConfigFile = 16 << 20;

// What tokenizer_config.json says besides the tokenizer itself.
struct ConfigLimits {
  std::optional<std::size_t> model_max_length;
  TruncationSide truncation_side = TruncationSide::right;
};
// `config` is the parsed tokenizer_config.json.
ConfigLimits read_config_limits(const base::JsonObject& config);

// The text of a tokenizer.json; `label` names it in errors.
TokenizerParts load_tokenizer_json(std::string_view text, const std::string& label);

// vocab.txt with tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json where they exist: what the converter of
// transformers would make of them.
TokenizerParts load_vocab_txt(const std::filesystem::path& directory);

// A line is a token, its number the id. Lines end as in Python's text mode.
VocabularyEntries read_vocab_lines(std::string_view text, const std::string& label);

}  // namespace berth::tokenizer
