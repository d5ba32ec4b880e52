#include "tokenizer/text.hpp"

namespace berth::tokenizer {

void NormalizedWriter::grow(std::size_t bytes) {
  const std::size_t size = size_ + bytes + size_ / 2 + 64;
  out_.text.resize(size);
  out_.origin.resize(size);
}

}  // namespace berth::tokenizer
