// A model from pytorch_model.bin has the bits of the same one from model.safetensors, however its matrices are stored.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "engine/model.hpp"
#include "engine/profile/content_hash.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/torch_writer.hpp"

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using engine::Model;

const char* storage_class(loaders::DType dtype) {
  switch (dtype) {
    case loaders::DType::f32: return "FloatStorage";
    case loaders::DType::f16: return "HalfStorage";
    case loaders::DType::bf16: return "BFloat16Storage";
    case loaders::DType::i64: return "LongStorage";
    default: ADD_FAILURE() << "a type that no case has"; return "";
  }
}

// A matrix as one stored by columns, as those of a converted TensorFlow model are.
std::string columns_of(const std::string& rows, std::size_t row_count, std::size_t column_count, std::size_t size) {
  std::string columns;
  for (std::size_t c = 0; c < column_count; ++c)
    for (std::size_t r = 0; r < row_count; ++r) columns.append(rows, (r * column_count + c) * size, size);
  return columns;
}

enum class Matrices { by_rows, by_columns };

// All tensors of a store; with `by_columns` every matrix and convolution but the tables, of which rows are read where they lie.
std::string as_torch(const loaders::TensorStore& store, Matrices matrices) {
  std::vector<TorchTensor> tensors;
  ZipFiles storages;
  for (const loaders::TensorView& view : store.tensors()) {
    const std::size_t size = loaders::size_in_bits(view.dtype) / 8;
    std::string bytes(reinterpret_cast<const char*>(view.data.data()), view.data.size());
    TorchTensor tensor{view.name, storage_class(view.dtype), std::to_string(storages.size()), view.elements(), 0, view.shape, {}};
    tensor.strides.assign(view.shape.size(), 1);
    for (std::size_t d = view.shape.size(); d-- > 1;) tensor.strides[d - 1] = tensor.strides[d] * view.shape[d];
    const bool table = view.name.find("embeddings.weight") != std::string::npos;
    if (matrices == Matrices::by_columns && view.shape.size() >= 2 && !table) {
      const auto rows = static_cast<std::size_t>(view.shape[0]);
      bytes = columns_of(bytes, rows, static_cast<std::size_t>(view.elements()) / rows, size);
      for (std::size_t d = 1; d < view.shape.size(); ++d) tensor.strides[d] *= rows;
      tensor.strides[0] = 1;
    }
    tensors.push_back(std::move(tensor));
    storages.emplace_back(std::to_string(storages.size()), std::move(bytes));
  }
  return torch_checkpoint(tensors, storages);
}

// A copy of a case with its weights in PyTorch's form.
void copy_as_torch(const TempDirectory& files, const std::string& name, Matrices matrices) {
  fs::remove_all(files / name);
  fs::copy(reference(name), files / name, fs::copy_options::recursive);
  files.write(name + "/pytorch_model.bin", as_torch(loaders::TensorStore::open(files / name), matrices));
  fs::remove(files / (name + "/model.safetensors"));
}

std::vector<float> hidden_states(const fs::path& directory, const std::string& precision, const std::vector<berth_input>& inputs) {
  const auto model = Model::load(directory.string(), {.threads = 2, .precision = precision});
  engine::TokenValues values;
  model->encode(inputs, {}, nullptr, nullptr, &values);
  return values.values;
}

class TorchModels : public testing::TestWithParam<const char*> {};

