#include "loaders/adapters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::JsonObject;

constexpr const char* kConfig = "adapter_config.json";
constexpr std::string_view kParametrized = ".parametrizations.";
constexpr std::string_view kOriginal = ".parametrizations.weight.original";
constexpr std::string_view kStackedA = ".parametrizations.weight.0.lora_A";
constexpr std::string_view kStackedB = ".parametrizations.weight.0.lora_B";
constexpr std::size_t kMaxAdapters = 1000;

[[noreturn]] void fail(const TensorView& tensor, const std::string& problem, ErrorCode code = ErrorCode::corrupt_file) {
  throw Error(code, tensor.file + ": tensor " + base::quoted(tensor.name, 200) + " " + problem);
}

bool has(const TensorView& tensor, std::string_view part) { return tensor.name.find(part) != std::string::npos; }

bool has_stored(const TensorStore& tensors) {
  return std::any_of(tensors.tensors().begin(), tensors.tensors().end(), [](const TensorView& tensor) { return has(tensor, kOriginal); });
}

// One of several matrices in a row.
TensorView slice(const TensorView& whole, std::size_t index) {
  const bool by_rows = whole.strides.empty();
  const std::uint64_t size = whole.elements() / whole.shape[0];
  const std::uint64_t value = size_in_bits(whole.dtype) / 8;
  const auto first = static_cast<std::size_t>(index * (by_rows ? size : whole.strides[0]) * value);
  TensorView one = whole;
  one.shape.erase(one.shape.begin());
  if (!by_rows) one.strides.erase(one.strides.begin());
  one.data = whole.data.subspan(first, by_rows ? static_cast<std::size_t>(size * value) : std::dynamic_extent);
  return one;
}

TensorView transposed(TensorView matrix) {
  if (matrix.strides.empty()) matrix.strides = {matrix.shape[1], 1};
  std::swap(matrix.shape[0], matrix.shape[1]);
  std::swap(matrix.strides[0], matrix.strides[1]);
  return matrix;
}

bool is_float(const TensorView& tensor) { return tensor.dtype == DType::f32 || tensor.dtype == DType::f16 || tensor.dtype == DType::bf16; }

// Whether b a, [rows, rank] by [rank, columns], is of the matrix's shape.
bool fits(const TensorView& matrix, const TensorView& b, const TensorView& a) {
  return matrix.shape.size() == 2 && b.shape.size() == 2 && a.shape.size() == 2 && b.shape[0] == matrix.shape[0] && a.shape[1] == matrix.shape[1] &&
         b.shape[1] == a.shape[0] && a.shape[0] > 0;
}

void add(TensorView& matrix, TensorView b, TensorView a, double scale) {
  for (const TensorView* part : {&b, &a})
    if (!is_float(*part)) fail(*part, "has type " + part->dtype_name + ", expected F32, F16 or BF16", ErrorCode::unsupported);
  matrix.added = std::make_shared<const LowRank>(LowRank{std::move(b), std::move(a), static_cast<float>(scale)});
}

std::string shapes_of(const TensorView& matrix, const TensorView& a, const TensorView& b) {
  return "of shape " + shape_text(a.shape) + " does not go with " + base::quoted(b.name, 200) + " " + shape_text(b.shape) + " and a matrix " +
         shape_text(matrix.shape);
}

struct Stored {
  const TensorStore& tensors;
  const JsonObject& config;
  std::vector<std::string> names;
  std::optional<std::size_t> chosen;

  const TensorView& part(const TensorView& original, const std::string& stem, std::string_view ending) const {
    const TensorView* found = tensors.find(stem + std::string(ending));
    if (found == nullptr) fail(original, "has no " + base::quoted(stem + std::string(ending), 200) + " beside it");
    if (found->shape.size() != 3 || found->shape[0] != names.size() || found->elements() == 0)
      fail(*found, "has shape " + shape_text(found->shape) + ", expected a matrix for each of the " + std::to_string(names.size()) + " names of " +
                       config.label() + " field \"lora_adaptations\"");
    return *found;
  }

