// Prompts, and long texts as windows whose results become one.
#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "engine/inputs.hpp"
#include "engine/model.hpp"
#include "engine/tasks/windows.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

// Windows [first, end) belong to one input each.
template <class Body>
void for_each_input(std::span<const Window> windows, const Body& body) {
  for (std::size_t first = 0; first < windows.size();) {
    std::size_t end = first + 1;
    while (end < windows.size() && windows[end].input == windows[first].input) ++end;
    body(windows[first].input, first, end);
    first = end;
  }
}

}  // namespace

LongText long_text_by_name(std::string_view name) {
  if (name == "truncate") return LongText::truncate;
  if (name == "error") return LongText::error;
  if (name == "window") return LongText::window;
  throw Error(ErrorCode::invalid_argument, "long_text: expected truncate, error or window, got " + base::quoted(std::string(name)));
}

WindowScores window_scores_by_name(std::string_view name) {
  if (name == "mean") return WindowScores::mean;
  if (name == "max") return WindowScores::max;
  throw Error(ErrorCode::invalid_argument, "window_scores: expected mean or max, got " + base::quoted(std::string(name)));
}

Model::Prompt Model::prompt_of(const RunOptions& options, const std::string& by_default) const {
  Prompt prompt{.text = by_default};
  if (options.prompt) {
    prompt.text = *options.prompt;
  } else if (!options.prompt_name.empty()) {
    const auto found = prompts_.find(options.prompt_name);
    if (found == prompts_.end()) {
      std::string names;
      for (const auto& [name, text] : prompts_) names += (names.empty() ? "; it has " : ", ") + base::quoted(name);
      throw Error(ErrorCode::invalid_argument,
                  "prompt_name: the model has no prompt " + base::quoted(options.prompt_name) + (names.empty() ? "; it has none" : names));
    }
    prompt.text = found->second;
  }
  if (prompt.text.empty() || tokenizer() == nullptr) return prompt;
  // As sentence-transformers counts: the prompt alone, without the special token that ends a text.
  berth_input alone{};
  alone.text = {prompt.text.data(), prompt.text.size()};
  const PreparedText prepared(alone, 0, {.prompt = {}, .strip = strip_text_, .lower = lower_text_});
  const tokenizer::Encoding encoding = tokenizer()->encode(prepared.text());
  prompt.tokens = encoding.size();
  if (prompt.tokens > 0 && encoding.special_mask.back() != 0) --prompt.tokens;
  if (!pool_prompt_) prompt.unpooled = prompt.tokens;
  return prompt;
}

void Model::pool_rows(Workspace& workspace, std::span<const std::size_t> unpooled, std::size_t first) const {
  const std::vector<loaders::PoolingMode>& modes = modules_.front().pooling;
  for (std::size_t row = 0; row < unpooled.size(); ++row)
    if (unpooled[row] >= workspace.batch.length(row))
      throw Error(ErrorCode::invalid_argument,
                  input_name(first + row) + ": the prompt's " + std::to_string(unpooled[row]) + " tokens, which the pooling leaves out, are all that fits");
  if (static_) return pool_static_embedding(compute(), *static_, config_.hidden_size, workspace);
  workspace.pooled.resize(workspace.batch.rows() * pooled_size());
  pool(compute(), modes, config_.hidden_size, workspace.batch, workspace.hidden(), workspace.pooled.data(), unpooled);
}

