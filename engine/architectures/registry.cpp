#include "engine/architectures/registry.hpp"

#include <set>
#include <string>

namespace berth::engine {

namespace {
#define BERTH_ADDRESS(name) &name,
constexpr const ArchitectureSpec* kArchitectures[] = {BERTH_ARCHITECTURES(BERTH_ADDRESS)};
#undef BERTH_ADDRESS
}  // namespace

std::span<const ArchitectureSpec* const> architectures() { return kArchitectures; }

std::string_view supported_model_types() {
  static const std::string names = [] {
    std::set<std::string_view> types;  // several descriptions may share one
    for (const ArchitectureSpec* spec : kArchitectures) types.insert(spec->model_type);
    std::string list;
    for (const std::string_view type : types) list += (list.empty() ? "" : ", ") + std::string(type);
    return list;
  }();
  return names;
}

}  // namespace berth::engine
