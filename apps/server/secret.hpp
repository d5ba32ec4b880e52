// API keys.
#pragma once

#include <cstddef>
#include <string_view>

namespace berth::server {

// Whether a key that was given is the key. Takes as long for a wrong one as for the right one: neither branches nor addresses depend on the bytes of
// either, only on their lengths.
inline bool same_secret(std::string_view given, std::string_view key) {
  unsigned difference = given.size() == key.size() ? 0U : 1U;
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(key.empty() ? 0 : key[i % key.size()]);
  return difference == 0;
}

}  // namespace berth::server
