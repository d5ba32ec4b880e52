// What `berth --version` prints.
#pragma once

#include <string>

namespace berth::cli {

// The version, and how this program was built: build type, compiler, the instruction sets inside, how it is linked; one line each.
std::string version_text();

}  // namespace berth::cli
