#include "loaders/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/little_endian.hpp"
#include "base/problems.hpp"
#include "loaders/dtype.hpp"

namespace berth::loaders {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

constexpr std::uint64_t kPrefixBytes = 8;

[[noreturn]] void refuse(const std::string& label, const std::string& problem) { throw Error(ErrorCode::corrupt_file, label + ": " + problem); }

// The header's JSON, bounded by the file and the limit.
std::string_view header_text(std::span<const std::byte> bytes, std::uint64_t file_size, const std::string& label) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (file_size == 0) refuse(label, "the file is empty");
  base::reject_impostor(text.substr(0, 512), label);
  if (file_size < kPrefixBytes || text.size() < kPrefixBytes) {
    refuse(label, "the file has " + std::to_string(file_size) + " bytes, too few for the 8-byte header length of a safetensors file");
  }
  const std::uint64_t length = base::little_endian(text.substr(0, kPrefixBytes));
  if (length > kMaxHeaderBytes) {
    refuse(label,
           "header length " + std::to_string(length) + " exceeds the limit of " + std::to_string(kMaxHeaderBytes) + " bytes: this is not a safetensors file");
  }
  if (length > file_size - kPrefixBytes || length > text.size() - kPrefixBytes) {
    refuse(label, "header length " + std::to_string(length) + ", but the file has only " + std::to_string(file_size) +
                      " bytes: it is truncated or not a safetensors file");
  }
  const std::string_view header = text.substr(kPrefixBytes, static_cast<std::size_t>(length));
  if (header.empty() || header.front() != '{') refuse(label, "the header does not begin with \"{\": this is not a safetensors file");
  return header;
}

// Array of non-negative integers; nothing else (no doubles, no negative zero) passes.
std::optional<std::vector<std::uint64_t>> unsigned_array(const Json& value) {
  std::vector<std::uint64_t> numbers;
  for (const Json& number : value) {
    if (!number.is_number_unsigned()) return std::nullopt;
    numbers.push_back(number.get<std::uint64_t>());
  }
  return numbers;
}

class HeaderReader {
 public:
  HeaderReader(const std::string& label, std::uint64_t data_begin, std::uint64_t file_size)
      : label_(label), data_begin_(data_begin), data_size_(file_size - data_begin) {}

  void element(std::string_view key, const Json& value) {
    if (key == "__metadata__") {
      read_metadata(value);
      return;
    }
    if (header_.tensors.size() == kMaxTensors) refuse(label_, "more than " + std::to_string(kMaxTensors) + " tensors");
    TensorEntry entry;
    entry.name = key;
    if (read_entry(value, entry)) header_.tensors.push_back(std::move(entry));
  }

  SafetensorsHeader finish() {
    problems_.throw_if_any(ErrorCode::corrupt_file, label_);
    check_tiling();
    problems_.throw_if_any(ErrorCode::corrupt_file, label_);
    for (TensorEntry& entry : header_.tensors) {
      entry.begin += data_begin_;
      entry.end += data_begin_;
    }
    return std::move(header_);
  }

 private:
  void read_metadata(const Json& value) {
    if (!value.is_object()) {
      problems_.add("field \"__metadata__\": expected an object of strings, got " + base::describe(value));
      return;
    }
    for (const auto& [key, text] : value.items()) {
      if (text.is_string()) {
        header_.metadata.emplace(key, text.get<std::string>());
      } else {
        problems_.add("field " + base::quoted("__metadata__." + key) + ": expected a string, got " + base::describe(text));
      }
    }
  }

