// A model from its directory: what is read, checked and packed, in which order.
#include "engine/model.hpp"

#include <algorithm>

#include "base/cpu_limits.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/memory.hpp"
#include "base/utf8.hpp"
#include "engine/auto_precision.hpp"
#include "engine/info.hpp"
#include "kernels/dispatch.hpp"
#include "loaders/adapters.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::ModuleType;

constexpr int kMaxThreads = 1024;

// None: "auto".
std::optional<Precision> precision_by_name(const std::string& wanted) {
  if (wanted == "auto") return std::nullopt;
  std::string supported = "auto";
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::int8}) {
    if (name(precision) == wanted) return precision;
    supported += ", " + std::string(name(precision));
  }
  throw Error(ErrorCode::invalid_argument, "precision: " + base::quoted(wanted) + " is not supported; supported: " + supported);
}

void check_options(const LoadOptions& options) {
  if (options.threads < 0 || options.threads > kMaxThreads)
    throw Error(ErrorCode::invalid_argument, "threads: expected 0 to " + std::to_string(kMaxThreads) + ", got " + std::to_string(options.threads));
}

// The modules behind the transformer; mean pooling without normalising for a directory that is not sentence-transformers'.
std::vector<SentenceModule> bind_modules(const loaders::ModelDirectory& directory, const ModelConfig& config, const Compute& compute) {
  std::vector<SentenceModule> modules;
  if (directory.static_kind == loaders::StaticKind::sparse) return modules;
  if (directory.sentence_transformers && (directory.sentence_transformers->splade || directory.sentence_transformers->late_interaction)) return modules;
  const bool is_static = directory.static_kind != loaders::StaticKind::none;
  if (!directory.sentence_transformers || is_static) modules.push_back({.type = ModuleType::pooling, .pooling = {loaders::PoolingMode::mean}, .dense = {}});
  if (directory.static_kind == loaders::StaticKind::model2vec && base::JsonObject(directory.config, directory.config_label).boolean_or("normalize", false))
    modules.push_back({.type = ModuleType::normalize, .pooling = {}, .dense = {}});
  if (!directory.sentence_transformers) return modules;
  for (const loaders::ModuleSpec& spec : directory.sentence_transformers->modules) {
    if (spec.type == ModuleType::transformer) continue;
    const std::string label = base::display(directory.root / spec.path / "config.json");
    if (modules.empty() != (spec.type == ModuleType::pooling))
      throw Error(ErrorCode::unsupported, base::display(directory.root / "modules.json") +
                                              ": the transformer must be followed by one Pooling module, then by Dense, LayerNorm or Normalize");
    SentenceModule module{.type = spec.type, .pooling = {}, .dense = {}};
    const std::size_t size = modules.empty() ? config.hidden_size : embedding_size(modules, config.hidden_size);
    const auto check_size = [&](const char* field, std::size_t stated) {
      if (stated != size)
        throw Error(ErrorCode::corrupt_file,
                    label + ": field \"" + field + "\": expected " + std::to_string(size) + ", which the module before gives, got " + std::to_string(stated));
    };
    if (spec.type == ModuleType::pooling) {
      if (spec.pooling.embedding_dimension) check_size(spec.pooling.dimension_field, *spec.pooling.embedding_dimension);
      module.pooling = spec.pooling.modes;
    } else if (spec.type == ModuleType::dense) {
      check_size("in_features", spec.dense.in_features);
      module.dense = bind_dense_module(spec.dense, label, compute);
    } else if (spec.type == ModuleType::layer_norm) {
      check_size("dimension", spec.layer_norm.dimension);
      module.norm = bind_norm_module(spec.layer_norm, label, compute);
    }
    modules.push_back(std::move(module));
  }
  if (modules.empty()) throw Error(ErrorCode::unsupported, base::display(directory.root / "modules.json") + ": no Pooling module");
  return modules;
}

// Whether the pooling leaves a prompt's tokens in, as it does unless it says otherwise.
bool pools_prompts(const loaders::SentenceTransformersSpec& spec) {
  return std::none_of(spec.modules.begin(), spec.modules.end(),
                      [](const loaders::ModuleSpec& module) { return module.type == ModuleType::pooling && !module.pooling.include_prompt; });
}

// Without positions that run out, and without a number in the files, a text would be as long as whoever sends it likes, and attention takes the square of
// that: one text of a few megabytes, for hours that nothing ends.
constexpr std::size_t kUnstatedLength = 8192;

