#include "engine/tasks/zero_shot.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "engine/inputs.hpp"
#include "engine/tasks/windows.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

// Columns of the model's logits.
struct Verdicts {
  std::size_t entailment, contradiction;
};

Verdicts verdicts_of(const Model& model) {
  const std::vector<std::string>& labels = model.config().labels;
  if (!model.config().has_sequence_classifier() || labels.size() < 2)
    throw Error(ErrorCode::unsupported,
                "zero-shot classification takes a model of natural-language inference: a sequence-classification head with an entailment label");
  const auto entails = [](const std::string& label) {
    constexpr std::string_view kStart = "entail";
    return label.size() >= kStart.size() && std::equal(kStart.begin(), kStart.end(), label.begin(),
                                                       [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b); });
  };
  const auto found = std::find_if(labels.begin(), labels.end(), entails);
  const std::size_t last = labels.size() - 1;
  const std::size_t entailment = found == labels.end() ? last : static_cast<std::size_t>(found - labels.begin());
  return {entailment, entailment == 0 ? last : 0};
}

std::vector<std::string> hypotheses_of(std::span<const std::string> labels, const std::string& pattern) {
  const std::size_t place = pattern.find("{}");
  if (place == std::string::npos || pattern.find("{}", place + 2) != std::string::npos)
    throw Error(ErrorCode::invalid_argument, "hypothesis_template: expected one \"{}\", where the label goes, got " + base::quoted(pattern, 200));
  if (labels.empty()) throw Error(ErrorCode::invalid_argument, "labels: expected at least one");
  std::vector<std::string> hypotheses;
  for (const std::string& label : labels) hypotheses.push_back(pattern.substr(0, place) + label + pattern.substr(place + 2));
  return hypotheses;
}

// What a pair adds behind the tokens of its first text and their frame: separator, hypothesis, separator.
tokenizer::Encoding tail_of(const Model& model, const std::string& hypothesis) {
  if (model.tokenizer() == nullptr) throw Error(ErrorCode::invalid_argument, "the model's directory has no tokenizer files, which the labels' hypotheses need");
  const tokenizer::Encoding frame = model.tokenizer()->encode("");
  tokenizer::Encoding pair = as_seen(*model.tokenizer(), model.tokenizer()->encode("", hypothesis));
  if (pair.size() < frame.size() || !std::equal(frame.ids.begin(), frame.ids.end(), pair.ids.begin()))
    throw Error(ErrorCode::unsupported, "the tokenizer's pairs do not begin as its single texts do: give text instead of ids");
  const auto cut = static_cast<std::ptrdiff_t>(frame.size());
  pair.ids.erase(pair.ids.begin(), pair.ids.begin() + cut);
  pair.type_ids.erase(pair.type_ids.begin(), pair.type_ids.begin() + cut);
  return pair;
}

// Every text of `inputs` with every hypothesis, as rows of the model.
struct Pairs {
  Pairs(std::span<const berth_input> inputs, std::size_t first, const Model& model, std::span<const std::string> hypotheses,
        std::span<const tokenizer::Encoding> tails)
      : id_pairs(inputs.size() * tails.size()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].ids == nullptr && inputs[i].text_pair.data != nullptr)
        throw Error(ErrorCode::invalid_argument, input_name(first + i) + ": text_pair: the labels' hypotheses are the second texts here");
      for (std::size_t label = 0; label < hypotheses.size(); ++label) {
        berth_input& pair = rows.emplace_back();
        if (inputs[i].ids == nullptr) {
          pair.text = inputs[i].text;
          pair.text_pair = {hypotheses[label].data(), hypotheses[label].size()};
        } else {
          Window& ids = id_pairs[i * tails.size() + label];
          ids.encoding = joined(checked_ids(inputs[i], first + i, model.config()), tails[label]);
          pair = ids.row();
        }
      }
    }
  }

  std::vector<berth_input> rows;  // [inputs, hypotheses], borrowing
  std::vector<Window> id_pairs;   // of rows of ids

 private:
  static tokenizer::Encoding joined(const InputRow& row, const tokenizer::Encoding& tail) {
    tokenizer::Encoding pair;
    pair.ids.assign(row.ids.begin(), row.ids.end());
    pair.type_ids.assign(row.type_ids.begin(), row.type_ids.end());
    pair.type_ids.resize(row.ids.size(), 0);
    pair.ids.insert(pair.ids.end(), tail.ids.begin(), tail.ids.end());
    pair.type_ids.insert(pair.type_ids.end(), tail.type_ids.begin(), tail.type_ids.end());
    return pair;
  }
};

