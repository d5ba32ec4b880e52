// BF16 and INT8 stay close to FP32 on the models that ship, on every instruction set; and INT8 sums being exact, all sets agree with one another.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "tests/engine/inputs.hpp"

namespace berth::test {
namespace {

using engine::Model;

const std::vector<std::string> kTexts = {
    "i lost my card and need a new one",
    "what is the exchange rate for euros",
    "how do i reset my password",
    "can you tell me the weather for friday",
    "transfer fifty dollars to my savings",
    "a masterpiece, moving and beautifully shot",
    "dull, lifeless and far too long",
    "the plot is thin but the acting saves it",
    "",
    "book a table for two tonight please and make sure that it is not next to the kitchen door, since last time it was far too loud to talk",
    "why was my payment declined twice",
    "set an alarm for seven tomorrow morning"};

std::vector<float> run(const char* model_name, const std::string& precision, const std::string& isa, std::size_t& size) {
  const auto model = Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/" + model_name, {.threads = 2, .precision = precision, .isa = isa});
  const std::vector<berth_input> inputs = text_inputs(kTexts);
  const bool classifies = model->config().has_sequence_classifier();
  size = classifies ? model->config().labels.size() : model->embedding_size();
  std::vector<float> out(inputs.size() * size);
  if (classifies) {
    model->classify(inputs, {}, false, out.data(), nullptr);
  } else {
    model->encode(inputs, {}, out.data(), nullptr, nullptr);
  }
  return out;
}

double cosine(const float* a, const float* b, std::size_t size) {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / std::sqrt(aa * bb);
}

class LowPrecision : public testing::TestWithParam<std::string> {};

TEST_P(LowPrecision, EmbeddingsPointTheSameWay) {
  std::size_t size = 0;
  const auto exact = run("intent", "fp32", "", size);
  for (const auto& [precision, least] : {std::pair{"bf16", 0.9995}, std::pair{"int8", 0.999}}) {
    const auto low = run("intent", precision, GetParam(), size);
    for (std::size_t i = 0; i < kTexts.size(); ++i) EXPECT_GE(cosine(&exact[i * size], &low[i * size], size), least) << precision << ", text " << i;
  }
}

TEST_P(LowPrecision, LabelsStay) {
  std::size_t size = 0;
  const auto exact = run("sentiment", "fp32", "", size);
  for (const auto& [precision, most] : {std::pair{"bf16", 0.01F}, std::pair{"int8", 0.05F}}) {
    const auto low = run("sentiment", precision, GetParam(), size);
    for (std::size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(exact[i], low[i], most) << precision << ", score " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, LowPrecision, testing::ValuesIn(usable_isas()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace berth::test
