#include "engine/info.hpp"

#include <algorithm>

#include "base/cpu_limits.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "kernels/dispatch.hpp"
#include "loaders/adapters.hpp"

namespace berth::engine {

namespace {

using Json = nlohmann::ordered_json;

Json describe_modules(std::span<const SentenceModule> modules) {
  Json list = Json::array();
  for (const SentenceModule& module : modules) {
    if (module.type == loaders::ModuleType::pooling) {
      std::string modes;
      for (const loaders::PoolingMode mode : module.pooling) modes += (modes.empty() ? "" : "+") + std::string(loaders::name(mode));
      list.push_back("pooling " + modes);
    } else if (module.type == loaders::ModuleType::dense) {
      list.push_back("dense " + std::to_string(module.dense.linear.in) + "x" + std::to_string(module.dense.linear.out));
    } else if (module.type == loaders::ModuleType::layer_norm) {
      list.push_back("layer norm");
    } else {
      list.push_back("normalize");
    }
  }
  return list;
}

}  // namespace

std::string describe_model(const ModelFacts& facts) {
  const ModelConfig& config = facts.config;
  const double hidden = static_cast<double>(config.hidden_size);
  const double layers = static_cast<double>(config.plan.size());
  const double inner_products = config.body.gate == Gate::none ? 2.0 : 3.0;
  const auto expert_layers = static_cast<double>(
      std::count_if(config.plan.begin(), config.plan.end(), [&](const LayerPlan& layer) { return config.experts.in_layer(layer.weights); }));
  Json info;
  info["directory"] = facts.directory.root.string();
  info["model_type"] = config.architecture->model_type;
  info["task"] = task_name(config.head.kind);
  info["hidden_size"] = config.hidden_size;
  info["num_layers"] = config.num_layers;
  if (config.decoder.layers > 0) info["num_decoder_layers"] = config.decoder.layers;
  info["num_heads"] = config.num_heads;
  info["num_key_value_heads"] = config.num_key_value_heads;
  info["head_size"] = config.head_size;
  info["intermediate_size"] = config.intermediate_size;
  info["vocab_size"] = config.vocab_size;
  info["max_positions"] = config.max_positions;
  info["max_length"] = facts.max_length;
  info["embedding_size"] = facts.embedding_size;
  info["pooling"] = describe_modules(facts.modules);
  info["labels"] = config.labels;
  if (config.head.kind == HeadKind::sequence_classifier) info["scores"] = name(config.score_function);
  info["tokenizer"] = facts.tokenizer == nullptr ? Json() : Json(facts.tokenizer->type());
  if (facts.directory.sentence_transformers) {
    info["prompts"] = facts.directory.sentence_transformers->prompts;
    info["include_prompt"] =
        std::none_of(facts.directory.sentence_transformers->modules.begin(), facts.directory.sentence_transformers->modules.end(),
                     [](const loaders::ModuleSpec& module) { return module.type == loaders::ModuleType::pooling && !module.pooling.include_prompt; });
    info["similarity"] = facts.directory.sentence_transformers->similarity;
    if (facts.directory.sentence_transformers->default_prompt_name) info["default_prompt_name"] = *facts.directory.sentence_transformers->default_prompt_name;
  }
  info["precision"] = name(facts.precision);
  info["auto_precision"] = name(facts.automatic.precision);
  info["auto_precision_reason"] = facts.automatic.reason;
  if (const std::vector<std::string> adapters = loaders::stored_adapters(facts.directory); !adapters.empty()) info["adapters"] = adapters;
  if (!facts.adapter.empty()) info["adapter"] = facts.adapter;
  info["isa"] = kernels::name(facts.isa);
  info["threads"] = facts.threads;
  info["parameters"] = facts.weights.parameters;
  info["model_size_bytes"] = facts.weights.bytes;
  info["files"] = Json::array();
  for (const base::LoggedFile& file : facts.files)
    if (file.opened) info["files"].push_back(base::display(file.path.lexically_relative(facts.directory.root)));
  if (facts.queries != nullptr) {
    info["queries"] = Json::parse(*facts.queries);
    info["queries"]["directory"] = facts.directory.queries->encoder.string();
  }
  // A row of n tokens costs n * flop_per_token + n * n * flop_per_token_squared: the linear layers, of experts those that a token goes through, and the two
  // products of attention.
  const double attention = static_cast<double>(config.query_key_value_size() + config.query_size());
  const double inner = inner_products * static_cast<double>(config.intermediate_size);
  const double experts = static_cast<double>(config.experts.top_k) * inner + static_cast<double>(config.experts.count);
  const double feed_forwards = layers - static_cast<double>(config.decoder.layers);  // a layer of a decoder's attends twice
  info["flop_per_token"] = 2.0 * hidden * (layers * attention + (feed_forwards - expert_layers) * inner + expert_layers * experts);
  double views = 0.0;  // of the whole row; a causal layer's tokens see half of it
  for (const LayerPlan& layer : config.plan) views += layer.behind == 0 ? 0.5 : 1.0;
  info["flop_per_token_squared"] = views * 4.0 * static_cast<double>(config.query_size());
  return base::dump(info);
}

std::string describe_system() {
  Json info;
  info["cpu"] = kernels::cpu_name();
  info["isa"] = kernels::name(kernels::select_isa());
  info["isas"] = Json::array();
  for (const kernels::IsaStatus& status : kernels::isa_statuses())
    info["isas"].push_back({{"name", kernels::name(status.isa)}, {"usable", status.usable}, {"reason", status.reason}});
  info["threads"] = base::default_thread_count();
  return base::dump(info);
}

}  // namespace berth::engine
