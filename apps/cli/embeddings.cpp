#include "apps/cli/embeddings.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <string_view>
#include <utility>

#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

constexpr std::size_t kMaxRangesBytes = std::size_t{64} << 20;

constexpr std::array<std::pair<std::string_view, berth_output_type>, 5> kTypes = {{
    {"float32", BERTH_FLOAT32},
    {"int8", BERTH_INT8},
    {"uint8", BERTH_UINT8},
    {"binary", BERTH_BINARY},
    {"ubinary", BERTH_UBINARY},
}};

std::string check_type(const std::string& text) {
  if (text == "float16") return "";
  std::string names = "float16";
  for (const auto& [name, type] : kTypes) {
    if (name == text) return "";
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return "expected one of " + names + ", got \"" + text + "\"";
}

bool needs_ranges(berth_output_type type) { return type == BERTH_INT8 || type == BERTH_UINT8; }

// One of the two rows of ranges.
void append_row(const base::Json& row, const std::string& where, std::size_t dimensions, std::vector<float>& ranges) {
  if (!row.is_array() || row.size() != dimensions)
    throw DataError(where + ": expected " + std::to_string(dimensions) + " numbers, as many as the embeddings have values, got " + base::describe(row));
  for (const base::Json& value : row) {
    const float number = value.is_number() ? value.get<float>() : NAN;
    if (!std::isfinite(number)) throw DataError(where + ": expected numbers within the range of FP32, got " + base::describe(value));
    ranges.push_back(number);
  }
}

}  // namespace

void add_truncate_dim_option(Command& command, EmbeddingOptions& options) {
  command.add_option("--truncate-dim", options.truncate_dim, "Use the embeddings' first N values only, for models trained so (Matryoshka)")
      .type_name("N")
      .check(check_positive);
}

void add_prompt_options(Command& command, EmbeddingOptions& options) {
  const Option name =
      command.add_option("--prompt-name", options.prompt_name, "Put this prompt of the model's before every text (query, passage, ...; see berth info)")
          .type_name("NAME");
  command.add_option("--prompt", options.prompt, "Put this text before every text; an empty one keeps the model's default prompt out")
      .type_name("TEXT")
      .excludes(name);
}

void add_embedding_options(Command& command, EmbeddingOptions& options) {
  add_truncate_dim_option(command, options);
  command.add_flag("--normalize", options.normalize, "Divide each embedding by its length, after --truncate-dim");
}

RunOptions run_options(const Model& model, const RunLimits& limits, const EmbeddingOptions& embedding) {
  RunOptions result;
  result.max_length = limits.max_length;
  result.batch_tokens = limits.batch_tokens;
  result.truncate_dim = embedding.truncate_dim;
  result.normalize = embedding.normalize;
  result.long_text = limits.long_text_mode();
  result.stride = limits.stride;
  result.prompt_name = embedding.prompt_name;
  result.prompt = embedding.prompt;
  try {
    static_cast<void>(model.embedding_size(result));
  } catch (const Error& error) {
    const bool prompt = std::string_view(error.what()).starts_with("prompt");
    const char* option = !prompt ? "--truncate-dim: " : embedding.prompt ? "--prompt: " : "--prompt-name: ";
    throw UsageError(option + std::string(error.what()));
  }
  return result;
}

void add_quantize_options(Command& command, QuantizeOptions& options) {
  command
      .add_option("--output-type", options.type,
                  "float32 (default), float16, int8 and uint8 (one byte a value, with --ranges), binary and ubinary (one bit a value)")
      .type_name("NAME")
      .check(check_type);
  command.add_flag("--base64", options.base64, "Write an embedding as its bytes, little-endian, in base64 instead of an array of numbers");
  command.add_option("--ranges", options.ranges, "Each dimension's range for int8 and uint8: a file of berth calibrate-ranges").type_name("FILE");
}

Quantizer::Quantizer(const QuantizeOptions& options, std::size_t dimensions) : type_(BERTH_FLOAT32), half_(options.type == "float16"), base64_(options.base64) {
  for (const auto& [name, type] : kTypes)
    if (name == options.type) type_ = type;
  if (needs_ranges(type_) && options.ranges.empty())
    throw UsageError(
        "--output-type " + options.type +
        " needs --ranges FILE, so that a vector does not depend on what it is encoded with; make the file with: berth calibrate-ranges --model DIR "
        "--input TEXTS --output FILE");
  if (!needs_ranges(type_) && !options.ranges.empty()) throw UsageError("--ranges is for --output-type int8 and uint8");
  if (!options.ranges.empty()) ranges_ = read_ranges(options.ranges, dimensions);
  if (floats()) return;
  // What the library has to say about the ranges is about the file.
  const std::vector<float> zeros(dimensions);
  const std::size_t size = berth_quantized_size(type_, dimensions);
  std::vector<std::byte> out(size);
  if (berth_quantize(zeros.data(), 1, dimensions, type_, ranges_.empty() ? nullptr : ranges_.data(), out.data()) != BERTH_OK)
    throw DataError(options.ranges + ": " + berth_last_error());
}

