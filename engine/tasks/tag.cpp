#include "engine/tasks/tag.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "engine/inputs.hpp"
#include "engine/tasks/windows.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using Span = std::pair<std::uint32_t, std::uint32_t>;

// A token of the text with its scores.
struct Piece {
  std::string word;
  std::uint32_t index = 0;
  std::optional<Span> span;
  bool continues_word = false;
  std::vector<float> scores;  // [labels]
};

std::size_t best(std::span<const float> scores) { return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin()); }

// One label alone is there or not: its softmax would always be 1.
std::vector<float> scores_of(std::span<const float> logits) {
  if (logits.size() == 1) return {static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logits[0]))))};
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> values;
  double sum = 0;
  for (const float logit : logits) sum += values.emplace_back(std::exp(static_cast<double>(logit) - static_cast<double>(largest)));
  std::vector<float> result;
  for (const double value : values) result.push_back(static_cast<float>(value / sum));
  return result;
}

// Whether the token goes on with the word of the one before it. Where the vocabulary does not mark that, the only sign is a missing space.
bool continues(const tokenizer::Tokenizer& tokenizer, std::string_view token, const TextSpans& text, const Span& span) {
  if (!tokenizer.continuing_prefix().empty()) return base::count_code_points(token) != span.second - span.first;
  return span.first > 0 && text.slice(span.first - 1, span.first + 1).find(' ') == std::string_view::npos;
}

std::vector<Piece> pieces_of(const Model& model, const Window& window, const TextSpans& text, std::span<const float> logits) {
  const tokenizer::Tokenizer* tokenizer = model.tokenizer();
  const std::size_t labels = model.config().labels.size();
  const std::int32_t unknown = tokenizer == nullptr ? -1 : tokenizer->unknown_id().value_or(-1);  // no id is negative
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < window.encoding.size(); ++i) {
    const std::int32_t id = window.encoding.ids[i];
    if (window.tokenized ? window.encoding.special_mask[i] != 0 : tokenizer != nullptr && tokenizer->is_frame(id)) continue;
    Piece piece;
    piece.index = static_cast<std::uint32_t>(i);
    if (tokenizer != nullptr) piece.word = tokenizer->token(id);
    if (window.tokenized) {
      piece.span = window.encoding.offsets[i];
      piece.continues_word = continues(*tokenizer, piece.word, text, *piece.span);
      if (id == unknown) {
        piece.word = text.slice(piece.span->first, piece.span->second);
        piece.continues_word = false;
      }
    } else if (tokenizer != nullptr && id != unknown) {
      const std::string_view prefix = tokenizer->continuing_prefix();
      piece.continues_word = !prefix.empty() && piece.word.starts_with(prefix);
    }
    piece.scores = scores_of(logits.subspan(i * labels, labels));
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

std::optional<Span> joined(const std::optional<Span>& first, const std::optional<Span>& last) {
  if (!first || !last) return std::nullopt;
  return Span{first->first, last->second};
}

Finding finding_of(const Model& model, const Piece& piece) {
  const std::size_t label = best(piece.scores);
  Finding finding;
  finding.label = model.config().labels[label];
  finding.score = piece.scores[label];
  if (model.tokenizer() != nullptr) finding.text = piece.word;
  finding.first_token = finding.last_token = piece.index;
  finding.span = piece.span;
  return finding;
}

Finding finding_of_word(const Model& model, std::span<const Piece> word, Aggregation aggregation) {
  Piece whole = word.front();
  if (aggregation == Aggregation::max) {
    const auto top = [](const Piece& piece) { return piece.scores[best(piece.scores)]; };
    whole.scores = std::max_element(word.begin(), word.end(), [&](const Piece& a, const Piece& b) { return top(a) < top(b); })->scores;
  } else if (aggregation == Aggregation::average) {
    for (std::size_t label = 0; label < whole.scores.size(); ++label) {
      double sum = 0;
      for (const Piece& piece : word) sum += static_cast<double>(piece.scores[label]);
      whole.scores[label] = static_cast<float>(sum / static_cast<double>(word.size()));
    }
  }
  whole.span = joined(word.front().span, word.back().span);
  Finding finding = finding_of(model, whole);
  finding.last_token = word.back().index;
  if (model.tokenizer() == nullptr) return finding;
  std::vector<std::string> tokens;
  for (const Piece& piece : word) tokens.push_back(piece.word);
  finding.text = model.tokenizer()->decode(std::move(tokens));
  return finding;
}

// Tokens, or words where the aggregation makes them.
std::vector<Finding> parts_of(const Model& model, std::span<const Piece> pieces, Aggregation aggregation) {
  std::vector<Finding> parts;
  const bool words = aggregation != Aggregation::none && aggregation != Aggregation::simple;
  for (std::size_t begin = 0; begin < pieces.size();) {
    std::size_t end = begin + 1;
    while (words && end < pieces.size() && pieces[end].continues_word) ++end;
    parts.push_back(words ? finding_of_word(model, pieces.subspan(begin, end - begin), aggregation) : finding_of(model, pieces[begin]));
    begin = end;
  }
  return parts;
}

// "B-PER" begins a new PER; "I-PER" and "PER" go on with one.
std::string_view tag_of(std::string_view label) { return label.starts_with("B-") || label.starts_with("I-") ? label.substr(2) : label; }

Finding group(const Model& model, std::span<const Finding> parts) {
  Finding whole = parts.front();
  whole.label = whole.label.substr(whole.label.rfind('-') + 1);
  double sum = 0;
  std::vector<std::string> words;
  for (const Finding& part : parts) {
    sum += static_cast<double>(part.score);
    if (part.text) words.push_back(*part.text);
  }
  whole.score = static_cast<float>(sum / static_cast<double>(parts.size()));
  if (model.tokenizer() != nullptr) whole.text = model.tokenizer()->decode(std::move(words));
  whole.last_token = parts.back().last_token;
  whole.span = joined(parts.front().span, parts.back().span);
  return whole;
}

std::vector<Finding> groups_of(const Model& model, std::span<const Finding> parts) {
  std::vector<Finding> groups;
  for (std::size_t begin = 0; begin < parts.size();) {
    std::size_t end = begin + 1;
    while (end < parts.size() && tag_of(parts[end].label) == tag_of(parts[end - 1].label) && !parts[end].label.starts_with("B-")) ++end;
    groups.push_back(group(model, parts.subspan(begin, end - begin)));
    begin = end;
  }
  return groups;
}

// Of entities that several windows have found in one place the longest stays, of equals the one with the highest score.
std::vector<Finding> merge_windows(std::vector<Finding> found) {
  std::stable_sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) { return a.span->first < b.span->first; });
  std::vector<Finding> merged;
  for (Finding& next : found) {
    if (merged.empty() || next.span->first >= merged.back().span->second) {
      merged.push_back(std::move(next));
      continue;
    }
    const auto length = [](const Finding& finding) { return finding.span->second - finding.span->first; };
    Finding& last = merged.back();
    if (length(next) > length(last) || (length(next) == length(last) && next.score > last.score)) last = std::move(next);
  }
  return merged;
}