  // Fills all but the name; reports what is wrong and returns false otherwise.
  bool read_entry(const Json& value, TensorEntry& entry) {
    const std::string tensor = "tensor " + base::quoted(entry.name, 200) + ": ";
    const auto reject = [&](const std::string& problem) {
      problems_.add(tensor + problem);
      return false;
    };
    if (!value.is_object()) return reject("expected an object with dtype, shape and data_offsets, got " + base::describe(value));
    const auto field = [&](const char* key) { return value.contains(key) ? base::describe(value[key]) : std::string("nothing"); };

    if (!value.contains("dtype") || !value["dtype"].is_string()) return reject("field \"dtype\": expected a string, got " + field("dtype"));
    entry.dtype_name = value["dtype"].get<std::string>();
    const DTypeFacts facts = dtype_facts(entry.dtype_name);
    entry.dtype = facts.dtype;

    const auto shape = value.contains("shape") && value["shape"].is_array() ? unsigned_array(value["shape"]) : std::nullopt;
    if (!shape) return reject("field \"shape\": expected an array of integers from 0, got " + field("shape"));
    if (shape->size() > kMaxRank) {
      return reject("field \"shape\": " + std::to_string(shape->size()) + " dimensions, the limit is " + std::to_string(kMaxRank));
    }
    entry.shape = *shape;

    const auto offsets = value.contains("data_offsets") && value["data_offsets"].is_array() ? unsigned_array(value["data_offsets"]) : std::nullopt;
    if (!offsets || offsets->size() != 2) return reject("field \"data_offsets\": expected [begin, end], got " + field("data_offsets"));
    entry.begin = (*offsets)[0];
    entry.end = (*offsets)[1];
    const std::string range = "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin > entry.end) return reject("field \"data_offsets\": " + range + " ends before it begins");
    if (entry.end > data_size_) {
      return reject("field \"data_offsets\": " + range + ", but the file holds " + std::to_string(data_size_) +
                    " bytes of data: it is truncated or its header is wrong");
    }
    return check_size(facts, entry, reject);
  }

  template <class Reject>
  static bool check_size(const DTypeFacts& facts, const TensorEntry& entry, Reject&& reject) {
    std::optional<std::uint64_t> elements = 1;
    for (const std::uint64_t size : entry.shape) elements = elements ? base::checked_mul(*elements, size) : std::nullopt;
    const auto bits = elements ? base::checked_mul(*elements, facts.bits) : std::nullopt;
    if (!bits) return reject("field \"shape\": " + shape_text(entry.shape) + " of " + base::quoted(entry.dtype_name) + " overflows 64 bits");
    if (facts.bits == 0) return true;  // a dtype we do not know: its size is its own affair
    if (*bits % 8 != 0) return reject("shape " + shape_text(entry.shape) + " of " + entry.dtype_name + " is not a whole number of bytes");
    if (*bits / 8 != entry.end - entry.begin) {
      return reject("shape " + shape_text(entry.shape) + " of " + entry.dtype_name + " takes " + std::to_string(*bits / 8) +
                    " bytes, field \"data_offsets\" gives it " + std::to_string(entry.end - entry.begin));
    }
    return true;
  }

  // Sorted by offset, each tensor begins where the one before it ended, the first at 0 and the last at the end of the file.
  void check_tiling() {
    auto& tensors = header_.tensors;
    std::sort(tensors.begin(), tensors.end(),
              [](const TensorEntry& a, const TensorEntry& b) { return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name); });
    std::uint64_t reached = 0;
    const TensorEntry* last = nullptr;
    for (const TensorEntry& entry : tensors) {
      if (entry.begin != reached) {
        const std::string before = last == nullptr ? "the data begins at 0" : base::quoted(last->name, 200) + " before it ends at " + std::to_string(reached);
        problems_.add("tensor " + base::quoted(entry.name, 200) + ": field \"data_offsets\": begins at " + std::to_string(entry.begin) + ", but " + before +
                      (entry.begin < reached ? ": they overlap" : ": the bytes between belong to no tensor"));
      }
      if (entry.end >= reached) {
        reached = entry.end;
        last = &entry;
      }
    }
    if (reached != data_size_) {
      problems_.add("the last tensor ends at byte " + std::to_string(reached) + " of the data, the file has " + std::to_string(data_size_) +
                    " bytes of data: the rest belongs to no tensor");
    }
  }

  const std::string& label_;
  std::uint64_t data_begin_;
  std::uint64_t data_size_;
  SafetensorsHeader header_;
  base::Problems problems_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> bytes, std::uint64_t file_size, const std::string& label) {
  const std::string_view text = header_text(bytes, file_size, label);
  HeaderReader reader(label, kPrefixBytes + text.size(), file_size);
  const base::JsonLimits limits{static_cast<std::size_t>(kMaxHeaderBytes), 16, 1};
  base::parse_json_streaming(
      text, label + ": header", {""}, [&](const base::JsonStreamElement& element) { reader.element(*element.key, *element.value); }, limits);
  return reader.finish();
}

}  // namespace berth::loaders
