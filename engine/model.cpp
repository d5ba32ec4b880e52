// What a model does with inputs. Loading is in model_load.cpp, long texts in model_windows.cpp.
#include "engine/model.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "engine/encoder.hpp"
#include "engine/heads.hpp"
#include "engine/inputs.hpp"
#include "engine/peak.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::ModuleType;

constexpr std::size_t kRowsAtATime = 256;  // tokenized ahead of the batches, so that a long list of texts does not sit in memory twice

// How many first tokens of each row the pooling leaves out; rows of ids have no prompt.
std::vector<std::size_t> unpooled_of(std::span<const berth_input> inputs, std::size_t prompt) {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; prompt > 0 && i < inputs.size(); ++i) result.push_back(inputs[i].ids == nullptr ? prompt : 0);
  return result;
}

// What the first batch gets of `all` tokens (or rows), if batches of at most `most` are to be alike: a small last one would keep threads waiting as often as
// a whole one does.
std::size_t even_share(std::size_t all, std::size_t most) { return all / std::max<std::size_t>(1, all / most + (all % most != 0 ? 1 : 0)); }

}  // namespace

InputRules Model::input_rules(std::size_t limit, std::string_view prompt) const {
  InputRules rules{.config = config_, .tokenizer = tokenizer(), .prompt = prompt, .strip_text = strip_text_, .lower_text = lower_text_, .max_length = limit};
  if (static_) {
    rules.only_own_tokens = true;
    rules.cut_by_file = !static_->is_sparse();  // transformers' tokenizers, which a table of weights has, cut to model_max_length alone
    rules.dropped = static_->dropped;
    rules.max_code_points = static_->code_points_a_token == 0 ? 0 : limit * static_->code_points_a_token;
  }
  return rules;
}

tokenizer::Encoding Model::tokenize(const berth_input& input, std::size_t max_length, std::optional<tokenizer::TruncationSide> side) const {
  InputRules rules = input_rules(max_length == 0 ? max_length_ : std::min(max_length_, max_length), {});
  rules.side = side;
  return encode_text(input, 0, rules);
}

template <class Finish>
void Model::run(std::span<const berth_input> inputs, const RunOptions& options, std::optional<std::size_t> layers, berth_row* rows, const Finish& finish,
                std::string_view prompt, const TokenVectors::Side* side) const {
  const base::FloatingPointScope scope;  // pooling, heads and norms run on this thread too
  std::size_t limit = options.max_length == 0 ? max_length_ : std::min(max_length_, options.max_length);
  if (side != nullptr && side->length > 0) limit = std::min(limit, side->length);
  const std::size_t batch_tokens = options.batch_tokens == 0 ? default_batch_tokens(weights_.layer_precision) : options.batch_tokens;
  InputRules rules = input_rules(limit, prompt);
  rules.long_text = options.long_text;
  if (side != nullptr) {
    rules.marker = side->marker;
    rules.fill_length = std::min(side->fill, limit);
    rules.fill_id = token_vectors_->fill_id;
    rules.fill_attended = token_vectors_->fill_attended;
  }
  WorkspacePool::Lease workspace = workspaces_.borrow();
  RaggedBatch& batch = workspace->batch;
  InputRows& part = workspace->inputs;
  for (std::size_t first = 0; first < inputs.size(); first += part.size()) {
    part.read(inputs.subspan(first, even_share(inputs.size() - first, kRowsAtATime)), first, rules, *pool_);
    batch.clear();
    std::size_t batch_first = first;
    std::size_t left = 0;
    for (std::size_t i = 0; i < part.size(); ++i) left += part[i].ids.size();
    std::size_t share = 0;
    const auto flush = [&] {
      if (batch.rows() == 0) return;
      run_batch(*workspace, layers);
      finish(*workspace, batch_first, batch.rows());
      tensors_->check_whole();
      workspace->note_use();
      batch_first += batch.rows();
      batch.clear();
    };
    for (std::size_t i = 0; i < part.size(); ++i) {
      const InputRow& row = part[i];
      const std::size_t size = row.ids.size();
      if (batch.rows() > 0 && (batch.tokens() + size > batch_tokens || batch.tokens() + size / 2 > share)) flush();
      if (batch.rows() == 0) share = even_share(left, batch_tokens);
      left -= size;
      batch.ids.insert(batch.ids.end(), row.ids.begin(), row.ids.end());
      if (row.type_ids.empty()) {
        batch.type_ids.resize(batch.ids.size(), 0);
      } else {
        batch.type_ids.insert(batch.type_ids.end(), row.type_ids.begin(), row.type_ids.end());
      }
      batch.cumulative_lengths.push_back(batch.ids.size());
      if (side != nullptr && side->fill > 0) batch.attended.push_back(row.attended == 0 ? row.ids.size() : row.attended);
      if (rows != nullptr) rows[first + i] = {static_cast<std::uint32_t>(row.ids.size()), row.truncated ? 1U : 0U, 1U};
    }
    flush();
  }
}

