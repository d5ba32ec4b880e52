// Text to token ids: the tokenizer a Hugging Face directory describes. Immutable after loading; any number of threads may use one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::tokenizer {

enum class TruncationStrategy { longest_first, only_first, only_second };
enum class TruncationSide { right, left };

struct Truncation {
  std::size_t max_length = 0;  // special tokens included
  TruncationStrategy strategy = TruncationStrategy::longest_first;
  TruncationSide side = TruncationSide::right;
  std::size_t stride = 0;  // tokens shared by consecutive overflow windows
};

struct EncodeOptions {
  bool add_special_tokens = true;
  std::optional<Truncation> truncation;  // absent: nothing is cut, whatever the file's own sections say
  bool keep_overflow = false;            // fill Encoding::overflow with the windows that were cut off
};

struct Encoding {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;
  std::vector<std::uint8_t> special_mask;                        // 1: added by the post-processor
  std::vector<std::pair<std::uint32_t, std::uint32_t>> offsets;  // [begin, end) in code points of the text the token came from
  std::vector<std::int32_t> sequence;                            // which text a token came from: 0, 1, or -1 for special tokens
  std::vector<std::int32_t> words;                               // index of the pre-tokenizer's word, -1 for special tokens
  bool truncated = false;
  std::vector<Encoding> overflow;

  std::size_t size() const noexcept { return ids.size(); }
};

class Tokenizer {
 public:
  // Reads tokenizer.json, else vocab.txt, else vocab.json with merges.txt, else a sentencepiece model (sentencepiece.bpe.model, spiece.model, spm.model,
  // sentencepiece.model, tokenizer.model), the latter three with tokenizer_config.json and what else is there. base::Error: not_found when the directory has none of them.
  static Tokenizer load(const std::filesystem::path& directory);
  // The text of a tokenizer.json alone, without a directory; `label` names it in errors.
  static Tokenizer from_json(std::string_view json, const std::string& label);
  // Whether `directory` holds files that load() would read.
  static bool present(const std::filesystem::path& directory);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // `text` and `pair` are valid UTF-8 (the caller has checked). Throws base::Error{invalid_argument} when the limit leaves no room for the special
  // tokens or the stride is too large.
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode(std::string_view text, std::string_view pair, const EncodeOptions& options = {}) const;

  // The text of these tokens by the file's decoder; joined with spaces when it has none. Ids that no token has are left out, and the added
  // special tokens, too, with `skip_special`.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special) const;

  // The same of tokens' texts.
  std::string decode(std::vector<std::string> tokens) const;
  // Decoded text as transformers' clean_up_tokenization leaves it, without the spaces before English punctuation and contractions ("do n't"), unless
  // "clean_up_tokenization_spaces" in tokenizer_config.json is false.
  std::string clean_up(std::string text) const;

  std::string_view token(std::int32_t id) const;  // "" when there is none
  std::optional<std::int32_t> id(std::string_view token) const;
  std::size_t vocab_size() const;                       // entries, added tokens included
  std::int32_t max_id() const;                          // the largest id encode() can give: must be below the embedding table's rows
  std::optional<std::size_t> model_max_length() const;  // tokenizer_config.json, when it is there and below 10^9
  TruncationSide truncation_side() const;               // tokenizer_config.json, else tokenizer.json's truncation section, else right
  // The length and side of tokenizer.json's own: what the tokenizers library cuts single texts to unasked. transformers sets it aside.
  const std::optional<Truncation>& file_truncation() const;
  // Whether transformers hands models the type ids: "model_input_names" of tokenizer_config.json, else its class's. Else all are 0 to a model.
  bool gives_types() const;
  std::size_t num_special_tokens(bool pair) const;  // that the post-processor adds
  bool is_frame(std::int32_t id) const;             // one of those
  std::optional<std::int32_t> mask_id() const;      // the "mask_token" of the directory's files, else [MASK] or <mask> where there is one
  std::optional<std::int32_t> unknown_id() const;   // likewise
  std::optional<std::int32_t> pad_id() const;       // likewise
  // What tokens that continue a word begin with ("##"); "" where the vocabulary does not mark them so.
  std::string_view continuing_prefix() const;
  std::string_view type() const;  // "WordPiece"

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace berth::tokenizer
