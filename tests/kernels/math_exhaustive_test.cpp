// The bounds that kernels/generic/math.hpp states, over every float where the functions are neither linear nor at their limits, and every 17th
// around that.
#include "tests/kernels/math_sweep.hpp"

namespace berth::kernels {
namespace {

TEST(MathExhaustive, Exp) {
  std::vector<Worst> worst;
  sweep_exp(usable_tables(), -0x1p-24F, -0x1p-10F, 17, worst);
  sweep_exp(usable_tables(), -0x1p-10F, -87.0F, 1, worst);
  for (std::size_t t = 0; t < worst.size(); ++t) expect_within(worst[t], "exp, " + usable_tables()[t].name);
}

class MathExhaustive : public testing::TestWithParam<Activation> {};
INSTANTIATE_TEST_SUITE_P(Every, MathExhaustive, testing::ValuesIn(kActivations + 2, std::end(kActivations)),  // none and relu have no error
                         [](const auto& activation) { return name_of(activation.param); });

TEST_P(MathExhaustive, Activation) {
  std::vector<Worst> worst;
  for (const float sign : {1.0F, -1.0F}) {
    sweep_activation(GetParam(), usable_tables(), 0x1p-24F * sign, 0x1p-10F * sign, 17, worst);
    sweep_activation(GetParam(), usable_tables(), 0x1p-10F * sign, 32.0F * sign, 1, worst);
    sweep_activation(GetParam(), usable_tables(), 32.0F * sign, 128.0F * sign, 17, worst);
  }
  for (std::size_t t = 0; t < worst.size(); ++t) expect_within(worst[t], std::string(name_of(GetParam())) + ", " + usable_tables()[t].name);
}

}  // namespace
}  // namespace berth::kernels
