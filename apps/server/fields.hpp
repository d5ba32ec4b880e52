// Typed reading of a request's JSON. What is not of the expected type is a Rejection (422) naming the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apps/server/documents.hpp"
#include "apps/server/http.hpp"
#include "base/json.hpp"

namespace berth::server {

// Rejection (415) of a body that does not say that it is JSON.
void check_content_type(const Request& request);

// The JSON of a request, with its part of the memory for such; Service::read() makes it. What is large goes back to the system at its end. A handler that
// has another one read the request again lets go of its own first.
class Body {
 public:
  // `bytes`: that were taken from `documents`, and are given back. Rejection: 400 for what is no JSON.
  Body(const Request& request, Documents& documents, std::size_t bytes);
  const base::Json& json() const noexcept { return json_; }

 private:
  struct Memory {
    Memory(Documents& documents_, std::size_t bytes_) : documents(documents_), bytes(bytes_) {}
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory();
    Documents& documents;
    const std::size_t bytes;
  };
  Memory memory_;  // outlives the document
  base::Json json_;
};

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
