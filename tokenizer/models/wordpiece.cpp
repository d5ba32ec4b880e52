// WordPiece: the longest known prefix of the word, then the longest known continuation of what is left, and so on;
// one unknown token for the whole word when any part of it is unknown.
#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.hpp"
#include "tokenizer/models/models.hpp"

namespace berth::tokenizer {
namespace {

class WordPiece final : public Model {
 public:
  WordPiece(const WordPieceOptions& options, VocabularyEntries entries)
      : prefix_(options.continuing_subword_prefix),
        unk_token_(options.unk_token),
        max_chars_(options.max_input_chars_per_word),
        vocabulary_(std::move(entries)),
        unk_id_(vocabulary_.id(unk_token_)) {
    const std::string& prefix = options.continuing_subword_prefix;
    for (const auto& entry : vocabulary_.entries().entries) {
      const std::string_view text = vocabulary_.entries().text(entry);
      longest_start_ = std::max(longest_start_, text.size());
      if (!text.starts_with(prefix)) continue;
      const std::string_view rest = text.substr(prefix.size());
      longest_continuation_ = std::max(longest_continuation_, rest.size());
      continuations_.insert(rest, entry.id);
    }
  }

  std::string_view type() const override { return "WordPiece"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::string_view continuing_prefix() const override { return prefix_; }

  void tokenize(std::string_view word, ModelScratch&, std::vector<ModelToken>& tokens) const override {
    const std::size_t before = tokens.size();
    if (!too_long(word) && split(word, tokens)) return;
    tokens.resize(before);
    if (!unk_id_) fail_unknown_word(word, unk_token_);
    tokens.push_back({*unk_id_, {0, static_cast<std::uint32_t>(word.size())}});
  }

 private:
  bool too_long(std::string_view word) const { return word.size() > max_chars_ && base::count_code_points(word) > max_chars_; }

  bool split(std::string_view word, std::vector<ModelToken>& tokens) const {
    std::size_t begin = 0;
    while (begin < word.size()) {
      const bool start = begin == 0;
      const Match match = longest(start ? vocabulary_.table() : continuations_, word.substr(begin), start ? longest_start_ : longest_continuation_);
      if (match.length == 0) return false;
      tokens.push_back({match.id, {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(begin + match.length)}});
      begin += match.length;
    }
    return true;
  }

  struct Match {
    std::int32_t id;
    std::size_t length;  // bytes; 0: no match
  };

  // The longest non-empty prefix of `text` that ends between code points and is in `table`.
  Match longest(const StringTable& table, std::string_view text, std::size_t limit) const {
    text = text.substr(0, std::min(text.size(), limit + 1));  // one byte more, to see whether `limit` is a boundary
    std::array<std::uint32_t, kMaxTokenBytes + 2> hashes;     // [length]: of the prefix with that many bytes
    PrefixHash hash;
    const std::size_t longest = std::min(text.size(), limit);
    for (std::size_t i = 0; i < longest; ++i) {
      hash.add(text[i]);
      hashes[i + 1] = hash.value();
    }
    for (std::size_t length = longest; length > 0; --length) {
      if (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) continue;
      const std::int32_t id = table.find(text.substr(0, length), hashes[length]);
      if (id != StringTable::kNone) return {id, length};
    }
    return {0, 0};
  }

  std::string prefix_;
  std::string unk_token_;
  std::uint64_t max_chars_;
  Vocabulary vocabulary_;
  std::optional<std::int32_t> unk_id_;
  StringTable continuations_;
  std::size_t longest_start_ = 0;
  std::size_t longest_continuation_ = 0;
};

}  // namespace

std::unique_ptr<Model> make_wordpiece(const WordPieceOptions& options, VocabularyEntries entries) {
  return std::make_unique<WordPiece>(options, std::move(entries));
}

std::unique_ptr<Model> load_wordpiece(const StageSource& source, ModelData data) {
  WordPieceOptions options;
  options.unk_token = source.object.string("unk_token");
  options.continuing_subword_prefix = source.object.string("continuing_subword_prefix");
  options.max_input_chars_per_word = static_cast<std::uint64_t>(source.object.integer("max_input_chars_per_word", 0, std::numeric_limits<std::int64_t>::max()));
  require_vocabulary_object(source, data.vocabulary);
  return make_wordpiece(options, std::move(data.vocabulary));
}

}  // namespace berth::tokenizer
