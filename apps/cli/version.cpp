#include "apps/cli/version.hpp"

#include <berth/berth.h>

namespace berth::cli {

std::string version_text() {
  return std::string("berth ") + berth_version() +
         "\nbuild type: " BERTH_BUILD_TYPE "\ncompiler: " BERTH_COMPILER "\ninstruction sets: " BERTH_ISAS "\nlinked: " BERTH_LINKED;
}

}  // namespace berth::cli