void Model::run_windows(std::span<const berth_input> rows, std::size_t batch_tokens,
                        const std::function<void(Workspace& workspace, std::size_t first, std::size_t rows)>& finish) const {
  run(rows, {.batch_tokens = batch_tokens}, {}, nullptr, finish);
}

void Model::run_batch(Workspace& workspace, std::optional<std::size_t> layers) const {
  if (static_) return;  // a row's embedding comes straight from the table
  prepare(compute(), config_, weights_, workspace);
  run_encoder(compute(), config_, weights_, layers, workspace);
}

void Model::check_finite(const float* values, std::size_t rows, std::size_t size, std::size_t first) const {
  for (std::size_t row = 0; row < rows; ++row) {
    if (kernels_->all_finite(values + row * size, size)) continue;
    throw Error(ErrorCode::non_finite, input_name(first + row) + ": the model's result is NaN or infinite");
  }
}

void Model::need_embeddings() const {
  if (!modules_.empty()) return;
  throw Error(ErrorCode::unsupported,
              makes_sparse() ? "the directory's modules.json makes sparse vectors, no sentence embeddings: ask for sparse ones (--sparse)"
                             : "the directory's modules.json makes a vector for each token, no sentence embeddings: ask for those (--multi-vector)");
}

std::size_t Model::embedding_size(const RunOptions& options) const {
  if (options.truncate_dim > 0 && modules_.empty())
    throw Error(ErrorCode::unsupported, "truncate_dim: only sentence embeddings can be cut, and the directory's modules.json makes other vectors");
  if (options.truncate_dim <= full_embedding_size()) return options.truncate_dim == 0 ? embedding_size() : options.truncate_dim;
  throw Error(ErrorCode::invalid_argument, "truncate_dim: expected 1 to " + std::to_string(full_embedding_size()) +
                                               ", the size of the model's embeddings, got " + std::to_string(options.truncate_dim));
}

void Model::encode(std::span<const berth_input> inputs, const RunOptions& options, float* out, berth_row* rows, TokenValues* tokens) const {
  encode_vectors(inputs, options, {.dense = out, .tokens = tokens}, rows);
}

