// Large checkpoints have a few channels tens of times as large as the others; the models that ship have none, so they are planted here, and INT8 must
// keep its accuracy (docs/quantization.md). Needs texts: $BERTH_SHARED/data, or shared/data beside the repository.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "loaders/tensors.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using engine::Model;

// A BERT directory whose tensors, in FP32, are changed before they are written.
class Planted {
 public:
  Planted(const std::string& name, unsigned seed) : source_(fs::path(BERTH_SOURCE_DIR) / "weights" / name), random_(seed) {
    const auto store = loaders::TensorStore::open(source_);
    const kernels::KernelTable& kernels = kernels::kernel_table(kernels::select_isa());
    for (const loaders::TensorView& tensor : store.tensors()) {
      const auto type = tensor.dtype == loaders::DType::f16 ? kernels::TableType::f16 : kernels::TableType::f32;
      Values values{.shape = tensor.shape, .data = std::vector<float>(static_cast<std::size_t>(tensor.elements()))};
      kernels.load_row(values.data.data(), tensor.data.data(), type, values.data.size());
      tensors_.emplace(tensor.name, std::move(values));
      if (tensor.name.starts_with("bert.")) prefix_ = "bert.";
    }
    while (tensors_.contains(layer(layers_) + "output.dense.weight")) ++layers_;
    hidden_ = tensors_.at(layer(0) + "output.LayerNorm.bias").data.size();
  }

  // Rows of W_V and b_V times 20 to 60, the columns of the projection behind attention divided by the same: the function stays.
  void plant_values(std::size_t channels) {
    for (std::size_t i = 0; i < layers_; ++i) {
      const auto factors = some_factors(some_channels(channels));
      scale_rows(layer(i) + "attention.self.value", factors);
      divide_columns(layer(i) + "attention.output.dense", factors);
    }
  }

  // Channels of every LayerNorm times 20 to 60, the columns that read them divided by the same. What the norms give is the residual as well, so it
  // is another function. The same channels in every layer, as in trained checkpoints.
  void plant_norms(std::size_t channels) {
    const auto places = some_channels(channels);
    const auto scale = [&](const std::string& norm, const std::vector<std::string>& readers) {
      const auto factors = some_factors(places);
      scale_rows(norm, factors);
      for (const std::string& reader : readers) divide_columns(reader, factors);
    };
    const auto attention = [&](std::size_t i) {
      const std::string name = layer(i) + "attention.self.";
      return std::vector{name + "query", name + "key", name + "value"};
    };
    scale(prefix_ + "embeddings.LayerNorm", attention(0));
    for (std::size_t i = 0; i < layers_; ++i) {
      scale(layer(i) + "attention.output.LayerNorm", {layer(i) + "intermediate.dense"});
      if (i + 1 < layers_) scale(layer(i) + "output.LayerNorm", attention(i + 1));  // the last one is the result, or a head reads it in FP32
    }
  }

  fs::path write(const TempDirectory& directory) const {
    fs::copy(source_, directory.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, values] : tensors_) tensors.push_back(f32(name, values.shape, values.data));
    directory.write("model.safetensors", safetensors(tensors));
    return directory.path();
  }

 private:
  struct Values {
    std::vector<std::uint64_t> shape;
    std::vector<float> data;
  };
  using Factors = std::map<std::size_t, float>;

  std::string layer(std::size_t i) const { return prefix_ + "encoder.layer." + std::to_string(i) + "."; }

  std::vector<std::size_t> some_channels(std::size_t count) {
    std::vector<std::size_t> all(hidden_);
    for (std::size_t i = 0; i < hidden_; ++i) all[i] = i;
    std::shuffle(all.begin(), all.end(), random_);
    all.resize(count);
    return all;
  }
  Factors some_factors(const std::vector<std::size_t>& places) {
    Factors factors;
    for (const std::size_t place : places) factors[place] = std::uniform_real_distribution<float>(20.0F, 60.0F)(random_);
    return factors;
  }

  void scale_rows(const std::string& name, const Factors& factors) {
    for (const char* part : {".weight", ".bias"}) {
      Values& values = tensors_.at(name + part);
      const std::size_t width = values.shape.size() == 2 ? values.shape[1] : 1;
      for (const auto& [row, factor] : factors)
        for (std::size_t i = row * width; i < (row + 1) * width; ++i) values.data[i] *= factor;
    }
  }
  void divide_columns(const std::string& name, const Factors& factors) {
    Values& values = tensors_.at(name + ".weight");
    for (const auto& [column, factor] : factors)
      for (std::size_t i = column; i < values.data.size(); i += values.shape[1]) values.data[i] /= factor;
  }

  fs::path source_;
  std::string prefix_;
  std::map<std::string, Values> tensors_;
  std::size_t layers_ = 0;
  std::size_t hidden_ = 0;
  std::mt19937 random_;
};

struct Row {
  std::string text;
  int label;
};

std::vector<Row> test_sentences() {
  const char* shared = std::getenv("BERTH_SHARED");
  const fs::path root = shared != nullptr ? fs::path(shared) : fs::path(BERTH_SOURCE_DIR).parent_path() / "shared";
  std::ifstream file(root / "data" / "sst2" / "sentence" / "test.tsv");
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    const std::size_t tab = line.rfind('\t');
    if (tab != std::string::npos) rows.push_back({line.substr(0, tab), std::atoi(line.c_str() + tab + 1)});
  }
  return rows;
}

enum class Result { logits, embeddings };

