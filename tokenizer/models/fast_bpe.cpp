// fastBPE by the rules of PhoBERT's and BERTweet's classes, which differ from those of BPE in tokenizer.json: symbols are any texts that merges make,
// and a merge takes every occurrence of its pair at once, before pairs that it brings about are looked at.
#include "base/utf8.hpp"
#include "tokenizer/models/merge_table.hpp"
#include "tokenizer/models/models.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxWholeWord = 64;  // bytes of the tokens that are tried as whole words

bool is_character(std::string_view text) { return !text.empty() && base::decode_utf8(text, 0).length == text.size(); }

// The texts that a word may consist of at some moment: characters that tokens or merges know, and what merges make.
VocabularyEntries symbols_of(const ModelData& data) {
  VocabularyEntries symbols;
  StringTable seen(data.merges.merges.size() * 2);
  const auto add = [&](std::string_view text) { symbols.add(text, static_cast<std::int32_t>(symbols.entries.size())); };
  for (const MergeList::Merge& merge : data.merges.merges) {
    for (const std::string_view text : {data.merges.left(merge), data.merges.right(merge), data.merges.both(merge)}) {
      if (seen.insert(text, 0)) add(text);
    }
  }
  for (const auto& entry : data.vocabulary.entries) {
    const std::string_view token = data.vocabulary.text(entry);
    std::string symbol;
    if (is_character(token)) {
      symbol.assign(token).append(kWordEnd);
    } else if (token.ends_with(kFastBpeContinues)) {
      symbol = token.substr(0, token.size() - kFastBpeContinues.size());
      if (!is_character(symbol)) continue;
    }
    if (!symbol.empty() && seen.find(symbol) == StringTable::kNone) add(symbol);
  }
  symbols.shrink();
  return symbols;
}

class FastBpe final : public Model {
 public:
  FastBpe(ModelData data, std::int32_t unknown, const std::string& label)
      : unknown_(unknown), symbols_(symbols_of(data)), merges_(data.merges, symbols_, 0, label), vocabulary_(std::move(data.vocabulary)) {
    find_tokens();
    if (vocabulary_.distinct_ids()) find_whole_words();
  }

