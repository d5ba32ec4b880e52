#include "tokenizer/text.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"

namespace berth::tokenizer {

void NormalizedWriter::grow(std::size_t bytes) {
  if (bytes > out_.most || size_ > out_.most - bytes)
    throw base::Error(base::ErrorCode::invalid_argument, "the text would be longer than " + std::to_string(out_.most) + " bytes once normalized");
  const std::size_t size = std::min(size_ + bytes + size_ / 2 + 64, out_.most);
  out_.text.resize(size);
  out_.origin.resize(size);
}

}  // namespace berth::tokenizer
