// The merges behind the pieces of a sentencepiece BPE model, which the file does not hold: every cut of a piece into two pieces, pieces of higher
// score first, as transformers finds them.
#include <algorithm>
#include <tuple>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/loading.hpp"

namespace berth::tokenizer {
namespace {

// Looking up both parts of every cut takes the square of a piece's length; real vocabularies need a hundredth of this.
constexpr std::size_t kMaxWork = std::size_t{1} << 31;

struct Cut {
  double score;
  std::size_t left_chars, right_chars;
  std::int32_t left_id, right_id;
  std::string_view left, right;
};

bool is_boundary(std::string_view text, std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80; }

}  // namespace

MergeList sentencepiece_merges(const VocabularyEntries& pieces, const std::string& label) {
  StringTable table(pieces.entries.size());
  std::size_t work = 0;
  for (const auto& entry : pieces.entries) {
    if (!table.insert(pieces.text(entry), entry.id)) {
      throw base::Error(base::ErrorCode::corrupt_file, label + ": the piece " + base::quoted(pieces.text(entry)) + " occurs twice");
    }
    work += std::size_t{entry.length} * entry.length;
  }
  if (work > kMaxWork) throw base::Error(base::ErrorCode::unsupported, label + ": its pieces are too long for a BPE model");
  std::vector<Cut> cuts;
  for (const auto& entry : pieces.entries) {
    const std::string_view piece = pieces.text(entry);
    const std::size_t first = cuts.size();
    for (std::size_t at = 1; at < piece.size(); ++at) {
      if (!is_boundary(piece, at)) continue;
      const std::int32_t left = table.find(piece.substr(0, at));
      const std::int32_t right = left == StringTable::kNone ? StringTable::kNone : table.find(piece.substr(at));
      if (right == StringTable::kNone) continue;
      if (cuts.size() >= kMaxMerges) throw base::Error(base::ErrorCode::unsupported, label + ": more than " + std::to_string(kMaxMerges) + " merges");
      cuts.push_back({pieces.scores[static_cast<std::size_t>(entry.id)], base::count_code_points(piece.substr(0, at)),
                      base::count_code_points(piece.substr(at)), left, right, piece.substr(0, at), piece.substr(at)});
    }
    std::sort(cuts.begin() + static_cast<std::ptrdiff_t>(first), cuts.end(),
              [](const Cut& a, const Cut& b) { return std::tie(a.left_id, a.right_id) < std::tie(b.left_id, b.right_id); });
  }
  std::stable_sort(cuts.begin(), cuts.end(),
                   [](const Cut& a, const Cut& b) { return std::tie(a.score, a.left_chars, a.right_chars) > std::tie(b.score, b.left_chars, b.right_chars); });
  MergeList merges;
  for (const Cut& cut : cuts) merges.add(cut.left, cut.right);
  return merges;
}

}  // namespace berth::tokenizer