  std::string_view type() const override { return "BPE"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

  void tokenize(std::string_view word, ModelScratch& scratch, std::vector<ModelToken>& tokens) const override {
    if (word.size() <= kMaxWholeWord && !whole_.empty()) {
      const std::int32_t id = vocabulary_.table().find(word);
      if (id != StringTable::kNone && whole_[static_cast<std::size_t>(id)]) {
        tokens.push_back({id, {0, static_cast<std::uint32_t>(word.size())}});
        return;
      }
    }
    merge_word(word, scratch, tokens);
  }

 private:
  void find_tokens() {
    const auto token = [this](std::string_view text) { return vocabulary_.id(text).value_or(unknown_); };
    inner_.assign(static_cast<std::size_t>(symbols_.max_id() + 1), unknown_);
    last_ = inner_;
    std::string text;
    for (const auto& entry : symbols_.entries().entries) {
      const std::string_view symbol = symbols_.entries().text(entry);
      const auto id = static_cast<std::size_t>(entry.id);
      inner_[id] = token(text.assign(symbol).append(kFastBpeContinues));
      if (symbol.ends_with(kWordEnd)) last_[id] = token(symbol.substr(0, symbol.size() - kWordEnd.size()));
    }
  }

  // Most words of a text are one token. Which tokens' texts merge to the token is found out once.
  void find_whole_words() {
    std::vector<bool> whole(static_cast<std::size_t>(vocabulary_.max_id() + 1), false);
    ModelScratch scratch;
    std::vector<ModelToken> tokens;
    for (const auto& entry : vocabulary_.entries().entries) {
      const std::string_view text = vocabulary_.entries().text(entry);
      if (text.empty() || text.size() > kMaxWholeWord) continue;
      tokens.clear();
      merge_word(text, scratch, tokens);
      whole[static_cast<std::size_t>(entry.id)] = tokens.size() == 1 && tokens[0].id == entry.id;
    }
    whole_ = std::move(whole);
  }

  // The characters, the last with its mark; those that nothing knows are -1, which no merge has.
  void split(std::string_view word, ModelScratch& scratch) const {
    scratch.symbols.clear();
    for (std::size_t begin = 0; begin < word.size();) {
      const std::size_t length = base::decode_utf8(word, begin).length;
      scratch.text.assign(word.substr(begin, length));
      begin += length;
      if (begin == word.size()) scratch.text += kWordEnd;
      const auto place = static_cast<std::int32_t>(scratch.symbols.size());
      scratch.symbols.push_back({symbols_.table().find(scratch.text), static_cast<std::uint32_t>(length), place - 1, begin < word.size() ? place + 1 : -1});
    }
  }

  void merge_word(std::string_view word, ModelScratch& scratch, std::vector<ModelToken>& tokens) const {
    split(word, scratch);
    merge(scratch);
    std::uint32_t begin = 0;
    for (const MergeSymbol& symbol : scratch.symbols) {
      if (symbol.length == 0) continue;
      const auto& ids = symbol.next < 0 ? last_ : inner_;
      tokens.push_back({symbol.id < 0 ? unknown_ : ids[static_cast<std::size_t>(symbol.id)], {begin, begin + symbol.length}});
      begin += symbol.length;
    }
  }

  void open(ModelScratch& scratch, std::uint32_t place) const {
    const MergeSymbol& symbol = scratch.symbols[place];
    if (symbol.length == 0 || symbol.next < 0) return;
    const MergeTable::Found found = merges_.find(symbol.id, scratch.symbols[static_cast<std::size_t>(symbol.next)].id);
    if (found.rank != MergeTable::kNone) scratch.queue.push({found.rank, place});
  }

  // n log n at worst. Pairs of a rank leave the queue from left to right; those that a merge makes wait until no pair of its rank is left, among which
  // they cannot be: the merged text is longer than either part.
  void merge(ModelScratch& scratch) const {
    MergeQueue& queue = scratch.queue;
    queue.reset(merges_.ranks());
    scratch.places.clear();
    for (std::uint32_t place = 0; place < scratch.symbols.size(); ++place) open(scratch, place);
    const auto open_new = [&] {
      for (const std::uint32_t place : scratch.places) open(scratch, place);
      scratch.places.clear();
    };
    std::uint32_t rank = MergeTable::kNone;  // of the pass
    for (MergeQueue::Entry entry;;) {
      if (!queue.pop(entry)) {
        if (scratch.places.empty()) return;
        open_new();
        continue;
      }
      if (entry.rank != rank && !scratch.places.empty()) {
        queue.push(entry);
        open_new();
        continue;
      }
      rank = entry.rank;
      join(scratch, entry);
    }
  }

  void join(ModelScratch& scratch, MergeQueue::Entry entry) const {
    MergeSymbol& left = scratch.symbols[entry.place];
    if (left.length == 0 || left.next < 0) return;
    MergeSymbol& right = scratch.symbols[static_cast<std::size_t>(left.next)];
    const MergeTable::Found found = merges_.find(left.id, right.id);
    if (found.rank != entry.rank) return;  // one of the two has become another symbol
    left.id = found.id;
    left.length += right.length;
    left.next = right.next;
    right.length = 0;
    if (left.next >= 0) scratch.symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(entry.place);
    if (left.previous >= 0) scratch.places.push_back(static_cast<std::uint32_t>(left.previous));
    scratch.places.push_back(entry.place);
  }

  std::int32_t unknown_;
  Vocabulary symbols_;
  MergeTable merges_;
  Vocabulary vocabulary_;
  std::vector<std::int32_t> inner_, last_;  // [symbol]: its token inside a word, and at the end of one
  std::vector<bool> whole_;                 // [id]: the token's text as a word is this token; empty where ids are shared
};

}  // namespace

std::unique_ptr<Model> make_fast_bpe(ModelData data, std::int32_t unknown, const std::string& label) {
  return std::make_unique<FastBpe>(std::move(data), unknown, label);
}

}  // namespace berth::tokenizer
