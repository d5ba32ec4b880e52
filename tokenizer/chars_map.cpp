#include "tokenizer/chars_map.hpp"

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace berth::tokenizer {
namespace {

// A unit of the double array (the format of Darts-clone).
bool has_leaf(std::uint32_t unit) { return (unit & 0x100) != 0; }
std::uint32_t label(std::uint32_t unit) { return unit & 0x8000'00FF; }
std::uint32_t value(std::uint32_t unit) { return unit & 0x7FFF'FFFF; }
std::uint32_t offset(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

[[noreturn]] void corrupt(const std::string& field, const std::string& problem) { throw base::Error(base::ErrorCode::corrupt_file, field + ": " + problem); }

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t result = 0;
  for (std::size_t i = 0; i < 4; ++i) result |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return result;
}

}  // namespace

CharsMap::CharsMap(std::string_view bytes, const std::string& field) {
  if (bytes.size() < 4) corrupt(field, "a character map of " + std::to_string(bytes.size()) + " bytes");
  const std::uint32_t size = read_u32(bytes, 0);
  if (size == 0 || size % 4 != 0 || size > bytes.size() - 4) {
    corrupt(field, "a trie of " + std::to_string(size) + " bytes in a character map of " + std::to_string(bytes.size()));
  }
  units_.resize(size / 4);
  for (std::size_t i = 0; i < units_.size(); ++i) units_[i] = read_u32(bytes, 4 + 4 * i);
  forms_ = bytes.substr(4 + size);
  check_forms(field);
}

// Walks all of the trie. What a unit leads to depends on its place alone, so each is visited once.
void CharsMap::check_forms(const std::string& field) const {
  if (const std::size_t invalid = base::find_invalid_utf8(forms_); invalid != std::string_view::npos) {
    corrupt(field, "the normalized forms are not valid UTF-8 at byte " + std::to_string(invalid));
  }
  // find() would come back to the root, which is looked at as a beginning alone.
  if (const std::uint32_t root = label(units_[0]); root != 0 && root < 256) corrupt(field, "a trie whose root has the label " + std::to_string(root));
  std::vector<bool> seen(units_.size());
  std::vector<std::size_t> open = {0};
  while (!open.empty()) {
    const std::size_t place = open.back();
    open.pop_back();
    const std::size_t children = place ^ offset(units_[place]);
    if (place != 0 && has_leaf(units_[place])) {
      const std::size_t form = children < units_.size() ? value(units_[children]) : forms_.size() + 1;
      const bool inside = form < forms_.size() && (static_cast<unsigned char>(forms_[form]) & 0xC0) != 0x80;
      if (!inside) corrupt(field, "a normalized form at byte " + std::to_string(form) + " of " + std::to_string(forms_.size()));
    }
    for (std::uint32_t byte = 1; byte < 256; ++byte) {
      const std::size_t child = children ^ byte;
      if (child >= units_.size() || label(units_[child]) != byte || seen[child]) continue;
      seen[child] = true;
      open.push_back(child);
    }
  }
}

std::optional<std::string_view> CharsMap::find(std::string_view text) const noexcept {
  std::size_t place = offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    place ^= byte;
    if (byte == 0 || place >= units_.size() || label(units_[place]) != byte) return std::nullopt;
    const std::uint32_t unit = units_[place];
    place ^= offset(unit);
    if (has_leaf(unit)) return std::string_view(forms_.data() + value(units_[place]));  // up to the NUL that ends it, or the string's own
  }
  return std::nullopt;
}

}  // namespace berth::tokenizer
