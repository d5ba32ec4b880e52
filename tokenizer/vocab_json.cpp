// BPE tokenizers that were saved without a tokenizer.json: vocab.json and merges.txt, by the rules of transformers' converters. All but HerBERT's are
// byte-level.
#include "base/error.hpp"
#include "base/files.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/model_reader.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/post_processors/post_processors.hpp"

namespace berth::tokenizer {
namespace {

VocabularyEntries read_vocabulary(const std::filesystem::path& path) {
  const std::string text = base::read_file(path, kMaxTokenizerFile);
  base::reject_impostor(text, base::display(path));
  ModelReader reader(base::display(path), "", "");
  base::parse_json_streaming(text, base::display(path), {""}, [&](const base::JsonStreamElement& element) { reader.add_token(element); },
                             {.max_bytes = kMaxTokenizerFile, .max_depth = 8});
  ModelData data = reader.take();
  if (data.vocabulary.is_array || data.vocabulary.entries.empty()) {
    throw base::Error(base::ErrorCode::corrupt_file, base::display(path) + ": expected an object of token: id");
  }
  return std::move(data.vocabulary);
}

// A line is a merge, in order of rank; the first may name a version. What follows the two parts (HerBERT's files may count occurrences) is left out.
MergeList read_merges(const std::filesystem::path& path, bool with_counts) {
  const std::string text = read_text_file(path);
  ModelReader reader(base::display(path), "", "");
  const std::string_view all = text;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find('\n', begin), all.size());
    std::string_view line = all.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (const std::size_t space = line.find(' '); space != std::string_view::npos && with_counts) line = line.substr(0, line.find(' ', space + 1));
    if (!line.empty() && !line.starts_with("#version")) reader.add_merge(line);
    begin = end + 1;
  }
  return std::move(reader.take().merges);
}

// Without a class or a model type the vocabulary tells the two conventions apart.
BytePairFamily guess_family(const VocabularyEntries& vocabulary) {
  bool begin = false;
  bool end = false;
  for (const auto& entry : vocabulary.entries) {
    begin = begin || vocabulary.text(entry) == "<s>";
    end = end || vocabulary.text(entry) == "</s>";
  }
  return begin && end ? BytePairFamily::roberta : BytePairFamily::gpt2;
}

base::Json byte_level_stages(bool prefix_space) {
  return {{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}, {"trim_offsets", true}, {"use_regex", true}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

// HerBERT: BERT's words in characters, the last of each with a suffix.
base::Json herbert_stages() {
  return {{"normalizer", {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", true}, {"strip_accents", false}, {"lowercase", false}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"decoder", {{"type", "BPEDecoder"}, {"suffix", kWordEnd}}}};
}

}  // namespace

TokenizerParts load_vocab_json(const std::filesystem::path& directory) {
  const std::filesystem::path vocab_path = directory / "vocab.json", merges_path = directory / "merges.txt";
  const std::string vocab_label = base::display(vocab_path);
  const DirectoryConfig files(directory);
  const BytePairClass* row = files.find_class(kBytePairClasses, "a vocab.json");
  const bool herbert = row != nullptr && row->family == BytePairFamily::herbert;
  ModelData data{read_vocabulary(vocab_path), read_merges(merges_path, herbert)};
  const BytePairFamily family = row != nullptr ? row->family : guess_family(data.vocabulary);
  const Roles roles = files.roles(roles_of(family));
  const bool prefix_space = files.tokenizer().boolean_or("add_prefix_space", false);

  BpeOptions options;
  if (herbert) {
    options.unk_token = roles.at("unk_token").content;
    options.end_of_word_suffix = kWordEnd;
  }
  const base::Json stages = herbert ? herbert_stages() : byte_level_stages(prefix_space);
  TokenizerParts parts =
      assemble_parts(base::JsonObject(stages, vocab_label), make_bpe(options, std::move(data), base::display(merges_path)), files.added_tokens(roles.tokens()));
  const auto id = [&](std::string_view role) { return parts.added->required_id(roles.at(role).content, vocab_label); };
  if (family == BytePairFamily::roberta) {
    parts.post_processor = roberta_post_processor(id("cls_token"), id("sep_token"), true, prefix_space);
  } else if (family == BytePairFamily::deberta || herbert) {
    parts.post_processor = bert_post_processor(id("cls_token"), id("sep_token"));
  } else if (files.tokenizer().boolean_or("add_bos_token", false)) {
    parts.post_processor.single.insert(parts.post_processor.single.begin(), {-1, {id("bos_token")}, 0});
    parts.post_processor.pair.insert(parts.post_processor.pair.begin(), {-1, {id("bos_token")}, 0});
  }
  return parts;
}

}  // namespace berth::tokenizer
