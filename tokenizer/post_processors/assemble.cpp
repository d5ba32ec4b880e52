#include "tokenizer/post_processors/assemble.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace berth::tokenizer {
namespace {

// Which window each text piece of the template shows: [piece], special pieces have 0.
using Choice = std::vector<std::size_t>;

// More combinations than this are a mistake or an attack: two texts of thousands of windows each.
constexpr std::size_t kMaxOverflow = 100'000;

class Assembler {
 public:
  Assembler(const PostProcessor& post, bool is_pair, bool add_special_tokens, const std::array<TokenSequence, 2>& sequences, const WindowLists& windows)
      : post_(post), pieces_(is_pair ? post.pair : post.single), special_(add_special_tokens), sequences_(sequences), windows_(windows) {}

  Encoding run() const {
    Encoding result = encoding(Choice(pieces_.size(), 0));
    result.truncated = is_cut(0) || is_cut(1);
    for (const Choice& choice : overflow_choices()) result.overflow.push_back(encoding(choice));
    return result;
  }

 private:
  bool is_cut(std::size_t sequence) const {
    const Window& kept = windows_[sequence].front();
    return kept.end - kept.begin < sequences_[sequence].ids.size();
  }

  // The pieces are merged from left to right; each step first pairs the overflow so far with all windows of the next piece,
  // then the kept windows so far with the next piece's overflow.
  std::vector<Choice> overflow_choices() const {
    std::vector<Choice> choices;
    for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
      const int sequence = pieces_[piece].sequence;
      const std::size_t count = sequence < 0 ? 1 : windows_[static_cast<std::size_t>(sequence)].size();
      if (count == 1) continue;
      std::vector<Choice> next;
      if ((choices.size() + 1) * count > kMaxOverflow) {
        throw base::Error(base::ErrorCode::invalid_argument, "truncation gives more than " + std::to_string(kMaxOverflow) + " overflow windows");
      }
      choices.push_back(Choice(pieces_.size(), 0));
      for (std::size_t c = 0; c < choices.size(); ++c) {
        const bool kept = c + 1 == choices.size();
        for (std::size_t window = kept ? 1 : 0; window < count; ++window) {
          next.push_back(choices[c]);
          next.back()[piece] = window;
        }
      }
      choices = std::move(next);
    }
    return choices;
  }

  Encoding encoding(const Choice& choice) const {
    Encoding out;
    reserve(out, choice);
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      const PostProcessor::Piece& piece = pieces_[i];
      if (piece.sequence >= 0) {
        add_text(out, piece, choice[i]);
      } else if (special_) {
        add_special(out, piece);
      }
    }
    return out;
  }

  const Window& window_of(const PostProcessor::Piece& piece, std::size_t choice) const { return windows_[static_cast<std::size_t>(piece.sequence)][choice]; }

  void reserve(Encoding& out, const Choice& choice) const {
    std::size_t size = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      const PostProcessor::Piece& piece = pieces_[i];
      size += piece.sequence < 0 ? piece.ids.size() : window_of(piece, choice[i]).end - window_of(piece, choice[i]).begin;
    }
    out.ids.reserve(size);
    out.type_ids.reserve(size);
    out.special_mask.reserve(size);
    out.offsets.reserve(size);
    out.sequence.reserve(size);
    out.words.reserve(size);
  }

  void add_text(Encoding& out, const PostProcessor::Piece& piece, std::size_t choice) const {
    const TokenSequence& tokens = sequences_[static_cast<std::size_t>(piece.sequence)];
    const Window& window = window_of(piece, choice);
    const auto slice = [&](auto& to, const auto& from) {
      to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(window.begin), from.begin() + static_cast<std::ptrdiff_t>(window.end));
    };
    slice(out.ids, tokens.ids);
    slice(out.offsets, tokens.offsets);
    slice(out.words, tokens.words);
    if (post_.trim_offsets) trim(out, tokens, window);
    const std::size_t size = out.ids.size();
    // The reference gives the template's type id to the kept window only: in overflow windows the texts stay 0 and 1.
    const bool own_type = choice == 0 || (post_.overflow_keeps_type && special_);
    out.type_ids.resize(size, own_type ? piece.type_id : piece.sequence);
    out.special_mask.resize(size, 0);
    out.sequence.resize(size, piece.sequence);
  }

  // RobertaProcessing: a token's own leading and trailing spaces are no part of its offsets, apart from the one space that the pre-tokenizer
  // put before the first token of a window.
  void trim(Encoding& out, const TokenSequence& tokens, const Window& window) const {
    const std::size_t base = out.offsets.size() - (window.end - window.begin);
    for (std::size_t i = window.begin; i < window.end; ++i) {
      SpaceCounts spaces = tokens.spaces[i];
      auto& [begin, end] = out.offsets[base + i - window.begin];
      const bool first = i == window.begin || begin == 0;
      if (first && post_.add_prefix_space && spaces.leading == 1) spaces.leading = 0;
      begin = std::min(begin + spaces.leading, end);
      if (end >= spaces.trailing) end = std::max(end - spaces.trailing, begin);
    }
  }

  static void add_special(Encoding& out, const PostProcessor::Piece& piece) {
    out.ids.insert(out.ids.end(), piece.ids.begin(), piece.ids.end());
    const std::size_t size = out.ids.size();
    out.type_ids.resize(size, piece.type_id);
    out.special_mask.resize(size, 1);
    out.offsets.resize(size, {0, 0});
    out.sequence.resize(size, -1);
    out.words.resize(size, -1);
  }

  const PostProcessor& post_;
  const std::vector<PostProcessor::Piece>& pieces_;
  bool special_;
  const std::array<TokenSequence, 2>& sequences_;
  const WindowLists& windows_;
};

}  // namespace

Encoding assemble(const PostProcessor& post, bool is_pair, bool add_special_tokens, const std::array<TokenSequence, 2>& sequences, const WindowLists& windows) {
  return Assembler(post, is_pair, add_special_tokens, sequences, windows).run();
}

}  // namespace berth::tokenizer
