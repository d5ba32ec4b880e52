// Lower case of a whole text, which depends on its words: what a caller may do to a text before it is tokenized. (The Lowercase normalizer maps
// every code point by itself.)
#pragma once

#include <string>
#include <string_view>

namespace berth::tokenizer {

// As Python's str.lower(), which sentence-transformers applies when `do_lower_case` is set: Unicode's full mapping with the rule that a capital
// sigma at the end of a word is a final one ("ΟΔΟΣ" is "οδος"). `text` is valid UTF-8. Linear in its length; safe to call from many threads.
std::string lower_text(std::string_view text);

}  // namespace berth::tokenizer
