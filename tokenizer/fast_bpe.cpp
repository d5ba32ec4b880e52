// PhoBERT's and BERTweet's tokenizers, classes of transformers that only exist in Python: vocab.txt, whose lines are a token and its count, and the
// merges of fastBPE in bpe.codes.
#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"
#include "tokenizer/classes.hpp"
#include "tokenizer/decoders/decoders.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/post_processors/post_processors.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

[[noreturn]] void fail_line(const std::string& label, std::size_t number, const std::string& problem) {
  throw base::Error(base::ErrorCode::corrupt_file, label + ": line " + std::to_string(number) + ": " + problem);
}

// Ids as the classes give them, with a Python dictionary's own way with what is there already: the text keeps its place, its id becomes the
// dictionary's size, and that does not grow, so the next new text has the same id.
class IdGiver {
 public:
  // The texts must outlive this.
  void add(std::string_view text, std::int32_t id) {
    if (const std::int32_t before = places_.find(text); before != StringTable::kNone) {
      entries_.entries[static_cast<std::size_t>(before)].id = id;
      return;
    }
    places_.insert(text, size());
    entries_.add(text, id);
  }
  std::int32_t size() const { return static_cast<std::int32_t>(entries_.entries.size()); }
  VocabularyEntries take() {
    entries_.shrink();
    return std::move(entries_);
  }

 private:
  StringTable places_;
  VocabularyEntries entries_;
};

VocabularyEntries read_counted_vocabulary(const std::filesystem::path& path, const Roles& roles) {
  const std::string label = base::display(path);
  const std::string text = read_text_file(path);
  IdGiver ids;
  std::int32_t first = 0;
  for (const char* role : {"bos_token", "pad_token", "eos_token", "unk_token"}) ids.add(roles.at(role).content, first++);
  std::size_t number = 0;
  for_each_line(text, [&](std::string_view line, bool) {
    ++number;
    line = strip_python_space(line);
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos) fail_line(label, number, "expected a token, a space and its count, got " + base::quoted(line, 40));
    const std::string_view token = line.substr(0, space);
    if (token.size() > kMaxTokenBytes) {
      fail_line(label, number, "token " + base::quoted(token, 40) + " is longer than " + std::to_string(kMaxTokenBytes) + " bytes");
    }
    if (number > kMaxVocabularySize) fail_line(label, number, "more than " + std::to_string(kMaxVocabularySize) + " tokens");
    ids.add(token, ids.size());
  });
  return ids.take();
}

// The first two of three fields that white space separates; false when there are fewer or more.
bool read_pair(std::string_view line, std::string_view& left, std::string_view& right) {
  const CharTable& chars = CharTable::instance();
  std::array<std::string_view, 3> fields;
  std::size_t count = 0;
  for (line = strip_python_space(line); !line.empty(); line = strip_python_space(line)) {
    if (count == fields.size()) return false;
    std::size_t end = 0;
    while (end < line.size()) {
      const base::CodePoint c = base::decode_utf8(line, end);
      if (is_python_space(chars, c.value)) break;
      end += c.length;
    }
    fields[count++] = line.substr(0, end);
    line.remove_prefix(end);
  }
  left = fields[0];
  right = fields[1];
  return count == fields.size();
}

// A line is a merge and its count. As in the classes, lines of another form are no merges (symbols may be what Python takes for white space), and
// neither is a last one that no line feed ends.
MergeList read_codes(const std::filesystem::path& path) {
  const std::string label = base::display(path);
  const std::string text = read_text_file(path);
  MergeList merges;
  std::size_t number = 0;
  for_each_line(text, [&](std::string_view line, bool ended) {
    ++number;
    std::string_view left, right;
    if (!ended || !read_pair(line, left, right)) return;
    if (std::max(left.size(), right.size()) > kMaxTokenBytes) {
      fail_line(label, number, "a part of the merge is longer than " + std::to_string(kMaxTokenBytes) + " bytes");
    }
    if (merges.merges.size() >= kMaxVocabularySize) fail_line(label, number, "more than " + std::to_string(kMaxVocabularySize) + " merges");
    merges.add(left, right);
  });
  if (number > 0 && merges.merges.empty()) throw base::Error(base::ErrorCode::corrupt_file, label + ": no line is a merge: two parts and a count");
  return merges;
}

// What stands in the way: a tweet's normal form is what nltk's regular expressions and a table of emoji names of some release make of it.
void refuse_normalization(const DirectoryConfig& files, const FastBpeClass* row) {
  const base::JsonObject& config = files.tokenizer();
  if ((row != nullptr && !row->normalizes_tweets) || !config.boolean_or("normalization", false)) return;
  throw base::Error(base::ErrorCode::unsupported, config.label() +
                                                      ": field \"normalization\": true is not supported: write false, and give texts in the form that "
                                                      "BertweetTokenizer.normalizeTweet makes");
}

}  // namespace

bool is_fast_bpe(const DirectoryConfig& files) {
  if (files.fitting_class(kFastBpeClasses) != nullptr) return true;
  return files.fitting_class(kWordPieceClasses) == nullptr && base::file_exists(files.directory() / kFastBpeCodes);
}

TokenizerParts load_fast_bpe(const DirectoryConfig& files) {
  const std::filesystem::path vocab_path = files.directory() / "vocab.txt", codes_path = files.directory() / kFastBpeCodes;
  const std::string label = base::display(vocab_path);
  refuse_normalization(files, files.find_class(kFastBpeClasses, "a bpe.codes"));
  const Roles roles = files.roles(fast_bpe_roles());
  ModelData data{read_counted_vocabulary(vocab_path, roles), read_codes(codes_path)};
  const std::string& unknown = roles.at("unk_token").content;
  if (unknown.empty()) throw base::Error(base::ErrorCode::corrupt_file, label + ": no id for the unknown token \"\"");
  const auto entry = std::find_if(data.vocabulary.entries.begin(), data.vocabulary.entries.end(),
                                  [&](const VocabularyEntries::Entry& other) { return data.vocabulary.text(other) == unknown; });
  const std::int32_t unknown_id = entry->id;

  TokenizerParts parts;
  parts.pre_tokenizer = make_fast_bpe_pre_tokenizer();
  parts.model = make_fast_bpe(std::move(data), unknown_id, base::display(codes_path));
  std::vector<AddedToken> added = files.added_tokens(roles.tokens());
  for (AddedToken& token : added) token.normalized = false;  // all are looked for at once: there is no normal form
  parts.added = std::make_unique<AddedVocabulary>(std::move(added), parts.model->vocabulary(), nullptr);
  parts.decoder = make_fast_bpe_decoder();
  parts.odd_token = OddToken::first;
  const auto id = [&](std::string_view role) { return parts.added->required_id(roles.at(role).content, label); };
  parts.post_processor = roberta_post_processor(id("cls_token"), id("sep_token"), false, false);
  return parts;
}

}  // namespace berth::tokenizer
