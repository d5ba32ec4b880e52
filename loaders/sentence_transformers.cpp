#include "loaders/sentence_transformers.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/problems.hpp"
#include "loaders/module_list.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::JsonObject;

constexpr std::string_view kOutput = "sentence_embedding";

// Old classes gave their config a name of their own; the first that is there counts.
constexpr std::array kTransformerConfigs = {
    "sentence_bert_config.json",   "sentence_roberta_config.json",     "sentence_distilbert_config.json", "sentence_camembert_config.json",
    "sentence_albert_config.json", "sentence_xlm-roberta_config.json", "sentence_xlnet_config.json",
};

void check_order(const std::vector<Module>& modules) {
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if ((modules[i].kind.ends_with("Transformer") || modules[i].kind.ends_with("StaticEmbedding")) == (i == 0)) continue;
    throw Error(ErrorCode::unsupported, modules[i].place() + ": " + base::quoted(modules[i].type, 200) +
                                            ": berth runs exactly one Transformer, StaticEmbedding or SparseStaticEmbedding, as the first module");
  }
}

// What the newer generation's Transformer may say of itself: which of the model's outputs it hands on, and as what.
struct TransformerOutput {
  const char* task;
  const char* output;
  const char* feature;
};
constexpr TransformerOutput kHiddenStates{"feature-extraction", "last_hidden_state", "token_embeddings"};
constexpr TransformerOutput kTokenLogits{"fill-mask", "logits", "token_embeddings"};
constexpr TransformerOutput kScores{"sequence-classification", "logits", "scores"};

void check_output(const JsonObject& config, const TransformerOutput& wanted) {
  const auto require = [](const JsonObject& object, const char* key, const char* value) {
    const std::string got = object.string_or(key, value);
    if (got == value) return;
    throw Error(ErrorCode::unsupported, object.label() + ": field " + base::quoted(object.field(key)) + ": got " + base::quoted(got) +
                                            "; of a Transformer here berth runs " + base::quoted(value) + " only");
  };
  require(config, "transformer_task", wanted.task);
  if (config.has("modality_config")) {
    const JsonObject modalities = config.object("modality_config");
    const JsonObject text = modalities.object("text");
    require(text, "method", "forward");
    require(text, "method_output_name", wanted.output);
  }
  require(config, "module_output_name", wanted.feature);
}

void read_transformer_config(const fs::path& folder, const TransformerOutput& output, SentenceTransformersSpec* spec) {
  for (const char* name : kTransformerConfigs) {
    const fs::path file = folder / name;
    if (!base::file_exists(file)) continue;
    const base::Json document = base::read_json_file(file);
    const JsonObject config(document, base::display(file));
    check_output(config, output);
    if (spec == nullptr) return;
    if (config.has("max_seq_length")) spec->max_seq_length = static_cast<std::size_t>(config.integer("max_seq_length", 1, 1 << 24));
    spec->do_lower_case = config.boolean_or("do_lower_case", false);
    return;
  }
}

void check_sparse_static(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  if (!base::file_exists(file)) return;
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  if (config.has("path"))
    throw Error(ErrorCode::unsupported,
                config.label() + ": field \"path\": berth takes the weights of a SparseStaticEmbedding from its folder's model.safetensors");
}

// config_sentence_transformers.json; returns its model_type.
std::string read_model_config(const fs::path& directory, SentenceTransformersSpec& spec) {
  const fs::path file = directory / "config_sentence_transformers.json";
  if (!base::file_exists(file)) return "SentenceTransformer";
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  if (config.has("prompts")) {
    const JsonObject prompts = config.object("prompts");
    for (const auto& [name, text] : prompts.json().items()) spec.prompts.emplace(name, prompts.string(name.c_str()));
  }
  if (config.has("default_prompt_name")) {
    spec.default_prompt_name = config.string("default_prompt_name");
    if (!spec.prompts.contains(*spec.default_prompt_name)) config.fail("default_prompt_name", "expected a name that \"prompts\" has");
  }
  if (config.has("truncate_dim")) spec.truncate_dim = static_cast<std::size_t>(config.integer("truncate_dim", 1, 1 << 20));
  spec.similarity = config.string_or("similarity_fn_name", "cosine");
  constexpr std::array kSimilarities = {"cosine", "dot", "euclidean", "manhattan", "MaxSim", "maxsim"};
  if (std::find(kSimilarities.begin(), kSimilarities.end(), spec.similarity) == kSimilarities.end()) {
    throw Error(ErrorCode::unsupported, config.label() + ": field \"similarity_fn_name\": got " + base::quoted(spec.similarity) +
                                            ", expected cosine, dot, euclidean, manhattan or maxsim");
  }
  const std::string type = config.string_or("model_type", "SentenceTransformer");
  constexpr std::array kTypes = {"SentenceTransformer", "CrossEncoder", "SparseEncoder", "MultiVectorEncoder", "ColBERT"};
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    throw Error(ErrorCode::unsupported, config.label() + ": field \"model_type\": got " + base::quoted(type) +
                                            ", berth runs SentenceTransformer, CrossEncoder, SparseEncoder, MultiVectorEncoder and ColBERT models");
  }
  return type;
}

