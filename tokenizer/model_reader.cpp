#include "tokenizer/model_reader.hpp"

#include <cmath>

#include "base/error.hpp"

namespace berth::tokenizer {

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
