#include "tokenizer/truncation.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"

namespace berth::tokenizer {
namespace {

[[noreturn]] void reject(const std::string& message) { throw base::Error(base::ErrorCode::invalid_argument, message); }

// The longer text gives way first; once both are equally long they share the room.
KeptLengths longest_first(std::size_t first, std::size_t second, std::size_t room, OddToken odd) {
  std::size_t shorter = std::min(first, second);
  std::size_t longer = shorter > room ? shorter : std::max(shorter, room - shorter);
  const bool shared = shorter + longer > room;
  if (shared) {
    shorter = room / 2;
    longer = shorter + room % 2;
  }
  return first > second || (shared && odd == OddToken::first) ? KeptLengths{longer, shorter} : KeptLengths{shorter, longer};
}

}  // namespace

KeptLengths kept_lengths(std::size_t first, std::optional<std::size_t> second, std::size_t room, TruncationStrategy strategy, OddToken odd) {
  const std::size_t total = first + second.value_or(0);
  if (total <= room) return {first, second.value_or(0)};
  if (room == 0) return {0, 0};
  const std::size_t excess = total - room;
  switch (strategy) {
    case TruncationStrategy::longest_first:
      if (!second) return {room, 0};
      return longest_first(first, *second, room, odd);
    case TruncationStrategy::only_first:
      if (first <= excess)
        reject("truncation only_first: the first text has " + std::to_string(first) + " tokens, but " + std::to_string(excess) + " have to go");
      return {first - excess, second.value_or(0)};
    case TruncationStrategy::only_second:
      if (!second) reject("truncation only_second: there is no second text");
      if (*second <= excess)
        reject("truncation only_second: the second text has " + std::to_string(*second) + " tokens, but " + std::to_string(excess) + " have to go");
      return {first, *second - excess};
  }
  reject("unknown truncation strategy");
}

std::vector<Window> make_windows(std::size_t length, std::size_t keep, std::size_t stride, TruncationSide side, bool with_overflow) {
  if (keep >= length) return {{0, length}};
  if (keep == 0) {
    if (with_overflow) return {{0, 0}, {0, length}};
    return {{0, 0}};
  }
  if (stride >= keep) {
    reject("truncation stride " + std::to_string(stride) + " must be below the number of tokens a window keeps, " + std::to_string(keep));
  }
  std::vector<Window> windows;
  const std::size_t step = keep - stride;
  for (std::size_t from = 0; from < length; from += step) {
    const std::size_t size = std::min(keep, length - from);
    windows.push_back(side == TruncationSide::right ? Window{from, from + size} : Window{length - from - size, length - from});
    if (!with_overflow || from + size == length) break;
  }
  return windows;
}

}  // namespace berth::tokenizer
