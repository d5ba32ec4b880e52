// Typed reading of a request's JSON. What is not of the expected type is a Rejection (422) naming the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apps/server/http.hpp"
#include "base/json.hpp"

namespace berth::server {

// The body of a JSON request. Rejection: 415 for another content type, 400 for what is no JSON.
base::Json read_body(const Request& request);

class Fields {
 public:
  explicit Fields(const base::Json& object, std::string path = "");

  const base::Json* find(const char* key) const;  // null when absent or JSON null
  const base::Json& required(const char* key) const;
  bool boolean(const char* key, bool fallback) const { return maybe_boolean(key).value_or(fallback); }
  std::optional<bool> maybe_boolean(const char* key) const;
  std::optional<std::string> maybe_string(const char* key) const;
  std::string string(const char* key) const;  // required
  std::optional<std::size_t> maybe_size(const char* key) const;
  std::vector<std::string> strings(const char* key) const;  // required: an array
  [[noreturn]] void reject(const char* key, const std::string& expected) const;

 private:
  const base::Json& object_;
  std::string path_;
};

// A text, or token ids that are used as they are.
using Text = std::variant<std::string, std::vector<std::int32_t>>;

// What embedding routes take as "inputs": one text, one list of ids, or a list of both. `single`: it was one.
struct Inputs {
  std::vector<Text> texts;
  bool single = false;
};
Inputs read_inputs(const Fields& fields, const char* key);

struct PairText {
  std::string text;
  std::optional<std::string> pair;
};
// What /predict takes: "a", ["a"] and ["a","b"] (a pair) are one input, lists of lists are several.
struct PairInputs {
  std::vector<PairText> texts;
  bool single = false;
};
PairInputs read_pair_inputs(const Fields& fields, const char* key);

// [1,2] or [[1,2],[3]].
std::vector<std::vector<std::int32_t>> read_id_lists(const Fields& fields, const char* key);

}  // namespace berth::server
