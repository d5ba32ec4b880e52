// Normally distributed values, the same for the same seed.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace berth::test {

inline std::vector<float> normals(std::size_t count, unsigned seed, float deviation = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace berth::test
