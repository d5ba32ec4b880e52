#include "apps/server/fields.hpp"

#include <limits>

#include "apps/server/failure.hpp"
#include "base/error.hpp"
#include "base/memory.hpp"
#include "base/utf8.hpp"

namespace berth::server {
namespace {

using base::Json;

constexpr const char* kWrongShape = "Failed to deserialize the JSON body into the target type: ";

[[noreturn]] void reject_shape(const std::string& path, const std::string& expected) { throw Rejection(422, kWrongShape + path + ": expected " + expected); }

bool is_id(const Json& value) {
  return value.is_number_integer() &&
         (value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()) : false);
}

std::optional<std::vector<std::int32_t>> ids_of(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<std::int32_t> ids;
  ids.reserve(value.size());
  for (const Json& id : value) {
    if (!is_id(id)) return std::nullopt;
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

std::optional<Text> text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (auto ids = ids_of(value)) return std::move(*ids);
  return std::nullopt;
}

Json parse(const Request& request) {
  if (request.body.empty()) throw Rejection(400, "Failed to parse the request body as JSON: the request has no body");
  try {
    Json body = base::parse_json(request.body, "body", {.max_bytes = request.body.size()});
    if (!body.is_object()) reject_shape("body", "an object, got " + base::describe(body));
    return body;
  } catch (const base::Error& error) {
    throw Rejection(400, std::string("Failed to parse the request body as JSON: ") + error.what());
  }
}

}  // namespace

void check_content_type(const Request& request) {
  const std::string_view field = request.header("content-type");
  std::string type = base::lower_ascii(field.substr(0, field.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  if (type != "application/json" && !(type.starts_with("application/") && type.ends_with("+json")))
    throw Rejection(415, "Expected request with `Content-Type: application/json`");
  const std::string_view coding = request.header("content-encoding");
  if (!coding.empty() && base::lower_ascii(coding) != "identity")
    throw Rejection(415,
                    "Expected a request body as it is, got one with `Content-Encoding: " + base::printable(coding.substr(0, 40)) + "`: send it uncompressed");
}

Body::Memory::~Memory() {
  constexpr std::size_t kMuch = std::size_t{8} << 20;
  if (bytes >= kMuch) base::return_free_memory();
  documents.give(bytes);
}

Body::Body(const Request& request, Documents& documents, std::size_t bytes) : memory_(documents, bytes), json_(parse(request)) {}

Fields::Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (!object.is_object()) reject_shape(path_.empty() ? "body" : path_, "an object, got " + base::describe(object));
}

const Json* Fields::find(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::reject(const char* key, const std::string& expected) const {
  const auto found = object_.find(key);
  const std::string path = path_.empty() ? key : path_ + "." + key;
  if (found == object_.end()) throw Rejection(422, kWrongShape + std::string("missing field `") + path + "`");
  reject_shape(path, expected + ", got " + base::describe(*found));
}

const Json& Fields::required(const char* key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) reject(key, "");
  return *found;
}

std::optional<bool> Fields::maybe_boolean(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) reject(key, "a boolean");
  return value->get<bool>();
}

std::optional<std::string> Fields::maybe_string(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) reject(key, "a string");
  return value->get<std::string>();
}

std::string Fields::string(const char* key) const {
  if (!required(key).is_string()) reject(key, "a string");
  return required(key).get<std::string>();
}

std::optional<std::size_t> Fields::maybe_size(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_unsigned()) reject(key, "a whole number from 0");
  return value->get<std::size_t>();
}

std::vector<std::string> Fields::strings(const char* key) const {
  const Json& value = required(key);
  if (!value.is_array()) reject(key, "an array of strings");
  std::vector<std::string> result;
  result.reserve(value.size());
  for (const Json& each : value) {
    if (!each.is_string()) reject(key, "an array of strings");
    result.push_back(each.get<std::string>());
  }
  return result;
}

Inputs read_inputs(const Fields& fields, const char* key) {
  const Json& value = fields.required(key);
  Inputs inputs;
  if (auto text = text_of(value)) {
    inputs.texts.push_back(std::move(*text));
    inputs.single = true;
    return inputs;
  }
  constexpr const char* kExpected = "a string, an array of token ids, or an array of these";
  if (!value.is_array()) fields.reject(key, kExpected);
  inputs.texts.reserve(value.size());
  for (const Json& each : value) {
    auto text = text_of(each);
    if (!text) fields.reject(key, kExpected);
    inputs.texts.push_back(std::move(*text));
  }
  return inputs;
}

PairInputs read_pair_inputs(const Fields& fields, const char* key) {
  constexpr const char* kExpected = "a string, an array of one or two strings, or an array of such arrays";
  const Json& value = fields.required(key);
  const auto pair_of = [&](const Json& from) -> PairText {
    if (!from.is_array() || from.empty() || from.size() > 2) fields.reject(key, kExpected);
    for (const Json& each : from)
      if (!each.is_string()) fields.reject(key, kExpected);
    PairText result{from[0].get<std::string>(), std::nullopt};
    if (from.size() == 2) result.pair = from[1].get<std::string>();
    return result;
  };
  PairInputs inputs;
  if (value.is_string()) {
    inputs.texts.push_back({value.get<std::string>(), std::nullopt});
    inputs.single = true;
  } else if (value.is_array() && !value.empty() && value[0].is_array()) {
    for (const Json& each : value) inputs.texts.push_back(pair_of(each));
  } else {
    inputs.texts.push_back(pair_of(value));
    inputs.single = true;
  }
  return inputs;
}

std::vector<std::vector<std::int32_t>> read_id_lists(const Fields& fields, const char* key) {
  constexpr const char* kExpected = "an array of token ids, or an array of such arrays";
  const Json& value = fields.required(key);
  if (auto ids = ids_of(value)) return {std::move(*ids)};
  if (!value.is_array()) fields.reject(key, kExpected);
  std::vector<std::vector<std::int32_t>> lists;
  for (const Json& each : value) {
    auto ids = ids_of(each);
    if (!ids) fields.reject(key, kExpected);
    lists.push_back(std::move(*ids));
  }
  return lists;
}

}  // namespace berth::server
