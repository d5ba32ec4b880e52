// Which instruction sets a run of these tests can cover. BERTH_REQUIRE_ISA=name makes it an error when that one is not among them: for machines
// that are there to test it.
#include <cstdlib>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

TEST(Coverage, HasTheRequiredInstructionSet) {
  const char* required = std::getenv("BERTH_REQUIRE_ISA");
  if (required == nullptr || *required == '\0') GTEST_SKIP() << "BERTH_REQUIRE_ISA is not set";
  bool known = false;
  for (const IsaStatus& status : isa_statuses()) {
    if (name(status.isa) != required) continue;
    known = true;
    EXPECT_TRUE(status.usable) << "BERTH_REQUIRE_ISA=" << required << ", but " << status.reason;
  }
  EXPECT_TRUE(known) << "BERTH_REQUIRE_ISA=" << required << " is no instruction set";
}

TEST(Coverage, AlwaysHasTheBaseline) {
  ASSERT_FALSE(usable_tables().empty());
  EXPECT_EQ(usable_tables().front().name, "baseline");
}

// Each table in one process, and each a different one: a table that is another's copy would make the rest of these tests vain.
TEST(Coverage, TablesDiffer) {
  for (std::size_t i = 1; i < usable_tables().size(); ++i) {
    EXPECT_NE(usable_tables()[i].kernels->gemm_f32, usable_tables()[i - 1].kernels->gemm_f32);
    EXPECT_GT(usable_tables()[i].kernels->lanes, usable_tables()[i - 1].kernels->lanes);
  }
}

}  // namespace
}  // namespace berth::kernels
