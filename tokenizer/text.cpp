#include "tokenizer/text.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"

namespace berth::tokenizer {
namespace {

// Spans are 32 bits wide; stages that write two bytes for one stay below that, too.
constexpr std::size_t kMaxText = std::size_t{1} << 31;

// Normal forms make up to 18 code points of one, in short texts of few such. Stages of a crafted file could make thousands of each, and stages in a row
// multiply: a short text must not become all of the memory.
constexpr std::size_t kMaxGrowth = 8;
constexpr std::size_t kMaxGrown = std::size_t{16} << 20;

}  // namespace

void NormalizedWriter::grow(std::size_t bytes) {
  if (most_ == 0) most_ = size_ + std::max(kMaxGrown, std::min(bytes, kMaxText / kMaxGrowth) * kMaxGrowth);
  const std::size_t most = std::min(most_, kMaxText);
  if (bytes > most || size_ > most - bytes)
    throw base::Error(base::ErrorCode::invalid_argument, "the text would be longer than " + std::to_string(most) + " bytes once normalized");
  const std::size_t size = size_ + bytes + size_ / 2 + 64;
  out_.text.resize(size);
  out_.origin.resize(size);
}

}  // namespace berth::tokenizer
