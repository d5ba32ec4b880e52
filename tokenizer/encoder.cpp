#include "tokenizer/encoder.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/post_processors/assemble.hpp"
#include "tokenizer/truncation.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {

// What one call needs. Only its memory outlives the call.
struct Encoder::Scratch {
  std::array<TokenSequence, 2> sequences;
  std::vector<AddedSplit> raw_splits;
  std::vector<AddedSplit> normalized_splits;
  NormalizedText normalized;
  NormalizerScratch normalizer;
  WordText words;
  std::vector<ModelToken> tokens;
  ModelScratch model;
  std::int32_t next_word = 0;

  // So many bytes may what is left of the text become, at any stage.
  void allow(std::size_t bytes) {
    for (NormalizedText* text : {&normalized, &normalizer.between, &normalizer.raw, &words.text, &words.next_text}) text->most = bytes;
  }
  std::size_t bytes() const {
    const auto of = [](const NormalizedText& text) { return text.text.capacity() + text.origin.capacity() * sizeof(Offset); };
    return of(normalized) + of(normalizer.between) + of(normalizer.raw) + of(words.text) + of(words.next_text) +
           (words.words.capacity() + words.next_words.capacity()) * sizeof(Span) + tokens.capacity() * sizeof(ModelToken) + model.bytes() +
           (sequences[0].ids.capacity() + sequences[1].ids.capacity()) * 4 * sizeof(std::int32_t);
  }
};

class Encoder::Lease {
 public:
  explicit Lease(const Encoder& encoder) : encoder_(encoder), scratch_(encoder.take_scratch()) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { encoder_.give_back(std::move(scratch_)); }
  Scratch& operator*() const { return *scratch_; }

 private:
  const Encoder& encoder_;
  std::unique_ptr<Scratch> scratch_;
};

namespace {

constexpr std::size_t kMaxIdle = 64;             // scratches kept for the next calls
constexpr std::size_t kMaxIdleBytes = 4u << 20;  // of one of them
constexpr std::int32_t kMaxSpacesTable = 1 << 20;

// Normal forms make up to 18 code points of one, in short texts of few such. The stages of a crafted file could make thousands of each, and stages in a
// row multiply: a short text must not become all of the memory.
constexpr std::size_t kMaxGrowth = 8;
constexpr std::size_t kMaxGrown = std::size_t{16} << 20;

// White space, and the byte-level alphabet's stand-in for a space, at both ends of `text`, in code points.
SpaceCounts count_spaces(std::string_view text) {
  const CharTable& chars = CharTable::instance();
  SpaceCounts counts;
  bool leading = true;
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::decode_utf8(text, at);
    const bool space = c.value == 0x120 || chars.has(c.value, kSpace);
    leading = leading && space;
    counts.leading += leading ? 1 : 0;
    counts.trailing = space ? counts.trailing + 1 : 0;
    at += c.length;
  }
  return counts;
}

}  // namespace

Encoder::Encoder(TokenizerParts parts) : parts_(std::move(parts)) {
  idle_.reserve(kMaxIdle);
  if (!parts_.post_processor.trim_offsets) return;
  const std::int32_t ids = std::min(std::max(parts_.model->vocabulary().max_id(), parts_.added->max_id()) + 1, kMaxSpacesTable);
  for (std::int32_t id = 0; id < ids; ++id) spaces_.push_back(count_spaces(token(id)));
}

Encoder::~Encoder() = default;

std::unique_ptr<Encoder::Scratch> Encoder::take_scratch() const {
  {
    const std::lock_guard lock(idle_mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Scratch> scratch = std::move(idle_.back());
      idle_.pop_back();
      return scratch;
    }
  }
  return std::make_unique<Scratch>();
}

