// Bounded reading of JSON from files nobody vouches for: depth, size and duplicate keys are checked, every error names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace berth::base {

using Json = nlohmann::json;

struct JsonLimits {
  std::size_t max_bytes = 1 << 20;  // of the file; config.json and module configs
  int max_depth = 64;
  std::size_t max_values = std::size_t{1} << 22;  // in the returned document, so that a file of brackets does not fill the memory
};

// The document, or Error{corrupt_file} naming `label`, the offset (in bytes from 0) and what was wrong: syntax, depth, duplicate key, invalid
// UTF-8, a NUL byte, a number beyond double. Integers beyond 64 bits become doubles, which JsonObject::integer then refuses.
Json parse_json(std::string_view text, const std::string& label, JsonLimits limits = {});

// What a document takes while parse_json() makes it, while it is there and a caller copies what it holds, and while it goes: bytes, at most or not much less,
// from the characters outside of strings alone, so that a text of 12 MB that would be a document of 450 MB can be refused unread. Strings that are longer
// than a tenth of the text may take as much again for the moment in which they are read.
std::size_t json_memory(std::string_view text, JsonLimits limits = {}) noexcept;

// Reads and parses a file; not_found when it is absent, corrupt_file when it is too large or not JSON (a Git LFS pointer is named as such).
Json read_json_file(const std::filesystem::path& path, JsonLimits limits = {});

// The document as text. A path may have bytes that are not UTF-8, which JSON does not: they become U+FFFD.
template <class Document>
std::string dump(const Document& document) {
  return document.dump(-1, ' ', false, Document::error_handler_t::replace);
}

// A value as messages show it: scalars as they are, cut when long; `[-1,8]` when short and of numbers; `an array of 3 values`; `an object`.
std::string describe(const Json& value);

// Typed access to a JSON object with errors of the form `config.json: field "hidden_size": expected an integer in [1, 16384], got "x"`.
// Holds references: the document must outlive it.
class JsonObject {
 public:
  // Throws corrupt_file when `value` is not an object. `path` is the field path of `value` inside the file, "" for the document.
  JsonObject(const Json& value, std::string label, std::string path = "");

  bool has(const char* key) const;          // present and not null
  const Json* find(const char* key) const;  // null when absent or JSON null
  const Json& json() const { return *value_; }
  const std::string& label() const { return label_; }

  std::int64_t integer(const char* key, std::int64_t min, std::int64_t max) const;  // required
  std::int64_t integer_or(const char* key, std::int64_t fallback, std::int64_t min, std::int64_t max) const;
  double number(const char* key, double min, double max) const;  // required; must be finite
  double number_or(const char* key, double fallback, double min, double max) const;
  std::string string(const char* key) const;  // required
  std::string string_or(const char* key, std::string fallback) const;
  bool boolean_or(const char* key, bool fallback) const;
  JsonObject object(const char* key) const;  // required

  // Throws corrupt_file: `label: field "path.key": <problem>, got <value>`, or `..., but it is missing`.
  [[noreturn]] void fail(const char* key, const std::string& problem) const;
  std::string field(const char* key) const;  // "path.key"

 private:
  const Json* value_;
  std::string label_;
  std::string path_;
};

// Reads a large JSON file without building its whole tree. Containers at the paths in `streamed` are not put in the returned document (null stands in
// their place); each of their elements goes to `sink` as it is read, in file order. A path is a JSON pointer through objects ("/model/vocab",
// "/model/merges"); "" is the document itself. A scalar at such a path is kept. Every key is checked for duplicates, streamed ones included.
struct JsonStreamElement {
  std::string_view path;                // which of `streamed`
  std::size_t index;                    // position in the object or array
  std::optional<std::string_view> key;  // the member's name when the streamed value is an object
  const Json* value;                    // a scalar, or a small tree (at most 4 deep and 65,536 values); valid during the call only
};
using JsonStreamSink = std::function<void(const JsonStreamElement&)>;  // may throw base::Error
// Turns the text of a JSON number that is no 64-bit integer into a double, where the nearest one is not what is wanted.
using JsonNumberReader = double (*)(std::string_view text);
Json parse_json_streaming(std::string_view text, const std::string& label, const std::vector<std::string>& streamed, const JsonStreamSink& sink,
                          JsonLimits limits, JsonNumberReader read_number = nullptr);

}  // namespace berth::base
