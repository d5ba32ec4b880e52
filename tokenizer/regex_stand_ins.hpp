// The regular expression library may be older than the reference's, so that characters added to Unicode since are no letters or digits to it. In
// a text with such characters each is replaced, for matching only, by an older one of the same kind and the same number of bytes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::tokenizer {

class StandIns {
 public:
  static const StandIns& instance();  // built once per process (about 20 ms)

  bool needed(std::string_view text) const noexcept;
  std::string replace(std::string_view text) const;

 private:
  StandIns();
  char32_t find(char32_t code_point) const noexcept;  // 0: none

  struct Range {
    char32_t first;
    char32_t last;
    char32_t stand_in;
  };
  std::vector<Range> ranges_;  // sorted
};

}  // namespace berth::tokenizer
