// What a model directory says about itself, apart from weights and tokenizer: config.json and the sentence-transformers files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "loaders/tensors.hpp"

namespace berth::loaders {

// The six ways sentence-transformers pools token vectors into one.
enum class PoolingMode { cls, max, mean, mean_sqrt_len, weighted_mean, last_token };
std::string_view name(PoolingMode mode);  // "mean_sqrt_len_tokens"

enum class ModuleType { transformer, pooling, dense, layer_norm, normalize };

struct PoolingSpec {
  std::vector<PoolingMode> modes;  // concatenated in this order; at least one, none twice
  bool include_prompt = true;
  std::optional<std::size_t> embedding_dimension;  // of the token vectors, when the file states it
  const char* dimension_field = "";                // where it does
};

struct DenseSpec {
  std::size_t in_features = 0;
  std::size_t out_features = 0;
  bool bias = true;
  std::string activation;                      // the name of a class of torch.nn; which of them there are, the engine knows
  std::shared_ptr<const TensorStore> tensors;  // linear.weight [out, in] and, with bias, linear.bias [out]: present and of these shapes
};

struct LayerNormSpec {
  std::size_t dimension = 0;
  std::shared_ptr<const TensorStore> tensors;  // norm.weight and norm.bias [dimension]
};

// How the vocabulary's logits of a text's tokens become one sparse vector.
struct SpladeSpec {
  bool sum = false;    // over the tokens; else the maximum
  bool twice = false;  // log1p(log1p(relu(x))); else log1p(relu(x))
};

// One vector for each token of a text (ColBERT): how queries and documents differ.
struct LateInteractionSpec {
  struct Side {
    std::string marker;                 // a token put behind the first one; "": none
    std::string prompt;                 // put before the text
    std::optional<std::size_t> length;  // tokens
  };
  Side query;
  Side document;
  bool expand = false;               // queries are filled up to their length with mask tokens
  bool attend = false;               // whether the query's own tokens see those
  std::vector<std::string> skipped;  // tokens of documents that have no vector
  bool linear_in_weights = false;    // the projection is "linear.weight" among the transformer's own tensors, and normalize follows (Stanford's ColBERT)
};

struct ModuleSpec {
  ModuleType type{};
  std::string path;     // as in modules.json; "" is the directory itself
  PoolingSpec pooling;  // type == pooling
  DenseSpec dense;      // type == dense
  LayerNormSpec layer_norm = {};
};

// Which generation of sentence-transformers wrote the directory. The first strips text at both ends before tokenizing; the second (5.4 on) does not.
enum class Generation { first, second };

struct SentenceTransformersSpec {
  // The transformer first, the pooling second, then dense, layer_norm and normalize in any order and number. Left out are Dropout, which does nothing here,
  // and a Pooling whose output_key is not "sentence_embedding": nothing that berth runs reads what it writes. Sizes that the files state fit together.
  std::vector<ModuleSpec> modules;
  std::optional<LateInteractionSpec> late_interaction;  // then there is no pooling: dense and normalize work on every token
  std::optional<SpladeSpec> splade;                     // a SparseEncoder's: then there are no modules behind the transformer
  Generation generation = Generation::first;
  std::optional<std::size_t> max_seq_length;  // sentence_bert_config.json; the second generation has it in tokenizer_config.json (model_max_length)
  bool do_lower_case = false;                 // sentence_bert_config.json
  std::map<std::string, std::string> prompts;
  std::optional<std::string> default_prompt_name;  // a key of prompts
  std::optional<std::size_t> truncate_dim;         // embeddings are cut to so many values
  std::string similarity = "cosine";               // or "dot", "euclidean", "manhattan"
};

// A model without a transformer: the mean of the tokens' rows of one table, or, sparse, one weight for each entry of the vocabulary that is among the tokens.
enum class StaticKind { none, model2vec, sentence_transformers, sparse };

struct ModelDirectory {
  std::filesystem::path root;     // what the user named
  std::filesystem::path encoder;  // where config.json, the weights and the tokenizer are: root, or the Transformer module's folder
  StaticKind static_kind = StaticKind::none;
  base::Json config;                                              // config.json, an object; empty where a static model has none
  std::string config_label;                                       // its path, for messages
  std::optional<SentenceTransformersSpec> sentence_transformers;  // when there is a modules.json, unless it is a CrossEncoder's
  std::shared_ptr<const ModelDirectory> queries;                  // what queries run through, where a Router says so; else null

  // Weights of the encoder itself are not opened (TensorStore::open(encoder) does that), those of Dense modules are.
  // base::Error: not_found for a missing directory or config.json; corrupt_file; unsupported for a module or pooling mode berth does not know.
  static ModelDirectory open(const std::filesystem::path& directory, base::FileAccess access = base::FileAccess::map);
};

}  // namespace berth::loaders
