// BPE: the word's characters, then merges of neighbours, always the one of the lowest rank, of equals the leftmost.
#include <algorithm>
#include <array>
#include <limits>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/models/merge_table.hpp"
#include "tokenizer/models/models.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kShortWord = 128;  // symbols; up to here looking at every pair again beats a queue
constexpr unsigned kPlaceBits = 7;       // of a place in a short word
static_assert(kShortWord == std::size_t{1} << kPlaceBits && kMaxMerges <= std::size_t{1} << (31 - kPlaceBits));
constexpr std::size_t kPage = 256;  // code points
constexpr char32_t kMaxCodePoint = 0x10FFFF;
constexpr std::size_t kMaxWhole = 64;  // bytes of the tokens that are tried as whole words

class Bpe final : public Model {
 public:
  Bpe(const BpeOptions& options, ModelData data, const std::string& label)
      : options_(options), vocabulary_(std::move(data.vocabulary)), merges_(data.merges, vocabulary_, options.continuing_subword_prefix.size(), label) {
    if (options_.unk_token) unk_id_ = vocabulary_.id(*options_.unk_token).value_or(-1);
    if (options_.byte_fallback) byte_ids_ = byte_token_ids(vocabulary_);
    plain_ = options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
    ordered_ = options_.continuing_subword_prefix.empty() && vocabulary_.distinct_ids() && options_.unk_token != "";
    for (const auto& entry : vocabulary_.entries().entries) longest_ = std::max<std::size_t>(longest_, entry.length);
    if (plain_) find_characters();
    if (!options_.ignore_merges) find_whole_words();
  }

