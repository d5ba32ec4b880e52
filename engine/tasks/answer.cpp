#include "engine/tasks/answer.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "engine/inputs.hpp"
#include "engine/tasks/windows.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using Span = std::pair<std::uint32_t, std::uint32_t>;

constexpr std::size_t kWindowTokens = 384;  // the pipeline's, as is the stride
constexpr std::size_t kStride = 128;

struct Candidate {
  double score = 0;
  std::size_t first = 0, last = 0;  // tokens of the window
};

// Which tokens of a row are the context's. Rows of ids tell by their types; else it is what follows the first separator.
std::vector<bool> context_of(const Model& model, const Window& window) {
  const tokenizer::Encoding& encoding = window.encoding;
  const tokenizer::Tokenizer* tokenizer = model.tokenizer();
  std::vector<bool> context(encoding.size());
  const bool typed = std::find(encoding.type_ids.begin(), encoding.type_ids.end(), 1) != encoding.type_ids.end();
  bool separated = tokenizer == nullptr;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (window.tokenized) {
      context[i] = encoding.sequence[i] == 1;
      continue;
    }
    const bool frame = tokenizer != nullptr ? tokenizer->is_frame(encoding.ids[i]) : i == 0;
    if (frame && i > 0) separated = true;
    context[i] = !frame && (typed ? encoding.type_ids[i] == 1 : separated);
  }
  return context;
}

// Over the context and the first token, which stands for "no answer" and gets its share; start is `which` 0, end 1.
std::vector<double> probabilities(std::span<const float> logits, const std::vector<bool>& context, std::size_t which) {
  std::vector<double> result(context.size(), 0.0);
  const auto counts = [&](std::size_t i) { return i == 0 || context[i]; };
  const auto logit = [&](std::size_t i) { return static_cast<double>(logits[2 * i + which]); };
  double largest = logit(0), sum = 0;
  for (std::size_t i = 0; i < context.size(); ++i)
    if (counts(i)) largest = std::max(largest, logit(i));
  for (std::size_t i = 0; i < context.size(); ++i)
    if (counts(i)) sum += result[i] = std::exp(logit(i) - largest);
  for (double& value : result) value /= sum;
  return result;
}

bool better(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.first != b.first ? a.first < b.first : a.last < b.last;
}

std::vector<Candidate> candidates_of(const std::vector<double>& start, const std::vector<double>& end, const std::vector<bool>& context,
                                     const AnswerOptions& options) {
  std::vector<Candidate> best;  // a heap whose front is the worst
  for (std::size_t first = 0; first < context.size(); ++first) {
    if (!context[first]) continue;
    const std::size_t stop = first + std::min(options.max_answer_tokens, context.size() - first);
    for (std::size_t last = first; last < stop; ++last) {
      if (!context[last]) continue;
      const Candidate candidate{start[first] * end[last], first, last};
      if (best.size() == options.top_k) {
        if (!better(candidate, best.front())) continue;
        std::pop_heap(best.begin(), best.end(), better);
        best.pop_back();
      }
      best.push_back(candidate);
      std::push_heap(best.begin(), best.end(), better);
    }
  }
  std::sort_heap(best.begin(), best.end(), better);
  return best;
}

// The code points of the whole words in which the tokens lie, as far as this window has them.
Span word_span(const tokenizer::Encoding& encoding, std::size_t first, std::size_t last) {
  Span span{encoding.offsets[first].first, encoding.offsets[last].second};
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (encoding.sequence[i] != 1) continue;
    if (encoding.words[first] >= 0 && encoding.words[i] == encoding.words[first]) span.first = std::min(span.first, encoding.offsets[i].first);
    if (encoding.words[last] >= 0 && encoding.words[i] == encoding.words[last]) span.second = std::max(span.second, encoding.offsets[i].second);
  }
  return span;
}

Finding finding_of(const Model& model, const Window& window, const TextSpans& context, const Candidate& candidate, std::size_t first_token) {
  Finding finding;
  finding.score = static_cast<float>(candidate.score);
  finding.first_token = static_cast<std::uint32_t>(first_token + candidate.first);
  finding.last_token = static_cast<std::uint32_t>(first_token + candidate.last);
  if (window.tokenized) {
    finding.span = word_span(window.encoding, candidate.first, candidate.last);
    finding.text = std::string(context.slice(finding.span->first, finding.span->second));
  } else if (model.tokenizer() != nullptr) {
    const std::span<const std::int32_t> ids(window.encoding.ids);
    finding.text = model.tokenizer()->decode(ids.subspan(candidate.first, candidate.last - candidate.first + 1), true);
  }
  return finding;
}