bool makes_token_vectors(const std::vector<Module>& modules, const std::string& model_type, const SentenceTransformersSpec& spec) {
  if (std::any_of(modules.begin(), modules.end(), [](const Module& module) { return module.kind == "Pooling"; })) return false;
  return model_type == "ColBERT" || model_type == "MultiVectorEncoder" || spec.similarity == "MaxSim" || spec.similarity == "maxsim" ||
         std::any_of(modules.begin(), modules.end(), [](const Module& module) { return module.type == kPylateDense || module.kind == "MultiVectorMask"; });
}

// What comes after the Transformer of a late-interaction model, in order.
void add_token_modules(const std::vector<Module>& modules, const fs::path& directory, const std::string& label, base::FileAccess access,
                       const std::string& model_type, SentenceTransformersSpec& spec) {
  constexpr const char* kTokens = "token_embeddings";
  const bool pylate =
      model_type != "MultiVectorEncoder" && std::none_of(modules.begin(), modules.end(), [](const Module& module) { return module.kind == "MultiVectorMask"; });
  fs::path mask;
  for (const Module& module : std::span(modules).subspan(1)) {
    if (module.kind == "MultiVectorMask") {
      mask = module.folder;
    } else if (module.kind == "Dense") {
      spec.modules.push_back({ModuleType::dense, module.path, {}, read_dense(module.folder, access, kTokens)});
    } else if (module.kind == "Normalize") {
      const fs::path file = module.folder / "config.json";
      if (!module.path.empty() && base::file_exists(file)) {
        const base::Json document = base::read_json_file(file);
        require_feature(JsonObject(document, base::display(file)), "module_input_name", kTokens);
      }
      spec.modules.push_back({ModuleType::normalize, module.path, {}, {}});
    } else if (module.kind != "Dropout") {
      throw Error(ErrorCode::unsupported,
                  label + ": module " + base::quoted(module.type, 200) + ": a late-interaction model has Dense, MultiVectorMask and Normalize");
    }
  }
  // PyLate normalises when it encodes, whatever its modules are.
  if (pylate && spec.modules.back().type != ModuleType::normalize) spec.modules.push_back({ModuleType::normalize, "", {}, {}});
  spec.late_interaction = read_late_interaction(directory, modules.front().folder, mask, pylate);
}

// What comes after the Transformer, in order.
class Chain {
 public:
  // `pooled`: what comes first gives sentence embeddings already.
  Chain(const std::string& label, base::FileAccess access, bool pooled) : label_(label), access_(access), pooled_(pooled) {}

  void add(const Module& module, std::vector<ModuleSpec>& out) {
    if (module.kind == "Dropout") return;
    ModuleSpec spec;
    spec.path = module.path;
    const auto check_width = [&](const char* field, std::size_t stated) {
      if (!width_ || *width_ == stated) return;
      throw Error(ErrorCode::corrupt_file, base::display(module.folder / "config.json") + ": field \"" + field + "\": expected " + std::to_string(*width_) +
                                               ", the size of what the modules before it give, got " + std::to_string(stated));
    };
    if (module.kind == "Pooling") {
      std::string output_key;
      spec.type = ModuleType::pooling;
      spec.pooling = read_pooling(module.folder, output_key);
      if (output_key != kOutput) return;
      if (pooled_) refuse(module, "there is a second Pooling; berth runs one");
      pooled_ = true;
      if (spec.pooling.embedding_dimension) width_ = *spec.pooling.embedding_dimension * spec.pooling.modes.size();
    } else if (module.kind == "SpladePooling" || module.kind == "MultiVectorMask") {
      refuse(module, "berth runs it without Pooling, in a SparseEncoder or a late-interaction model only");
    } else if (!pooled_) {
      refuse(module, "berth runs " + module.kind + " after Pooling only");
    } else if (module.kind == "Dense") {
      spec.type = ModuleType::dense;
      spec.dense = read_dense(module.folder, access_);
      check_width("in_features", spec.dense.in_features);
      width_ = spec.dense.out_features;
    } else if (module.kind == "LayerNorm") {
      spec.type = ModuleType::layer_norm;
      spec.layer_norm = read_layer_norm(module.folder, access_);
      check_width("dimension", spec.layer_norm.dimension);
      width_ = spec.layer_norm.dimension;
    } else {
      spec.type = ModuleType::normalize;
      const fs::path file = module.folder / "config.json";
      if (!module.path.empty() && base::file_exists(file)) {
        const base::Json document = base::read_json_file(file);
        require_feature(JsonObject(document, base::display(file)), "module_input_name", "sentence_embedding");
      }
    }
    out.push_back(std::move(spec));
  }

