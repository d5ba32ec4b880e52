#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::base {
namespace {

std::string range_text(double value) {
  const Json number = value;
  std::string text = number.dump();
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string describe(const Json& value) {
  if (value.is_string()) return base::quoted(value.get_ref<const std::string&>());
  constexpr std::size_t kShownValues = 8;
  const auto is_number = [](const Json& element) { return element.is_number(); };
  if (value.is_array() && !value.empty() && value.size() <= kShownValues && std::all_of(value.begin(), value.end(), is_number)) return value.dump();
  if (value.is_array()) return value.size() == 1 ? "an array of 1 value" : "an array of " + std::to_string(value.size()) + " values";
  if (value.is_object()) return "an object";
  return value.dump();
}

JsonObject::JsonObject(const Json& value, std::string label, std::string path) : value_(&value), label_(std::move(label)), path_(std::move(path)) {
  if (value.is_object()) return;
  const std::string where = path_.empty() ? ": " : ": field " + base::quoted(path_, 200) + ": ";
  throw Error(ErrorCode::corrupt_file, label_ + where + "expected a JSON object, got " + describe(value));
}

bool JsonObject::has(const char* key) const { return find(key) != nullptr; }

const Json* JsonObject::find(const char* key) const {
  const auto entry = value_->find(key);
  return entry == value_->end() || entry->is_null() ? nullptr : &*entry;
}

std::string JsonObject::field(const char* key) const { return path_.empty() ? key : path_ + "." + key; }

void JsonObject::fail(const char* key, const std::string& problem) const {
  const auto entry = value_->find(key);
  const std::string got = entry == value_->end() ? ", but it is missing" : ", got " + describe(*entry);
  throw Error(ErrorCode::corrupt_file, label_ + ": field " + base::quoted(field(key), 200) + ": " + problem + got);
}

std::int64_t JsonObject::integer(const char* key, std::int64_t min, std::int64_t max) const {
  const Json* value = find(key);
  const auto refuse = [&] { fail(key, "expected an integer in [" + std::to_string(min) + ", " + std::to_string(max) + "]"); };
  if (value == nullptr || !value->is_number_integer()) refuse();
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) refuse();
  const auto number = value->get<std::int64_t>();
  if (number < min || number > max) refuse();
  return number;
}

std::int64_t JsonObject::integer_or(const char* key, std::int64_t fallback, std::int64_t min, std::int64_t max) const {
  return has(key) ? integer(key, min, max) : fallback;
}

double JsonObject::number(const char* key, double min, double max) const {
  const Json* value = find(key);
  const auto refuse = [&] { fail(key, "expected a number in [" + range_text(min) + ", " + range_text(max) + "]"); };
  if (value == nullptr || !value->is_number()) refuse();
  const auto number = value->get<double>();
  if (!std::isfinite(number) || number < min || number > max) refuse();
  return number;
}

double JsonObject::number_or(const char* key, double fallback, double min, double max) const { return has(key) ? number(key, min, max) : fallback; }

std::string JsonObject::string(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_string()) fail(key, "expected a string");
  return value->get<std::string>();
}

std::string JsonObject::string_or(const char* key, std::string fallback) const { return has(key) ? string(key) : std::move(fallback); }

bool JsonObject::boolean_or(const char* key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(key, "expected true or false");
  return value->get<bool>();
}

JsonObject JsonObject::object(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_object()) fail(key, "expected a JSON object");
  return JsonObject(*value, label_, field(key));
}

}  // namespace berth::base
