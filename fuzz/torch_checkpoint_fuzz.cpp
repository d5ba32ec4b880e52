// Any bytes as a PyTorch checkpoint: an error, or tensors every element of which lies inside the file.
#include "fuzz/fuzz.hpp"
#include "loaders/dtype.hpp"
#include "loaders/torch_checkpoint.hpp"
#include "tests/support/torch_writer.hpp"

namespace {

using namespace berth;

void check(const loaders::TensorEntry& tensor, std::span<const std::byte> file) {
  fuzz::require(tensor.begin <= tensor.end && tensor.end <= file.size(), "a tensor beyond the file");
  fuzz::require(tensor.shape.size() <= loaders::kMaxRank, "a rank over the limit");
  fuzz::require(tensor.strides.empty() || tensor.strides.size() == tensor.shape.size(), "strides of another rank");
  const std::size_t size = loaders::size_in_bits(tensor.dtype) / 8;
  if (size == 0) return;
  std::uint64_t elements = 1, last = 0;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    elements *= tensor.shape[i];
    if (!tensor.strides.empty()) last += (tensor.shape[i] - 1) * tensor.strides[i];
  }
  const std::uint64_t reach = elements == 0 ? 0 : tensor.strides.empty() ? elements : last + 1;
  fuzz::require(tensor.end - tensor.begin == reach * size, "a tensor that does not match its bytes");
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  const std::string data(32, 'x');
  const std::vector<test::TorchTensor> tensors = {{"weight", "FloatStorage", "0", 8, 0, {2, 4}, {4, 1}},
                                                  {"by_columns", "FloatStorage", "0", 8, 0, {4, 2}, {1, 4}},
                                                  {"view", "FloatStorage", "0", 8, 2, {3}, {2}},
                                                  {"scalar", "FloatStorage", "1", 1, 0, {}, {}}};
  const test::ZipFiles storages = {{"0", data}, {"1", "abcd"}};
  const std::string parameter = "\x80\x02}" + test::pickled("p") + "ctorch._utils\n_rebuild_parameter\n(" + test::pickled(tensors[0]) + "\x88NtRs.";
  return {
      test::torch_checkpoint(tensors, storages),
      test::legacy_torch_checkpoint(tensors, storages),
      test::zip({{"m/data.pkl", parameter}, {"m/byteorder", "little"}, {"m/data/0", data}, {"m/version", "3\n"}}),
      test::zip({}),
  };
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  fuzz::only_errors([&] {
    for (const loaders::TensorEntry& tensor : loaders::parse_torch_checkpoint(file, "m.bin")) check(tensor, file);
  });
  return 0;
}
