// Any bytes as a sentencepiece model: refused with base::Error, or its pieces are sound and its merges can be found.
#include <cstddef>
#include <cstdint>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "fuzz/fuzz.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/sentencepiece_model.hpp"

namespace {

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}
std::string number(std::uint32_t field, std::uint64_t value) { return varint(field << 3) + varint(value); }
std::string bytes(std::uint32_t field, const std::string& value) { return varint(field << 3 | 2) + varint(value.size()) + value; }
std::string piece(const std::string& text, const std::string& score, unsigned type) {
  return bytes(1, bytes(1, text) + varint(2 << 3 | 5) + score + number(3, type));
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  const std::string zero(4, '\0');
  const std::string minus_two("\x00\x00\x00\xC0", 4);
  const std::string nan("\x00\x00\xC0\x7F", 4);
  const std::string pieces = piece("<unk>", zero, 2) + piece("<s>", zero, 3) + piece("</s>", zero, 3) + piece("a", minus_two, 1) + piece("b", minus_two, 1) +
                             piece("ab", zero, 1) + piece("\u2581ab", zero, 1) + piece("\u2581", minus_two, 4);
  const std::string tail = bytes(3, bytes(1, "nmt_nfkc") + bytes(2, std::string("\4\0\0\0\0\0\0\0a", 9)));
  return {
      pieces + bytes(2, number(3, 1) + number(40, 0)) + tail,
      pieces + bytes(2, number(3, 2) + bytes(45, "<unk>")) + tail,
      pieces + bytes(2, number(3, 3) + number(40, ~0ull)),
      piece("a", nan, 1),
      piece("", zero, 1),
      piece("a", zero, 9),
      piece("a", zero, 1) + piece("a", zero, 1) + bytes(2, number(3, 2)),
      std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11),
      std::string("\x0B\x0C", 2),
      "",
  };
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth;
  using tokenizer::SentencePieceModel;
  if (size > 1 << 16) return 0;
  try {
    SentencePieceModel model = tokenizer::read_sentencepiece_model({reinterpret_cast<const char*>(data), size}, "fuzz.model");
    if (model.types.size() != model.pieces.entries.size() || model.types.size() != model.pieces.scores.size()) __builtin_trap();
    for (const double score : model.pieces.scores) {
      if (!std::isfinite(score)) __builtin_trap();
    }
    std::unique_ptr<tokenizer::Model> made;
    if (model.algorithm == SentencePieceModel::Algorithm::bpe) {
      tokenizer::BpeOptions options;
      options.unk_token = model.unk_piece;
      options.fuse_unk = true;
      tokenizer::ModelData parts{{}, tokenizer::sentencepiece_merges(model.pieces, "fuzz.model")};
      parts.vocabulary.arena = model.pieces.arena;
      parts.vocabulary.entries = model.pieces.entries;
      made = tokenizer::make_bpe(options, std::move(parts), "fuzz.model");
    } else {
      made = tokenizer::make_unigram({.unk_id = model.unk_id, .byte_fallback = true}, std::move(model.pieces), "fuzz.model");
    }
    tokenizer::ModelScratch scratch;
    std::vector<tokenizer::ModelToken> tokens;
    const std::string text = "\u2581ab\u00e9aab\U0001F600" + std::string(40, 'a');
    made->tokenize(text, scratch, tokens);
    for (const auto& token : tokens) {
      if (token.id < 0 || token.id > made->vocabulary().max_id() || token.span.begin >= token.span.end || token.span.end > text.size()) __builtin_trap();
    }
  } catch (const base::Error&) {}
  return 0;
}
