// From token sequences and a template to encodings.
#pragma once

#include <array>
#include <vector>

#include "tokenizer/encoder.hpp"
#include "tokenizer/truncation.hpp"

namespace berth::tokenizer {

using WindowLists = std::array<std::vector<Window>, 2>;  // [text]: the kept window, then the overflow

// The encoding of the kept windows; its overflow holds every other combination of windows, in the reference's order.
Encoding assemble(const PostProcessor& post, bool is_pair, bool add_special_tokens, const std::array<TokenSequence, 2>& sequences, const WindowLists& windows);

}  // namespace berth::tokenizer
