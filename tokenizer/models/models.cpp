#include "tokenizer/models/models.hpp"

#include <cstdio>

#include "base/error.hpp"

namespace berth::tokenizer {

void require_vocabulary_object(const StageSource& source, const VocabularyEntries& entries) {
  if (entries.is_array || !source.object.json().contains("vocab") || source.object.has("vocab")) source.fail(".vocab", "expected an object of token: id");
}

void fail_unknown_word(std::string_view word, const std::string& unk_token) {
  throw base::Error(base::ErrorCode::invalid_argument,
                    "the text has the unknown word " + base::quoted(word) + ", and the tokenizer's vocabulary has no unknown token " + base::quoted(unk_token));
}

std::array<std::int32_t, 256> byte_token_ids(const Vocabulary& vocabulary) {
  std::array<std::int32_t, 256> ids;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", byte);
    ids[byte] = vocabulary.id(text).value_or(-1);
  }
  return ids;
}

}  // namespace berth::tokenizer
