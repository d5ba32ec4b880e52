// The config.json of single modules: Pooling in the formats of both generations, and Dense.
#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/problems.hpp"
#include "loaders/sentence_transformers.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::JsonObject;

constexpr std::int64_t kMaxFeatures = 1 << 20;

struct ModeFacts {
  PoolingMode mode;
  const char* name;  // second generation
  const char* flag;  // first generation
};

// In the order in which the first generation concatenates.
constexpr std::array kModes = {
    ModeFacts{PoolingMode::cls, "cls", "pooling_mode_cls_token"},
    ModeFacts{PoolingMode::max, "max", "pooling_mode_max_tokens"},
    ModeFacts{PoolingMode::mean, "mean", "pooling_mode_mean_tokens"},
    ModeFacts{PoolingMode::mean_sqrt_len, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
    ModeFacts{PoolingMode::weighted_mean, "weightedmean", "pooling_mode_weightedmean_tokens"},
    ModeFacts{PoolingMode::last_token, "lasttoken", "pooling_mode_lasttoken"},
};

[[noreturn]] void unknown_pooling(const JsonObject& config, const std::string& field, const std::string& got) {
  throw Error(ErrorCode::unsupported, config.label() + ": field " + base::quoted(field) + ": berth does not have the pooling " + got +
                                          "; it has cls, max, mean, mean_sqrt_len_tokens, weightedmean and lasttoken");
}

PoolingMode mode_by_name(const JsonObject& config, const base::Json& value) {
  if (!value.is_string()) config.fail("pooling_mode", "expected a mode's name or a list of names");
  for (const ModeFacts& facts : kModes) {
    if (value == facts.name) return facts.mode;
  }
  unknown_pooling(config, "pooling_mode", base::describe(value));
}

std::vector<PoolingMode> named_modes(const JsonObject& config) {
  const base::Json& value = *config.find("pooling_mode");
  if (!value.is_array()) return {mode_by_name(config, value)};
  std::vector<PoolingMode> modes;
  for (const base::Json& element : value) {
    const PoolingMode mode = mode_by_name(config, element);
    if (std::find(modes.begin(), modes.end(), mode) != modes.end()) config.fail("pooling_mode", "lists " + base::describe(element) + " twice");
    modes.push_back(mode);
  }
  if (modes.empty()) config.fail("pooling_mode", "expected at least one mode");
  return modes;
}

// The short config of the oldest releases lacks the last two flags: absent is off. A flag we do not know must be off.
std::vector<PoolingMode> flagged_modes(const JsonObject& config) {
  for (const auto& entry : config.json().items()) {
    const std::string& key = entry.key();
    const base::Json& value = entry.value();
    const bool known = std::any_of(kModes.begin(), kModes.end(), [&](const ModeFacts& facts) { return key == facts.flag; });
    if (key.starts_with("pooling_mode_") && !known && value != false && !value.is_null()) unknown_pooling(config, key, base::quoted(key));
  }
  std::vector<PoolingMode> modes;
  for (const ModeFacts& facts : kModes) {
    if (config.boolean_or(facts.flag, false)) modes.push_back(facts.mode);
  }
  if (modes.empty()) {
    throw Error(ErrorCode::corrupt_file, config.label() + ": states no pooling: neither \"pooling_mode\" nor any \"pooling_mode_...\" flag that is true");
  }
  return modes;
}

// Checks that `name` is there with `shape`.
void require_tensor(const TensorStore& tensors, const char* name, const std::vector<std::uint64_t>& shape, base::Problems& problems) {
  const TensorView* tensor = tensors.find(name);
  if (tensor == nullptr) {
    problems.add("tensor " + base::quoted(name) + " " + shape_text(shape) + " is missing");
  } else if (tensor->shape != shape) {
    problems.add("tensor " + base::quoted(name) + ": expected shape " + shape_text(shape) + ", got " + shape_text(tensor->shape));
  }
}

// A Python path is never followed: the class's name is looked up in a closed table by whoever computes it.
std::string activation_name(const JsonObject& config) {
  const std::string path = config.string_or("activation_function", "torch.nn.modules.activation.Tanh");  // the library's default
  if (path.starts_with("torch.nn.")) return path.substr(path.rfind('.') + 1);
  throw Error(ErrorCode::unsupported,
              config.label() + ": field \"activation_function\": berth does not have " + base::quoted(path, 200) + ", only classes of torch.nn");
}

}  // namespace

