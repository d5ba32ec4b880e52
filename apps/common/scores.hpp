// Arithmetic on results that the command line and the server share.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace berth::apps {

// In double precision; of one size.
double dot(std::span<const float> a, std::span<const float> b);
// In [-1, 1]; 0 when either vector has no direction. Of one size.
double cosine(std::span<const float> a, std::span<const float> b);

// The `top_k` largest scores as indices, best first, the earlier first among equals. 0: all.
std::vector<std::size_t> best(std::span<const float> scores, std::size_t top_k);

}  // namespace berth::apps