std::vector<float> run(const fs::path& directory, const std::string& precision, const std::vector<Row>& rows, Result result, std::size_t& size) {
  const auto model = Model::load(directory.string(), {.threads = 2, .precision = precision});
  std::vector<berth_input> inputs;
  for (const Row& row : rows) inputs.push_back(text_input(row.text));
  size = result == Result::logits ? model->config().labels.size() : model->embedding_size();
  std::vector<float> out(inputs.size() * size);
  if (result == Result::logits) {
    model->classify(inputs, {}, true, out.data(), nullptr);
  } else {
    model->encode(inputs, {}, out.data(), nullptr, nullptr);
  }
  return out;
}

class PlantedOutliers : public testing::Test {
 protected:
  void SetUp() override {
    rows_ = test_sentences();
    if (rows_.empty()) GTEST_SKIP() << "no data/sst2/sentence/test.tsv in $BERTH_SHARED or in shared beside the repository";
  }

  struct Scores {
    double exact_right = 0.0;  // percent, FP32
    double low_right = 0.0;    // INT8
    double error = 0.0;        // root of the mean square of what INT8 changes in a logit
  };
  Scores scores(const fs::path& directory) const {
    std::size_t size = 0;
    const auto exact = run(directory, "fp32", rows_, Result::logits, size);
    const auto low = run(directory, "int8", rows_, Result::logits, size);
    Scores scores;
    const double share = 100.0 / static_cast<double>(rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const auto right = [&](const std::vector<float>& logits) { return (logits[i * size + 1] > logits[i * size]) == (rows_[i].label == 1) ? share : 0.0; };
      scores.exact_right += right(exact);
      scores.low_right += right(low);
    }
    for (std::size_t i = 0; i < exact.size(); ++i) scores.error += std::pow(double{exact[i]} - double{low[i]}, 2.0) / static_cast<double>(exact.size());
    scores.error = std::sqrt(scores.error);
    return scores;
  }

  // Of embeddings, less the mean of FP32's: planted channels are nearly the same for every text and would drown the rest.
  double mean_cosine(const fs::path& directory, std::size_t count) const {
    const std::vector<Row> some(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(count));
    std::size_t size = 0;
    const auto exact = run(directory, "fp32", some, Result::embeddings, size);
    const auto low = run(directory, "int8", some, Result::embeddings, size);
    std::vector<double> mean(size);
    for (std::size_t i = 0; i < exact.size(); ++i) mean[i % size] += double{exact[i]} / static_cast<double>(count);
    double sum = 0.0;
    for (std::size_t row = 0; row < count; ++row) {
      double ab = 0.0, aa = 0.0, bb = 0.0;
      for (std::size_t i = 0; i < size; ++i) {
        const double a = double{exact[row * size + i]} - mean[i];
        const double b = double{low[row * size + i]} - mean[i];
        ab += a * b;
        aa += a * a;
        bb += b * b;
      }
      sum += ab / std::sqrt(aa * bb);
    }
    return sum / static_cast<double>(count);
  }

  std::vector<Row> rows_;
};

TEST_F(PlantedOutliers, InValuesCostLessThanAPoint) {
  if (kSanitized) GTEST_SKIP() << "points of accuracy take all rows, which a sanitizer makes slow";
  const Scores plain = scores(fs::path(BERTH_SOURCE_DIR) / "weights" / "sentiment");
  std::printf("as shipped: FP32 %.2f%%, INT8 %.2f%%, error %.4f\n", plain.exact_right, plain.low_right, plain.error);
  for (const unsigned seed : {1U, 2U}) {
    const TempDirectory directory;
    Planted planted("sentiment", seed);
    planted.plant_values(4);
    const Scores got = scores(planted.write(directory));
    std::printf("values, seed %u: FP32 %.2f%%, INT8 %.2f%%, error %.4f\n", seed, got.exact_right, got.low_right, got.error);
    EXPECT_NEAR(got.exact_right, plain.exact_right, 0.06) << "the function stays what it was";
    EXPECT_GE(got.low_right, got.exact_right - 1.0);
    EXPECT_LT(got.error, 1.2 * plain.error) << "as if there were none; without factors it is five times as much";
  }
}

// What has no outliers is quantised and run as if there were no such thing.
TEST(Outliers, ShippedModelsHaveNone) {
  for (const char* name : {"sentiment", "emotion", "intent"}) {
    const auto model = Model::load((fs::path(BERTH_SOURCE_DIR) / "weights" / name).string(), {.threads = 2, .precision = "int8"});
    for (const engine::LayerWeights& layer : model->weights().layers) {
      EXPECT_EQ(layer.query_key_value.input_factors.size(), 0U) << name;
      EXPECT_EQ(layer.intermediate.input_factors.size(), 0U) << name;
    }
  }
}

TEST_F(PlantedOutliers, InNormsKeepTheDirectionOfEmbeddings) {
  for (const char* name : {"intent", "sentiment"}) {
    for (const unsigned seed : {1U, 2U, 3U}) {
      const TempDirectory directory;
      Planted planted(name, seed);
      planted.plant_norms(4);
      const double cosine = mean_cosine(planted.write(directory), kSanitized ? 40 : 400);
      std::printf("norms of %s, seed %u: 1 - mean cosine %.2e\n", name, seed, 1.0 - cosine);
      EXPECT_GE(cosine, 0.99) << name << ", seed " << seed;
      EXPECT_LT(1.0 - cosine, 1e-5) << name << ", seed " << seed << ": without factors it is 2e-5 to 4e-5";
    }
  }
}

}  // namespace
}  // namespace berth::test