  // With what is added to it for the chosen one. A linear layer's is b a, [out, rank] by [rank, in]; an embedding's a b, [rows, rank] by [rank, size].
  TensorView adapted(const TensorView& original) const {
    const std::string stem = original.name.substr(0, original.name.size() - kOriginal.size());
    const TensorView& all_a = part(original, stem, kStackedA);
    const TensorView& all_b = part(original, stem, kStackedB);
    TensorView matrix = original;
    matrix.name = stem + ".weight";
    if (tensors.find(matrix.name) != nullptr) fail(original, "is there under its plain name, too");
    const std::size_t index = chosen.value_or(0);
    TensorView a = slice(all_a, index), b = slice(all_b, index);
    if (!fits(matrix, b, a)) std::swap(a, b);
    if (!fits(matrix, b, a)) fail(all_a, shapes_of(matrix, all_a, all_b));
    if (chosen) add(matrix, b, a, config.number("lora_alpha", -1e6, 1e6) / static_cast<double>(a.shape[0]));
    return matrix;
  }

  std::vector<TensorView> all() const {
    std::vector<TensorView> result;
    for (const TensorView& tensor : tensors.tensors()) {
      if (!has(tensor, kParametrized)) {
        result.push_back(tensor);
      } else if (tensor.name.ends_with(kOriginal)) {
        result.push_back(adapted(tensor));
      } else {
        const std::string_view ending = tensor.name.ends_with(kStackedA) ? kStackedA : kStackedB;
        const std::string original = tensor.name.substr(0, tensor.name.size() - std::min(tensor.name.size(), ending.size())) + std::string(kOriginal);
        if (!tensor.name.ends_with(ending) || tensors.find(original) == nullptr) fail(tensor, "is a part of no adapter that berth has", ErrorCode::unsupported);
      }
    }
    return result;
  }
};

void use_stored(TensorStore& tensors, const ModelDirectory& directory, const std::string& name) {
  const JsonObject config(directory.config, directory.config_label);
  const Stored stored{.tensors = tensors, .config = config, .names = stored_adapters(directory), .chosen = {}};
  if (stored.names.empty()) config.fail("lora_adaptations", "expected the names of the adapters that are among the weights");
  Stored asked = stored;
  if (!name.empty()) {
    const auto found = std::find(stored.names.begin(), stored.names.end(), name);
    std::string known;
    for (const std::string& one : stored.names) known += (known.empty() ? "" : ", ") + one;
    if (found == stored.names.end())
      throw Error(ErrorCode::invalid_argument, "adapter " + base::quoted(name) + ": " + base::display(directory.encoder) + " has " + known);
    asked.chosen = static_cast<std::size_t>(found - stored.names.begin());
  }
  tensors.replace(asked.all());
}

// What PEFT's adapter_config.json says, as far as a sum is all there is.
struct PeftConfig {
  double alpha = 0.0;
  bool by_root = false;  // divided by the rank's root (rsLoRA, Kalajdzievski 2023)

  double scale(std::uint64_t rank) const {
    const auto size = static_cast<double>(rank);
    return alpha / (by_root ? std::sqrt(size) : size);
  }
};

[[noreturn]] void refuse(const JsonObject& config, const char* key, const char* supported) {
  throw Error(ErrorCode::unsupported,
              config.label() + ": field " + base::quoted(key) + ": " + base::describe(*config.find(key)) + " is not supported; supported: " + supported);
}

