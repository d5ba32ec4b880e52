// How right labels are: counts, shares with their uncertainty, and the errors that matter most.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace berth::cli {

// A share of counted things, with the interval that holds the true share in 95 of 100 such samples (Wilson's score interval).
struct Share {
  std::size_t hits = 0, of = 0;
  double value() const { return of == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(of); }
  double low() const;
  double high() const;
  nlohmann::json json() const;  // {"value":…,"low":…,"high":…,"of":n}; null when nothing was counted
};

// Given labels beside wanted ones. Index names.size() of a given label: none.
class Assessment {
 public:
  explicit Assessment(std::size_t labels) : labels_(labels), counts_(labels * (labels + 1)) {}
  void add(std::size_t wanted, std::size_t given) { ++counts_[wanted * (labels_ + 1) + given]; }

  std::size_t labels() const noexcept { return labels_; }
  std::size_t count(std::size_t wanted, std::size_t given) const { return counts_[wanted * (labels_ + 1) + given]; }
  std::size_t wanted(std::size_t label) const;  // rows that shall have it
  std::size_t given(std::size_t label) const;   // rows that have got it
  Share accuracy() const;
  Share precision(std::size_t label) const { return {count(label, label), given(label)}; }
  Share recall(std::size_t label) const { return {count(label, label), wanted(label)}; }
  double f1(std::size_t label) const;
  double macro_f1() const;  // the mean over the labels that some row shall have

 private:
  std::size_t labels_;
  std::vector<std::size_t> counts_;  // [wanted, given]
};

// Everything above, with names.
nlohmann::ordered_json assessment_json(const Assessment& assessment, std::span<const std::string> names);
// The same for people: a line for each label and, of few labels, the matrix.
std::string assessment_table(const Assessment& assessment, std::span<const std::string> names);

}  // namespace berth::cli
