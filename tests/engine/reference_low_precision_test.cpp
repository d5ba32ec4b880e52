// BF16 and INT8 on every reference case and instruction set: near FP32, and the same bits in any batch and on any number of threads. The bounds, and
// why they are what they are: docs/architectures.md.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"

namespace berth::test {
namespace {

struct Parameter {
  std::string isa;
  std::string precision;  // "fp32" takes part where bits are compared with one another
};
void PrintTo(const Parameter& parameter, std::ostream* out) { *out << parameter.isa << " " << parameter.precision; }

std::vector<Parameter> parameters(std::initializer_list<const char*> precisions) {
  std::vector<Parameter> all;
  for (const std::string& isa : usable_isas())
    for (const char* precision : precisions) all.push_back({isa, precision});
  return all;
}

class ReferenceLowPrecision : public testing::TestWithParam<Parameter> {};

// All that FP32 (which reference_test.cpp holds to the reference itself) gives for a set of inputs, beside all that low precision gives for it.
TEST_P(ReferenceLowPrecision, StaysNearFp32) {
  for (const auto& directory : reference_directories()) {
    const ReferenceCase one(directory);
    const auto exact = engine::Model::load(directory.string(), {.threads = 1});
    const auto low = engine::Model::load(directory.string(), {.threads = 1, .precision = GetParam().precision, .isa = GetParam().isa});
    for (const ReferenceInputs& set : one.input_sets()) {
      const auto expected = outputs(*exact, set.inputs());
      const auto got = outputs(*low, set.inputs());
      ASSERT_EQ(expected.size(), got.size());
      const double c = cosine(expected, got);
      if (std::getenv("BERTH_PRINT_COSINES") != nullptr)
        std::printf("%s %s %s %s%.6f\n", GetParam().precision.c_str(), GetParam().isa.c_str(), directory.filename().c_str(), set.prefix.c_str(), c);
      const bool few = exact->config().has_sequence_classifier();
      EXPECT_GE(c, GetParam().precision == "bf16" ? 0.9995 : few ? 0.998 : 0.999) << directory.filename() << " " << set.prefix;
    }
  }
}

class ReferenceDeterminism : public testing::TestWithParam<Parameter> {};

TEST_P(ReferenceDeterminism, AloneInABatchAndInAnyOrder) {
  for (const auto& directory : reference_directories()) {
    const ReferenceCase one(directory);
    const auto load = [&](int threads) {
      return engine::Model::load(directory.string(), {.threads = threads, .precision = GetParam().precision, .isa = GetParam().isa});
    };
    const auto single = load(1);
    const auto several = load(3);
    std::vector<berth_input> inputs;
    const std::vector<ReferenceInputs> sets = one.input_sets();
    for (const ReferenceInputs& set : sets)
      for (const berth_input& input : set.inputs()) inputs.push_back(input);
    std::vector<std::vector<float>> alone;
    for (const berth_input& input : inputs) alone.push_back(outputs(*single, {input}));
    for (const bool reversed : {false, true}) {
      if (reversed) {
        std::reverse(inputs.begin(), inputs.end());
        std::reverse(alone.begin(), alone.end());
      }
      std::vector<float> expected;
      for (const auto& values : alone) expected.insert(expected.end(), values.begin(), values.end());
      const std::vector<float> together = outputs(*several, inputs);
      ASSERT_EQ(together.size(), expected.size());
      EXPECT_EQ(std::memcmp(together.data(), expected.data(), expected.size() * sizeof(float)), 0) << directory.filename() << (reversed ? ", reversed" : "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, ReferenceDeterminism, testing::ValuesIn(parameters({"fp32", "bf16", "int8"})),
                         [](const auto& info) { return info.param.isa + "_" + info.param.precision; });
INSTANTIATE_TEST_SUITE_P(Isas, ReferenceLowPrecision, testing::ValuesIn(parameters({"bf16", "int8"})),
                         [](const auto& info) { return info.param.isa + "_" + info.param.precision; });

}  // namespace
}  // namespace berth::test
