// sentencepiece's character map: a double-array trie from texts to their normalized forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::tokenizer {

class CharsMap {
 public:
  // The bytes of precompiled_charsmap: the size of the trie in bytes (4 bytes, little endian), the trie's units of 4 bytes, the normalized forms,
  // each ended by a NUL. Throws base::Error{corrupt_file} beginning with `field` when anything in it points outside.
  CharsMap(std::string_view bytes, const std::string& field);

  // The form of the shortest text of the map that `text` begins with, as the reference takes it for all of `text`; absent when there is none.
  std::optional<std::string_view> find(std::string_view text) const noexcept;

 private:
  void check_forms(const std::string& field) const;

  std::vector<std::uint32_t> units_;
  std::string forms_;
};

}  // namespace berth::tokenizer