berth_row sum_of(std::span<const berth_row> rows) {
  berth_row sum{.tokens = 0, .truncated = 0, .windows = 1};
  for (const berth_row& row : rows) {
    sum.tokens += row.tokens;
    sum.truncated |= row.truncated;
  }
  return sum;
}

// One text's logits, [labels of the caller, labels of the model], as scores.
void score(std::span<const float> logits, std::size_t columns, const Verdicts& verdicts, bool each_for_itself, float* out) {
  const std::size_t count = logits.size() / columns;
  const auto logit = [&](std::size_t i, std::size_t column) { return static_cast<double>(logits[i * columns + column]); };
  if (each_for_itself) {
    for (std::size_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(1.0 / (1.0 + std::exp(logit(i, verdicts.contradiction) - logit(i, verdicts.entailment))));
    return;
  }
  double largest = logit(0, verdicts.entailment), sum = 0;
  for (std::size_t i = 1; i < count; ++i) largest = std::max(largest, logit(i, verdicts.entailment));
  for (std::size_t i = 0; i < count; ++i) sum += std::exp(logit(i, verdicts.entailment) - largest);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(std::exp(logit(i, verdicts.entailment) - largest) / sum);
}

}  // namespace

void zero_shot(const Model& model, std::span<const berth_input> inputs, std::span<const std::string> labels, const ZeroShotOptions& options, float* out,
               berth_row* rows) {
  if (options.run.long_text == LongText::window)
    throw Error(ErrorCode::invalid_argument, "long_text: windows are not there for zero-shot classification: expected truncate or error");
  const Verdicts verdicts = verdicts_of(model);
  const std::vector<std::string> hypotheses = hypotheses_of(labels, options.hypothesis_template);
  const std::size_t columns = model.config().labels.size();
  std::vector<tokenizer::Encoding> tails;
  const auto has_ids = [](const berth_input& input) { return input.ids != nullptr; };
  if (std::any_of(inputs.begin(), inputs.end(), has_ids))
    for (const std::string& hypothesis : hypotheses) tails.push_back(tail_of(model, hypothesis));
  const std::size_t at_a_time = std::max<std::size_t>(1, kTaskRowsAtATime / labels.size());
  std::vector<float> logits;
  for (std::size_t first = 0; first < inputs.size(); first += at_a_time) {
    const auto part = inputs.subspan(first, std::min(at_a_time, inputs.size() - first));
    const Pairs pairs(part, first, model, hypotheses, tails);
    std::vector<berth_row> pair_rows(pairs.rows.size());
    // The hypothesis stays whole.
    const WindowOptions how{.max_length = options.run.max_length,
                            .long_text = options.run.long_text,
                            .strategy = tokenizer::TruncationStrategy::only_first,
                            .rows_per_input = labels.size()};
    const std::vector<Window> windows = windows_of(model, pairs.rows, first, how, pair_rows.data());
    logits.resize(pairs.rows.size() * columns);
    model.classify(rows_of(windows), {.max_length = 0, .batch_tokens = options.run.batch_tokens}, true, logits.data(), nullptr);
    for (std::size_t i = 0; i < part.size(); ++i) {
      score(std::span<const float>(logits).subspan(i * labels.size() * columns, labels.size() * columns), columns, verdicts,
            options.multi_label || labels.size() == 1, out + (first + i) * labels.size());
      if (rows != nullptr) rows[first + i] = sum_of(std::span<const berth_row>(pair_rows).subspan(i * labels.size(), labels.size()));
    }
  }
}

}  // namespace berth::engine
