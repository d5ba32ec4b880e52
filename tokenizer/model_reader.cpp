#include "tokenizer/model_reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "base/error.hpp"

namespace berth::tokenizer {

namespace {

// 10 to the power of 0...308, each the nearest double.
double power_of_ten(int exponent) {
  static const std::array<double, 309> table = [] {
    std::array<double, 309> powers{};
    for (int i = 0; i <= 308; ++i) {
      char text[8];
      std::snprintf(text, sizeof text, "1e%d", i);
      powers[static_cast<std::size_t>(i)] = std::strtod(text, nullptr);
    }
    return powers;
  }();
  return table[static_cast<std::size_t>(exponent)];
}

double scale(double value, long exponent) {
  while (exponent < -308 && value != 0.0) {
    value /= power_of_ten(308);
    exponent += 308;
  }
  if (value == 0.0) return 0.0;
  if (exponent > 308) return std::numeric_limits<double>::infinity();
  return exponent >= 0 ? value * power_of_ten(static_cast<int>(exponent)) : value / power_of_ten(static_cast<int>(-exponent));
}

}  // namespace

double read_score(std::string_view text) {
  constexpr long kFar = 1'000'000;  // an exponent beyond every double
  const bool negative = text.starts_with('-');
  std::size_t at = negative ? 1 : 0;
  std::uint64_t digits = 0;
  long exponent = 0;
  bool full = false;  // further digits no longer fit
  bool fraction = false;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.') {
      full = full && fraction;  // one that was full before the point tries again after it
      fraction = true;
      continue;
    }
    const auto digit = static_cast<std::uint64_t>(text[at] - '0');
    constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
    full = full || (digits >= kMax / 10 && (digits > kMax / 10 || digit > kMax % 10));
    if (!full) digits = digits * 10 + digit;
    exponent += full == fraction ? 0 : full ? 1 : -1;
  }
  if (at < text.size()) {
    const bool down = text[at + 1] == '-';
    long power = 0;
    for (at += down || text[at + 1] == '+' ? 2 : 1; at < text.size(); ++at) power = std::min(kFar, power * 10 + (text[at] - '0'));
    exponent += down ? -power : power;
  }
  const double value = scale(static_cast<double>(digits), exponent);
  return negative ? -value : value;
}

ModelReader::ModelReader(std::string label, std::string vocabulary, std::string merges)
    : label_(std::move(label)), vocabulary_(std::move(vocabulary)), merges_(std::move(merges)) {}

void ModelReader::fail(const std::string& field, const std::string& problem) const {
  throw base::Error(base::ErrorCode::corrupt_file, label_ + ": " + (field.empty() ? "" : "field \"" + field + "\": ") + problem);
}

ModelData ModelReader::take() {
  data_.vocabulary.shrink();
  return std::move(data_);
}

void ModelReader::check_token(std::string_view token) const {
  if (data_.vocabulary.entries.size() >= kMaxVocabularySize) fail(vocabulary_, "more than " + std::to_string(kMaxVocabularySize) + " entries");
  if (token.size() > kMaxTokenBytes) {
    fail(vocabulary_, "token " + base::quoted(token, 40) + " is longer than " + std::to_string(kMaxTokenBytes) + " bytes");
  }
}

std::int32_t ModelReader::id_of(std::string_view token, const base::Json& value) const {
  const bool valid = value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMaxTokenId)
                                                : value.is_number_integer() && value.get<std::int64_t>() >= 0 && value.get<std::int64_t>() <= kMaxTokenId;
  if (!valid) {
    std::string got = value.dump();
    if (got.size() > 40) got.resize(40);
    fail(vocabulary_, "token " + base::quoted(token) + ": expected an id in [0, " + std::to_string(kMaxTokenId) + "], got " + base::printable(got));
  }
  return static_cast<std::int32_t>(value.get<std::int64_t>());
}

void ModelReader::add_token(const base::JsonStreamElement& element) {
  const base::Json& value = *element.value;
  if (element.key) {
    check_token(*element.key);
    data_.vocabulary.add(*element.key, id_of(*element.key, value));
    return;
  }
  data_.vocabulary.is_array = true;
  const auto place = [&] { return vocabulary_ + "[" + std::to_string(element.index) + "]"; };
  if (!value.is_array() || value.size() != 2 || !value[0].is_string() || !value[1].is_number()) fail(place(), "expected [token, score]");
  const std::string& token = value[0].get_ref<const std::string&>();
  check_token(token);
  const double score = value[1].get<double>();
  if (!std::isfinite(score)) fail(place(), "expected a finite score");
  data_.vocabulary.add(token, score);
}

void ModelReader::add_merge(const base::JsonStreamElement& element) {
  const base::Json& value = *element.value;
  const bool is_pair = value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string();
  if (element.key || (!is_pair && !value.is_string())) {
    fail(merges_ + "[" + std::to_string(element.index) + "]", "expected a string of two parts or a list of two strings");
  }
  if (!is_pair) {
    const std::string& both = value.get_ref<const std::string&>();
    if (!both.starts_with("#version")) add_merge(both);
    return;
  }
  if (data_.merges.merges.size() >= kMaxMerges) fail(merges_, "more than " + std::to_string(kMaxMerges) + " merges");
  data_.merges.add(value[0].get_ref<const std::string&>(), value[1].get_ref<const std::string&>());
}

void ModelReader::add_merge(std::string_view both) {
  if (data_.merges.merges.size() >= kMaxMerges) fail(merges_, "more than " + std::to_string(kMaxMerges) + " merges");
  const std::size_t space = both.find(' ');
  if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) {
    fail(merges_, "merge " + std::to_string(data_.merges.merges.size()) + ": expected two parts with a space between them, got " + base::quoted(both, 60));
  }
  data_.merges.add(both.substr(0, space), both.substr(space + 1));
}

}  // namespace berth::tokenizer
