// Late chunking: embeddings of stretches of a text, from token vectors that have seen all of it (Günther et al. 2024, arXiv:2409.04701).
#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/parallel.hpp"
#include "base/utf8.hpp"
#include "engine/inputs.hpp"
#include "engine/linear.hpp"
#include "engine/model.hpp"
#include "engine/tasks/windows.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::PoolingMode;

constexpr std::uint32_t kDotted = 0x130;  // the one letter whose lower case is two code points

// Where each code point of `text` is in what is tokenized, and its end: [code points + 1].
std::vector<std::size_t> places_of(std::string_view text, const TextRules& rules) {
  const std::string whole = std::string(rules.prompt).append(text);
  const std::string_view kept = rules.strip ? strip(whole) : std::string_view(whole);
  const auto kept_begin = kept.empty() ? whole.size() : static_cast<std::size_t>(kept.data() - whole.data());
  std::vector<std::size_t> places;
  std::size_t place = 0;
  for (std::size_t at = 0; at < whole.size();) {
    const auto [code_point, length] = base::decode_utf8(whole, at);
    if (at >= rules.prompt.size()) places.push_back(place);
    if (at >= kept_begin && at < kept_begin + kept.size()) place += rules.lower && code_point == kDotted ? 2 : 1;
    at += length;
  }
  places.push_back(place);
  return places;
}

// The stretches of one input in what is tokenized.
std::vector<berth_span> checked_spans(const berth_input& input, std::size_t index, std::span<const berth_span> spans, const TextRules& rules) {
  if (input.ids != nullptr) throw Error(ErrorCode::invalid_argument, input_name(index) + ": spans are of texts, and these are ids");
  if (input.text_pair.data != nullptr) throw Error(ErrorCode::invalid_argument, input_name(index) + ": text_pair: spans are of one text");
  const std::vector<std::size_t> places = places_of(checked_text(input.text, "text", index), rules);
  std::vector<berth_span> result;
  for (const berth_span& span : spans) {
    if (span.begin > span.end || span.end >= places.size())
      throw Error(ErrorCode::invalid_argument, input_name(index) + ": span " + std::to_string(result.size()) + ": " + std::to_string(span.begin) + " to " +
                                                   std::to_string(span.end) + " is no stretch of a text of " + std::to_string(places.size() - 1) +
                                                   " code points");
    result.push_back({static_cast<std::uint32_t>(places[span.begin]), static_cast<std::uint32_t>(places[span.end])});
  }
  return result;
}

// A token belongs to the stretch that has its last code point: the space that some tokenizers put before a word is of the word.
bool belongs(const tokenizer::Encoding& encoding, std::size_t token, const berth_span& span) {
  const auto [begin, end] = encoding.offsets[token];
  const std::size_t last = end > begin ? end - 1 : begin;
  return last >= span.begin && last < span.end;
}

void check_modes(std::span<const PoolingMode> modes) {
  for (const PoolingMode mode : modes)
    if (mode != PoolingMode::mean && mode != PoolingMode::mean_sqrt_len && mode != PoolingMode::max)
      throw Error(ErrorCode::unsupported, "spans: the model's pooling is " + std::string(loaders::name(mode)) +
                                              ", which is no matter of a stretch's own tokens; mean, mean_sqrt_len_tokens and max are");
}

// Sums (or largest values) of the tokens of some stretches, over windows that come in order.
class ChunkPool {
 public:
  ChunkPool(const kernels::KernelTable& kernels, std::span<const PoolingMode> modes, std::size_t size, std::size_t chunks)
      : kernels_(kernels), modes_(modes), size_(size), values_(chunks * modes.size() * size), tokens_(chunks) {}

  // hidden: [tokens, size] of a window, of whose tokens those before `begin` do not count.
  void add(std::size_t chunk, const berth_span& span, const tokenizer::Encoding& encoding, std::size_t begin, const float* hidden) noexcept {
    for (std::size_t token = begin; token < encoding.size(); ++token) {
      if (encoding.special_mask[token] != 0 || !belongs(encoding, token, span)) continue;
      for (std::size_t m = 0; m < modes_.size(); ++m) {
        float* to = values_.data() + (chunk * modes_.size() + m) * size_;
        if (modes_[m] != PoolingMode::max) {
          kernels_.add_scaled(to, hidden + token * size_, 1.0F, size_);
        } else if (tokens_[chunk] == 0) {
          std::copy_n(hidden + token * size_, size_, to);
        } else {
          kernels_.max_into(to, hidden + token * size_, size_);
        }
      }
      ++tokens_[chunk];
    }
  }

