// The modules of sentence-transformers behind the pooling, by their definitions in double precision.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/normals.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;

std::vector<float> embeddings(const Edited& edited) {
  const auto model = engine::Model::load(edited.directory().string(), {.threads = 1});
  const std::vector<std::int32_t> first = {5, 6, 7, 8}, second = {9, 10};
  std::vector<float> out(2 * model->embedding_size());
  model->encode(std::vector{ids_input(first), ids_input(second)}, {}, out.data(), nullptr, nullptr);
  return out;
}

void set_activation(const Edited& edited, const std::string& name) {
  const auto file = edited.directory() / "2_Dense/config.json";
  Json config = Json::parse(base::read_file(file, 1 << 20));
  config["activation_function"] = "torch.nn.modules.activation." + name;
  std::ofstream(file) << config.dump();
}

TEST(SentenceModules, ActivationsOfDense) {
  const Edited edited("st-dense-tanh", [](Json&) {});
  set_activation(edited, "Identity");
  const std::vector<float> plain = embeddings(edited);
  const std::vector<std::pair<std::string, std::function<double(double)>>> activations = {
      {"Tanh", [](double x) { return std::tanh(x); }},
      {"ReLU", [](double x) { return std::max(x, 0.0); }},
      {"ReLU6", [](double x) { return std::clamp(x, 0.0, 6.0); }},
      {"LeakyReLU", [](double x) { return x < 0.0 ? 0.01 * x : x; }},
      {"GELU", [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2.0; }},
      {"SiLU", [](double x) { return x / (1.0 + std::exp(-x)); }},
      {"Mish", [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"Sigmoid", [](double x) { return 1.0 / (1.0 + std::exp(-x)); }},
  };
  for (const auto& [name, exact] : activations) {
    set_activation(edited, name);
    const std::vector<float> got = embeddings(edited);
    ASSERT_EQ(got.size(), plain.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(double{got[i]}, exact(double{plain[i]}), 1e-6) << name;
  }
  set_activation(edited, "Softplus");
  expect_error(ErrorCode::unsupported, {"2_Dense", "\"activation_function\"", "\"Softplus\"", "Identity, Tanh, ReLU, ReLU6, LeakyReLU"},
               [&] { embeddings(edited); });
}

TEST(SentenceModules, LayerNorm) {
  const Edited edited("st-mean", [](Json&) {});
  const std::vector<float> plain = embeddings(edited);
  const std::size_t size = plain.size() / 2;
  const auto weight = normals(size, 1), bias = normals(size, 2);
  Json modules = Json::parse(base::read_file(edited.directory() / "modules.json", 1 << 20));
  modules.push_back({{"idx", modules.size()}, {"name", "norm"}, {"path", "2_LayerNorm"}, {"type", "sentence_transformers.models.LayerNorm"}});
  std::ofstream(edited.directory() / "modules.json") << modules.dump();
  std::filesystem::create_directory(edited.directory() / "2_LayerNorm");
  std::ofstream(edited.directory() / "2_LayerNorm/config.json") << Json{{"dimension", size}}.dump();
  std::ofstream(edited.directory() / "2_LayerNorm/model.safetensors") << safetensors({f32("norm.bias", {size}, bias), f32("norm.weight", {size}, weight)});
  const std::vector<float> got = embeddings(edited);
  ASSERT_EQ(got.size(), plain.size());
  for (std::size_t row = 0; row < 2; ++row) {
    double mean = 0.0, variance = 0.0;
    for (std::size_t i = 0; i < size; ++i) mean += double{plain[row * size + i]} / static_cast<double>(size);
    for (std::size_t i = 0; i < size; ++i) variance += std::pow(double{plain[row * size + i]} - mean, 2) / static_cast<double>(size);
    for (std::size_t i = 0; i < size; ++i)
      EXPECT_NEAR(double{got[row * size + i]}, (double{plain[row * size + i]} - mean) / std::sqrt(variance + 1e-5) * double{weight[i]} + double{bias[i]}, 2e-5);
  }
  const auto model = engine::Model::load(edited.directory().string(), {.threads = 1});
  EXPECT_NE(model->info().find("layer norm"), std::string::npos);
}

}  // namespace
}  // namespace berth::test
