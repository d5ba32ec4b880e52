// A mixture of experts: what config.json says of it, which experts are picked, and that a text's bits do not depend on how many rows an expert has.
// The function itself is held to tests/reference.
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/expert_model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/sanitized.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::Model;
using engine::ModelConfig;

constexpr const char* kCase = "nomic-bert-moe";

TEST(Experts, AreInEveryNthLayerFromTheSecondOn) {
  const auto layers_of = [](int every) {
    const ModelConfig config = config_of(kCase, [&](Json& json) { json["moe_every_n_layers"] = every; });
    std::string layers;
    for (std::size_t i = 0; i < 8; ++i) layers += config.experts.in_layer(i) ? "x" : "-";
    return layers;
  };
  EXPECT_EQ(layers_of(2), "-x-x-x-x");
  EXPECT_EQ(layers_of(3), "-x--x--x");
  EXPECT_EQ(layers_of(1), "--------") << "as the published file has it: i % 1 is never 1";
  EXPECT_EQ(layers_of(0), "--------");
}

TEST(Experts, ImpossibleNumbersAreErrors) {
  const ErrorCode corrupt = ErrorCode::corrupt_file;
  for (const Json& number : {Json(0), Json(-1), Json(257), Json(std::int64_t{1} << 62), Json(2.5), Json("8"), Json()})
    expect_refused(kCase, "num_experts", number, {}, corrupt);
  for (const Json& number : {Json(0), Json(9), Json(std::int64_t{1} << 62), Json()}) expect_refused(kCase, "moe_top_k", number, {}, corrupt);
  for (const Json& number : {Json(-1), Json(std::int64_t{1} << 62)}) expect_refused(kCase, "moe_every_n_layers", number, {}, corrupt);
}

TEST(Experts, VariantsThatNobodyPublishedAreRefused) {
  expect_refused(kCase, "moe_normalize_expert_weights", true, {"true", "false"});
  expect_refused(kCase, "expert_choice_router", true, {"true", "false"});
  expect_refused(kCase, "num_shared_experts", 1, {"1", "0"});
  expect_refused(kCase, "ffn_div", 2, {"2", "1"});
  for (const char* name : {"swiglu", "gelu_new"}) expect_refused(kCase, "activation_function", name, {name, "gelu"});
}

TEST(Experts, TensorsHaveToFit) {
  const auto load_with = [](const std::function<void(Json&)>& edit) {
    const Edited edited(kCase, edit);
    return Model::load(edited.directory().string(), {.threads = 1});
  };
  const std::string w1 = "encoder.layers.1.mlp.experts.mlp.w1";
  expect_error(ErrorCode::corrupt_file, {"encoder.layers.3.mlp.router.layer.weight", "[8, 48], expected [4, 48]", w1, "[448, 48], expected [224, 48]", "w2"},
               [&] { load_with([](Json& json) { json["num_experts"] = 4; }); });
  expect_error(ErrorCode::corrupt_file, {w1, "[14336, 48]"}, [&] {  // 256 experts that the file does not have
    load_with([](Json& json) { json["num_experts"] = 256; });
  });
  expect_error(ErrorCode::corrupt_file, {"encoder.layers.1.mlp.fc1.weight", "missing"}, [&] { load_with([](Json& json) { json["moe_every_n_layers"] = 0; }); });
  for (const char* lost : {"mlp.router.layer.weight", "mlp.experts.mlp.w1", "mlp.experts.mlp.w2", "mlp.experts.bias"}) {
    const Edited edited(kCase, [](Json&) {});
    edited.rewrite([&](const TensorToWrite& tensor) {
      return tensor.name == std::string("encoder.layers.3.") + lost ? std::vector<TensorToWrite>{} : std::vector{tensor};
    });
    expect_error(ErrorCode::corrupt_file, {"encoder.layers.3.", lost, "missing"}, [&] { Model::load(edited.directory().string(), {.threads = 1}); });
  }
}

TEST(Experts, InfoCountsThoseThatATokenGoesThrough) {
  const auto model = Model::load(reference(kCase).string(), {.threads = 1});
  const Json info = Json::parse(model->info());
  const double hidden = 48;
  const double inner = 56;
  const double dense = 2 * hidden * (4 * hidden + 2 * inner);
  const double experts = 2 * hidden * (4 * hidden + 2 * 2 * inner + 8);
  EXPECT_DOUBLE_EQ(info["flop_per_token"].get<double>(), 2 * dense + 2 * experts);
  std::uint64_t elements = 0;
  const auto stored = loaders::TensorStore::open(reference(kCase));
  for (const loaders::TensorView& tensor : stored.tensors()) elements += tensor.elements();
  EXPECT_EQ(info["parameters"].get<std::uint64_t>(), elements) << "of all experts";
}