void Model::encode_vectors(std::span<const berth_input> inputs, const RunOptions& options, const VectorRequest& request, berth_row* rows) const {
  if (options.query && queries_) {
    if (request.tokens != nullptr)
      throw Error(ErrorCode::unsupported, "query: the directory has a model of its own for queries, and token embeddings are of documents");
    return queries_->encode_vectors(inputs, options, request, rows);
  }
  const std::size_t size = embedding_size(options);
  if (request.dense != nullptr) need_embeddings();
  const bool sparse_table = static_ && static_->is_sparse();
  if (request.sparse != nullptr && !token_weights_ && !sparse_table) need_head({HeadKind::masked_lm}, "masked-language-model");
  if (request.tokens != nullptr && sparse_table) throw Error(ErrorCode::unsupported, "a table of weights has no embeddings of tokens");
  if (request.multi != nullptr) {
    if (!token_vectors_)
      throw Error(ErrorCode::unsupported,
                  "the directory is no late-interaction model: its modules.json does not end in modules that work on tokens, and there is "
                  "no colbert_linear.pt or .safetensors");
    request.multi->size = token_vectors_->size;
  }
  const TokenVectors::Side* side = request.multi == nullptr ? nullptr : &token_vectors_->side(options.query);
  if (request.tokens != nullptr) request.tokens->size = config_.hidden_size;
  if (options.long_text == LongText::window) return encode_windows(inputs, options, request, rows);
  const Prompt prompt = prompt_of(options, side == nullptr || side->prompt.empty() ? default_prompt_ : side->prompt);
  run(
      inputs, options, {}, rows,
      [&](Workspace& workspace, std::size_t first, std::size_t count) {
        if (request.dense != nullptr) {
          pool_rows(workspace, unpooled_of(inputs.subspan(first, count), prompt.unpooled), first);
          finish_dense(workspace, first, count, options, request.dense + first * size);
        }
        if (request.multi != nullptr) run_token_vectors(compute(), *token_vectors_, options.query, config_.hidden_size, first, workspace, *request.multi);
        if (request.sparse != nullptr) {
          if (sparse_table) {
            run_static_weights(*static_, request.max_active_dims, workspace, *request.sparse);
          } else if (token_weights_) {
            run_token_weights(compute(), *token_weights_, config_.hidden_size, request.max_active_dims, first, workspace, *request.sparse);
          } else {
            run_splade(compute(), config_, weights_, splade_.value_or(loaders::SpladeSpec{}), request.max_active_dims, first, workspace, *request.sparse);
          }
        }
        if (request.tokens == nullptr) return;
        if (static_) run_static_embedding(compute(), *static_, config_.hidden_size, workspace);
        append_tokens(workspace, first, count, *request.tokens);
      },
      prompt.text, side);
}

float* Model::finish_dense(Workspace& workspace, std::size_t first, std::size_t count, const RunOptions& options, float* out) const {
  const std::size_t size = embedding_size(options), full_size = full_embedding_size();
  std::span<const SentenceModule> modules = std::span(modules_).subspan(1);
  while (options.keep_lengths && !modules.empty() && modules.back().type == ModuleType::normalize) modules = modules.first(modules.size() - 1);
  run_dense_modules(compute(), modules, count, pooled_size(), workspace);
  if (out == nullptr) {
    workspace.pooled2.resize(count * size);
    out = workspace.pooled2.data();
  }
  for (std::size_t row = 0; row < count; ++row) std::copy_n(workspace.pooled.data() + row * full_size, size, out + row * size);
  if (options.normalize) normalize_rows(*kernels_, out, count, size);
  check_finite(out, count, size, first);
  return out;
}

void Model::append_tokens(Workspace& workspace, std::size_t first, std::size_t count, TokenValues& tokens) const {
  const RaggedBatch& batch = workspace.batch;
  const std::size_t size = config_.hidden_size;
  for (std::size_t row = 0; row < count; ++row) {
    const float* begin = workspace.hidden() + batch.cumulative_lengths[row] * size;
    check_finite(begin, 1, batch.length(row) * size, first + row);
    tokens.values.insert(tokens.values.end(), begin, begin + batch.length(row) * size);
    tokens.first_token.push_back(tokens.first_token.back() + batch.length(row));
  }
}

unsigned Model::vector_kinds() const noexcept {
  const bool sparse = token_weights_ || config_.head.kind == HeadKind::masked_lm || makes_sparse();
  return (modules_.empty() ? 0U : unsigned{BERTH_DENSE}) | (sparse ? unsigned{BERTH_SPARSE} : 0U) | (token_vectors_ ? unsigned{BERTH_MULTI} : 0U);
}

unsigned Model::default_vector_kind() const noexcept {
  if (!modules_.empty()) return BERTH_DENSE;
  return makes_sparse() ? BERTH_SPARSE : BERTH_MULTI;
}

