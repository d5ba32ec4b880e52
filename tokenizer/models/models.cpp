#include "tokenizer/models/models.hpp"

#include <cstdio>

namespace berth::tokenizer {

void require_vocabulary_object(const StageSource& source, const VocabularyEntries& entries) {
  if (entries.is_array || source.object.has("vocab")) source.fail(".vocab", "expected an object of token: id");
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
