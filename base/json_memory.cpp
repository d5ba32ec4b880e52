#include "base/json.hpp"

namespace berth::base {
namespace {

// Bytes on a 64-bit system with glibc's allocator, each with what is there only for a while: vectors double and are copied as they grow, and nlohmann takes a
// document apart by way of a list of its values.
constexpr std::size_t kPlace = 64;      // a value's in an array: 16
constexpr std::size_t kContainer = 64;  // a map or a vector that a value points to, and a vector's smallest block
constexpr std::size_t kString = 96;     // a string that a value points to, and a caller's copy; or an object's node with its key and its value
constexpr std::size_t kDocument = 1024;

}  // namespace

std::size_t json_memory(std::string_view text, JsonLimits limits) noexcept {
  // The characters of strings: once in the document and once in a caller's copy of them, or in what a growing string leaves unused.
  std::size_t bytes = kDocument + 2 * text.size();
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case ',': bytes += kPlace; break;
      case '[':
        bytes += kPlace;  // of its first value
        [[fallthrough]];
      case '{':
        bytes += kContainer;
        if (++depth > limits.max_depth) return bytes;  // nobody reads further
        break;
      case ']':
      case '}': --depth; break;
      case '"':
        bytes += kString;
        for (++at; at < text.size() && text[at] != '"'; ++at)
          if (text[at] == '\\') ++at;
        break;
      default: break;
    }
  }
  return bytes;
}

}  // namespace berth::base
