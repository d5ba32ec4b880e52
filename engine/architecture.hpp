// A model is data: what distinguishes one encoder from another is which tensors are where, which config.json keys say what, and a few choices. The one
// encoder loop (engine/encoder.cpp) runs any description; a new architecture is one file in engine/architectures and one line in its registry.
// docs/adding-an-architecture.md walks through it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "kernels/activation.hpp"
#include "loaders/tensors.hpp"

namespace berth::engine {

struct HeadConfig;
struct ModelConfig;

// The names config.json uses. An empty name means that the architecture has no such key.
struct ConfigKeys {
  std::string_view hidden_size = "hidden_size";
  std::string_view num_layers = "num_hidden_layers";
  std::string_view num_heads = "num_attention_heads";
  std::string_view num_key_value_heads = "";  // where several heads may share their keys and values
  std::string_view head_size = "";            // where it need not be hidden_size by num_heads
  std::string_view intermediate_size = "intermediate_size";
  std::string_view max_positions = "max_position_embeddings";  // without a key any number: texts have the limit that other files state, or 8192 tokens
  std::string_view embedding_size = "";                        // of the tables, where it may differ from hidden_size
  std::string_view type_vocab_size = "type_vocab_size";
  std::string_view activation = "hidden_act";
  std::string_view layer_norm_epsilon = "layer_norm_eps";
  std::string_view padding_id = "pad_token_id";  // without a key it is 1
};

// What config.json means where it does not say.
struct ConfigDefaults {
  std::string_view activation = "gelu";
  double layer_norm_epsilon = 1e-12;
  std::size_t type_vocab_size = 2;
  bool types_optional = false;          // type_vocab_size may be 0: no token types
  std::size_t embedding_size = 0;       // 0: hidden_size
  std::size_t num_key_value_heads = 0;  // 0: num_heads
  std::size_t head_size = 0;            // 0: hidden_size by num_heads
  bool tie_word_embeddings = true;      // of a masked-language-model head
};

// Tensor names relative to the body's prefix, without ".weight" and ".bias". "{i}" stands for the layer; where layers share weights, "{group}" and
// "{inner}" for the group and the place in it. An empty name: there is none.
struct TensorNames {
  std::string_view word_embeddings = {};
  std::string_view position_embeddings = {};
  std::string_view token_type_embeddings = {};
  std::string_view task_type_embeddings = {};  // every token has the first row, the task that is meant where nobody names one
  std::string_view embedding_norm = {};
  std::string_view embedding_projection = {};  // from the tables' size to the hidden size
  // per layer
  std::string_view query = {};
  std::string_view key = {};
  std::string_view value = {};
  std::string_view query_key_value = {};  // the three as one stored matrix, in place of them
  std::string_view query_bias = {};       // where heads are interleaved: full names of the only biases there are
  std::string_view value_bias = {};
  std::string_view query_norm = {};  // over the queries of all heads together, or of each (norms_each_head)
  std::string_view key_norm = {};
  std::string_view attention_output = {};
  std::string_view attention_norm = {};
  std::string_view attention_outer_norm = {};   // x = outer_norm(x + norm(x + attention(x)))
  std::string_view attention_result_norm = {};  // where norms come first: x = x + result_norm(attention(norm(x)))
  std::string_view intermediate = {};
  std::string_view intermediate_value = {};  // stored apart: the half that does not go through the activation
  std::string_view output = {};
  std::string_view output_norm = {};
  std::string_view output_result_norm = {};  // as attention_result_norm
  // per layer with experts (ModelConfig::experts), in place of intermediate and output
  std::string_view router = {};                // [experts, hidden]
  std::string_view expert_intermediates = {};  // full names: the experts' matrices upon each other, [experts * intermediate, hidden],
  std::string_view expert_outputs = {};        // as many rows that the inner activation is multiplied with as they lie,
  std::string_view expert_bias = {};           // and [hidden], added to their sum
  // behind the layers
  std::string_view final_norm = {};
  // relative positions
  std::string_view relative_bias = {};        // [buckets, heads], added to the scores of every layer, or one for each
  std::string_view relative_embeddings = {};  // [2 span, hidden], of disentangled attention
  std::string_view relative_embeddings_norm = {};
  std::string_view position_key = {};  // per layer: projections of relative_embeddings
  std::string_view position_query = {};
  std::string_view distance_embedding = {};  // per layer: [2 max positions - 1, head size], every head's keys (and queries) of relative positions as they are
  // beside the first layer
  std::string_view convolution = {};
  std::string_view convolution_norm = {};
};

// The inner activation of the feed-forward block: of all values, or of one half of them, which then multiplies the other.
enum class Gate : unsigned char { none, first_half, second_half };

// LayerNorm, or RMSNorm, which has no mean and no bias.
enum class NormKind : unsigned char { layer, rms };

// Which linear layers and norms have a bias.
struct Biases {
  bool query_key_value = true;
  bool attention_output = true;
  bool intermediate = true;
  bool output = true;
  bool norms = true;
  bool embedding_projection = true;
  bool position_key = true;
};

// Of an encoder-decoder model the second stack of layers. They are stored as two each: attention to the decoder's own tokens, then attention to what the
// encoder gave with the feed-forward block.
struct DecoderNames {
  std::string_view position_embeddings = {};
  std::string_view embedding_norm = {};
  TensorNames self_attention = {};   // the attention's own alone
  TensorNames cross_attention = {};  // per layer
};

// How the layers are built. The description gives it as the architecture usually is; reading config.json may change it.
struct BodySpec {
  TensorNames names = {};
  DecoderNames decoder = {};  // of models that have one (ModelConfig::decoder)
  NormKind norms = NormKind::layer;
  bool norms_store_excess = false;      // a norm multiplies with 1 + its stored weight
  bool norms_each_head = false;         // query_norm and key_norm
  bool pre_norm = false;                // x = x + block(norm(x)), and a final norm; else x = norm(x + block(x))
  bool first_attention_norm = true;     // false: the first layer's attention reads the embeddings as they are
  bool project_before_norm = false;     // embedding_projection goes before embedding_norm
  bool heads_interleaved = false;       // query_key_value has each head's queries, keys and values behind one another
  bool positions_skip_padding = false;  // positions count the ids that are not the padding id, from that id + 1 on
  Gate gate = Gate::none;
  Biases biases = {};
};

// One dense layer of a head: norm(activation(W x + b)).
struct DenseStep {
  std::string_view name;  // tensors `name`.weight and `name`.bias
  kernels::Activation activation = kernels::Activation::none;
  std::string_view activation_key = {};  // config.json's name for the activation, where it has a say; `activation` is what it means without
  bool in_body = false;                  // the name takes the body's prefix ("bert.pooler.dense")
  std::string_view norm = {};            // a norm behind the activation
  bool bias = true;
  std::string_view bias_key = {};  // config.json's name for `bias`, where it has a say
};

enum class HeadKind : unsigned char {
  none,
  sequence_classifier,  // a row -> [labels]
  token_classifier,     // every token -> [labels]
  span,                 // every token -> the logits of being an answer's first and last
  masked_lm,            // a token -> [vocabulary]
};

struct HeadSpec {
  HeadKind kind = HeadKind::none;
  std::string_view class_suffix = {};               // of the class in config.json "architectures": BertForTokenClassification ends so
  std::vector<DenseStep> steps = {};                // the last one gives the logits, but for masked_lm, where it gives what is compared with the vocabulary
  std::size_t outputs = 0;                          // where the number of logits does not follow from config.json's labels
  std::string_view decoder = {};                    // masked_lm: a matrix like the word embeddings, read where tie_word_embeddings is false; else it is they
  std::vector<std::string_view> decoder_bias = {};  // masked_lm: full tensor names; the first that is found
  std::string_view decoder_bias_key = {};           // config.json's boolean that there is one, where it has a say (default: there is)
  void (*read)(const base::JsonObject& json, HeadConfig& head) = nullptr;  // what only this head's config.json says; the rest is filled
};

struct ArchitectureSpec {
  std::string_view model_type;             // as in config.json
  std::string_view summary;                // what is particular about it, for docs/architectures.md
  std::vector<std::string_view> prefixes;  // that the body's tensors may have; "" among them
  // Several descriptions may share a model_type; the first that fits is taken.
  std::vector<std::string_view> position_types = {
      "absolute"};                   // values of config.json "position_embedding_type"; the first is what it means without; empty: no such key
  std::string_view marker = {};      // a tensor (relative to the prefix) that only this one has
  std::string_view marker_key = {};  // a key of config.json that only this one has
  ConfigKeys keys = {};
  ConfigDefaults defaults = {};
  BodySpec body = {};
  std::vector<TensorNames> other_names = {};  // the body's tensors under the names of another release: taken where the file has its attention_output
  std::vector<DenseStep> pooler = {};         // first token -> pooler_output; optional in the file
  std::vector<HeadSpec> heads = {};
  bool words_by_jieba = false;  // the library's tokenizer takes words of several ideographs that the vocabulary has out of a text first
  // Reads what only this architecture's config.json says. The common fields are filled, and may be changed.
  void (*read)(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) = nullptr;
};

// All supported architectures.
std::span<const ArchitectureSpec* const> architectures();

// "bert, distilbert": for messages and docs.
std::string_view supported_model_types();

}  // namespace berth::engine
