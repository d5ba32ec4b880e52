// A case of tests/reference: inputs, and what the Hugging Face code gives for them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <berth/berth.h>

#include "base/json.hpp"

namespace berth::test {

inline constexpr double kReferenceTolerance = 2e-5;  // of FP32: why, see tests/reference/README.md

// The directory of a case.
inline std::filesystem::path reference(const std::string& name) { return std::filesystem::path(BERTH_SOURCE_DIR) / "tests/reference" / name; }

struct ExpectedTensor {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
  double scale = 0.0;
};

// One of a case's sets of inputs ("", "long." or "text."), padding removed.
struct ReferenceInputs {
  std::string prefix;
  std::vector<std::vector<std::int32_t>> ids;
  std::vector<std::vector<std::int32_t>> type_ids;  // empty rows where the architecture has none
  std::size_t padded_length = 0;

  std::vector<berth_input> inputs() const;
};

class ReferenceCase {
 public:
  explicit ReferenceCase(std::filesystem::path directory);

  const std::filesystem::path& directory() const { return directory_; }
  const base::Json& description() const { return description_; }
  std::vector<ReferenceInputs> input_sets() const;
  std::optional<ExpectedTensor> tensor(const std::string& name) const;
  // The strings of the "text." set: a text, or a pair.
  std::vector<std::pair<std::string, std::optional<std::string>>> texts() const;

 private:
  std::size_t header_offset() const;
  std::vector<std::int64_t> integers(const std::string& name, std::vector<std::uint64_t>& shape) const;

  std::filesystem::path directory_;
  base::Json description_;
  std::string file_;  // expected.safetensors
  base::Json header_;
};

// The measure of tests/reference/README.md: largest absolute difference over max(1, scale). `got` holds the rows without padding; for a per-token
// tensor [rows, padded, size] only real tokens are compared.
double reference_error(const ExpectedTensor& expected, const std::vector<float>& got, const ReferenceInputs& inputs, bool per_token);

std::vector<std::filesystem::path> reference_directories();

}  // namespace berth::test
