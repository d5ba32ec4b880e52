#include "engine/auto_precision.hpp"

#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "tests/support/expect_error.hpp"

namespace berth::engine {
namespace {

using kernels::Isa;

ModelConfig plain() { return {}; }

TEST(AutoPrecision, DependsOnTheInstructionSetAndTheArchitecture) {
  EXPECT_EQ(auto_precision(plain(), Isa::amx).precision, Precision::int8);
  EXPECT_EQ(auto_precision(plain(), Isa::avxvnni).precision, Precision::int8);
  EXPECT_EQ(auto_precision(plain(), Isa::avx2).precision, Precision::fp32);
  EXPECT_NE(auto_precision(plain(), Isa::avx2).reason.find("avx2"), std::string::npos);
  ModelConfig gated = plain();
  gated.body.gate = Gate::second_half;
  ModelConfig pre_norm = plain();
  pre_norm.body.pre_norm = true;
  ModelConfig disentangled = plain();
  disentangled.disentangled.span = 256;
  ModelConfig experts = plain();
  experts.experts.count = 8;
  for (const auto& [config, word] : {std::pair{gated, "gate"}, {pre_norm, "norms before"}, {disentangled, "disentangled"}, {experts, "experts"}}) {
    EXPECT_EQ(auto_precision(config, Isa::amx).precision, Precision::bf16) << word;
    EXPECT_NE(auto_precision(config, Isa::amx).reason.find(word), std::string::npos);
    EXPECT_EQ(auto_precision(config, Isa::avx512vnni).precision, Precision::fp32) << word;
  }
}

// docs/quantization.md has the same table.
TEST(AutoPrecision, TheDocumentShowsTheTable) {
  std::ifstream file(std::string(BERTH_SOURCE_DIR) + "/docs/quantization.md");
  std::map<std::string, std::pair<std::string, std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream cells(line);
    std::string bar, set, sturdy, delicate;
    if (cells >> bar >> set >> bar >> sturdy >> bar >> delicate && bar == "|" && set.starts_with("`")) rows[set] = {sturdy, delicate};
  }
  for (const AutoPrecisionRow& row : auto_precision_table()) {
    const std::string set = "`" + std::string(kernels::name(row.isa)) + "`";
    ASSERT_TRUE(rows.contains(set)) << set;
    EXPECT_EQ(rows[set].first, name(row.sturdy)) << set;
    EXPECT_EQ(rows[set].second, name(row.delicate)) << set;
  }
}

TEST(AutoPrecision, IsAnOptionAndInfoExplainsIt) {
  const std::string directory = std::string(BERTH_SOURCE_DIR) + "/weights/intent";
  for (const auto& status : kernels::isa_statuses()) {
    if (!status.usable) continue;
    const std::string isa(kernels::name(status.isa));
    const auto model = Model::load(directory, {.threads = 1, .precision = "auto", .isa = isa});
    const AutoPrecision expected = auto_precision(model->config(), status.isa);
    EXPECT_EQ(model->weights().layer_precision, expected.precision) << isa;
    EXPECT_NE(model->info().find("\"precision\":\"" + std::string(name(expected.precision)) + "\""), std::string::npos) << model->info();
    EXPECT_NE(model->info().find("\"auto_precision_reason\":\"" + expected.reason + "\""), std::string::npos) << model->info();
  }
  test::expect_error(base::ErrorCode::invalid_argument, {"precision", "\"int4\"", "auto, fp32, bf16, int8"},
                     [&] { Model::load(directory, {.precision = "int4"}); });
}

}  // namespace
}  // namespace berth::engine
