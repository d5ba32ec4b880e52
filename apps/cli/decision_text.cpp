#include "apps/cli/decision_text.hpp"

#include "apps/cli/json_text.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

std::string_view view(const berth_string& text) { return {text.data == nullptr ? "" : text.data, text.size}; }

}  // namespace

std::vector<std::string> decision_column_names() {
  return {"label", "score", "margin", "nearest_label", "nearest_text", "similarity", "rule", "rule_match", "decided_by", "model"};
}

std::vector<std::string> decision_columns(const berth_decision& decision) {
  const auto number = [](bool there, float value) {
    std::string text;
    if (there) append_number(text, value);
    return text;
  };
  const bool scored = decision.has_score != 0;
  return {std::string(view(decision.label)),         number(scored, decision.score),         number(scored, decision.margin),
          std::string(view(decision.nearest_label)), std::string(view(decision.nearest)),    number(decision.nearest.data != nullptr, decision.similarity),
          std::string(view(decision.rule)),          std::string(view(decision.rule_match)), std::string(decided_by(decision)),
          decision.model != 0 ? "true" : "false"};
}

std::string decision_cells(const berth_decision& decision, int label_width) {
  std::string out = pad_right(one_line(decision.label.data == nullptr ? "-" : view(decision.label), label_width), label_width) + " ";
  out += decision.has_score != 0 ? score_cell(decision.score) : "     -";
  out += "  ";
  std::string by(decided_by(decision));
  if (decision.rule.data != nullptr) by += " (" + one_line(view(decision.rule), 24) + ")";
  return out + pad_right(by, 8) + "  ";
}

}  // namespace berth::cli
