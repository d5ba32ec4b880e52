// Any bytes as a safetensors file: an error, or tensors that tile the file's data exactly.
#include <optional>

#include "base/checked.hpp"
#include "fuzz/fuzz.hpp"
#include "loaders/dtype.hpp"
#include "loaders/safetensors.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace {

using namespace berth;

void check(const loaders::SafetensorsHeader& header, std::span<const std::byte> file) {
  std::uint64_t reached = header.tensors.empty() ? file.size() : header.tensors.front().begin;
  for (const loaders::TensorEntry& tensor : header.tensors) {
    fuzz::require(tensor.begin == reached && tensor.begin <= tensor.end && tensor.end <= file.size(), "tensors that do not tile the file");
    fuzz::require(tensor.shape.size() <= loaders::kMaxRank, "a rank over the limit");
    reached = tensor.end;
    const auto facts = loaders::dtype_facts(tensor.dtype_name);
    if (facts.bits == 0) continue;
    std::optional<std::uint64_t> bits = 1;
    for (const std::uint64_t size : tensor.shape) bits = bits ? base::checked_mul(*bits, size) : std::nullopt;
    bits = bits ? base::checked_mul(*bits, facts.bits) : std::nullopt;
    fuzz::require(bits == (tensor.end - tensor.begin) * 8, "a shape that does not match its bytes");
  }
  fuzz::require(reached == file.size(), "bytes after the last tensor");
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  using test::raw_safetensors;
  using test::zeros;
  std::vector<std::string> all = {
      raw_safetensors("{}", ""),
      raw_safetensors(R"({"__metadata__":{"format":"pt"}}   )", ""),
      test::safetensors({zeros("embeddings.word_embeddings.weight", {4, 2}), zeros("bias", {2}), {"position_ids", "I64", {1, 2}, std::string(16, '\0')}}),
      test::safetensors({{"scalar", "BF16", {}, "xy"}, zeros("empty", {3, 0}), {"f4", "F4", {2, 2}, "ab"}, {"odd", "U8", {1}, "x"}, {"new", "X1", {7}, "abc"}}),
      raw_safetensors(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy"),
      raw_safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "xyz"),
      raw_safetensors(R"({"t":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", "abcd"),
      raw_safetensors("{}", "", ~std::uint64_t{0}),
      "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
  };
  return all;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  fuzz::only_errors([&] { check(loaders::parse_safetensors_header(file, file.size(), "m.safetensors"), file); });
  // The same start of a file that goes on for longer.
  fuzz::only_errors([&] { loaders::parse_safetensors_header(file, file.size() + 1000, "m.safetensors"); });
  return 0;
}
