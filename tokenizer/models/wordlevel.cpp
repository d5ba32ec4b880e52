// WordLevel: a word is one token.
#include "tokenizer/models/models.hpp"

namespace berth::tokenizer {
namespace {

class WordLevel final : public Model {
 public:
  WordLevel(std::string unk_token, VocabularyEntries entries)
      : unk_token_(std::move(unk_token)), vocabulary_(std::move(entries)), unk_id_(vocabulary_.id(unk_token_)) {}

  std::string_view type() const override { return "WordLevel"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

  void tokenize(std::string_view word, ModelScratch&, std::vector<ModelToken>& tokens) const override {
    std::int32_t id = vocabulary_.table().find(word);
    if (id == StringTable::kNone) {
      if (!unk_id_) fail_unknown_word(word, unk_token_);
      id = *unk_id_;
    }
    tokens.push_back({id, {0, static_cast<std::uint32_t>(word.size())}});
  }

 private:
  std::string unk_token_;
  Vocabulary vocabulary_;
  std::optional<std::int32_t> unk_id_;
};

}  // namespace

std::unique_ptr<Model> load_wordlevel(const StageSource& source, ModelData data) {
  require_vocabulary_object(source, data.vocabulary);
  return std::make_unique<WordLevel>(source.object.string("unk_token"), std::move(data.vocabulary));
}

}  // namespace berth::tokenizer