  bool pooled() const { return pooled_; }

 private:
  [[noreturn]] void refuse(const Module& module, const std::string& problem) const {
    throw Error(ErrorCode::unsupported, label_ + ": module " + base::quoted(module.type, 200) + " at " + base::quoted(module.path, 200) + ": " + problem);
  }

  const std::string& label_;
  base::FileAccess access_;
  bool pooled_;
  std::optional<std::size_t> width_;  // of the sentence embedding so far, when the files state it
};

// What one list of modules says; `spec` has what config_sentence_transformers.json says for all.
SentenceTransformersFiles read_route(const std::vector<Module>& modules, const fs::path& directory, const std::string& model_type,
                                     SentenceTransformersSpec spec, base::FileAccess access) {
  const std::string label = base::display(directory / "modules.json");
  check_order(modules);
  const Module& first = modules.front();
  if (first.kind == "StaticEmbedding" && model_type != "SentenceTransformer")
    throw Error(ErrorCode::unsupported, label + ": a StaticEmbedding makes sentence embeddings, not what a " + model_type + " does");
  if (model_type == "CrossEncoder") {
    if (modules.size() > 1)
      throw Error(ErrorCode::unsupported,
                  label + ": " + base::quoted(modules[1].type, 200) + ": berth runs CrossEncoder models whose only module is the Transformer");
    read_transformer_config(first.folder, kScores, nullptr);
    return {.encoder = first.folder};
  }
  // The library moved its classes when it changed the format.
  spec.generation = first.type.starts_with("sentence_transformers.models.") ? Generation::first : Generation::second;
  spec.modules.push_back({ModuleType::transformer, first.path, {}, {}});
  if (first.kind == "SparseStaticEmbedding") {
    if (modules.size() > 1) throw Error(ErrorCode::unsupported, modules[1].place() + ": berth runs a SparseStaticEmbedding alone");
    check_sparse_static(first.folder);
    return {.encoder = first.folder, .static_kind = StaticKind::sparse, .spec = std::move(spec)};
  }
  const bool is_static = first.kind == "StaticEmbedding";
  const bool is_splade = !is_static && modules.size() == 2 && modules[1].kind == "SpladePooling";
  const bool logits = is_splade || first.kind == "MLMTransformer";
  if (!is_static) read_transformer_config(first.folder, logits ? kTokenLogits : kHiddenStates, &spec);
  if (is_splade) {
    spec.splade = read_splade(modules[1].folder);
    return {.encoder = first.folder, .spec = std::move(spec)};
  }
  if (first.kind == "MLMTransformer" || model_type == "SparseEncoder")
    throw Error(ErrorCode::unsupported,
                label + ": a SparseEncoder is a transformer with one SpladePooling behind it, or a SparseStaticEmbedding; berth runs no other");
  if (!is_static && makes_token_vectors(modules, model_type, spec)) {
    add_token_modules(modules, directory, label, access, model_type, spec);
    return {.encoder = first.folder, .spec = std::move(spec)};
  }
  Chain chain(label, access, is_static);
  for (std::size_t i = 1; i < modules.size(); ++i) chain.add(modules[i], spec.modules);
  if (!chain.pooled()) throw Error(ErrorCode::unsupported, label + ": no Pooling module: nothing makes one vector of a text's tokens");
  return {.encoder = first.folder, .static_kind = is_static ? StaticKind::sentence_transformers : StaticKind::none, .spec = std::move(spec)};
}

}  // namespace

SentenceTransformersFiles read_sentence_transformers(const fs::path& directory, base::FileAccess access) {
  const ModuleLists lists = read_module_lists(directory);
  SentenceTransformersSpec spec;
  const std::string model_type = read_model_config(directory, spec);
  SentenceTransformersFiles files = read_route(lists.documents, directory, model_type, spec, access);
  if (!lists.queries.empty()) files.queries = std::make_unique<SentenceTransformersFiles>(read_route(lists.queries, directory, model_type, spec, access));
  return files;
}

}  // namespace berth::loaders
