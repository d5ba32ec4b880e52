// What a model's answers to labelled texts are worth, and how far those of two precisions lie apart.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/dataset.hpp"

namespace berth::cli {

// How answers are read and scored.
enum class Measure {
  single_label,  // accuracy of the best label
  multi_label,   // F1 of the labels above a threshold
  number,        // correlation of the one output with a number
  similarity,    // correlation of the cosine of a pair's embeddings with a number
  nearest,       // accuracy of the label of the nearest embedding: among examples, or among the other rows
  embedding      // nothing to score
};

// What a model gave for the rows of a data set.
struct Outputs {
  std::size_t size = 0;       // of one vector: labels, or the embedding
  std::vector<float> values;  // [rows, vectors, size]: two vectors of a row for Measure::similarity, else one
  std::size_t truncated = 0;  // rows that were cut
};

// One row's answer as a person reads it.
struct Prediction {
  std::vector<std::pair<std::string, double>> labels;  // with their scores, or the cosine of the nearest
  std::optional<double> value;                         // of Measure::number and Measure::similarity
  bool says_the_same(const Prediction& other) const;   // the same labels
};

struct Verdict {
  std::vector<std::pair<std::string, double>> scores;  // {"accuracy", 0.82}, in the order they are printed; none without labels
  std::vector<Prediction> answers;
};

struct Question {
  Measure measure = Measure::embedding;
  const Dataset* data = nullptr;
  std::span<const std::string> labels;          // the model's, for single_label and multi_label
  double threshold = 0.5;                       // for multi_label
  std::span<const std::string> example_labels;  // for nearest: the examples' labels; none: the other rows are the examples
};
// Reads every label of the data, so that a bad one is met before the model runs. Throws DataError naming its line.
void check_labels(const Question& question);
// `examples` are the outputs for the examples, if there are any.
Verdict judge(const Question& question, const Outputs& outputs, const Outputs& examples);

struct Comparison {
  std::optional<double> agreement;                // fraction of rows with the same labels
  std::optional<double> mean_cosine, min_cosine;  // of embeddings
  std::vector<double> differences;                // of each row: of the cosines of a pair, 1 - cosine of embeddings, else the largest of a score
};
Comparison compare(Measure measure, const Outputs& a, const Verdict& answers_a, const Outputs& b, const Verdict& answers_b);

// The rows to show first: those with other labels, then by the difference.
std::vector<std::size_t> most_different(const Comparison& comparison, const Verdict& a, const Verdict& b, std::size_t count);

}  // namespace berth::cli