std::size_t text_limit(const loaders::ModelDirectory& directory, const ModelConfig& config, const tokenizer::Tokenizer* tokenizer) {
  std::optional<std::size_t> stated;
  if (tokenizer != nullptr) stated = tokenizer->model_max_length();
  // sentence-transformers puts its own number in the tokenizer's place.
  if (directory.sentence_transformers && directory.sentence_transformers->max_seq_length) stated = directory.sentence_transformers->max_seq_length;
  if (stated) return std::min(config.max_positions, *stated);
  const bool any_length = directory.static_kind == loaders::StaticKind::none && config.architecture->keys.max_positions.empty();
  return any_length ? std::min(config.max_positions, kUnstatedLength) : config.max_positions;
}

void check_vocabulary(const tokenizer::Tokenizer& tokenizer, const ModelConfig& config, const loaders::ModelDirectory& directory) {
  const std::int32_t largest = tokenizer.max_id();
  if (largest < 0 || static_cast<std::size_t>(largest) < config.vocab_size) return;
  throw Error(ErrorCode::corrupt_file, base::display(directory.encoder) + ": the tokenizer gives ids up to " + std::to_string(largest) +
                                           ", but config.json field \"vocab_size\" is " + std::to_string(config.vocab_size));
}

// berth has no dictionary to find words in Chinese: where the vocabulary has none of several ideographs, the library's tokenizer does what BERT's does.
void check_words(const tokenizer::Tokenizer& tokenizer, const loaders::ModelDirectory& directory) {
  const auto ideographs = [](std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size();) {
      const auto [code_point, length] = base::decode_utf8(text, at);
      count += tokenizer::CharTable::instance().has(code_point, tokenizer::kIdeograph) ? 1 : 0;
      at += length;
    }
    return count;
  };
  for (std::int32_t id = 0; id <= tokenizer.max_id(); ++id)
    if (ideographs(tokenizer.token(id)) > 1)
      throw Error(ErrorCode::unsupported, base::display(directory.encoder) + ": the vocabulary has the word " + base::quoted(std::string(tokenizer.token(id))) +
                                              ", which this model's own tokenizer finds by jieba; berth does not. Without tokenizer files the model takes ids");
}

// A query's vectors are compared with a document's.
void check_routes(const Model& documents, const Model& queries, const loaders::ModelDirectory& directory) {
  const auto size_of = [](const Model& model) -> std::size_t {
    if (model.default_vector_kind() == BERTH_DENSE) return model.full_embedding_size();
    return model.default_vector_kind() == BERTH_MULTI ? model.token_vector_size() : 0;
  };
  if (documents.default_vector_kind() == queries.default_vector_kind() && size_of(documents) == size_of(queries)) return;
  throw Error(ErrorCode::corrupt_file, base::display(directory.root / "modules.json") + ": the Router's queries (" + base::display(directory.queries->encoder) +
                                           ") have other vectors than its documents");
}

base::FileAccess file_access(const LoadOptions& options) { return options.mmap ? base::FileAccess::map : base::FileAccess::copy; }

}  // namespace

std::unique_ptr<const Model> Model::load(const std::string& path, const LoadOptions& options) {
  const base::FloatingPointScope scope;
  check_options(options);
  static_cast<void>(precision_by_name(options.precision));  // before any file is read
  const auto pool = std::make_shared<const base::ThreadPool>(options.threads > 0 ? options.threads : base::default_thread_count());
  base::FileLog log;
  std::unique_ptr<Model> model = build(loaders::ModelDirectory::open(path, file_access(options)), options, pool, log);
  base::return_free_memory();  // what parsing and packing needed
  return model;
}

