// config.json, read by an architecture's keys and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/architecture.hpp"
#include "loaders/model_directory.hpp"
#include "loaders/tensors.hpp"

namespace berth::engine {

// How scores come from logits, by the rule of Hugging Face's text-classification pipeline.
enum class ScoreFunction { none, sigmoid, softmax };
std::string_view name(ScoreFunction function);  // "softmax"

// Rotary positions: a pair of a head's values is turned by position * frequency.
struct RotarySpec {
  std::vector<double> frequencies;  // of each pair; as many pairs as there are, from the head's first value on
  bool interleaved = false;         // pairs are neighbours; else a value and the one half the rotary values further on
  bool turns_values = false;        // not only queries and keys
  bool float_angles = true;         // position * frequency is rounded to float32, as most published code has it
};

// What a relative position adds to an attention score.
enum class RelativeBias : unsigned char { none, buckets, alibi };

// T5's buckets of relative positions: half of them for either side, half of those for one distance each, the others for logarithmic ranges.
struct BucketSpec {
  std::size_t count = 32;
  std::size_t max_distance = 128;  // that the ranges spread over

  std::size_t near() const noexcept { return count / 2 / 2; }  // distances with a bucket of their own
};

// DeBERTa's disentangled attention: scores gain query x position and key x position, by buckets of relative positions.
struct DisentangledSpec {
  std::size_t span = 0;              // 2 span embeddings; 0: the model has none
  std::size_t bucket_size = 0;       // logarithmic buckets beyond half of it; 0: one bucket a position, clamped
  std::size_t max_distance = 0;      // that the buckets spread over
  bool content_to_position = false;  // query x position
  bool position_to_content = false;  // key x position
  bool shared_projections = false;   // positions go through the queries' and keys' own projections
};

// A convolution over the embeddings, added behind the first layer.
struct ConvolutionSpec {
  std::size_t width = 0;  // odd; 0: the model has none
  std::size_t groups = 1;
  kernels::Activation activation = kernels::Activation::tanh;
};

inline constexpr std::size_t kMostExperts = 256;

// A mixture of experts: some layers have several feed-forward blocks, and a router that picks those which a token goes through. Their results are added up,
// each times its share of a softmax over all of them.
struct ExpertsSpec {
  std::size_t count = 0;  // of a layer that has them, kMostExperts at most; 0: none has
  std::size_t top_k = 0;  // that a token goes through
  std::size_t every = 0;  // stored layer i has them where i % every is 1

  bool in_layer(std::size_t stored) const noexcept { return count > 0 && every > 0 && stored % every == 1; }
};

// The decoder of an encoder-decoder model. It runs over the same row, moved on by one token, with layers of its own behind the encoder's; each of its tokens
// sees what is before it, and all that the encoder gave.
struct DecoderSpec {
  std::size_t layers = 0;     // 0: the model has none
  std::int32_t start_id = 0;  // in the first token's place
};

inline constexpr std::size_t kWholeRow = std::numeric_limits<std::size_t>::max();
inline constexpr std::size_t kNoRotary = std::numeric_limits<std::size_t>::max();

// One layer as it runs.
struct LayerPlan {
  std::size_t weights = 0;         // which stored layer
  std::size_t before = kWholeRow;  // a token sees so many tokens before it and behind it
  std::size_t behind = kWholeRow;  // 0: the layer is causal
  std::size_t rotary = kNoRotary;  // index into ModelConfig::rotaries
  std::size_t relative_table = 0;  // of RelativeBias::buckets
};

// Where a sequence classifier goes from tokens to rows: it reads the first token, the last that is not padding, or the mean of all, or its last step reads the
// mean of what the others give; or the last token that is a certain one.
enum class HeadPooling : unsigned char { first, last, mean, late, last_mark };

struct HeadConfig {
  HeadKind kind = HeadKind::none;
  std::vector<DenseStep> steps;
  std::size_t outputs = 0;                     // of each token or row; for masked_lm the vocabulary
  HeadPooling pooling = HeadPooling::first;    // sequence_classifier
  std::int64_t padding_id = -1;                // HeadPooling::last: an id that does not count, also where the text has it; -1: none
  std::int64_t mark_id = -1;                   // HeadPooling::last_mark; a row without it has its last token
  std::string_view decoder;                    // masked_lm: empty where it is the word embeddings
  std::vector<std::string_view> decoder_bias;  // empty: none
};

struct ModelConfig {
  const ArchitectureSpec* architecture = nullptr;
  BodySpec body;
  std::size_t hidden_size = 0;
  std::size_t embedding_size = 0;  // of the tables
  std::size_t num_layers = 0;      // as config.json counts them, without a decoder's
  std::size_t num_heads = 0;
  std::size_t num_key_value_heads = 0;  // each is read by as many heads of queries
  std::size_t head_size = 0;
  std::size_t intermediate_size = 0;
  std::size_t vocab_size = 0;
  std::size_t max_positions = 0;    // tokens a row may have
  std::size_t position_rows = 0;    // of the position table
  std::size_t first_position = 0;   // the first token's row of it
  std::size_t type_vocab_size = 0;  // 0: no token types
  std::size_t task_types = 0;       // rows of the table of task types
  std::int32_t padding_id = 0;      // where BodySpec::positions_skip_padding
  float layer_norm_epsilon = 0.0F;
  kernels::Activation activation{};

