// From files to the parts of a tokenizer.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "tokenizer/encoder.hpp"

namespace berth::tokenizer {

class DirectoryConfig;

inline constexpr std::size_t kMaxTokenizerFile = 64 << 20;
inline constexpr std::size_t kMaxConfigFile = 16 << 20;

// What tokenizer_config.json says besides the tokenizer itself.
struct ConfigLimits {
  std::optional<std::size_t> model_max_length;
  std::optional<TruncationSide> truncation_side;
  bool clean_up_tokenization_spaces = true;
  bool gives_types = true;
  std::optional<std::string> mask_token, unknown_token, pad_token;
};
// `config` is the parsed tokenizer_config.json.
ConfigLimits read_config_limits(const base::JsonObject& config);
// The tokens of roles that are not known yet, from tokenizer_config.json or special_tokens_map.json.
void read_roles(const base::JsonObject& config, ConfigLimits& limits);

// The text of a tokenizer.json; `label` names it in errors. `files`: the files beside it, which change some of it; null where it stands alone.
TokenizerParts load_tokenizer_json(std::string_view text, const std::string& label, const DirectoryConfig* files);

// The model with the stages "normalizer" and "pre_tokenizer" of a document like tokenizer.json; absent ones are none. No post-processor yet.
TokenizerParts assemble_parts(const base::JsonObject& document, std::unique_ptr<Model> model, std::vector<AddedToken> added);

// vocab.txt with tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json where they exist: what the converter of
// transformers would make of them.
TokenizerParts load_vocab_txt(const std::filesystem::path& directory);

// vocab.json and merges.txt, likewise: byte-level BPE.
TokenizerParts load_vocab_json(const std::filesystem::path& directory);

// vocab.txt with counts and bpe.codes, likewise: PhoBERT's and BERTweet's. These classes only exist in Python, so transformers reads their files even
// beside a tokenizer.json.
inline constexpr const char* kFastBpeCodes = "bpe.codes";
bool is_fast_bpe(const DirectoryConfig& files);  // whether vocab.txt is of this kind
TokenizerParts load_fast_bpe(const DirectoryConfig& files);

// A sentencepiece model, likewise. The names such a file goes by, in the order they are looked for:
inline constexpr std::array<const char*, 5> kSentencePieceFiles = {"sentencepiece.bpe.model", "spiece.model", "spm.model", "sentencepiece.model",
                                                                   "tokenizer.model"};
TokenizerParts load_sentencepiece(const std::filesystem::path& directory, const char* file);

// The merges that make the pieces of a BPE model; see sentencepiece_merges.cpp.
MergeList sentencepiece_merges(const VocabularyEntries& pieces, const std::string& label);

// A file of lines, checked to be UTF-8.
std::string read_text_file(const std::filesystem::path& path);

// Calls use(line, ended) for the lines of a text, which end as in Python's text mode; `ended` is false for a last one without an end.
template <class Use>
void for_each_line(std::string_view text, Use&& use) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    use(text.substr(begin, end - begin), end < text.size());
    begin = end + (text.substr(end).starts_with("\r\n") ? 2 : 1);
  }
}

}  // namespace berth::tokenizer