std::unique_ptr<Model> Model::build(const loaders::ModelDirectory& directory, const LoadOptions& options, std::shared_ptr<const base::ThreadPool> pool,
                                    base::FileLog& log) {
  std::unique_ptr<Model> model(new Model);
  model->isa_ = kernels::select_isa(options.isa);
  model->kernels_ = &kernels::kernel_table(model->isa_);
  model->low_kernels_ = &kernels::low_kernel_table(model->isa_);
  model->pool_ = std::move(pool);
  if (directory.queries) model->queries_ = build(*directory.queries, options, model->pool_, log);
  const std::optional<Precision> asked = precision_by_name(options.precision);
  const base::FileAccess access = file_access(options);
  model->tensors_ = loaders::TensorStore::open(directory.encoder, access);
  const bool is_static = directory.static_kind != loaders::StaticKind::none;
  if (!options.adapter.empty() && (is_static || directory.queries))
    throw Error(ErrorCode::unsupported, base::display(directory.root) + ": adapter " + base::quoted(options.adapter) +
                                            ": a static model has no layers that one is made for, and a Router's models would each need their own");
  if (!is_static) loaders::use_adapter(*model->tensors_, directory, options.adapter, access);
  if (!is_static) model->config_ = read_model_config(directory, *model->tensors_);
  const AutoPrecision automatic =
      is_static ? AutoPrecision{.precision = Precision::fp32, .reason = "a static model has no layers"} : auto_precision(model->config_, model->isa_);
  const Precision precision = asked.value_or(automatic.precision);
  model->precision_ = precision;
  if (!is_static) {
    model->weights_ = bind_weights(model->config_, *model->tensors_, precision, model->compute());
  }
  if (tokenizer::Tokenizer::present(directory.encoder)) model->tokenizer_ = tokenizer::Tokenizer::load(directory.encoder);
  if (is_static) model->static_ = bind_static_embedding(directory, *model->tensors_, model->tokenizer(), model->compute(), model->config_, model->weights_);
  if (model->tokenizer_ && !is_static) check_vocabulary(*model->tokenizer_, model->config_, directory);
  if (model->tokenizer_ && !is_static && model->config_.architecture->words_by_jieba) check_words(*model->tokenizer_, directory);
  model->modules_ = bind_modules(directory, model->config_, model->compute());
  if (!is_static) {  // a table has no hidden states for them
    model->token_vectors_ = bind_token_vectors(directory, *model->tensors_, model->config_, model->tokenizer(), model->compute(), access);
    model->token_weights_ = bind_token_weights(directory, model->config_, model->tokenizer(), model->compute(), access);
  }
  if (directory.sentence_transformers && directory.sentence_transformers->splade) {
    model->splade_ = directory.sentence_transformers->splade;
    model->need_head({HeadKind::masked_lm}, "masked-language-model");
  }
  if (directory.sentence_transformers && directory.sentence_transformers->truncate_dim) {
    model->truncate_dim_ = *directory.sentence_transformers->truncate_dim;
    if (model->truncate_dim_ > model->full_embedding_size())
      throw Error(ErrorCode::corrupt_file, base::display(directory.root / "config_sentence_transformers.json") + ": field \"truncate_dim\": expected 1 to " +
                                               std::to_string(model->full_embedding_size()) + ", the size of the model's embeddings, got " +
                                               std::to_string(model->truncate_dim_));
  }
  if (model->queries_) check_routes(*model, *model->queries_, directory);
  if (!model->modules_.empty()) model->sentence_head_ = bind_sentence_head(directory.root, model->embedding_size(), model->compute(), model->config_);
  if (directory.sentence_transformers) {
    const loaders::SentenceTransformersSpec& spec = *directory.sentence_transformers;
    model->prompts_ = spec.prompts;
    if (spec.default_prompt_name) model->default_prompt_ = spec.prompts.at(*spec.default_prompt_name);
    model->pool_prompt_ = pools_prompts(spec);
  }
  model->strip_text_ = !is_static && directory.sentence_transformers && directory.sentence_transformers->generation == loaders::Generation::first;
  model->lower_text_ = model->strip_text_ && directory.sentence_transformers->do_lower_case;  // the newer generation has no such field
  model->max_length_ = is_static && !model->static_->is_sparse() ? model->static_->max_length : text_limit(directory, model->config_, model->tokenizer());
  model->files_ = log.files();
  model->info_ = describe_model({.config = model->config_,
                                 .weights = model->weights_,
                                 .modules = model->modules_,
                                 .files = model->files_,
                                 .tokenizer = model->tokenizer(),
                                 .isa = model->isa_,
                                 .threads = model->pool_->threads(),
                                 .precision = precision,
                                 .automatic = automatic,
                                 .adapter = options.adapter,
                                 .max_length = model->max_length_,
                                 .embedding_size = model->embedding_size(),
                                 .queries = model->queries_ ? &model->queries_->info_ : nullptr,
                                 .directory = directory});
  return model;
}

}  // namespace berth::engine
