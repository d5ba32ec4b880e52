// Options of the commands that make embeddings: how many of their values, in how many bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/command.hpp"
#include "apps/cli/models.hpp"

namespace berth::cli {

struct EmbeddingOptions {
  std::size_t truncate_dim = 0;  // 0: all
  bool normalize = false;
  std::string prompt_name = {};
  std::optional<std::string> prompt = {};
};
void add_truncate_dim_option(Command& command, EmbeddingOptions& options);
void add_prompt_options(Command& command, EmbeddingOptions& options);
void add_embedding_options(Command& command, EmbeddingOptions& options);  // both

// Throws UsageError for a truncate_dim or a prompt that the model does not have.
RunOptions run_options(const Model& model, const RunLimits& limits, const EmbeddingOptions& embedding);

struct QuantizeOptions {
  std::string type = "float32";  // or float16, or one of berth_output_type
  bool base64 = false;
  std::string ranges;  // a file of berth calibrate-ranges
};
void add_quantize_options(Command& command, QuantizeOptions& options);

// Embeddings in fewer bits. Reads the file of ranges when it is made.
class Quantizer {
 public:
  // Throws UsageError where the type and the file do not go together, DataError where the file is not what it should be.
  Quantizer(const QuantizeOptions& options, std::size_t dimensions);

  // Appends an embedding to JSON: an array of numbers, or with base64 its bytes.
  void append(std::string& out, std::span<const float> embedding) const;
  bool floats() const noexcept { return type_ == BERTH_FLOAT32; }                // float16 too
  std::vector<std::int32_t> operator()(std::span<const float> embedding) const;  // as numbers; not of floats
  // The bytes of an embedding, little-endian, and what numpy calls their type.
  std::string bytes(std::span<const float> embedding) const;
  std::string numpy_type() const;
  std::size_t columns(std::size_t dimensions) const;  // values of an embedding in that type

 private:
  berth_output_type type_;
  bool half_ = false;
  bool base64_ = false;
  std::vector<float> ranges_;  // [2, dimensions], or empty
};

// IEEE 754's 16-bit form, rounded to nearest, ties to even; and back.
std::uint16_t to_half(float value) noexcept;
float from_half(std::uint16_t half) noexcept;

// Ranges as a JSON file: {"dimensions":n,"texts":n,"ranges":[[minima],[maxima]]}.
std::string ranges_json(std::span<const float> ranges, std::uint64_t texts);
// [2, dimensions] of that, or of a bare [[minima],[maxima]]. Throws DataError.
std::vector<float> read_ranges(const std::string& path, std::size_t dimensions);

}  // namespace berth::cli
