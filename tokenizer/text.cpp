#include "tokenizer/text.hpp"

#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {

void NormalizedWriter::put(char32_t code_point, Offset origin) {
  reserve(4);
  char* text = this->text();
  Offset* origins = this->origin();
  const std::size_t bytes = put_utf8(text, code_point);
  for (std::size_t i = 0; i < bytes; ++i) origins[i] = origin;
  advance(bytes);
}

void NormalizedWriter::grow(std::size_t bytes) {
  const std::size_t size = size_ + bytes + size_ / 2 + 64;
  out_.text.resize(size);
  out_.origin.resize(size);
}

}  // namespace berth::tokenizer
