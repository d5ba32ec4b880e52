#include "apps/cli/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/cli/metrics.hpp"

namespace berth::cli {
namespace {

bool is_embedding(Measure measure) { return measure == Measure::similarity || measure == Measure::nearest || measure == Measure::embedding; }

std::vector<double> numbers(const Dataset& data) {
  std::vector<double> result;
  for (std::size_t i = 0; i < data.labels.size(); ++i) result.push_back(label_number(data.labels[i], data.records[i].where));
  return result;
}

Verdict judge_single(const Question& question, const Outputs& outputs) {
  const Dataset& data = *question.data;
  Verdict verdict;
  std::size_t right = 0;
  for (std::size_t row = 0; row < data.records.size(); ++row) {
    const auto scores = std::span(outputs.values).subspan(row * outputs.size, outputs.size);
    const auto best = static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
    verdict.answers.push_back({{{question.labels[best], static_cast<double>(scores[best])}}, {}});
    if (!data.labels.empty()) right += label_index(data.labels[row], question.labels, data.records[row].where) == best ? 1 : 0;
  }
  if (!data.labels.empty()) verdict.scores = {{"accuracy", static_cast<double>(right) / static_cast<double>(data.records.size())}};
  return verdict;
}

Verdict judge_multi(const Question& question, const Outputs& outputs) {
  const Dataset& data = *question.data;
  Verdict verdict;
  F1 f1(outputs.size);
  for (std::size_t row = 0; row < data.records.size(); ++row) {
    const auto scores = std::span(outputs.values).subspan(row * outputs.size, outputs.size);
    const auto wanted = data.labels.empty() ? std::vector<bool>() : label_set(data.labels[row], question.labels, data.records[row].where);
    Prediction& answer = verdict.answers.emplace_back();
    for (std::size_t label = 0; label < scores.size(); ++label) {
      const bool found = static_cast<double>(scores[label]) > question.threshold;
      if (found) answer.labels.emplace_back(question.labels[label], static_cast<double>(scores[label]));
      if (!wanted.empty()) f1.add(label, found, wanted[label]);
    }
  }
  if (!data.labels.empty()) verdict.scores = {{"micro_f1", f1.micro()}, {"macro_f1", f1.macro()}};
  return verdict;
}

Verdict judge_numbers(const Question& question, const Outputs& outputs) {
  const bool pairs = question.measure == Measure::similarity;
  std::vector<double> values;
  Verdict verdict;
  for (std::size_t row = 0; row < question.data->records.size(); ++row) {
    const auto first = std::span(outputs.values).subspan((pairs ? 2 : 1) * row * outputs.size);
    values.push_back(pairs ? cosine(first.first(outputs.size), first.subspan(outputs.size, outputs.size)) : static_cast<double>(first[0]));
    verdict.answers.push_back({{}, values.back()});
  }
  if (const auto wanted = numbers(*question.data); !wanted.empty())
    verdict.scores = {{"pearson", pearson(values, wanted)}, {"spearman", spearman(values, wanted)}};
  return verdict;
}

Verdict judge_nearest(const Question& question, const Outputs& outputs, const Outputs& examples) {
  const Dataset& data = *question.data;
  const bool others = question.example_labels.empty();
  const std::span<const float> candidates = others ? outputs.values : examples.values;
  const std::span<const std::string> names = others ? std::span<const std::string>(data.labels) : question.example_labels;
  const auto found = nearest(outputs.values, candidates, outputs.size, others);
  Verdict verdict;
  std::size_t right = 0;
  for (std::size_t row = 0; row < found.size(); ++row) {
    const auto vector = std::span(outputs.values).subspan(row * outputs.size, outputs.size);
    verdict.answers.push_back({{{names[found[row]], cosine(vector, candidates.subspan(found[row] * outputs.size, outputs.size))}}, {}});
    right += names[found[row]] == data.labels[row] && !(others && found[row] == row) ? 1 : 0;
  }
  verdict.scores = {{"nearest_accuracy", static_cast<double>(right) / static_cast<double>(found.size())}};
  return verdict;
}

}  // namespace

bool Prediction::says_the_same(const Prediction& other) const {
  return std::equal(labels.begin(), labels.end(), other.labels.begin(), other.labels.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
}

void check_labels(const Question& question) {
  const Dataset& data = *question.data;
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    const std::string& where = data.records[i].where;
    if (question.measure == Measure::single_label) label_index(data.labels[i], question.labels, where);
    if (question.measure == Measure::multi_label) label_set(data.labels[i], question.labels, where);
  }
  if (question.measure == Measure::number || question.measure == Measure::similarity) numbers(data);
}

Verdict judge(const Question& question, const Outputs& outputs, const Outputs& examples) {
  switch (question.measure) {
    case Measure::single_label: return judge_single(question, outputs);
    case Measure::multi_label: return judge_multi(question, outputs);
    case Measure::number:
    case Measure::similarity: return judge_numbers(question, outputs);
    case Measure::nearest: return judge_nearest(question, outputs, examples);
    case Measure::embedding: break;
  }
  return {{}, std::vector<Prediction>(question.data->records.size())};
}

Comparison compare(Measure measure, const Outputs& a, const Verdict& answers_a, const Outputs& b, const Verdict& answers_b) {
  const std::size_t rows = answers_a.answers.size(), width = a.values.size() / rows;
  Comparison result;
  if (measure == Measure::single_label || measure == Measure::multi_label || measure == Measure::nearest) {
    std::size_t same = 0;
    for (std::size_t row = 0; row < rows; ++row) same += answers_a.answers[row].says_the_same(answers_b.answers[row]) ? 1 : 0;
    result.agreement = static_cast<double>(same) / static_cast<double>(rows);
  }
  double sum = 0.0, least = 1.0;
  for (std::size_t row = 0; row < rows; ++row) {
    double difference = 0.0;
    for (std::size_t at = row * width; is_embedding(measure) && at < (row + 1) * width; at += a.size) {
      const double same = cosine(std::span(a.values).subspan(at, a.size), std::span(b.values).subspan(at, a.size));
      sum += same;
      least = std::min(least, same);
      difference = std::max(difference, 1.0 - same);
    }
    if (measure == Measure::similarity) difference = std::abs(*answers_a.answers[row].value - *answers_b.answers[row].value);
    if (!is_embedding(measure))
      difference = largest_difference(std::span(a.values).subspan(row * width, width), std::span(b.values).subspan(row * width, width));
    result.differences.push_back(difference);
  }
  if (is_embedding(measure)) {
    result.mean_cosine = sum * static_cast<double>(a.size) / static_cast<double>(a.values.size());
    result.min_cosine = least;
  }
  return result;
}

std::vector<std::size_t> most_different(const Comparison& comparison, const Verdict& a, const Verdict& b, std::size_t count) {
  std::vector<std::size_t> order(comparison.differences.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t i, std::size_t j) {
    const bool same_i = a.answers[i].says_the_same(b.answers[i]), same_j = a.answers[j].says_the_same(b.answers[j]);
    if (same_i != same_j) return same_j;
    return comparison.differences[i] != comparison.differences[j] ? comparison.differences[i] > comparison.differences[j] : i < j;
  };
  const auto kept = order.begin() + static_cast<std::ptrdiff_t>(std::min(count, order.size()));
  std::partial_sort(order.begin(), kept, order.end(), before);
  order.erase(kept, order.end());
  std::erase_if(order, [&](std::size_t i) { return comparison.differences[i] == 0.0; });
  return order;
}

}  // namespace berth::cli
