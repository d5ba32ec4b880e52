// Reference cases with another config.json, or with their tensors under other names.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "engine/model.hpp"
#include "engine/model_config.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {

// A copy of a reference case with another config.json.
class Edited {
 public:
  Edited(const std::string& name, const std::function<void(base::Json&)>& edit) {
    std::filesystem::copy(reference(name), directory(), std::filesystem::copy_options::recursive);
    base::Json config = base::Json::parse(base::read_file(directory() / "config.json", 1 << 20));
    edit(config);
    std::ofstream(directory() / "config.json") << config.dump();
  }
  std::filesystem::path directory() const { return temporary_.path() / "model"; }

  // Every tensor is replaced by those that `edit` makes of it.
  void rewrite(const std::function<std::vector<TensorToWrite>(const TensorToWrite&)>& edit) const {
    std::vector<TensorToWrite> made;
    for (const TensorToWrite& tensor : tensors())
      for (TensorToWrite& part : edit(tensor)) made.push_back(std::move(part));
    write(made);
  }
  void add(const std::vector<TensorToWrite>& more) const {
    std::vector<TensorToWrite> all = tensors();
    all.insert(all.end(), more.begin(), more.end());
    write(all);
  }

 private:
  std::vector<TensorToWrite> tensors() const {
    std::vector<TensorToWrite> copies;
    const auto stored = loaders::TensorStore::open(directory());
    for (const loaders::TensorView& tensor : stored.tensors())
      copies.push_back({tensor.name, tensor.dtype_name, tensor.shape, std::string(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size())});
    return copies;
  }
  void write(const std::vector<TensorToWrite>& tensors) const { std::ofstream(directory() / "model.safetensors") << safetensors(tensors); }

  TempDirectory temporary_;
};

// The configuration alone: the tensors need not fit it.
inline engine::ModelConfig config_of(
    const std::string& name, const std::function<void(base::Json&)>& edit = [](base::Json&) {}) {
  const Edited edited(name, edit);
  const auto directory = loaders::ModelDirectory::open(edited.directory());
  const auto tensors = loaders::TensorStore::open(edited.directory());
  return engine::read_model_config(directory, tensors);
}

inline void expect_refused(const std::string& name, const char* key, const base::Json& value, const std::vector<std::string>& fragments,
                           base::ErrorCode code = base::ErrorCode::unsupported) {
  std::vector<std::string> all = fragments;
  all.insert(all.begin(), {"config.json", std::string("\"") + key + "\""});
  expect_error(code, all, [&] { config_of(name, [&](base::Json& json) { json[key] = value; }); });
}

using Replacements = std::vector<std::pair<std::string, std::string>>;

inline TensorToWrite renamed(TensorToWrite tensor, const Replacements& replacements) {
  for (const auto& [from, to] : replacements)
    if (const std::size_t at = tensor.name.find(from); at != std::string::npos) tensor.name.replace(at, from.size(), to);
  return tensor;
}

// The edited case gives the bits of the one it was made from.
inline void expect_same_bits(const std::string& name, const Edited& edited) {
  const ReferenceCase original(reference(name));
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    const auto expected = engine::Model::load(original.directory().string(), {.threads = 1, .precision = precision});
    const auto got = engine::Model::load(edited.directory().string(), {.threads = 1, .precision = precision});
    for (const ReferenceInputs& set : original.input_sets()) {
      const std::vector<float> a = outputs(*expected, set.inputs());
      const std::vector<float> b = outputs(*got, set.inputs());
      ASSERT_EQ(a.size(), b.size()) << name;
      EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << name << " " << precision;
    }
  }
}

}  // namespace berth::test
