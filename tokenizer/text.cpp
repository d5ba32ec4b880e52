#include "tokenizer/text.hpp"

#include <string>

#include "base/error.hpp"

namespace berth::tokenizer {
namespace {

// Spans are 32 bits wide; stages that write two bytes for one stay below that, too.
constexpr std::size_t kMaxText = std::size_t{1} << 31;

}  // namespace

void NormalizedWriter::grow(std::size_t bytes) {
  if (bytes > kMaxText || size_ > kMaxText - bytes) {
    throw base::Error(base::ErrorCode::invalid_argument, "the normalized text would be longer than " + std::to_string(kMaxText) + " bytes");
  }
  const std::size_t size = size_ + bytes + size_ / 2 + 64;
  out_.text.resize(size);
  out_.origin.resize(size);
}

}  // namespace berth::tokenizer
