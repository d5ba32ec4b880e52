#include "apps/cli/json_text.hpp"

#include <cmath>

#include "apps/cli/errors.hpp"
#include "apps/cli/input.hpp"

namespace berth::cli {

void append_texts(std::string& out, const Record& record) {
  if (record.ids || !record.id_rows.empty()) return;
  const auto append = [&out](const char* name, const std::string& text) {
    out.append("\"").append(name).append("\":");
    append_string(out, text);
    out += ',';
  };
  append(record.fields->text, record.text);
  if (record.text_pair) append(record.fields->pair, *record.text_pair);
}

void append_row(std::string& out, std::uint64_t tokens, bool truncated) {
  out += "\"tokens\":";
  append_number(out, tokens);
  out += truncated ? ",\"truncated\":true" : ",\"truncated\":false";
}

void append_row(std::string& out, const Row& row, bool windows) {
  append_row(out, row.tokens, row.truncated != 0);
  if (!windows) return;
  out += ",\"windows\":";
  append_number(out, std::uint64_t{row.windows});
}

void require_finite(std::span<const float> values, const Record& record) {
  for (const float value : values)
    if (!std::isfinite(value)) throw DataError(record.where + ": the model's result is not finite");
}

}  // namespace berth::cli