Finding no_answer(double score, bool tokenized) {
  Finding finding;
  finding.score = static_cast<float>(score);
  finding.text = "";
  if (tokenized) finding.span = Span{0, 0};
  return finding;
}

// One input's answers, from all its windows; logits: [tokens of the windows, 2].
std::vector<Finding> answers_of(const Model& model, std::span<const Window> windows, std::span<const float> logits, const TextSpans& text,
                                const AnswerOptions& options) {
  std::vector<Finding> found;
  double least_empty = 1;
  std::size_t first_token = 0;
  for (const Window& window : windows) {
    const std::vector<bool> context = context_of(model, window);
    const auto values = logits.subspan(2 * first_token, 2 * context.size());
    const std::vector<double> start = probabilities(values, context, 0), end = probabilities(values, context, 1);
    least_empty = std::min(least_empty, start[0] * end[0]);
    for (const Candidate& candidate : candidates_of(start, end, context, options)) found.push_back(finding_of(model, window, text, candidate, first_token));
    first_token += context.size();
  }
  if (options.impossible) found.push_back(no_answer(least_empty, windows.front().tokenized));
  std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) { return a.score > b.score; });
  found.resize(std::min(found.size(), options.top_k));
  return found;
}

void check(const Model& model, std::span<const berth_input> inputs, const AnswerOptions& options) {
  if (model.config().head.kind != HeadKind::span)
    throw Error(ErrorCode::unsupported, "the model has no question-answering head: its task is " + std::string(task_name(model.config().head.kind)));
  if (options.top_k == 0) throw Error(ErrorCode::invalid_argument, "top_k: expected at least 1, got 0");
  if (options.max_answer_tokens == 0) throw Error(ErrorCode::invalid_argument, "max_answer_tokens: expected at least 1, got 0");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].ids == nullptr && inputs[i].text_pair.data == nullptr)
      throw Error(ErrorCode::invalid_argument, input_name(i) + ": text_pair: the context is missing; the text is the question");
}

}  // namespace

void answer(const Model& model, std::span<const berth_input> inputs, const AnswerOptions& options, Findings& out, berth_row* rows) {
  check(model, inputs, options);
  out.logits_size = 2;
  WindowOptions how{.max_length = options.run.max_length,
                    .long_text = LongText::window,
                    .stride = options.run.stride,
                    .strategy = tokenizer::TruncationStrategy::only_second};
  if (how.max_length == 0) how.max_length = std::min(kWindowTokens, model.max_length());
  if (how.stride == 0) how.stride = std::max<std::size_t>(1, std::min(kStride, how.max_length / 2));
  for (std::size_t first = 0; first < inputs.size(); first += kTaskRowsAtATime) {
    const auto part = inputs.subspan(first, std::min(kTaskRowsAtATime, inputs.size() - first));
    const std::vector<Window> windows = windows_of(model, part, first, how, rows == nullptr ? nullptr : rows + first);
    TokenValues logits;
    model.token_logits(rows_of(windows), {.max_length = 0, .batch_tokens = options.run.batch_tokens}, logits, nullptr);
    for (std::size_t begin = 0, input = 0; input < part.size(); ++input) {
      std::size_t end = begin;
      while (end < windows.size() && windows[end].input == input) ++end;
      const auto values =
          std::span<const float>(logits.values).subspan(2 * logits.first_token[begin], 2 * (logits.first_token[end] - logits.first_token[begin]));
      const berth_string& context = part[input].text_pair;
      const TextSpans text(part[input].ids != nullptr ? std::string_view() : std::string_view(context.data, context.size));
      std::vector<Finding> found = answers_of(model, std::span<const Window>(windows).subspan(begin, end - begin), values, text, options);
      out.items.insert(out.items.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
      out.first_item.push_back(out.items.size());
      if (options.logits) out.logits.insert(out.logits.end(), values.begin(), values.end());
      out.first_logits.push_back(out.logits.size() / 2);
      begin = end;
    }
  }
}

}  // namespace berth::engine