  // [chunks, modes * size]; zeros for one without tokens.
  const std::vector<float>& finish() noexcept {
    for (std::size_t chunk = 0; chunk < tokens_.size(); ++chunk) {
      const auto count = static_cast<float>(std::max<std::uint32_t>(1, tokens_[chunk]));
      for (std::size_t m = 0; m < modes_.size(); ++m) {
        float* values = values_.data() + (chunk * modes_.size() + m) * size_;
        if (modes_[m] == PoolingMode::mean) kernels_.scale(values, 1.0F / count, size_);
        if (modes_[m] == PoolingMode::mean_sqrt_len) kernels_.scale(values, 1.0F / std::sqrt(count), size_);
      }
    }
    return values_;
  }
  const std::vector<std::uint32_t>& tokens() const noexcept { return tokens_; }

 private:
  const kernels::KernelTable& kernels_;
  std::span<const PoolingMode> modes_;
  std::size_t size_;
  std::vector<float> values_;
  std::vector<std::uint32_t> tokens_;
};

}  // namespace

void Model::encode_chunks(std::span<const berth_input> inputs, std::span<const std::span<const berth_span>> spans, const RunOptions& options, float* out,
                          std::uint32_t* tokens, berth_row* rows) const {
  if (options.query && queries_) return queries_->encode_chunks(inputs, spans, options, out, tokens, rows);
  need_embeddings();
  if (static_) throw Error(ErrorCode::unsupported, "spans: a static model's tokens do not see each other: encode the stretches as texts");
  check_modes(modules_.front().pooling);
  const base::FloatingPointScope scope;  // pooling and the modules behind it run on this thread too
  const Prompt prompt = prompt_of(options, default_prompt_);
  const TextRules rules{.prompt = prompt.text, .strip = strip_text_, .lower = lower_text_};
  const std::size_t size = embedding_size(options), hidden_size = config_.hidden_size;
  std::size_t done = 0;  // stretches
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::vector<berth_span> chunks = checked_spans(inputs[i], i, spans[i], rules);
    const std::vector<Window> windows = windows_of(*this, inputs.subspan(i, 1), i,
                                                   {.max_length = options.max_length,
                                                    .long_text = options.long_text,
                                                    .stride = options.stride,
                                                    .text = rules,
                                                    .prompt_tokens = options.long_text == LongText::window ? prompt.tokens : 0},
                                                   rows == nullptr ? nullptr : rows + i);
    ChunkPool sums(*kernels_, modules_.front().pooling, hidden_size, chunks.size());
    run_windows(rows_of(windows), options.batch_tokens, [&](Workspace& workspace, std::size_t begin, std::size_t count) {
      for (std::size_t row = 0; row < count; ++row) {
        const Window& window = windows[begin + row];
        const float* hidden = workspace.hidden() + workspace.batch.cumulative_lengths[row] * hidden_size;
        for_row_blocks(*pool_, chunks.size(), window.encoding.size() * 8, [&](std::size_t first, std::size_t blocks, std::size_t) noexcept {
          for (std::size_t chunk = first; chunk < first + blocks; ++chunk) sums.add(chunk, chunks[chunk], window.encoding, window.first_new, hidden);
        });
      }
    });
    const WorkspacePool::Lease workspace = workspaces_.borrow();
    workspace->pooled = sums.finish();
    try {
      finish_dense(*workspace, 0, chunks.size(), options, out + done * size);
    } catch (const Error& error) {
      throw with_input_named(error, [&](std::size_t chunk) { return input_name(i) + ": span " + std::to_string(chunk); });
    }
    for (std::size_t chunk = 0; chunk < chunks.size(); ++chunk)
      if (sums.tokens()[chunk] == 0) std::fill_n(out + (done + chunk) * size, size, 0.0F);
    if (tokens != nullptr) std::copy(sums.tokens().begin(), sums.tokens().end(), tokens + done);
    done += chunks.size();
  }
}

}  // namespace berth::engine
