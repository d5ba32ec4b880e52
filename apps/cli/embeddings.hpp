// Options of the commands that make embeddings: how many of their values, in how many bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/models.hpp"

namespace berth::cli {

struct EmbeddingOptions {
  std::size_t truncate_dim = 0;  // 0: all
  bool normalize = false;
  std::string prompt_name = {};
  std::optional<std::string> prompt = {};
};
void add_truncate_dim_option(CLI::App& app, EmbeddingOptions& options);
void add_prompt_options(CLI::App& app, EmbeddingOptions& options);
void add_embedding_options(CLI::App& app, EmbeddingOptions& options);  // both

// Throws UsageError for a truncate_dim or a prompt that the model does not have.
RunOptions run_options(const Model& model, const RunLimits& limits, const EmbeddingOptions& embedding);

struct QuantizeOptions {
  std::string type = "float32";
  std::string ranges;  // a file of berth calibrate-ranges
};
void add_quantize_options(CLI::App& app, QuantizeOptions& options);

// Embeddings in fewer bits. Reads the file of ranges when it is made.
class Quantizer {
 public:
  // Throws UsageError where the type and the file do not go together, DataError where the file is not what it should be.
  Quantizer(const QuantizeOptions& options, std::size_t dimensions);

  bool floats() const noexcept { return type_ == BERTH_FLOAT32; }
  std::vector<std::int32_t> operator()(std::span<const float> embedding) const;  // as numbers, for JSON

 private:
  berth_output_type type_;
  std::vector<float> ranges_;  // [2, dimensions], or empty
};

// Ranges as a JSON file: {"dimensions":n,"texts":n,"ranges":[[minima],[maxima]]}.
std::string ranges_json(std::span<const float> ranges, std::uint64_t texts);
// [2, dimensions] of that, or of a bare [[minima],[maxima]]. Throws DataError.
std::vector<float> read_ranges(const std::string& path, std::size_t dimensions);

}  // namespace berth::cli