std::vector<std::int32_t> Quantizer::operator()(std::span<const float> embedding) const {
  std::vector<std::uint8_t> bytes(berth_quantized_size(type_, embedding.size()));
  detail::check(berth_quantize(embedding.data(), 1, embedding.size(), type_, ranges_.empty() ? nullptr : ranges_.data(), bytes.data()));
  std::vector<std::int32_t> values;
  values.reserve(bytes.size());
  const bool is_signed = type_ == BERTH_INT8 || type_ == BERTH_BINARY;
  for (const std::uint8_t byte : bytes) values.push_back(is_signed ? static_cast<std::int8_t>(byte) : std::int32_t{byte});
  return values;
}

void Quantizer::append(std::string& out, std::span<const float> embedding) const {
  if (base64_) {
    out += '"' + base::encode_base64(bytes(embedding)) + '"';
  } else if (half_) {
    std::vector<float> rounded;
    for (const float value : embedding) rounded.push_back(from_half(to_half(value)));
    append_array(out, rounded);
  } else if (floats()) {
    append_array(out, embedding);
  } else {
    append_array(out, std::span<const std::int32_t>((*this)(embedding)));
  }
}

std::string Quantizer::bytes(std::span<const float> embedding) const {
  if (half_) {
    std::string out;
    for (const float value : embedding) {
      const std::uint16_t half = to_half(value);
      out += static_cast<char>(half & 0xff);
      out += static_cast<char>(half >> 8);
    }
    return out;
  }
  if (floats()) return {reinterpret_cast<const char*>(embedding.data()), embedding.size_bytes()};
  std::string out(berth_quantized_size(type_, embedding.size()), '\0');
  detail::check(berth_quantize(embedding.data(), 1, embedding.size(), type_, ranges_.empty() ? nullptr : ranges_.data(), out.data()));
  return out;
}

std::string Quantizer::numpy_type() const {
  if (floats()) return half_ ? "<f2" : "<f4";
  return type_ == BERTH_INT8 || type_ == BERTH_BINARY ? "|i1" : "|u1";
}

std::size_t Quantizer::columns(std::size_t dimensions) const { return floats() ? dimensions : berth_quantized_size(type_, dimensions); }

std::uint16_t to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00);   // NaN
  if (magnitude >= 0x477ff000) return static_cast<std::uint16_t>(sign | 0x7c00);  // rounds to infinity
  if (magnitude < 0x33000001) return sign;                                        // rounds to zero
  const std::uint32_t exponent = magnitude >> 23;
  // Of a subnormal result more bits are shifted out.
  const std::uint32_t shift = exponent < 113 ? 126 - exponent : 13;
  const std::uint32_t mantissa = exponent < 113 ? (magnitude & 0x7fffff) | 0x800000 : magnitude - (112U << 23);
  const std::uint32_t half = mantissa >> shift, rest = mantissa & ((1U << shift) - 1), middle = 1U << (shift - 1);
  return static_cast<std::uint16_t>(sign | (half + (rest > middle || (rest == middle && (half & 1) != 0) ? 1 : 0)));
}

float from_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16, exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | mantissa << 13);
}

std::string ranges_json(std::span<const float> ranges, std::uint64_t texts) {
  const std::size_t dimensions = ranges.size() / 2;
  std::string out = "{\"dimensions\":";
  append_number(out, std::uint64_t{dimensions});
  out += ",\"texts\":";
  append_number(out, texts);
  out += ",\"ranges\":";
  append_matrix(out, ranges, dimensions);
  return out + "}\n";
}

std::vector<float> read_ranges(const std::string& path, std::size_t dimensions) {
  try {
    const base::Json document = base::read_json_file(path, {.max_bytes = kMaxRangesBytes});
    const base::Json* rows = &document;
    if (document.is_object()) {
      const auto found = document.find("ranges");
      if (found == document.end()) throw DataError(path + ": has no \"ranges\"; berth calibrate-ranges makes such files");
      rows = &*found;
    }
    const std::string where = path + ": ranges";
    if (!rows->is_array() || rows->size() != 2) throw DataError(where + ": expected [[minima],[maxima]], got " + base::describe(*rows));
    std::vector<float> ranges;
    append_row((*rows)[0], where + "[0]", dimensions, ranges);
    append_row((*rows)[1], where + "[1]", dimensions, ranges);
    return ranges;
  } catch (const base::Error& error) {
    throw DataError(error.what());
  }
}

}  // namespace berth::cli
