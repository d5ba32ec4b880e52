// The WordPiece tokenizers that were saved without a tokenizer.json: vocab.txt and a few small JSON files. The rules are those by which
// transformers turns its Python tokenizers into `tokenizers` ones.
#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"
#include "tokenizer/class_settings.hpp"
#include "tokenizer/decoders/decoders.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/post_processors/post_processors.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"

namespace berth::tokenizer {
namespace {

void add_line(VocabularyEntries& entries, std::string_view line, const std::string& label) {
  const std::size_t number = entries.entries.size();
  const auto fail = [&](const std::string& problem) {
    throw base::Error(base::ErrorCode::corrupt_file, label + ": line " + std::to_string(number + 1) + ": " + problem);
  };
  if (number >= kMaxVocabularySize) fail("more than " + std::to_string(kMaxVocabularySize) + " tokens");
  if (line.size() > kMaxTokenBytes) fail("token " + base::quoted(line, 40) + " is longer than " + std::to_string(kMaxTokenBytes) + " bytes");
  entries.add(line, static_cast<std::int32_t>(number));
}

// A line is a token, its number the id.
VocabularyEntries read_vocab_lines(std::string_view text, const std::string& label) {
  VocabularyEntries entries;
  for_each_line(text, [&](std::string_view line, bool) { add_line(entries, line, label); });
  return entries;
}

}  // namespace

std::string read_text_file(const std::filesystem::path& path) {
  std::string text = base::read_file(path, kMaxTokenizerFile);
  base::reject_impostor(text, base::display(path));
  if (const std::size_t bad = base::find_invalid_utf8(text); bad != std::string::npos) {
    throw base::Error(base::ErrorCode::corrupt_file, base::display(path) + ": invalid UTF-8 at byte " + std::to_string(bad));
  }
  return text;
}

TokenizerParts load_vocab_txt(const std::filesystem::path& directory) {
  const DirectoryConfig files(directory);
  if (is_fast_bpe(files)) return load_fast_bpe(files);
  const std::filesystem::path vocab_path = directory / "vocab.txt";
  const std::string label = base::display(vocab_path);
  const std::string vocab_text = read_text_file(vocab_path);
  const WordPieceClass* row = files.find_class(kWordPieceClasses, "a vocab.txt");
  const WordPieceFamily family = row != nullptr ? row->family : WordPieceFamily::bert;
  const Roles roles = files.roles(roles_of(family));

  TokenizerParts parts;
  parts.normalizer = make_bert_normalizer(bert_settings(files.tokenizer()));
  parts.pre_tokenizer = make_bert_pre_tokenizer();
  WordPieceOptions wordpiece;
  wordpiece.unk_token = roles.at("unk_token").content;
  parts.model = make_wordpiece(wordpiece, read_vocab_lines(vocab_text, label));
  if (!parts.model->vocabulary().id(wordpiece.unk_token)) {
    throw base::Error(base::ErrorCode::corrupt_file, label + ": the vocabulary has no entry for the unknown token " + base::quoted(wordpiece.unk_token));
  }
  parts.added = std::make_unique<AddedVocabulary>(files.added_tokens(roles.tokens()), parts.model->vocabulary(), parts.normalizer.get());
  const std::int32_t cls_id = parts.added->required_id(roles.at("cls_token").content, label);
  const std::int32_t sep_id = parts.added->required_id(roles.at("sep_token").content, label);
  parts.decoder = make_wordpiece_decoder(wordpiece.continuing_subword_prefix, true);
  parts.post_processor = family == WordPieceFamily::mpnet ? mpnet_post_processor(cls_id, sep_id) : bert_post_processor(cls_id, sep_id);
  return parts;
}

}  // namespace berth::tokenizer