  // Layers that share weights: layer i runs `inner_layers` stored ones after another. Without sharing there is one for each.
  std::size_t inner_layers = 1;
  std::size_t stored_layers = 0;
  std::vector<LayerPlan> plan;  // [num_layers * inner_layers], in running order; behind them the decoder's, two for each of its layers

  float embedding_scale = 1.0F;  // of the word embeddings
  float attention_scale = 0.0F;
  std::vector<RotarySpec> rotaries;
  RelativeBias relative_bias = RelativeBias::none;
  std::size_t relative_buckets = 0;  // rows of each table of RelativeBias::buckets
  std::size_t relative_tables = 1;
  BucketSpec buckets;
  DisentangledSpec disentangled;
  ConvolutionSpec convolution;
  ExpertsSpec experts;
  DecoderSpec decoder;

  HeadConfig head;
  std::vector<std::string> labels;  // by index; of sequence and token classifiers
  ScoreFunction score_function{};
  ScoreFunction rerank_function{};        // sentence-transformers' for pairs of a query and a text
  std::string unsupported_head;           // what the directory has for a head beside its weights, where berth cannot run it
  std::string unknown_rerank_activation;  // what the directory names instead, where berth does not have it

  // Values of a token: queries, and what attention gives; keys, and as many values; all three.
  std::size_t query_size() const noexcept { return num_heads * head_size; }
  std::size_t key_size() const noexcept { return num_key_value_heads * head_size; }
  std::size_t query_key_value_size() const noexcept { return query_size() + 2 * key_size(); }
  std::size_t encoder_plan() const noexcept { return plan.size() - 2 * decoder.layers; }  // where a decoder's begin
  std::size_t queries_a_key() const noexcept { return num_heads / num_key_value_heads; }  // heads that share one's keys

  bool has_sequence_classifier() const noexcept { return head.kind == HeadKind::sequence_classifier; }
};

// Hugging Face's name of what a head is for: "token-classification"; "embedding" without one.
std::string_view task_name(HeadKind head);

// The whole of config.json. The tensors decide between descriptions that share a model_type, and tell of a head that config.json does not name.
// base::Error: unsupported for a model_type or a variant berth does not run, corrupt_file for missing or impossible values.
ModelConfig read_model_config(const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors);

// The prefix under which the body's tensors are; the first when they are nowhere, so that messages name the plain names.
std::string body_prefix(const ArchitectureSpec& spec, const loaders::TensorStore& tensors);

// The tensor name of a stored layer from its pattern.
std::string layer_name(std::string_view pattern, std::size_t layer, std::size_t inner_layers);

// A Hugging Face activation name ("gelu_new"); throws unsupported listing the known ones.
kernels::Activation activation_by_name(const std::string& name, const std::string& label, const char* field);

// Fills config.head, labels and score_function from the class that config.json names, or from the tensors where it names none.
void read_head(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config);

// Fills config.rerank_function.
void read_rerank_activation(const loaders::ModelDirectory& directory, ModelConfig& config);

// For ArchitectureSpec::read.
// Throws unsupported: `config.json: field "key": <value> is not supported; supported: <supported>`.
[[noreturn]] void refuse(const base::JsonObject& json, const char* key, const std::string& supported);
// The same with a value that is a part of the field's.
[[noreturn]] void refuse(const base::JsonObject& json, const char* key, const std::string& value, const std::string& supported);
// Throws when a boolean is `value` (missing: not).
void refuse_flag(const base::JsonObject& json, const char* key, bool value);
// Throws where the key says another size of heads than the number of heads does.
void expect_head_size(const base::JsonObject& json, const char* key, const ModelConfig& config);
std::size_t size_or(const base::JsonObject& json, const char* key, std::size_t fallback, std::size_t min, std::size_t max);
// Throws where heads have an odd number of values, which cannot be turned in pairs.
void expect_pairs(const base::JsonObject& json, const ModelConfig& config);
// Turns the heads of every layer.
void use_rotary(ModelConfig& config, RotarySpec rotary);

}  // namespace berth::engine
