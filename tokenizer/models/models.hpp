// The models by their options, and their loaders; stages.cpp lists the latter.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  std::uint64_t max_input_chars_per_word = 100;
};
std::unique_ptr<Model> make_wordpiece(const WordPieceOptions& options, VocabularyEntries entries);

struct UnigramOptions {
  std::optional<std::int32_t> unk_id;
  bool byte_fallback = false;
};
// `entries` is a list with scores. `label` names its file and field in errors.
std::unique_ptr<Model> make_unigram(const UnigramOptions& options, VocabularyEntries entries, const std::string& label);

struct BpeOptions {
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
  bool fuse_unk = false;
  bool byte_fallback = false;
  bool ignore_merges = false;
};
// `label` names the merges' file and field in errors.
std::unique_ptr<Model> make_bpe(const BpeOptions& options, ModelData data, const std::string& label);

// The last symbol of a word ends in this.
inline constexpr std::string_view kWordEnd = "</w>";
// A token that is not the last of its word ends in this.
inline constexpr std::string_view kFastBpeContinues = "@@";
// fastBPE as PhoBERT's and BERTweet's classes read it: merges are of texts, whether or not the vocabulary has them; only what is left is looked up.
// `unknown` is an id of the vocabulary.
std::unique_ptr<Model> make_fast_bpe(ModelData data, std::int32_t unknown, const std::string& label);

// Throws corrupt_file unless model.vocab was an object.
void require_vocabulary_object(const StageSource& source, const VocabularyEntries& entries);
// The error of a text that needs an unknown token where the vocabulary has none.
[[noreturn]] void fail_unknown_word(std::string_view word, const std::string& unk_token);
// The ids of "<0x00>" to "<0xFF>", -1 where there is none.
std::array<std::int32_t, 256> byte_token_ids(const Vocabulary& vocabulary);

std::unique_ptr<Model> load_wordpiece(const StageSource& source, ModelData data);
std::unique_ptr<Model> load_unigram(const StageSource& source, ModelData data);
std::unique_ptr<Model> load_bpe(const StageSource& source, ModelData data);
std::unique_ptr<Model> load_wordlevel(const StageSource& source, ModelData data);

}  // namespace berth::tokenizer
