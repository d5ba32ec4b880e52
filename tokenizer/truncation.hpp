// Where token sequences are cut. Works on lengths only.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {

// Tokens [begin, end) of one text. The first window of a text is the one kept, the others are its overflow, nearest first.
struct Window {
  std::size_t begin;
  std::size_t end;
};

// Which of two texts that share an odd room has one token more: the longer (the second where both are equally long), as in `tokenizers`, or the first, as
// in the classes that only exist in Python.
enum class OddToken : unsigned char { longer, first };

// How many tokens of each text are kept: `first` and, for a pair, `second`. `room` is max_length less the special tokens.
struct KeptLengths {
  std::size_t first;
  std::size_t second;
};
// Throws invalid_argument when only_first or only_second cannot make enough room.
KeptLengths kept_lengths(std::size_t first, std::optional<std::size_t> second, std::size_t room, TruncationStrategy strategy, OddToken odd = OddToken::longer);

// Windows of `keep` tokens over `length` tokens, each sharing `stride` tokens with the one before, from the right or left end.
// One window when nothing is cut; with keep == 0 an empty one and then the whole text. Throws invalid_argument when stride >= keep > 0.
std::vector<Window> make_windows(std::size_t length, std::size_t keep, std::size_t stride, TruncationSide side, bool with_overflow);

}  // namespace berth::tokenizer