// The values of tensor `name`, [rows, ...], with `edit` applied to those of rows [first, last).
std::vector<TensorToWrite> edit_rows(const TensorToWrite& tensor, std::size_t first, std::size_t last, const std::function<float(float)>& edit) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  const std::size_t row = values.size() / static_cast<std::size_t>(tensor.shape[0]);
  for (std::size_t i = first * row; i < last * row; ++i) values[i] = edit(values[i]);
  return {f32(tensor.name, tensor.shape, values)};
}

// Where the router sees no difference, it is the first experts that run: changing any other changes nothing.
TEST(Experts, OfEqualOnesTheFirstArePicked) {
  const auto inputs = ReferenceCase(reference(kCase)).input_sets().front();
  const auto run = [&](std::size_t changed) {
    const Edited edited(kCase, [](Json&) {});
    edited.rewrite([&](const TensorToWrite& tensor) {
      if (tensor.name.find("router") != std::string::npos) return edit_rows(tensor, 0, 8, [](float) { return 0.0F; });
      if (tensor.name.find("w2") != std::string::npos && changed < 8)
        return edit_rows(tensor, changed * 56, (changed + 1) * 56, [](float value) { return value + 0.5F; });
      return std::vector{tensor};
    });
    const auto model = Model::load(edited.directory().string(), {.threads = 1});
    return outputs(*model, inputs.inputs());
  };
  const std::vector<float> expected = run(8);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(run(i) == expected, i >= 2) << "expert " << i;
}

// What is not a number picks some experts, and reaches the result, where it is an error.
TEST(Experts, OverflowIsAnErrorOfTheInput) {
  const Edited edited(kCase, [](Json&) {});
  edited.rewrite([&](const TensorToWrite& tensor) {
    if (tensor.name != "encoder.layers.1.mlp.router.layer.weight") return std::vector{tensor};
    return edit_rows(tensor, 0, 8, [](float value) { return value < 0 ? -3e38F : 3e38F; });
  });
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    const auto model = Model::load(edited.directory().string(), {.threads = 2, .precision = precision});
    const auto set = ReferenceCase(reference(kCase)).input_sets().front();
    expect_error(ErrorCode::non_finite, {}, [&] { outputs(*model, set.inputs()); });
  }
}

struct Parameter {
  std::string isa;
  std::string precision;
};
void PrintTo(const Parameter& parameter, std::ostream* out) { *out << parameter.isa << " " << parameter.precision; }

class ExpertRows : public testing::TestWithParam<Parameter> {
 protected:
  static std::vector<float> run(const Model& model, const std::vector<std::vector<std::int32_t>>& rows) {
    std::vector<berth_input> inputs;
    for (const auto& row : rows) inputs.push_back(ids_input(row));
    return outputs(model, inputs);
  }
};

// Rows of one id make every token pick the same experts: those have all rows, the others none. Rows of many ids spread over all.
TEST_P(ExpertRows, DoNotChangeATextsBits) {
  std::vector<std::vector<std::int32_t>> rows = {{5}, {6, 7}, std::vector<std::int32_t>(40, 9), {}, {}, std::vector<std::int32_t>(150, 11)};
  for (std::int32_t i = 0; i < 17; ++i) rows[3].push_back(i);
  for (std::int32_t i = 0; i < (kSanitized ? 60 : 230); ++i) rows[4].push_back(i * 29 % 96);
  const std::vector<std::vector<std::size_t>> batches = {{0}, {1, 0}, {2}, {2, 1}, {3}, {0, 3, 2}, {4}, {5, 0}, {4, 3, 2, 1, 0, 5}};
  for (const int top_k : {1, 3}) {
    const ExpertModel files(top_k);
    const auto load = [&](int threads) {
      return Model::load(files.directory(), {.threads = threads, .precision = GetParam().precision, .isa = GetParam().isa});
    };
    std::vector<std::vector<float>> alone;
    const auto one = load(1);
    for (const auto& row : rows) alone.push_back(run(*one, {row}));
    for (const int threads : kSanitized ? std::vector{1, 3} : std::vector{1, 2, 3, 8}) {
      const auto model = load(threads);
      for (const auto& batch : batches) {
        std::vector<std::vector<std::int32_t>> together;
        std::vector<float> expected;
        for (const std::size_t i : batch) {
          together.push_back(rows[i]);
          expected.insert(expected.end(), alone[i].begin(), alone[i].end());
        }
        const std::vector<float> got = run(*model, together);
        ASSERT_EQ(got.size(), expected.size());
        EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0)
            << "top " << top_k << ", " << threads << " threads, " << batch.size() << " texts, the first of " << together[0].size() << " tokens";
      }
    }
  }
}

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const std::string& isa : usable_isas())
    for (const char* precision : {"fp32", "bf16", "int8"}) all.push_back({isa, precision});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Isas, ExpertRows, testing::ValuesIn(parameters()), [](const auto& info) { return info.param.isa + "_" + info.param.precision; });

}  // namespace
}  // namespace berth::test
