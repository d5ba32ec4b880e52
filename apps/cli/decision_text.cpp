#include "apps/cli/decision_text.hpp"

#include "apps/cli/json_text.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

std::string_view view(const berth_string& text) { return {text.data == nullptr ? "" : text.data, text.size}; }

void append_score(std::string& out, const char* field, const berth_decision& decision, float value) {
  out.append("\"").append(field).append("\":");
  if (decision.has_score != 0) {
    append_number(out, value);
  } else {
    out += "null";
  }
  out += ',';
}

}  // namespace

std::string_view decided_by(const berth_decision& decision) {
  switch (decision.decided_by) {
    case BERTH_BY_MODEL:
      return "model";
    case BERTH_BY_RULE:
      return "rule";
    case BERTH_BY_DEFAULT:
      return "default";
    default:
      return "nothing";
  }
}

void append_decision(std::string& out, const berth_decision& decision) {
  out += "\"label\":";
  append_text_or_null(out, decision.label);
  out += ',';
  append_score(out, "score", decision, decision.score);
  append_score(out, "margin", decision, decision.margin);
  if (decision.nearest.data == nullptr) {
    out += "\"nearest\":null,";
  } else {
    out += "\"nearest\":{\"label\":";
    append_string(out, view(decision.nearest_label));
    out += ",\"text\":";
    append_string(out, view(decision.nearest));
    out += ",\"similarity\":";
    append_number(out, decision.similarity);
    out += "},";
  }
  if (decision.rule.data == nullptr) {
    out += "\"rule\":null,";
  } else {
    out += "\"rule\":{\"name\":";
    append_string(out, view(decision.rule));
    out += ",\"match\":";
    append_string(out, view(decision.rule_match));
    out += "},";
  }
  out.append("\"decided_by\":\"").append(decided_by(decision)).append("\",\"model\":").append(decision.model != 0 ? "true," : "false,");
}

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