void Encoder::give_back(std::unique_ptr<Scratch> scratch) const {
  if (scratch->bytes() > kMaxIdleBytes) return;
  const std::lock_guard lock(idle_mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back(std::move(scratch));
}

std::string_view Encoder::token(std::int32_t id) const {
  const std::string_view added = parts_.added->text(id);
  return !added.empty() ? added : parts_.model->vocabulary().text(id);
}

Encoding Encoder::encode(std::string_view text, const std::string_view* pair, const EncodeOptions& options) const {
  const PostProcessor& post = parts_.post_processor;
  const Lease lease(*this);
  std::array<TokenSequence, 2>& sequences = (*lease).sequences;
  for (TokenSequence& sequence : sequences) sequence.clear();
  tokenize(text, *lease, sequences[0]);
  if (pair != nullptr) tokenize(*pair, *lease, sequences[1]);

  WindowLists windows;
  windows[0] = {{0, sequences[0].ids.size()}};
  windows[1] = {{0, sequences[1].ids.size()}};
  if (options.truncation) {
    const Truncation& truncation = *options.truncation;
    const std::size_t added = options.add_special_tokens ? post.added(pair != nullptr) : 0;
    if (truncation.max_length < added) {
      throw base::Error(base::ErrorCode::invalid_argument,
                        "maximum length " + std::to_string(truncation.max_length) + " leaves no room for the " + std::to_string(added) + " special tokens");
    }
    const auto second = pair != nullptr ? std::optional(sequences[1].ids.size()) : std::nullopt;
    const KeptLengths kept = kept_lengths(sequences[0].ids.size(), second, truncation.max_length - added, truncation.strategy, parts_.odd_token);
    windows[0] = make_windows(sequences[0].ids.size(), kept.first, truncation.stride, truncation.side, options.keep_overflow);
    windows[1] = make_windows(sequences[1].ids.size(), kept.second, truncation.stride, truncation.side, options.keep_overflow);
  }
  if (post.trim_offsets) {
    for (TokenSequence& sequence : sequences) measure_spaces(sequence);
  }
  return assemble(post, pair != nullptr, options.add_special_tokens, sequences, windows);
}

void Encoder::tokenize(std::string_view text, Scratch& scratch, TokenSequence& out) const {
  if (text.size() > std::numeric_limits<std::int32_t>::max()) {
    throw base::Error(base::ErrorCode::invalid_argument, "text of " + std::to_string(text.size()) + " bytes: at most 2147483647 are possible");
  }
  scratch.next_word = 0;
  scratch.allow(std::min(NormalizedText::kMost, std::max(kMaxGrown, text.size() * kMaxGrowth)));
  if (parts_.added->raw().empty()) return tokenize_piece({text, nullptr, 0}, scratch, out);
  scratch.raw_splits.clear();
  parts_.added->raw().split(text, scratch.raw_splits);
  Offset code_point = 0;
  std::size_t counted = 0;  // bytes whose code points `code_point` covers
  const auto code_point_at = [&](std::size_t byte) {
    code_point += static_cast<Offset>(base::count_code_points(text.substr(counted, byte - counted)));
    counted = byte;
    return code_point;
  };
  for (const AddedSplit& split : scratch.raw_splits) {
    if (split.span.begin == split.span.end) continue;
    if (split.span.begin < counted) {  // after rstrip the next match may begin inside what was taken
      code_point -= static_cast<Offset>(base::count_code_points(text.substr(split.span.begin, counted - split.span.begin)));
      counted = split.span.begin;
    }
    const std::string_view piece = text.substr(split.span.begin, split.span.end - split.span.begin);
    const Offset first = code_point_at(split.span.begin);
    if (split.id < 0) {
      tokenize_piece({piece, nullptr, first}, scratch, out);
      continue;
    }
    if (const SpaceCounts spaces = count_spaces(piece); spaces.leading + spaces.trailing > 0) {
      out.added_spaces.emplace_back(out.ids.size(), spaces);
    }
    out.ids.push_back(split.id);
    out.offsets.emplace_back(first, code_point_at(split.span.end));
    out.words.push_back(scratch.next_word++);
  }
}

void Encoder::tokenize_piece(TextView text, Scratch& scratch, TokenSequence& out) const {
  scratch.normalized.clear();
  if (parts_.normalizer) {
    parts_.normalizer->apply(text, scratch.normalized, scratch.normalizer);
  } else {
    copy_text(text, scratch.normalized);
  }
  const NormalizedText& normalized = scratch.normalized;
  const std::size_t left = normalized.most - std::min(normalized.most, normalized.text.size());
  tokenize_normalized(scratch, out);
  scratch.allow(left);
}

void Encoder::tokenize_normalized(Scratch& scratch, TokenSequence& out) const {
  const NormalizedText& normalized = scratch.normalized;
  if (parts_.added->normalized().empty()) return tokenize_words(scratch, 0, normalized.text.size(), out);

  scratch.normalized_splits.clear();
  parts_.added->normalized().split(normalized.text, scratch.normalized_splits);
  for (const AddedSplit& split : scratch.normalized_splits) {
    if (split.span.begin == split.span.end) continue;
    if (split.id < 0) {
      tokenize_words(scratch, split.span.begin, split.span.end, out);
      continue;
    }
    const auto piece = std::string_view(normalized.text).substr(split.span.begin, split.span.end - split.span.begin);
    if (const SpaceCounts spaces = count_spaces(piece); spaces.leading + spaces.trailing > 0) {
      out.added_spaces.emplace_back(out.ids.size(), spaces);
    }
    out.ids.push_back(split.id);
    out.offsets.push_back(normalized.source(split.span.begin, split.span.end));
    out.words.push_back(scratch.next_word++);
  }
}

void Encoder::tokenize_words(Scratch& scratch, std::size_t begin, std::size_t end, TokenSequence& out) const {
  if (begin == end) return;
  WordText& text = scratch.words;
  text.text.clear();
  if (begin == 0 && end == scratch.normalized.text.size()) {
    std::swap(text.text, scratch.normalized);  // nobody else needs it
  } else {
    const auto first = scratch.normalized.origin.begin();
    text.text.text.assign(scratch.normalized.text, begin, end - begin);
    text.text.origin.assign(first + static_cast<std::ptrdiff_t>(begin), first + static_cast<std::ptrdiff_t>(end));
  }
  text.words.assign(1, Span{0, static_cast<std::uint32_t>(text.text.text.size())});
  if (parts_.pre_tokenizer) parts_.pre_tokenizer->apply(text);
  for (const Span& word : text.words) {
    scratch.tokens.clear();
    parts_.model->tokenize(text.word(word), scratch.model, scratch.tokens);
    for (const ModelToken& token : scratch.tokens) {
      out.ids.push_back(token.id);
      out.offsets.push_back(text.text.source(word.begin + token.span.begin, word.begin + token.span.end));
      out.words.push_back(scratch.next_word);
    }
    ++scratch.next_word;
  }
}

SpaceCounts Encoder::spaces_of(std::int32_t id) const {
  return static_cast<std::size_t>(id) < spaces_.size() ? spaces_[static_cast<std::size_t>(id)] : count_spaces(token(id));
}

void Encoder::measure_spaces(TokenSequence& sequence) const {
  sequence.spaces.reserve(sequence.ids.size());
  for (const std::int32_t id : sequence.ids) sequence.spaces.push_back(spaces_of(id));
  for (const auto& [index, spaces] : sequence.added_spaces) sequence.spaces[index] = spaces;
}

}  // namespace berth::tokenizer
