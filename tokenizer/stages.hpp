// The stages of tokenizer.json. Each "type" is one class in one file, and one row in stages.cpp.
// Every stage is immutable after construction and safe to use from any number of threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "tokenizer/models/scratch.hpp"
#include "tokenizer/text.hpp"
#include "tokenizer/vocabulary.hpp"

namespace berth::tokenizer {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Appends the normalized form of `in` to the empty `out`.
  virtual void apply(TextView in, NormalizedText& out, NormalizerScratch& scratch) const = 0;
};

// The normalizer of a file that has none: `in` unchanged, with its origins.
void copy_text(TextView in, NormalizedText& out);

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Cuts the words into smaller ones; may rewrite the text. Leaves no empty word.
  virtual void apply(WordText& text) const = 0;
};

struct ModelToken {
  std::int32_t id;
  Span span;  // bytes of the word
};

class Model {
 public:
  virtual ~Model() = default;
  virtual std::string_view type() const = 0;
  // Appends the tokens of one non-empty word. Throws base::Error{invalid_argument} when the word needs an unknown token and the file names none.
  virtual void tokenize(std::string_view word, ModelScratch& scratch, std::vector<ModelToken>& tokens) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  virtual std::string_view continuing_prefix() const { return {}; }  // of tokens inside a word
};

// What every known post-processor comes down to: two templates, and whether spaces are trimmed from offsets.
struct PostProcessor {
  struct Piece {
    int sequence = -1;              // 0 or 1: the tokens of that text; -1: `ids`
    std::vector<std::int32_t> ids;  // special tokens
    std::int32_t type_id = 0;
  };
  std::vector<Piece> single;
  std::vector<Piece> pair;
  bool trim_offsets = false;         // RobertaProcessing: a token's own leading and trailing spaces are no part of its offsets...
  bool add_prefix_space = false;     // ...apart from a single leading one of the first token
  bool overflow_keeps_type = false;  // RobertaProcessing: overflow windows have the pieces' type ids, too (with special tokens only)

  std::size_t added(bool is_pair) const;
};

// Turns the texts of tokens back into text: what all decoders leave, joined.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

// One stage's JSON object with its place in the file, for error messages.
struct StageSource {
  base::JsonObject object;
  std::string path;  // "normalizer", "normalizer.normalizers[2]"

  std::string type() const;  // "" when absent
  StageSource child(const base::Json& value, const std::string& path_suffix) const;
  // corrupt_file when the key is absent or has another JSON type.
  bool boolean(const char* key) const;
  const base::Json& array(const char* key) const;
  std::string text(const char* key) const;    // a string of at most 1024 bytes
  char32_t character(const char* key) const;  // a string of one code point
  [[noreturn]] void fail(const std::string& field, const std::string& problem) const;
};

// The known types of every section of tokenizer.json, in the order the stages run.
std::vector<std::pair<std::string_view, std::vector<std::string_view>>> supported_stages();

std::unique_ptr<Normalizer> make_normalizer(const StageSource& source);
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const StageSource& source);
PostProcessor make_post_processor(const StageSource& source);
std::unique_ptr<Decoder> make_decoder(const StageSource& source);
PostProcessor default_post_processor();

// What the streaming reader found at model.vocab and model.merges.
struct ModelData {
  VocabularyEntries vocabulary;
  MergeList merges;
};
std::unique_ptr<Model> make_model(const StageSource& source, ModelData data);

}  // namespace berth::tokenizer