PeftConfig read_peft(const base::Json& document, const std::string& label) {
  const JsonObject config(document, label);
  if (config.string("peft_type") != "LORA") refuse(config, "peft_type", "\"LORA\"");
  for (const char* key : {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"})
    if (config.boolean_or(key, false)) refuse(config, key, "false");
  for (const char* key : {"alpha_pattern", "layer_replication", "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config"}) {
    const base::Json* value = config.find(key);
    if (value != nullptr && !value->is_null() && !value->empty()) refuse(config, key, "none");
  }
  // These take a part of the weights out when training begins, and PEFT does so again when it loads.
  if (const base::Json* start = config.find("init_lora_weights"); start != nullptr && start->is_string()) {
    const auto way = start->get<std::string>();
    for (const char* changing : {"pissa", "olora", "corda", "loftq", "lora_ga"})
      if (way.starts_with(changing)) refuse(config, "init_lora_weights", "true, or what leaves the model's weights as they are");
  }
  return {.alpha = config.number("lora_alpha", -1e6, 1e6), .by_root = config.boolean_or("use_rslora", false)};
}

// Finds a model's tensor by the name that an adapter has for it: the model may have been wrapped in a class with a head, whose body has a prefix, when
// either was saved.
class NameFinder {
 public:
  explicit NameFinder(std::span<const TensorView> tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      exact_.emplace(tensors[i].name, i);
      if (const auto inner = without_first(tensors[i].name)) {
        const auto [place, fresh] = inner_.emplace(*inner, i);
        if (!fresh) place->second = kSeveral;
      }
    }
  }

  // nullopt: there is none, or more than one.
  std::optional<std::size_t> find(const std::string& name) const {
    if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
    if (const auto inner = without_first(name))
      if (const auto found = exact_.find(*inner); found != exact_.end()) return found->second;
    const auto found = inner_.find(name);
    return found == inner_.end() || found->second == kSeveral ? std::nullopt : std::optional(found->second);
  }

 private:
  static constexpr std::size_t kSeveral = static_cast<std::size_t>(-1);

  static std::optional<std::string_view> without_first(std::string_view name) {
    const std::size_t dot = name.find('.');
    return dot == std::string_view::npos ? std::nullopt : std::optional(name.substr(dot + 1));
  }

  std::map<std::string_view, std::size_t, std::less<>> exact_;
  std::map<std::string_view, std::size_t, std::less<>> inner_;
};

// "base_model.model." stands before every name; a matrix that an adapter is added to is its layer's base_layer.
std::string plain_name(const TensorView& tensor, std::string_view ending, std::string_view put = "") {
  constexpr std::string_view kWrapped = "base_model.model.";
  std::string name = tensor.name.substr(0, tensor.name.size() - ending.size()) + std::string(put);
  if (name.starts_with(kWrapped)) name.erase(0, kWrapped.size());
  for (const std::string_view wrapper : {std::string_view(".base_layer."), std::string_view(".modules_to_save.")})
    if (const std::size_t at = name.find(wrapper); at != std::string::npos) name.replace(at, wrapper.size(), ".");
  return name;
}

class PeftAdapter {
 public:
  PeftAdapter(const TensorStore& model, const TensorStore& adapter, const PeftConfig& config)
      : config_(config), adapter_(adapter), names_(model.tensors()), tensors_(model.tensors().begin(), model.tensors().end()) {}

  std::vector<TensorView> all() && {
    for (const TensorView& tensor : adapter_.tensors()) {
      if (tensor.name.ends_with(kA)) {
        add_parts(tensor, kA, kB, false);
      } else if (tensor.name.ends_with(kEmbeddingA)) {
        add_parts(tensor, kEmbeddingA, kEmbeddingB, true);
      } else if (tensor.name.ends_with(kB) || tensor.name.ends_with(kEmbeddingB)) {
        const std::string_view ending = tensor.name.ends_with(kB) ? kB : kEmbeddingB;
        other(tensor, ending, ending == kB ? kA : kEmbeddingA);
      } else if (has(tensor, ".lora_")) {
        fail(tensor, "is a part of no adapter that berth has", ErrorCode::unsupported);
      } else {
        put_instead(tensor);
      }
    }
    return std::move(tensors_);
  }

 private:
  static constexpr std::string_view kA = ".lora_A.weight";
  static constexpr std::string_view kB = ".lora_B.weight";
  static constexpr std::string_view kEmbeddingA = ".lora_embedding_A";
  static constexpr std::string_view kEmbeddingB = ".lora_embedding_B";

  const TensorView& other(const TensorView& tensor, std::string_view ending, std::string_view wanted) const {
    const std::string name = tensor.name.substr(0, tensor.name.size() - ending.size()) + std::string(wanted);
    const TensorView* found = adapter_.find(name);
    if (found == nullptr) fail(tensor, "has no " + base::quoted(name, 200) + " beside it");
    return *found;
  }

  TensorView& target(const TensorView& tensor, const std::string& name) {
    const auto found = names_.find(name);
    if (!found) fail(tensor, "is for " + base::quoted(name, 200) + ", which the model does not have; merge the adapter into a model that has it");
    return tensors_[*found];
  }

  void add_parts(const TensorView& a, std::string_view ending, std::string_view wanted, bool embedding) {
    const TensorView& b = other(a, ending, wanted);
    TensorView& matrix = target(a, plain_name(a, ending, ".weight"));
    const bool matrices = a.shape.size() == 2 && b.shape.size() == 2;
    const TensorView rows = matrices && embedding ? transposed(a) : b;
    const TensorView columns = matrices && embedding ? transposed(b) : a;
    if (!fits(matrix, rows, columns)) fail(a, shapes_of(matrix, a, b));
    if (matrix.added != nullptr) fail(a, "is for a matrix that another one is for, too");
    add(matrix, rows, columns, config_.scale(columns.shape[0]));
  }

  void put_instead(const TensorView& tensor) {
    TensorView& old = target(tensor, plain_name(tensor, ""));
    if (old.shape != tensor.shape) fail(tensor, "has shape " + shape_text(tensor.shape) + ", the model's own " + shape_text(old.shape));
    TensorView put = tensor;
    put.name = old.name;
    put.added = old.added;
    old = std::move(put);
  }

  const PeftConfig& config_;
  const TensorStore& adapter_;
  const NameFinder names_;  // of the model's
  std::vector<TensorView> tensors_;
};

// The folder that the name is of: in the model's own directory, or a path.
fs::path adapter_folder(const ModelDirectory& directory, const std::string& name) {
  const fs::path path(name);
  for (const fs::path& folder : {directory.root / path, path})
    if (base::file_exists(folder / kConfig)) return folder;
  throw Error(ErrorCode::invalid_argument,
              "adapter " + base::quoted(name) + ": no directory with an " + kConfig + ", neither in " + base::display(directory.root) + " nor by itself");
}

void use_peft(TensorStore& tensors, const fs::path& folder, base::FileAccess access) {
  const fs::path file = folder / kConfig;
  const PeftConfig config = read_peft(base::read_json_file(file), base::display(file));
  std::optional<TensorStore> adapter = TensorStore::open_file(folder, "adapter_model", access);
  if (!adapter) throw Error(ErrorCode::not_found, base::display(folder / "adapter_model.safetensors") + ": no such file");
  std::vector<TensorView> all = PeftAdapter(tensors, *adapter, config).all();
  tensors.replace(std::move(all), std::move(*adapter));
}

}  // namespace

