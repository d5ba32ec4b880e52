// Bounds of extended grapheme clusters (UAX #29), as far as they matter for the normalizer Precompiled: it treats clusters of six bytes and more
// code point by code point. So conjuncts of Indic scripts are not joined here: their clusters are longer than that.
#pragma once

#include <cstddef>
#include <string_view>

namespace berth::tokenizer {

// Where the cluster that begins at `at` ends; at < text.size().
std::size_t end_of_cluster(std::string_view text, std::size_t at) noexcept;

// Whether the character begins and ends a cluster beside any other that does, too.
bool stands_alone(char32_t c) noexcept;

}  // namespace berth::tokenizer
