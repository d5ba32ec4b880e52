#include "engine/profile/json_lines.hpp"

#include <cctype>
#include <vector>

namespace berth::engine {
namespace {

// A walk over text that is known to be good JSON: what is inside of strings, brackets and separators is all there is to tell apart.
class Walk {
 public:
  Walk(std::string_view text, JsonLines& lines) : text_(text), lines_(lines) {}

  void run() {
    std::vector<Level> levels;
    std::string path;
    bool value_next = true;  // else a key, or the end of a container
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == ':') continue;
      if (c == ',') {
        path.resize(levels.back().path_size);
        value_next = levels.back().array;
        if (levels.back().array) path += "[" + std::to_string(++levels.back().index) + "]";
        continue;
      }
      if (c == '}' || c == ']') {
        path.resize(levels.back().path_size);
        levels.pop_back();
        value_next = false;
        continue;
      }
      if (!value_next) {  // a key
        const std::size_t line = line_;
        const std::string key = string();
        path += (path.empty() ? "" : ".") + key;
        add(path, line);
        value_next = true;
        continue;
      }
      add(path, line_);
      if (c == '{' || c == '[') {
        levels.push_back({path.size(), 0, c == '['});
        value_next = c == '[';
        if (c == '[') path += "[0]";
      } else if (c == '"') {
        string();
      } else {
        while (at_ + 1 < text_.size() && std::string_view(",]} \t\r\n").find(text_[at_ + 1]) == std::string_view::npos) ++at_;
      }
    }
  }

 private:
  // Below a key of 100 KB every value's path would be as long.
  static constexpr std::size_t kLongestPath = 1024;
  void add(const std::string& path, std::size_t line) {
    if (path.size() <= kLongestPath) lines_.emplace(path, line);
  }

  struct Level {
    std::size_t path_size;
    std::size_t index;
    bool array;
  };

  // The string that begins here, as it is written; ends on its closing quote.
  std::string string() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  JsonLines& lines_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

JsonLines lines_of_json(std::string_view text) {
  JsonLines lines;
  Walk(text, lines).run();
  return lines;
}

}  // namespace berth::engine
