#include "apps/cli/option_checks.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

template <class Integer>
bool whole_number_from(Integer min, const std::string& text) {
  Integer value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc{} && result.ptr == end && value >= min;
}

}  // namespace

std::string check_positive(const std::string& text) {
  return whole_number_from(std::int32_t{1}, text) ? "" : "expected a positive whole number, got \"" + text + "\"";
}

std::string check_limit(const std::string& text) {
  return whole_number_from(std::int64_t{1}, text) ? "" : "expected a positive whole number, got \"" + text + "\"";
}

std::string check_count(const std::string& text) {
  return whole_number_from(std::int64_t{0}, text) ? "" : "expected a whole number, 0 or more, got \"" + text + "\"";
}

std::string check_other_file(const std::string& path, const std::string& instead) {
  if (path == "-") return "expected a file, got \"-\"; " + instead;
  return path.empty() ? "expected a file, got nothing" : "";
}

std::vector<std::string> split_exactly(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (begin < end) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::size_t first = text.find_first_not_of(" \t", begin);
    if (first < end) parts.push_back(text.substr(first, text.find_last_not_of(" \t", end - 1) - first + 1));
    begin = end + 1;
  }
  return parts;
}

std::string check_between(const std::string& text, double least, double most, const std::string& unit) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec == std::errc{} && result.ptr == end && value >= least && value <= most) return "";  // a NaN is not
  const auto shown = [](double bound) {
    char buffer[32];
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof(buffer), bound).ptr);
  };
  return "expected " + shown(least) + " to " + shown(most) + unit + ", got \"" + text + "\"";
}

std::string check_choice(const std::string& text, const std::string& choices) {
  for (std::size_t begin = 0; begin <= choices.size();) {
    const std::size_t end = std::min(choices.find('|', begin), choices.size());
    if (choices.compare(begin, end - begin, text) == 0) return "";
    begin = end + 1;
  }
  return "expected " + choices + ", got \"" + text + "\"";
}

std::string check_encoding(const std::string& text) {
  return base::find_invalid_utf8(text) == std::string::npos ? "" : "expected UTF-8, got " + base::quoted(text);
}

std::string check_fraction(const std::string& text) { return check_between(text, 0, 1, ""); }

}  // namespace berth::cli