void Model::rerank_late(const berth_input& query, std::span<const berth_input> texts, const RunOptions& options, float* out, berth_row* rows) const {
  constexpr std::size_t kTextsAtATime = 64;  // whose vectors exist together
  TokenValues of_query;
  const auto encode = [&](std::span<const berth_input> inputs, bool are_queries, TokenValues& values, berth_row* of_inputs, const auto& name) {
    RunOptions run_options = options;
    run_options.query = are_queries;
    try {
      encode_vectors(inputs, run_options, {.multi = &values}, of_inputs);
    } catch (const Error& error) {
      throw with_input_named(error, name);
    }
  };
  encode({&query, 1}, true, of_query, rows, [](std::size_t) { return std::string("query"); });
  const base::FloatingPointScope scope;
  const std::size_t size = of_query.size;
  for (std::size_t first = 0; first < texts.size(); first += kTextsAtATime) {
    const std::size_t count = std::min(kTextsAtATime, texts.size() - first);
    TokenValues of_texts;
    encode(texts.subspan(first, count), false, of_texts, rows == nullptr ? nullptr : rows + 1 + first,
           [&](std::size_t index) { return input_name(first + index); });
    const std::span<const float> values(of_texts.values);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t begin = of_texts.first_token[i];
      out[first + i] = max_similarity(*kernels_, of_query.values, values.subspan(begin * size, (of_texts.first_token[i + 1] - begin) * size), size);
    }
  }
}

void Model::classify(std::span<const berth_input> inputs, const RunOptions& options, bool raw, float* out, berth_row* rows) const {
  row_scores(inputs, options, raw ? ScoreFunction::none : config_.score_function, WindowScores::mean, out, rows);
}

void Model::rerank(std::span<const berth_input> inputs, const RunOptions& options, bool raw, float* out, berth_row* rows) const {
  need_row_head();
  if (config_.labels.size() != 1)
    throw Error(ErrorCode::unsupported, "reranking takes a model with one label, this one has " + std::to_string(config_.labels.size()));
  if (!raw && !config_.unknown_rerank_activation.empty())
    throw Error(ErrorCode::unsupported, "the model's activation_fn " + base::quoted(config_.unknown_rerank_activation, 200) +
                                            " is not supported; supported: Identity and Sigmoid of torch.nn. Its logits are there as raw scores");
  row_scores(inputs, options, raw ? ScoreFunction::none : config_.rerank_function, WindowScores::max, out, rows);
}

void Model::row_scores(std::span<const berth_input> inputs, const RunOptions& options, ScoreFunction function, WindowScores how, float* out,
                       berth_row* rows) const {
  need_row_head();
  if (options.prompt || !options.prompt_name.empty()) throw Error(ErrorCode::invalid_argument, "prompt: only embeddings take one");
  if (options.query) throw Error(ErrorCode::invalid_argument, "query: only texts that are embedded are queries or documents");
  if (options.long_text == LongText::window)
    return window_scores(inputs, options, function, options.window_scores == WindowScores::automatic ? how : options.window_scores, out, rows);
  const Prompt prompt = sentence_head_ ? prompt_of(options, default_prompt_) : Prompt{};
  const std::size_t labels = config_.labels.size();
  run(
      inputs, options, {}, rows,
      [&](Workspace& workspace, std::size_t first, std::size_t count) {
        float* scores = out + first * labels;
        if (sentence_head_) {
          pool_rows(workspace, unpooled_of(inputs.subspan(first, count), prompt.unpooled), first);
          // The head takes what the directory gives, whatever the caller would like embeddings to be.
          const float* embeddings = finish_dense(workspace, first, count, {.normalize = sentence_head_->normalize}, nullptr);
          run_sentence_head(compute(), *sentence_head_, embeddings, count, scores);
        } else {
          run_row_head(compute(), config_, weights_.head, config_.head.pooling, workspace, scores);
        }
        check_finite(scores, count, labels, first);
        if (function == ScoreFunction::sigmoid) kernels_->activate(scores, count * labels, kernels::Activation::sigmoid);
        if (function == ScoreFunction::softmax) kernels_->softmax(scores, count, labels);
      },
      prompt.text);
}

void Model::need_row_head() const { need_head({HeadKind::sequence_classifier}, "sequence-classification"); }

