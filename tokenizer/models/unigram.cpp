// Unigram: of all ways to cut the word into known pieces, the one with the largest sum of scores (Viterbi). A code point that is no piece by
// itself may also be unknown, at a score below all others; neighbouring unknown ones are one token.
#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "tokenizer/models/models.hpp"

namespace berth::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10.0;  // of sentencepiece
constexpr std::uint32_t kUnreached = 0xFFFFFFFF;

unsigned utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

class Unigram final : public Model {
 public:
  Unigram(const UnigramOptions& options, VocabularyEntries entries, const std::string& label)
      : unk_id_(options.unk_id.value_or(-1)),
        byte_fallback_(options.byte_fallback),
        scores_(std::move(entries.scores)),
        vocabulary_(std::move(entries), label) {
    double lowest = std::numeric_limits<double>::infinity();
    for (const double score : scores_) lowest = std::min(lowest, score);
    unknown_score_ = lowest - kUnknownPenalty;
    if (byte_fallback_) byte_ids_ = byte_token_ids(vocabulary_);
  }

  std::string_view type() const override { return "Unigram"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

  void tokenize(std::string_view word, ModelScratch& scratch, std::vector<ModelToken>& tokens) const override {
    find_best_path(word, scratch.path);
    const std::size_t before = tokens.size();
    std::uint32_t end = static_cast<std::uint32_t>(word.size());
    while (end > 0) {  // from the last piece to the first
      std::uint32_t begin = scratch.path[end].begin;
      if (scratch.path[end].id != unk_id_) {
        tokens.push_back({scratch.path[end].id, {begin, end}});
      } else {
        while (begin > 0 && scratch.path[begin].id == unk_id_) begin = scratch.path[begin].begin;
        add_unknown(word.substr(begin, end - begin), {begin, end}, tokens);
      }
      end = begin;
    }
    std::reverse(tokens.begin() + static_cast<std::ptrdiff_t>(before), tokens.end());
  }

 private:
  // path[i]: the best last piece of the first i bytes, for every i between code points.
  void find_best_path(std::string_view word, std::vector<PathNode>& path) const {
    path.assign(word.size() + 1, {0.0, kUnreached, -1});
    for (std::uint32_t begin = 0; begin < word.size();) {
      const double score = path[begin].score;
      const unsigned length = utf8_length(word[begin]);
      bool known = false;  // the code point is a piece
      vocabulary_.trie().each_prefix(word.substr(begin), [&](std::size_t piece, std::int32_t id) {
        offer(path[begin + piece], scores_[static_cast<std::size_t>(id)] + score, begin, id);
        known = known || piece == length;
      });
      if (!known && offer(path[begin + length], unknown_score_ + score, begin, unk_id_) && unk_id_ < 0) {
        throw base::Error(base::ErrorCode::invalid_argument, "the text has the unknown character " + base::quoted(word.substr(begin, length)) +
                                                                 ", and the tokenizer's model names no unknown token (unk_id)");
      }
      begin += length;
    }
  }

  // The first of equal candidates stays.
  static bool offer(PathNode& node, double score, std::uint32_t begin, std::int32_t id) {
    if (node.begin != kUnreached && !(score > node.score)) return false;
    node = {score, begin, id};
    return true;
  }

  // Tokens of a run of unknown code points, last to first. The run as a whole may be a piece whose score kept it from the path.
  void add_unknown(std::string_view text, Span span, std::vector<ModelToken>& tokens) const {
    if (const std::int32_t id = vocabulary_.trie().find(text); id != PrefixTrie::kNone) return tokens.push_back({id, span});
    const auto missing = [this](char byte) { return byte_ids_[static_cast<unsigned char>(byte)] < 0; };
    if (!byte_fallback_ || std::any_of(text.begin(), text.end(), missing)) return tokens.push_back({unk_id_, span});
    for (std::size_t i = text.size(); i-- > 0;) tokens.push_back({byte_ids_[static_cast<unsigned char>(text[i])], span});
  }

  std::int32_t unk_id_;  // -1: none
  bool byte_fallback_;
  double unknown_score_ = 0;
  std::vector<double> scores_;  // [vocabulary]
  Vocabulary vocabulary_;
  std::array<std::int32_t, 256> byte_ids_{};
};

}  // namespace

std::unique_ptr<Model> make_unigram(const UnigramOptions& options, VocabularyEntries entries, const std::string& label) {
  if (options.unk_id && (*options.unk_id < 0 || static_cast<std::size_t>(*options.unk_id) >= entries.entries.size())) {
    throw base::Error(base::ErrorCode::corrupt_file, label + ": the id of the unknown token, " + std::to_string(*options.unk_id) +
                                                         ", is not below the vocabulary's size, " + std::to_string(entries.entries.size()));
  }
  return std::make_unique<Unigram>(options, std::move(entries), label);
}

std::unique_ptr<Model> load_unigram(const StageSource& source, ModelData data) {
  const base::JsonObject& model = source.object;
  if (!data.vocabulary.is_array) source.fail(".vocab", "expected a list of [token, score]");
  UnigramOptions options;
  if (model.has("unk_id")) options.unk_id = static_cast<std::int32_t>(model.integer("unk_id", 0, kMaxTokenId));
  options.byte_fallback = model.boolean_or("byte_fallback", false);
  return make_unigram(options, std::move(data.vocabulary), model.label() + ": field \"" + source.path + ".unk_id\"");
}

}  // namespace berth::tokenizer