// The mean of the windows' pooled vectors, weighted by the tokens pooled, stands for the pooled vector of the text: with mean pooling, what pooling over
// the tokens of all windows would give.
void Model::encode_windows(std::span<const berth_input> inputs, const RunOptions& options, const VectorRequest& request, berth_row* rows) const {
  if (static_) throw Error(ErrorCode::unsupported, "long_text: a static model has no windows: truncate or error does");
  if (request.multi != nullptr) throw Error(ErrorCode::unsupported, "long_text: windows make no vectors for each token: truncate or error does");
  if (request.sparse != nullptr) throw Error(ErrorCode::unsupported, "long_text: windows make no sparse vectors: truncate or error does");
  const base::FloatingPointScope scope;  // the modules behind the pooling run on this thread too
  const Prompt prompt = prompt_of(options, default_prompt_);
  const std::size_t size = request.dense == nullptr ? 0 : pooled_size();
  std::vector<float> pooled;
  std::vector<std::size_t> unpooled;
  for (std::size_t first = 0; first < inputs.size(); first += kTaskRowsAtATime) {
    const auto part = inputs.subspan(first, std::min(kTaskRowsAtATime, inputs.size() - first));
    const std::vector<Window> windows = windows_of(*this, part, first,
                                                   {.max_length = options.max_length,
                                                    .long_text = LongText::window,
                                                    .stride = options.stride,
                                                    .text = {.prompt = prompt.text, .strip = strip_text_, .lower = lower_text_},
                                                    .prompt_tokens = prompt.tokens},
                                                   rows == nullptr ? nullptr : rows + first);
    pooled.resize(windows.size() * size);
    TokenValues tokens{.values = {}, .size = config_.hidden_size};
    run_windows(rows_of(windows), options.batch_tokens, [&](Workspace& workspace, std::size_t begin, std::size_t count) {
      if (request.dense != nullptr) {
        unpooled.clear();
        for (std::size_t row = 0; row < count && prompt.unpooled > 0; ++row) unpooled.push_back(windows[begin + row].tokenized ? prompt.unpooled : 0);
        pool_rows(workspace, unpooled, first + windows[begin].input);
        std::copy_n(workspace.pooled.data(), count * size, pooled.data() + begin * size);
      }
      if (request.tokens != nullptr) append_tokens(workspace, first + windows[begin].input, count, tokens);
    });
    const WorkspacePool::Lease workspace = workspaces_.borrow();
    workspace->pooled.assign(part.size() * size, 0.0F);
    for_each_input(windows, [&](std::size_t input, std::size_t begin, std::size_t end) {
      const auto weight = [&](std::size_t i) { return static_cast<float>(windows[i].encoding.size() - (windows[i].tokenized ? prompt.unpooled : 0)); };
      float* mean = workspace->pooled.data() + input * size;
      float sum = 0;
      for (std::size_t i = begin; i < end; ++i) sum += weight(i);
      for (std::size_t i = begin; i < end; ++i) kernels_->add_scaled(mean, pooled.data() + i * size, end - begin == 1 ? 1.0F : weight(i) / sum, size);
      if (request.tokens == nullptr) return;
      const auto value = [&](std::size_t i) { return tokens.values.begin() + static_cast<std::ptrdiff_t>(tokens.first_token[i] * tokens.size); };
      request.tokens->values.insert(request.tokens->values.end(), value(begin), value(end));
      request.tokens->first_token.push_back(request.tokens->first_token.back() + tokens.first_token[end] - tokens.first_token[begin]);
    });
    if (request.dense != nullptr) finish_dense(*workspace, first, part.size(), options, request.dense + first * embedding_size(options));
  }
}

void Model::window_scores(std::span<const berth_input> inputs, const RunOptions& options, ScoreFunction function, WindowScores how, float* out,
                          berth_row* rows) const {
  const std::size_t labels = config_.labels.size();
  std::vector<float> scores;
  for (std::size_t first = 0; first < inputs.size(); first += kTaskRowsAtATime) {
    const auto part = inputs.subspan(first, std::min(kTaskRowsAtATime, inputs.size() - first));
    const std::vector<Window> windows = windows_of(*this, part, first,
                                                   {.max_length = options.max_length,
                                                    .long_text = LongText::window,
                                                    .stride = options.stride,
                                                    .text = {.prompt = {}, .strip = strip_text_, .lower = lower_text_}},
                                                   rows == nullptr ? nullptr : rows + first);
    scores.resize(windows.size() * labels);
    row_scores(rows_of(windows), {.batch_tokens = options.batch_tokens}, function, how, scores.data(), nullptr);
    for_each_input(windows, [&](std::size_t input, std::size_t begin, std::size_t end) {
      for (std::size_t label = 0; label < labels; ++label) {
        const auto score = [&](std::size_t i) { return scores[i * labels + label]; };
        double sum = 0;
        float largest = score(begin);
        for (std::size_t i = begin; i < end; ++i) {
          sum += static_cast<double>(score(i));
          largest = std::max(largest, score(i));
        }
        out[(first + input) * labels + label] = how == WindowScores::max ? largest : static_cast<float>(sum / static_cast<double>(end - begin));
      }
    });
  }
}

}  // namespace berth::engine
