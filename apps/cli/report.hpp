// A page to look at: how right a profile's labels are.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "apps/cli/assessment.hpp"

namespace berth::cli {

// Scores of one label for rows that shall have it and rows that shall not.
struct LabelCurve {
  std::size_t label = 0;
  float threshold = 0;
  std::vector<std::pair<float, bool>> scores;  // and whether the row shall have it
};

struct LabelError {
  std::string where, text, wanted, given, decided_by, nearest, rule;
  double score = 0;     // of the given label, or 0
  bool missed = false;  // the wanted label has the higher priority
};

// One self-contained HTML file: shares, the matrix of confusion, precision over recall for each label, and the worst errors.
std::string html_report(const std::string& title, const std::string& note, const Assessment& assessment, std::span<const std::string> names,
                        std::span<const LabelCurve> curves, std::span<const LabelError> errors);

}  // namespace berth::cli
