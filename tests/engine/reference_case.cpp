#include "tests/engine/reference_case.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "base/files.hpp"

namespace berth::test {

std::vector<berth_input> ReferenceInputs::inputs() const {
  std::vector<berth_input> result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    berth_input input{};
    input.ids = ids[i].data();
    input.ids_size = ids[i].size();
    input.type_ids = type_ids[i].empty() ? nullptr : type_ids[i].data();
    result.push_back(input);
  }
  return result;
}

ReferenceCase::ReferenceCase(std::filesystem::path directory) : directory_(std::move(directory)) {
  description_ = base::Json::parse(base::read_file(directory_ / "expected.json", 1 << 24));
  file_ = base::read_file(directory_ / "expected.safetensors", 1 << 28);
  std::uint64_t length = 0;
  std::memcpy(&length, file_.data(), sizeof(length));
  header_ = base::Json::parse(file_.substr(8, length));
}

std::optional<ExpectedTensor> ReferenceCase::tensor(const std::string& name) const {
  if (!header_.contains(name)) return std::nullopt;
  const base::Json& entry = header_[name];
  if (entry["dtype"] != "F32") throw std::runtime_error(name + " is not F32");
  ExpectedTensor result;
  result.shape = entry["shape"].get<std::vector<std::uint64_t>>();
  const auto begin = 8 + header_offset() + entry["data_offsets"][0].get<std::size_t>();
  result.values.resize((entry["data_offsets"][1].get<std::size_t>() - entry["data_offsets"][0].get<std::size_t>()) / 4);
  std::memcpy(result.values.data(), file_.data() + begin, result.values.size() * 4);
  result.scale = description_["tensors"][name]["scale"].get<double>();
  return result;
}

std::vector<std::int64_t> ReferenceCase::integers(const std::string& name, std::vector<std::uint64_t>& shape) const {
  const base::Json& entry = header_.at(name);
  shape = entry["shape"].get<std::vector<std::uint64_t>>();
  std::vector<std::int64_t> values(shape[0] * shape[1]);
  std::memcpy(values.data(), file_.data() + 8 + header_offset() + entry["data_offsets"][0].get<std::size_t>(), values.size() * 8);
  return values;
}

std::vector<ReferenceInputs> ReferenceCase::input_sets() const {
  std::vector<ReferenceInputs> sets;
  for (const char* prefix : {"", "long.", "text."}) {
    if (!header_.contains(std::string(prefix) + "input_ids")) continue;
    ReferenceInputs set;
    set.prefix = prefix;
    std::vector<std::uint64_t> shape;
    const auto ids = integers(set.prefix + "input_ids", shape);
    const auto mask = integers(set.prefix + "attention_mask", shape);
    const bool has_types = header_.contains(set.prefix + "token_type_ids");
    const auto types = has_types ? integers(set.prefix + "token_type_ids", shape) : std::vector<std::int64_t>();
    set.padded_length = shape[1];
    for (std::size_t row = 0; row < shape[0]; ++row) {
      set.ids.emplace_back();
      set.type_ids.emplace_back();
      for (std::size_t t = row * shape[1]; t < (row + 1) * shape[1]; ++t) {
        if (mask[t] == 0) continue;
        set.ids.back().push_back(static_cast<std::int32_t>(ids[t]));
        if (has_types) set.type_ids.back().push_back(static_cast<std::int32_t>(types[t]));
      }
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<std::pair<std::string, std::optional<std::string>>> ReferenceCase::texts() const {
  std::vector<std::pair<std::string, std::optional<std::string>>> result;
  if (!description_.contains("texts")) return result;
  for (const base::Json& text : description_["texts"]) {
    if (text.is_string()) {
      result.emplace_back(text.get<std::string>(), std::nullopt);
    } else {
      result.emplace_back(text[0].get<std::string>(), text[1].get<std::string>());
    }
  }
  return result;
}

std::size_t ReferenceCase::header_offset() const {
  std::uint64_t length = 0;
  std::memcpy(&length, file_.data(), sizeof(length));
  return static_cast<std::size_t>(length);
}

double reference_error(const ExpectedTensor& expected, const std::vector<float>& got, const ReferenceInputs& inputs, bool per_token) {
  double worst = 0.0;
  std::size_t next = 0;
  const auto compare = [&](std::size_t begin, std::size_t count) {
    for (std::size_t i = begin; i < begin + count; ++i, ++next) {
      const double difference = next < got.size() ? std::abs(double{got[next]} - double{expected.values[i]}) : std::numeric_limits<double>::infinity();
      if (!(difference <= worst)) worst = difference;  // NaN is the worst of all
    }
  };
  if (per_token) {
    const std::size_t size = expected.shape.size() > 2 ? expected.shape[2] : 1;
    for (std::size_t row = 0; row < inputs.ids.size(); ++row) compare(row * inputs.padded_length * size, inputs.ids[row].size() * size);
  } else {
    compare(0, expected.values.size());
  }
  if (next != got.size()) return std::numeric_limits<double>::infinity();
  return worst / std::max(1.0, expected.scale);
}

std::vector<std::filesystem::path> reference_directories() {
  std::vector<std::filesystem::path> directories;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(BERTH_SOURCE_DIR) / "tests/reference"))
    if (std::filesystem::exists(entry.path() / "expected.json")) directories.push_back(entry.path());
  std::sort(directories.begin(), directories.end());
  return directories;
}

}  // namespace berth::test