  std::string_view type() const override { return "BPE"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::string_view continuing_prefix() const override { return options_.continuing_subword_prefix; }

  void tokenize(std::string_view word, ModelScratch& scratch, std::vector<ModelToken>& tokens) const override {
    const std::int32_t id = word.size() <= longest_ ? vocabulary_.table().find(word) : StringTable::kNone;
    if (id != StringTable::kNone && (options_.ignore_merges || whole_[static_cast<std::size_t>(id)])) {
      tokens.push_back({id, {0, static_cast<std::uint32_t>(word.size())}});
    } else if (!merge_word(word, scratch, tokens)) {
      throw base::Error(base::ErrorCode::invalid_argument,
                        "the text has characters unknown to the tokenizer, and its vocabulary has no unknown token " + base::quoted(*options_.unk_token));
    }
  }

 private:
  void find_characters() {
    for (const auto& entry : vocabulary_.entries().entries) {
      const std::string_view text = vocabulary_.entries().text(entry);
      if (text.empty()) continue;
      const base::CodePoint c = base::decode_utf8(text, 0);
      if (c.length != text.size() || c.value > kMaxCodePoint) continue;
      std::uint16_t& page = pages_[c.value / kPage];
      if (page == 0) {
        page = static_cast<std::uint16_t>(character_ids_.size() / kPage);
        character_ids_.resize(character_ids_.size() + kPage, -1);
      }
      character_ids_[page * kPage + c.value % kPage] = vocabulary_.table().find(text);
    }
  }
  std::int32_t character_id(char32_t c) const noexcept { return character_ids_[pages_[c / kPage] * kPage + c % kPage]; }

  // Most words of a text are one token. Which tokens' texts merge back to the token is found out once.
  void find_whole_words() {
    whole_.resize(static_cast<std::size_t>(vocabulary_.max_id()) + 1, false);
    ModelScratch scratch;
    std::vector<ModelToken> tokens;
    for (const auto& entry : vocabulary_.entries().entries) {
      const std::string_view text = vocabulary_.entries().text(entry);
      if (text.empty() || text.size() > kMaxWhole || vocabulary_.table().find(text) != entry.id) continue;
      tokens.clear();
      const bool known = merge_word(text, scratch, tokens);
      if (known && tokens.size() == 1 && tokens[0].id == entry.id && tokens[0].span.end == text.size()) whole_[static_cast<std::size_t>(entry.id)] = true;
    }
  }

  // False when the word needs the unknown token and the vocabulary has none.
  bool merge_word(std::string_view word, ModelScratch& scratch, std::vector<ModelToken>& tokens) const {
    scratch.symbols.clear();
    if (!split(word, scratch)) return false;
    if (scratch.symbols.size() <= kShortWord && ordered_) {
      merge_short(scratch.symbols);
    } else {
      merge_queued(scratch.symbols, scratch.queue);
    }
    const auto size = static_cast<std::uint32_t>(word.size());
    std::uint32_t begin = 0;
    for (const MergeSymbol& symbol : scratch.symbols) {
      if (symbol.length == 0) continue;
      // Bytes of a prefix or suffix count when they fall back to byte tokens; they must not lead out of the word.
      const std::uint32_t end = std::min(begin + symbol.length, size);
      tokens.push_back({symbol.id, {std::min(begin, size - 1), end}});
      begin = end;
    }
    return true;
  }

  // The symbols before any merge: characters, byte tokens, unknown tokens. A character that is nothing of these leaves no symbol, and what follows
  // it moves up, offsets included, as in the reference.
  bool split(std::string_view word, ModelScratch& scratch) const {
    std::uint32_t unknown = 0;  // bytes of an unknown token that may still grow
    const auto flush = [&] {
      if (unknown > 0) scratch.symbols.push_back({unk_id_, unknown, 0, 0});
      unknown = 0;
    };
    for (std::size_t begin = 0; begin < word.size();) {
      const base::CodePoint c = base::decode_utf8(word, begin);
      std::string_view text = word.substr(begin, c.length);
      std::int32_t id = -1;
      if (plain_) {
        id = character_id(c.value);
      } else {
        if (!plain_) text = decorated(word, begin, c.length, scratch.text);
        id = vocabulary_.table().find(text);
      }
      begin += c.length;
      if (id >= 0) {
        flush();
        scratch.symbols.push_back({id, c.length, 0, 0});
      } else if (options_.byte_fallback && all_bytes_known(text)) {
        // The pending unknown token stays behind these, as in the reference.
        for (const char byte : text) scratch.symbols.push_back({byte_ids_[static_cast<unsigned char>(byte)], 1, 0, 0});
      } else if (options_.unk_token) {
        if (unk_id_ < 0) return false;
        if (!options_.fuse_unk) flush();
        unknown += c.length;
      }
    }
    flush();
    return true;
  }

  // The character with the prefix of those that are not the first, and the suffix of the last.
  std::string_view decorated(std::string_view word, std::size_t begin, std::size_t length, std::string& text) const {
    text.clear();
    if (begin > 0) text += options_.continuing_subword_prefix;
    text += word.substr(begin, length);
    if (begin + length == word.size()) text += options_.end_of_word_suffix;
    return text;
  }

  bool all_bytes_known(std::string_view text) const {
    return std::all_of(text.begin(), text.end(), [this](char byte) { return byte_ids_[static_cast<unsigned char>(byte)] >= 0; });
  }

  // Looks at all open pairs for each merge. What the queue would do is the same as long as the text of a merge tells which symbols it came from:
  // no prefix that merges drop, no two tokens with one id, no empty token. A symbol merged into the one before keeps its place, with length 0.
  void merge_short(std::vector<MergeSymbol>& symbols) const noexcept {
    constexpr std::int32_t kClosed = std::numeric_limits<std::int32_t>::max();
    constexpr std::size_t kStep = 16;                       // the search for the lowest goes by vectors
    alignas(64) std::array<std::int32_t, kShortWord> open;  // [i]: rank of symbol i with the next one, then i: the lowest comes first, of equals the leftmost
    std::array<std::int32_t, kShortWord> merged;            // [i]: what the two become
    const auto count = static_cast<std::int32_t>(symbols.size());
    const auto searched = (symbols.size() + kStep - 1) / kStep * kStep;
    std::fill_n(open.begin(), searched, kClosed);
    const auto at = [&](std::int32_t i) -> MergeSymbol& { return symbols[static_cast<std::size_t>(i)]; };
    const auto look = [&](std::int32_t i) {
      const MergeTable::Found found = merges_.find(at(i).id, at(at(i).next).id);
      const auto place = static_cast<std::size_t>(i);
      merged[place] = found.id;
      open[place] = found.rank == MergeTable::kNone ? kClosed : static_cast<std::int32_t>(found.rank << kPlaceBits | static_cast<std::uint32_t>(i));
    };
    for (std::int32_t i = 0; i < count; ++i) {
      at(i).previous = i - 1;
      at(i).next = i + 1 < count ? i + 1 : -1;
    }
    for (std::int32_t i = 0; i + 1 < count; ++i) look(i);
    for (;;) {
      std::int32_t best = kClosed;
      for (std::size_t i = 0; i < searched; ++i) best = std::min(best, open[i]);
      if (best == kClosed) return;
      const std::int32_t place = best & static_cast<std::int32_t>(kShortWord - 1);
      MergeSymbol& left = at(place);
      const std::int32_t gone = left.next;
      left.id = merged[static_cast<std::size_t>(place)];
      left.length += at(gone).length;
      left.next = at(gone).next;
      at(gone).length = 0;
      open[static_cast<std::size_t>(gone)] = kClosed;
      open[static_cast<std::size_t>(place)] = kClosed;
      if (left.next >= 0) {
        at(left.next).previous = place;
        look(place);
      }
      if (left.previous >= 0) look(left.previous);
    }
  }

  // n log n at worst. An entry that is out of date still counts when the pair now in its place would make the same token.
  void merge_queued(std::vector<MergeSymbol>& symbols, MergeQueue& queue) const {
    queue.reset(merges_.ranks());
    const auto count = static_cast<std::int32_t>(symbols.size());
    const auto open = [&](std::int32_t left) {
      const MergeSymbol& symbol = symbols[static_cast<std::size_t>(left)];
      const MergeTable::Found found = merges_.find(symbol.id, symbols[static_cast<std::size_t>(symbol.next)].id);
      if (found.rank != MergeTable::kNone) queue.push({found.rank, static_cast<std::uint32_t>(left)});
    };
    for (std::int32_t i = 0; i < count; ++i) {
      symbols[static_cast<std::size_t>(i)].previous = i - 1;
      symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
    }
    for (std::int32_t i = 0; i + 1 < count; ++i) open(i);
    for (MergeQueue::Entry entry; queue.pop(entry);) {
      MergeSymbol& left = symbols[entry.place];
      if (left.length == 0 || left.next < 0) continue;
      MergeSymbol& right = symbols[static_cast<std::size_t>(left.next)];
      const std::int32_t id = merges_.id_of(entry.rank);
      if (merges_.find(left.id, right.id).id != id) continue;
      left.id = id;
      left.length += right.length;
      left.next = right.next;
      right.length = 0;
      if (left.next >= 0) {
        symbols[static_cast<std::size_t>(left.next)].previous = static_cast<std::int32_t>(entry.place);
      }
      if (left.previous >= 0) open(left.previous);
      if (left.next >= 0) open(static_cast<std::int32_t>(entry.place));
    }
  }

  BpeOptions options_;
  Vocabulary vocabulary_;
  MergeTable merges_;
  std::int32_t unk_id_ = -1;
  bool plain_ = false;    // characters are looked up as they are
  bool ordered_ = false;  // merge_short is allowed
  std::array<std::int32_t, 256> byte_ids_{};
  std::size_t longest_ = 0;  // bytes of the longest token
  // The tokens of one character, by pages of code points; page 0 has none.
  std::array<std::uint16_t, (kMaxCodePoint + 1) / kPage> pages_{};
  std::vector<std::int32_t> character_ids_ = std::vector<std::int32_t>(kPage, -1);
  std::vector<bool> whole_;  // [id]: the token's text as a word is this token
};

}  // namespace

std::unique_ptr<Model> make_bpe(const BpeOptions& options, ModelData data, const std::string& label) {
  return std::make_unique<Bpe>(options, std::move(data), label);
}

std::unique_ptr<Model> load_bpe(const StageSource& source, ModelData data) {
  const base::JsonObject& model = source.object;
  require_vocabulary_object(source, data.vocabulary);
  if (!model.json().contains("merges") || model.has("merges")) model.fail("merges", "expected a list");
  BpeOptions options;
  if (model.has("unk_token")) options.unk_token = model.string("unk_token");
  options.continuing_subword_prefix = model.string_or("continuing_subword_prefix", "");
  options.end_of_word_suffix = model.string_or("end_of_word_suffix", "");
  options.fuse_unk = model.boolean_or("fuse_unk", false);
  options.byte_fallback = model.boolean_or("byte_fallback", false);
  options.ignore_merges = model.boolean_or("ignore_merges", false);
  model.number_or("dropout", 0, 0, 1);  // for training; it plays no part here
  return make_bpe(options, std::move(data), model.label() + ": field \"" + source.path + ".merges\"");
}

}  // namespace berth::tokenizer
