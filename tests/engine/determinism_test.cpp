// The same text gives the same bits alone, in any batch, in any order, on any number of threads, whatever the host thread's floating-point mode.
#include <immintrin.h>

#include <algorithm>
#include <cfenv>
#include <cstring>
#include <memory>
#include <numeric>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/sanitized.hpp"

namespace berth::test {
namespace {

using engine::Model;

constexpr std::size_t kTexts = kSanitized ? 4 : 19;  // the first of them long

std::string weights(const char* name) { return std::string(BERTH_SOURCE_DIR) + "/weights/" + name; }

// Texts of very different lengths, up to well over the model's limit.
std::vector<std::string> make_texts(std::size_t count) {
  const std::vector<std::string> words = {"card", "payment", "why", "film", "weather", "the", "not", "a", "wonderful", "lost", "unbelievably", "café", "?"};
  std::mt19937 random(7);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t length = i % 9 == 0 ? 150 : random() % 30;
    std::string text;
    for (std::size_t w = 0; w < length; ++w) text += words[random() % words.size()] + " ";
    texts.push_back(text);
  }
  return texts;
}

std::vector<float> encode(const Model& model, const std::vector<std::string>& texts, std::size_t batch_tokens = 0) {
  return encode_texts(model, texts, {.batch_tokens = batch_tokens});
}

// Encoded one by one on one thread: what everything else must equal.
std::vector<float> alone(const Model& model, const std::vector<std::string>& texts) {
  std::vector<float> all;
  for (const std::string& text : texts) {
    const auto row = encode(model, {text});
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Parameter {
  std::string isa;
  std::string precision;
};
void PrintTo(const Parameter& parameter, std::ostream* out) { *out << parameter.isa << " " << parameter.precision; }

class Determinism : public testing::TestWithParam<Parameter> {
 protected:
  static std::unique_ptr<const Model> load(int threads) {
    return Model::load(weights("intent"), {.threads = threads, .precision = GetParam().precision, .isa = GetParam().isa});
  }
};

TEST_P(Determinism, BatchOrderAndThreads) {
  const auto texts = make_texts(kTexts);
  const auto one = load(1);
  const auto expected = alone(*one, texts);
  const std::size_t size = one->embedding_size();
  for (const int threads : kSanitized ? std::vector{3} : std::vector{1, 2, 3, 8}) {
    const auto model = load(threads);
    EXPECT_TRUE(same_bits(alone(*model, texts), expected)) << "alone, " << threads << " threads";
    for (const std::size_t batch_tokens : {std::size_t{1}, std::size_t{64}, std::size_t{333}, std::size_t{100000}})
      EXPECT_TRUE(same_bits(encode(*model, texts, batch_tokens), expected)) << batch_tokens << " tokens a batch, " << threads << " threads";
    std::vector<std::size_t> order(texts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937(static_cast<unsigned>(threads)));
    std::vector<std::string> shuffled;
    std::vector<float> expected_shuffled;
    for (const std::size_t i : order) {
      shuffled.push_back(texts[i]);
      expected_shuffled.insert(expected_shuffled.end(), expected.begin() + static_cast<std::ptrdiff_t>(i * size),
                               expected.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
    }
    EXPECT_TRUE(same_bits(encode(*model, shuffled), expected_shuffled)) << "shuffled, " << threads << " threads";
  }
}

TEST_P(Determinism, HostFloatingPointModeDoesNotMatter) {
  const auto texts = make_texts(kTexts / 2);
  for (const int threads : {1, 2}) {
    const auto model = load(threads);
    const auto expected = encode(*model, texts);
    const unsigned saved = _mm_getcsr();
    for (const int rounding : {FE_UPWARD, FE_TOWARDZERO, FE_DOWNWARD}) {
      std::fesetround(rounding);
      const auto result = encode(*model, texts);
      const int left = std::fegetround();
      std::fesetround(FE_TONEAREST);
      EXPECT_TRUE(same_bits(result, expected)) << "rounding mode " << rounding << ", " << threads << " threads";
      EXPECT_EQ(left, rounding) << "the host's mode must be restored";
    }
    _mm_setcsr(saved);
  }
}

// Every distinct set of kernels in every precision that runs on it.
std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  const std::vector<std::string> isas = usable_isas();
  const kernels::KernelTable* last = nullptr;
  const kernels::LowKernelTable* last_low = nullptr;
  for (const auto& status : kernels::isa_statuses()) {
    const std::string isa(kernels::name(status.isa));
    if (std::find(isas.begin(), isas.end(), isa) == isas.end()) continue;
    if (&kernels::kernel_table(status.isa) != last) all.push_back({isa, "fp32"});
    if (&kernels::low_kernel_table(status.isa) != last_low) all.push_back({isa, "int8"});
    if (&kernels::low_kernel_table(status.isa) != last_low && kernels::low_kernel_table(status.isa).gemm_bf16 != nullptr) all.push_back({isa, "bf16"});
    last = &kernels::kernel_table(status.isa);
    last_low = &kernels::low_kernel_table(status.isa);
  }
  return all;
}
INSTANTIATE_TEST_SUITE_P(Isas, Determinism, testing::ValuesIn(parameters()), [](const auto& info) { return info.param.isa + "_" + info.param.precision; });

}  // namespace
}  // namespace berth::test
