// When the embeddings of a profile's examples are kept, and when not.
#include "engine/profile/exemplars.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

// A directory may get another model while the one that was there is still in use: what that one gives is not kept for the other.
TEST(Exemplars, OfFilesThatHaveChangedAreNotKept) {
  const TempDirectory files;
  const fs::path directory = files / "model", cache = files / "p.embeddings";
  fs::copy(fs::path(BERTH_SOURCE_DIR) / "weights/intent", directory, fs::copy_options::recursive);
  engine::ProfileSpec profile;
  profile.labels.resize(1);
  profile.labels[0].examples = {"play some music"};
  const auto model = engine::Model::load(directory.native(), {});
  const auto cached = [&] { return engine::Exemplars(*model, profile, {}, cache, directory).cached(); };
  EXPECT_EQ(cached(), 0U);
  EXPECT_EQ(cached(), 1U);
  const std::string kept = base::read_file(cache, 1 << 20);
  std::ofstream(directory / "config.json", std::ios::app) << "\n";
  EXPECT_EQ(cached(), 0U);
  fs::remove(directory / "config.json");
  EXPECT_EQ(cached(), 0U) << "no error: the model runs";
  EXPECT_TRUE(base::read_file(cache, 1 << 20) == kept);
}

}  // namespace
}  // namespace berth::test