void Model::need_head(std::initializer_list<HeadKind> kinds, std::string_view what) const {
  if (std::find(kinds.begin(), kinds.end(), config_.head.kind) != kinds.end()) return;
  if (!config_.unsupported_head.empty()) throw Error(ErrorCode::unsupported, config_.unsupported_head);
  if (static_) throw Error(ErrorCode::unsupported, "the model has no " + std::string(what) + " head: it is a table of embeddings");
  std::string classes;
  for (const HeadSpec& spec : config_.architecture->heads)
    if (std::find(kinds.begin(), kinds.end(), spec.kind) != kinds.end()) classes += (classes.empty() ? "..." : " or ...") + std::string(spec.class_suffix);
  const std::string reason = classes.empty() ? "berth runs none of model_type " + base::quoted(std::string(config_.architecture->model_type))
                                             : "config.json field \"architectures\" does not name a class " + classes + ", or its weights are not there";
  throw Error(ErrorCode::unsupported, "the model has no " + std::string(what) + " head: " + reason);
}

void Model::token_logits(std::span<const berth_input> inputs, const RunOptions& options, TokenValues& out, berth_row* rows) const {
  need_head({HeadKind::token_classifier, HeadKind::span}, "token-classification or question-answering");
  out.size = config_.head.outputs;
  run(inputs, options, {}, rows, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    const RaggedBatch& batch = workspace.batch;
    const std::size_t begin = out.values.size();
    out.values.resize(begin + batch.tokens() * out.size);
    run_token_head(compute(), config_, weights_.head, workspace, out.values.data() + begin);
    for (std::size_t row = 0; row < count; ++row) {
      check_finite(out.values.data() + begin + batch.cumulative_lengths[row] * out.size, 1, batch.length(row) * out.size, first + row);
      out.first_token.push_back(out.first_token.back() + batch.length(row));
    }
  });
}

void Model::masked_logits(std::span<const berth_input> inputs, const RunOptions& options, std::optional<std::int32_t> id, MaskedLogits& out,
                          berth_row* rows) const {
  need_head({HeadKind::masked_lm}, "masked-language-model");
  std::vector<std::size_t> tokens;  // of one row, in the batch
  run(inputs, options, {}, rows, [&](Workspace& workspace, std::size_t first, std::size_t count) {
    const RaggedBatch& batch = workspace.batch;
    for (std::size_t row = 0; row < count; ++row) {
      tokens.clear();
      for (std::size_t t = batch.cumulative_lengths[row]; t < batch.cumulative_lengths[row + 1]; ++t) {
        if (id && batch.ids[t] != *id) continue;
        tokens.push_back(t);
        out.places.push_back({.input = first + row, .token = t - batch.cumulative_lengths[row]});
      }
      const std::size_t begin = out.values.size();
      const std::size_t size = tokens.size() * config_.vocab_size;
      out.values.resize(begin + size);
      run_masked_head(compute(), config_, weights_, tokens, workspace, out.values.data() + begin);
      check_finite(out.values.data() + begin, 1, size, first + row);
    }
  });
}

void Model::hidden_states(std::span<const berth_input> inputs, std::size_t layers, TokenValues& tokens) const {
  if (static_) throw Error(ErrorCode::unsupported, "a static model has no hidden states");
  tokens.size = config_.hidden_size;
  run(inputs, {}, layers, nullptr, [&](Workspace& workspace, std::size_t, std::size_t count) {
    const RaggedBatch& batch = workspace.batch;
    tokens.values.insert(tokens.values.end(), workspace.hidden(), workspace.hidden() + batch.tokens() * config_.hidden_size);
    for (std::size_t row = 0; row < count; ++row) tokens.first_token.push_back(tokens.first_token.back() + batch.length(row));
  });
}

void Model::pooler_output(std::span<const berth_input> inputs, float* out) const {
  run(inputs, {}, {}, nullptr, [&](Workspace& workspace, std::size_t first, std::size_t) {
    run_row_head(compute(), config_, weights_.pooler, HeadPooling::first, workspace, out + first * config_.hidden_size);
  });
}

double Model::measure_peak(double seconds) const { return engine::measure_peak(isa_, precision_, *pool_, seconds); }

}  // namespace berth::engine
