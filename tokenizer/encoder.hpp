// The parts of a tokenizer, put together: what Tokenizer holds, and the path from text to Encoding.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/fork.hpp"
#include "tokenizer/added_vocabulary.hpp"
#include "tokenizer/stages.hpp"
#include "tokenizer/tokenizer.hpp"
#include "tokenizer/truncation.hpp"

namespace berth::tokenizer {

// White space at both ends of a token's text, in code points.
struct SpaceCounts {
  std::uint32_t leading = 0;
  std::uint32_t trailing = 0;
};

// The tokens of one text before post-processing.
struct TokenSequence {
  std::vector<std::int32_t> ids;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> offsets;  // code points
  std::vector<std::int32_t> words;
  // Spaces that an added token took along (lstrip, rstrip), by token index, ascending: rare.
  std::vector<std::pair<std::size_t, SpaceCounts>> added_spaces;
  std::vector<SpaceCounts> spaces;  // [tokens] when the post-processor trims offsets, else empty

  void clear() {
    ids.clear();
    offsets.clear();
    words.clear();
    added_spaces.clear();
    spaces.clear();
  }
};

struct TokenizerParts {
  std::unique_ptr<Normalizer> normalizer;       // may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // may be null
  std::unique_ptr<Model> model;
  std::unique_ptr<AddedVocabulary> added;
  PostProcessor post_processor;
  std::unique_ptr<Decoder> decoder;      // may be null
  std::optional<Truncation> truncation;  // the file's own
  OddToken odd_token = OddToken::longer;
};

class Encoder {
 public:
  explicit Encoder(TokenizerParts parts);
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder();

  Encoding encode(std::string_view text, const std::string_view* pair, const EncodeOptions& options) const;
  const TokenizerParts& parts() const { return parts_; }
  std::string_view token(std::int32_t id) const;

 private:
  struct Scratch;
  // A call's scratch, lent from those that lie idle. Large ones are not kept.
  class Lease;
  std::unique_ptr<Scratch> take_scratch() const;
  void give_back(std::unique_ptr<Scratch> scratch) const;

  void tokenize(std::string_view text, Scratch& scratch, TokenSequence& out) const;
  void tokenize_piece(TextView text, Scratch& scratch, TokenSequence& out) const;
  void tokenize_normalized(Scratch& scratch, TokenSequence& out) const;
  void tokenize_words(Scratch& scratch, std::size_t begin, std::size_t end, TokenSequence& out) const;
  SpaceCounts spaces_of(std::int32_t id) const;
  void measure_spaces(TokenSequence& sequence) const;

  TokenizerParts parts_;
  std::vector<SpaceCounts> spaces_;  // [id] when the post-processor trims offsets, as far as ids are that small
  mutable base::ForkMutex idle_mutex_;
  mutable std::vector<std::unique_ptr<Scratch>> idle_;
};

}  // namespace berth::tokenizer
