// A sentencepiece model file (the protocol buffer ModelProto): its pieces and what else matters for tokenizing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.hpp"

namespace berth::tokenizer {

struct SentencePieceModel {
  enum class Algorithm { unigram = 1, bpe = 2, word = 3, character = 4 };
  enum class PieceType : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

  VocabularyEntries pieces;      // with scores, in order of id
  std::vector<PieceType> types;  // [pieces]
  Algorithm algorithm = Algorithm::unigram;
  std::int32_t unk_id = 0;
  std::string unk_piece = "<unk>";
  std::string charsmap;  // precompiled; may be empty
};

// Reads the bytes of a file; `label` names it in errors. Throws base::Error{corrupt_file} for what is not such a model: a cut message, a length beyond
// its message, a piece that is empty, too long or not UTF-8, a score that is not finite, no pieces at all.
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& label);

}  // namespace berth::tokenizer