void check(const Model& model, std::span<const berth_input> inputs, const TagOptions& options) {
  if (model.config().head.kind != HeadKind::token_classifier)
    throw Error(ErrorCode::unsupported, "the model has no token-classification head: its task is " + std::string(task_name(model.config().head.kind)));
  if (options.run.long_text == LongText::window && options.aggregation == Aggregation::none)
    throw Error(ErrorCode::invalid_argument, "long_text: windows need an aggregation (simple, first, average or max) to be merged");
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].ids == nullptr && inputs[i].text_pair.data != nullptr)
      throw Error(ErrorCode::invalid_argument, input_name(i) + ": text_pair: tokens are tagged in one text");
}

}  // namespace

Aggregation aggregation_by_name(std::string_view name) {
  constexpr std::pair<std::string_view, Aggregation> kNames[] = {{"none", Aggregation::none},
                                                                 {"simple", Aggregation::simple},
                                                                 {"first", Aggregation::first},
                                                                 {"average", Aggregation::average},
                                                                 {"max", Aggregation::max}};
  for (const auto& [known, aggregation] : kNames)
    if (known == name) return aggregation;
  throw Error(ErrorCode::invalid_argument, "aggregation: expected none, simple, first, average or max, got " + base::quoted(std::string(name)));
}

void tag(const Model& model, std::span<const berth_input> inputs, const TagOptions& options, Findings& out, berth_row* rows) {
  check(model, inputs, options);
  const std::size_t labels = model.config().labels.size();
  out.logits_size = labels;
  const auto ignored = [&](const Finding& finding) {
    return std::find(options.ignore_labels.begin(), options.ignore_labels.end(), finding.label) != options.ignore_labels.end();
  };
  for (std::size_t first = 0; first < inputs.size(); first += kTaskRowsAtATime) {
    const auto part = inputs.subspan(first, std::min(kTaskRowsAtATime, inputs.size() - first));
    const std::vector<Window> windows =
        windows_of(model, part, first, {.max_length = options.run.max_length, .long_text = options.run.long_text, .stride = options.run.stride},
                   rows == nullptr ? nullptr : rows + first);
    TokenValues logits;
    model.token_logits(rows_of(windows), {.max_length = 0, .batch_tokens = options.run.batch_tokens}, logits, nullptr);
    for (std::size_t window = 0, input = 0; input < part.size(); ++input) {
      const TextSpans text(part[input].ids != nullptr || part[input].text.data == nullptr ? std::string_view()
                                                                                          : std::string_view(part[input].text.data, part[input].text.size));
      std::vector<Finding> found;
      const std::size_t first_window = window;
      for (; window < windows.size() && windows[window].input == input; ++window) {
        const std::size_t begin = logits.first_token[window], tokens = logits.first_token[window + 1] - begin;
        const auto values = std::span<const float>(logits.values).subspan(begin * labels, tokens * labels);
        std::vector<Finding> parts = parts_of(model, pieces_of(model, windows[window], text, values), options.aggregation);
        if (options.aggregation != Aggregation::none) parts = groups_of(model, parts);
        const auto offset = static_cast<std::uint32_t>(begin - logits.first_token[first_window]);
        for (Finding& finding : parts) {
          if (ignored(finding)) continue;
          finding.first_token += offset;
          finding.last_token += offset;
          found.push_back(std::move(finding));
        }
        if (options.logits) out.logits.insert(out.logits.end(), values.begin(), values.end());
      }
      if (window - first_window > 1) found = merge_windows(std::move(found));
      out.items.insert(out.items.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
      out.first_item.push_back(out.items.size());
      out.first_logits.push_back(out.logits.size() / labels);
    }
  }
}

}  // namespace berth::engine
