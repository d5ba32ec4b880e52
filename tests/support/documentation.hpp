// Tables in docs/ that are made from the program's own registries.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/files.hpp"

namespace berth::test {

// That what stands between the two marks in docs/NAME is `table`. With BERTH_UPDATE_DOCS=1 in the environment it is written there instead.
inline void expect_documented(const std::string& name, const std::string& table) {
  const std::string begin = "<!-- begin: made from the registry -->\n";
  const std::string end = "<!-- end -->\n";
  const std::filesystem::path path = std::filesystem::path(BERTH_SOURCE_DIR) / "docs" / name;
  std::string text = base::read_file(path, 1 << 20);
  const std::size_t from = text.find(begin);
  const std::size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::string written = text.substr(from + begin.size(), to - from - begin.size());
  if (std::getenv("BERTH_UPDATE_DOCS") != nullptr) {
    text.replace(from + begin.size(), written.size(), table);
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(written, table);
}

}  // namespace berth::test
