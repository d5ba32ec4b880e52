// Where targets that read a directory write what they read.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "tests/support/temp_directory.hpp"

namespace berth::fuzz {

// One for the whole process. In memory where there is such a place: a target that waits for a disk tries little.
inline const test::TempDirectory& directory() {
  static const bool in_memory = std::filesystem::is_directory("/dev/shm") && std::getenv("TMPDIR") == nullptr && ::setenv("TMPDIR", "/dev/shm", 1) == 0;
  static_cast<void>(in_memory);
  static const test::TempDirectory made;
  return made;
}

}  // namespace berth::fuzz