std::vector<std::string> stored_adapters(const ModelDirectory& directory) {
  const auto list = directory.config.find("lora_adaptations");
  if (list == directory.config.end() || list->is_null()) return {};
  const JsonObject config(directory.config, directory.config_label);
  if (!list->is_array() || list->size() > kMaxAdapters) config.fail("lora_adaptations", "expected a list of up to " + std::to_string(kMaxAdapters) + " names");
  std::vector<std::string> names;
  for (const base::Json& name : *list) {
    if (!name.is_string() || name.get_ref<const std::string&>().empty()) config.fail("lora_adaptations", "expected a list of names");
    names.push_back(name.get<std::string>());
  }
  return names;
}

void use_adapter(TensorStore& tensors, const ModelDirectory& directory, const std::string& name, base::FileAccess access) {
  if (has_stored(tensors)) return use_stored(tensors, directory, name);
  if (!name.empty()) return use_peft(tensors, adapter_folder(directory, name), access);
  // Whoever has an adapter beside the weights, or among them, means it to be added: without it every result would be another.
  if (const fs::path file = directory.encoder / kConfig; base::file_exists(file))
    throw Error(ErrorCode::unsupported, base::display(file) +
                                            ": the directory is an adapter's: name the model that it was made for as the model, and this as the "
                                            "adapter; or merge it into the weights and save those");
  for (const TensorView& tensor : tensors.tensors())
    for (const char* part : {".lora_A", ".lora_B", ".lora_embedding_", ".parametrizations."})
      if (has(tensor, part))
        fail(tensor, "is an adapter's, which berth does not take from there; merge it into the weights and save those", ErrorCode::unsupported);
}

}  // namespace berth::loaders
