// The WordPiece tokenizers that were saved without a tokenizer.json: vocab.txt and a few small JSON files. The rules are those by which
// transformers turns its Python tokenizers into `tokenizers` ones.
#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"
#include "tokenizer/class_settings.hpp"
#include "tokenizer/classes.hpp"
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

}  // namespace

VocabularyEntries read_vocab_lines(std::string_view text, const std::string& label) {
  if (const std::size_t bad = base::find_invalid_utf8(text); bad != std::string_view::npos) {
    throw base::Error(base::ErrorCode::corrupt_file, label + ": invalid UTF-8 at byte " + std::to_string(bad));
  }
  VocabularyEntries entries;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    add_line(entries, text.substr(begin, end - begin), label);
    const bool two = end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n';
    begin = end + (two ? 2 : 1);
  }
  return entries;
}

TokenizerParts load_vocab_txt(const std::filesystem::path& directory) {
  const std::filesystem::path vocab_path = directory / "vocab.txt";
  const std::string vocab_text = base::read_file(vocab_path, kMaxTokenizerFile);
  base::reject_impostor(vocab_text, base::display(vocab_path));

  const DirectoryConfig files(directory);
  const WordPieceClass* row = files.find_class(kWordPieceClasses, "a vocab.txt");
  const bool mpnet = row != nullptr && row->family == WordPieceFamily::mpnet;
  const AddedToken unk = files.role("unk_token", special_token("[UNK]"));
  const AddedToken sep = files.role("sep_token", special_token(mpnet ? "</s>" : "[SEP]"));
  const AddedToken pad = files.role("pad_token", special_token(mpnet ? "<pad>" : "[PAD]"));
  const AddedToken cls = files.role("cls_token", special_token(mpnet ? "<s>" : "[CLS]"));
  const AddedToken mask = files.role("mask_token", special_token(mpnet ? "<mask>" : "[MASK]", mpnet));

  std::vector<AddedToken> tokens = {unk, sep, pad, cls, mask};
  for (const char* key : {"bos_token", "eos_token"}) {
    if (AddedToken token = files.role(key, {}); !token.content.empty()) tokens.push_back(std::move(token));
  }
  tokens = files.added_tokens(tokens);

  TokenizerParts parts;
  parts.normalizer = make_bert_normalizer(bert_settings(files.tokenizer()));
  parts.pre_tokenizer = make_bert_pre_tokenizer();
  WordPieceOptions wordpiece;
  wordpiece.unk_token = unk.content;
  parts.model = make_wordpiece(wordpiece, read_vocab_lines(vocab_text, base::display(vocab_path)), base::display(vocab_path));
  parts.added = std::make_unique<AddedVocabulary>(std::move(tokens), parts.model->vocabulary(), parts.normalizer.get());
  const std::int32_t cls_id = parts.added->required_id(cls.content, base::display(vocab_path));
  const std::int32_t sep_id = parts.added->required_id(sep.content, base::display(vocab_path));
  parts.decoder = make_wordpiece_decoder(wordpiece.continuing_subword_prefix, true);
  parts.post_processor = mpnet ? mpnet_post_processor(cls_id, sep_id) : bert_post_processor(cls_id, sep_id);
  return parts;
}

}  // namespace berth::tokenizer
