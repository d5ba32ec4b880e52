#include "apps/cli/json_text.hpp"

#include <charconv>
#include <cmath>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "apps/cli/errors.hpp"
#include "apps/cli/input.hpp"

namespace berth::cli {
namespace {

template <class Number>
void append_chars(std::string& out, Number value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  const std::string_view digits(buffer, static_cast<std::size_t>(result.ptr - buffer));
  out += digits;
  // "-0" would be read as the integer 0, without its sign.
  if constexpr (std::is_floating_point_v<Number>)
    if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

template <class Number>
void append_all(std::string& out, std::span<const Number> values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append_chars(out, values[i]);
  }
  out += ']';
}

}  // namespace

void append_string(std::string& out, std::string_view text) { out += nlohmann::json(text).dump(); }

void append_number(std::string& out, float value) { append_chars(out, value); }
void append_number(std::string& out, std::uint64_t value) { append_chars(out, value); }
void append_array(std::string& out, std::span<const float> values) { append_all(out, values); }
void append_array(std::string& out, std::span<const std::int32_t> values) { append_all(out, values); }

void append_matrix(std::string& out, std::span<const float> values, std::size_t size) {
  out += '[';
  for (std::size_t at = 0; at < values.size(); at += size) {
    if (at > 0) out += ',';
    append_array(out, values.subspan(at, size));
  }
  out += ']';
}

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
  append_chars(out, tokens);
  out += truncated ? ",\"truncated\":true" : ",\"truncated\":false";
}

void append_row(std::string& out, const Row& row, bool windows) {
  append_row(out, row.tokens, row.truncated != 0);
  if (!windows) return;
  out += ",\"windows\":";
  append_chars(out, std::uint64_t{row.windows});
}

void append_text_or_null(std::string& out, const berth_string& text) {
  if (text.data == nullptr) {
    out += "null";
  } else {
    append_string(out, {text.data, text.size});
  }
}

void append_offsets(std::string& out, const berth_finding& finding) {
  if (finding.has_offsets == 0) {
    out += ",\"start\":null,\"end\":null";
    return;
  }
  out += ",\"start\":";
  append_chars(out, std::uint64_t{finding.begin});
  out += ",\"end\":";
  append_chars(out, std::uint64_t{finding.end});
}

void require_finite(std::span<const float> values, const Record& record) {
  for (const float value : values)
    if (!std::isfinite(value)) throw DataError(record.where + ": the model's result is not finite");
}

}  // namespace berth::cli
