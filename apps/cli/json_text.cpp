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

void append_texts(std::string& out, const Record& record) {
  if (record.ids) return;
  out += "\"text\":";
  append_string(out, record.text);
  out += ',';
  if (!record.text_pair) return;
  out += "\"text_pair\":";
  append_string(out, *record.text_pair);
  out += ',';
}

void append_row(std::string& out, std::uint64_t tokens, bool truncated) {
  out += "\"tokens\":";
  append_chars(out, tokens);
  out += truncated ? ",\"truncated\":true" : ",\"truncated\":false";
}

void require_finite(std::span<const float> values, const Record& record) {
  for (const float value : values)
    if (!std::isfinite(value)) throw DataError(record.where + ": the model's result is not finite");
}

}  // namespace berth::cli
