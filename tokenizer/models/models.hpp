// The loaders of the model types; stages.cpp lists them.
#pragma once

#include <memory>
#include <string>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  std::uint64_t max_input_chars_per_word = 100;
};
// `label` names the vocabulary's file for the error when it has no `unk_token`.
std::unique_ptr<Model> make_wordpiece(const WordPieceOptions& options, VocabularyEntries entries, const std::string& label);

std::unique_ptr<Model> load_wordpiece(const StageSource& source, VocabularyEntries entries);

}  // namespace berth::tokenizer
