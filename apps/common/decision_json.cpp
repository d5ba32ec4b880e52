#include "apps/common/decision_json.hpp"

#include "apps/common/findings_json.hpp"
#include "base/json_text.hpp"

namespace berth::apps {
namespace {

using base::append_number;
using base::append_string;

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
    case BERTH_BY_MODEL: return "model";
    case BERTH_BY_RULE: return "rule";
    case BERTH_BY_DEFAULT: return "default";
    default: return "nothing";
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

}  // namespace berth::apps