TEST_P(TorchModels, HaveTheSameBits) {
  const std::string name = GetParam();
  const TempDirectory files;
  const ReferenceCase one(reference(name));
  const auto set = one.input_sets().front();
  for (const Matrices matrices : {Matrices::by_rows, Matrices::by_columns}) {
    copy_as_torch(files, name, matrices);
    for (const char* precision : {"fp32", "bf16", "int8"}) {
      const auto expected = hidden_states(reference(name), precision, set.inputs());
      ASSERT_FALSE(expected.empty());
      EXPECT_EQ(hidden_states(files / name, precision, set.inputs()), expected) << precision;
    }
  }
}
// F32, F16 and BF16; packed queries, keys and values, also head by head; a convolution; layers that share weights; experts, stacked.
INSTANTIATE_TEST_SUITE_P(Cases, TorchModels,
                         testing::Values("bert", "bert-fp16", "bert-bf16", "nomic-bert", "nomic-bert-moe", "deberta", "deberta-v2-xl-style", "albert-groups"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(TorchModels, ATableByColumnsIsRefused) {
  const TempDirectory files;
  fs::copy(reference("bert"), files / "bert", fs::copy_options::recursive);
  const auto store = loaders::TensorStore::open(files / "bert");
  const auto* table = store.find("embeddings.word_embeddings.weight");
  ASSERT_NE(table, nullptr);
  std::string file = as_torch(store, Matrices::by_rows);
  const std::string by_rows = pickled(std::vector<std::uint64_t>{table->shape[1], 1}), by_columns = pickled(std::vector<std::uint64_t>{1, table->shape[0]});
  const std::size_t at = file.find(pickled(table->shape) + by_rows, file.find("word_embeddings"));
  ASSERT_NE(at, std::string::npos);
  file.replace(at + pickled(table->shape).size(), by_rows.size(), by_columns);
  files.write("bert/pytorch_model.bin", file);
  fs::remove(files / "bert/model.safetensors");
  expect_error(base::ErrorCode::corrupt_file, {"pytorch_model.bin", "embeddings.word_embeddings.weight", "stored by columns"},
               [&] { Model::load((files / "bert").string(), {.threads = 1}); });
}

TEST(TorchModels, NonFiniteWeightsAreNamed) {
  const TempDirectory files;
  fs::copy(reference("bert"), files / "bert", fs::copy_options::recursive);
  const auto store = loaders::TensorStore::open(files / "bert");
  std::string file = as_torch(store, Matrices::by_columns);
  // The storages follow the pickle, the first tensor by name that is a matrix of a layer being one of attention's.
  const auto* tensor = store.find("encoder.layer.0.attention.self.query.weight");
  ASSERT_NE(tensor, nullptr);
  const std::string first_column = columns_of({reinterpret_cast<const char*>(tensor->data.data()), tensor->data.size()},
                                              static_cast<std::size_t>(tensor->shape[0]), static_cast<std::size_t>(tensor->shape[1]), 4);
  const std::size_t at = file.find(first_column);
  ASSERT_NE(at, std::string::npos);
  file.replace(at, 4, std::string("\x00\x00\xc0\x7f", 4));
  files.write("bert/pytorch_model.bin", file);
  fs::remove(files / "bert/model.safetensors");
  expect_error(base::ErrorCode::non_finite, {"pytorch_model.bin", "encoder.layer.0.attention.self.query.weight", "NaN"},
               [&] { Model::load((files / "bert").string(), {.threads = 1}); });
}

// Shards may have any name that the index gives them.
TEST(TorchModels, TheContentHashSeesTheirWeights) {
  const TempDirectory files;
  const fs::path directory = files / "bert";
  fs::copy(reference("bert"), directory, fs::copy_options::recursive);
  {
    const auto store = loaders::TensorStore::open(directory);
    files.write("bert/part.bin", as_torch(store, Matrices::by_rows));
    std::string index;
    for (const auto& tensor : store.tensors()) index += (index.empty() ? "" : ",") + ('"' + tensor.name) + R"(":"part.bin")";
    files.write("bert/pytorch_model.bin.index.json", R"({"weight_map":{)" + index + "}}");
    fs::remove(directory / "model.safetensors");
  }
  const auto model = Model::load(directory.string(), {.threads = 1});
  EXPECT_NE(model->info().find(R"("files":["config.json","part.bin","pytorch_model.bin.index.json")"), std::string::npos) << model->info();
  const auto hash = [&] { return engine::hash_files(model->files(), directory); };
  const auto before = hash();
  files.write("bert/optimizer.bin", "not the model's");
  EXPECT_EQ(hash(), before);
  EXPECT_EQ(engine::hash_files(Model::load(directory.string(), {.threads = 1})->files(), directory), before);
  std::string shard = base::read_file(directory / "part.bin", std::size_t{64} << 20);
  shard.back() = static_cast<char>(shard.back() ^ 1);
  files.write("bert/part.bin", shard);
  EXPECT_NE(hash(), before);
}

}  // namespace
}  // namespace berth::test