std::string_view name(PoolingMode mode) {
  return std::find_if(kModes.begin(), kModes.end(), [&](const ModeFacts& facts) { return facts.mode == mode; })->name;
}

void require_feature(const JsonObject& config, const char* key, const char* wanted) {
  const std::string got = config.string_or(key, wanted);
  if (got == wanted) return;
  throw Error(ErrorCode::unsupported, config.label() + ": field " + base::quoted(key) + ": got " + base::quoted(got) + ", berth applies this module to " +
                                          base::quoted(wanted) + " here");
}

PoolingSpec read_pooling(const fs::path& folder, std::string& output_key) {
  const fs::path file = folder / "config.json";
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  PoolingSpec spec;
  spec.modes = config.has("pooling_mode") ? named_modes(config) : flagged_modes(config);
  spec.include_prompt = config.boolean_or("include_prompt", true);
  for (const char* key : {"word_embedding_dimension", "embedding_dimension"}) {
    if (!config.has(key)) continue;
    spec.embedding_dimension = static_cast<std::size_t>(config.integer(key, 1, kMaxFeatures));
    spec.dimension_field = key;
  }
  output_key = config.string_or("output_key", "sentence_embedding");
  return spec;
}

SpladeSpec read_splade(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  const auto one_of = [&config](const char* key, const char* usual, const char* other) {
    const std::string got = config.string_or(key, usual);
    if (got != usual && got != other)
      throw Error(ErrorCode::unsupported,
                  config.label() + ": field " + base::quoted(key) + ": got " + base::quoted(got) + ", expected " + usual + " or " + other);
    return got == other;
  };
  return {.sum = one_of("pooling_strategy", "max", "sum"), .twice = one_of("activation_function", "relu", "log1p_relu")};
}

LayerNormSpec read_layer_norm(const fs::path& folder, base::FileAccess access) {
  const fs::path file = folder / "config.json";
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  LayerNormSpec spec;
  spec.dimension = static_cast<std::size_t>(config.integer("dimension", 1, kMaxFeatures));
  for (const char* key : {"module_input_name", "module_output_name"}) require_feature(config, key, "sentence_embedding");
  auto tensors = std::make_shared<TensorStore>(TensorStore::open(folder, access));
  base::Problems problems;
  for (const char* name : {"norm.weight", "norm.bias"}) require_tensor(*tensors, name, {spec.dimension}, problems);
  problems.throw_if_any(ErrorCode::corrupt_file, base::display(folder / tensors->files().front()));
  spec.tensors = std::move(tensors);
  return spec;
}

DenseSpec read_dense(const fs::path& folder, base::FileAccess access, const char* of) {
  const fs::path file = folder / "config.json";
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  DenseSpec spec;
  spec.in_features = static_cast<std::size_t>(config.integer("in_features", 1, kMaxFeatures));
  spec.out_features = static_cast<std::size_t>(config.integer("out_features", 1, kMaxFeatures));
  spec.bias = config.boolean_or("bias", true);
  spec.activation = activation_name(config);
  require_feature(config, "module_input_name", of);
  require_feature(config, "module_output_name", of);
  if (config.boolean_or("use_residual", false)) {
    throw Error(ErrorCode::unsupported, config.label() + ": field \"use_residual\": got true, berth has no residual Dense");
  }
  auto tensors = std::make_shared<TensorStore>(TensorStore::open(folder, access));
  base::Problems problems;
  require_tensor(*tensors, "linear.weight", {spec.out_features, spec.in_features}, problems);
  if (spec.bias) require_tensor(*tensors, "linear.bias", {spec.out_features}, problems);
  problems.throw_if_any(ErrorCode::corrupt_file, base::display(folder / tensors->files().front()));
  spec.tensors = std::move(tensors);
  return spec;
}

}  // namespace berth::loaders
