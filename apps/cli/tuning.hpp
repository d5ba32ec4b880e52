// Thresholds that serve a stated target, and how well they do on texts that they were not chosen by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <berth/berth.hpp>

#include "apps/cli/assessment.hpp"

namespace berth::cli {

// The best macro-F1; with recalls, first of all at least these recalls of the named labels, then their best precision.
struct Target {
  std::map<std::size_t, double> recalls;  // by label
};
// "macro-f1", or "recall:crisis=0.95,distress=0.9". Throws UsageError.
Target parse_target(const std::string& text, std::span<const std::string> names);

// One way of combining examples, with what it found in all rows.
struct Variant {
  std::string combine;
  std::size_t k = 0;
  Decisions decisions;
};

struct Tuned {
  std::size_t variant = 0;
  std::vector<float> thresholds;  // [labels]
};

class Tuner {
 public:
  // `wanted`: [rows]. `fixed`: [labels], true where a threshold means nothing (no examples). `each`: whether every label has a threshold of its own.
  Tuner(std::vector<Variant> variants, std::vector<std::string> names, std::vector<std::size_t> wanted, std::vector<bool> fixed, Target target, bool each);

  // By the rows with use[row].
  Tuned tune(const std::vector<bool>& use) const;
  // For every row the label given by what was tuned on the other folds. Folds have like shares of every label.
  std::vector<std::size_t> cross_validate(std::size_t folds, std::uint64_t seed) const;
  std::vector<std::size_t> given(const Tuned& tuned) const;  // [rows]
  const Variant& variant(std::size_t index) const { return variants_[index]; }

 private:
  struct Quality {
    double shortfall = 0, precision = 0, f1 = 0;  // of recalls; of the named labels; macro
    bool better_than(const Quality& other) const;
  };
  Quality quality(std::size_t variant, const std::vector<float>& thresholds, const std::vector<bool>& use) const;
  std::vector<float> shared_candidates(std::size_t variant, const std::vector<bool>& use) const;
  std::vector<float> candidates(std::size_t variant, std::size_t label, const std::vector<bool>& use) const;
  void refine(Tuned& tuned, Quality& best, const std::vector<bool>& use) const;

  std::vector<Variant> variants_;
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, std::size_t> index_;
  std::vector<std::size_t> wanted_;
  std::vector<bool> fixed_;
  Target target_;
  bool each_;
};

// Index of each row's label; names.size() where there is none.
std::vector<std::size_t> given_labels(const Decisions& decisions, const std::unordered_map<std::string_view, std::size_t>& index);

}  // namespace berth::cli
