#include "engine/architectures/registry.hpp"

#include <array>
#include <string>

namespace berth::engine {

namespace {
constexpr std::array kArchitectures = {
    &kBert,
    &kDistilBert,
};
}  // namespace

std::span<const ArchitectureSpec* const> architectures() { return kArchitectures; }

std::string_view supported_model_types() {
  static const std::string names = [] {
    std::string list;
    for (const ArchitectureSpec* spec : kArchitectures) list += (list.empty() ? "" : ", ") + std::string(spec->model_type);
    return list;
  }();
  return names;
}

const ArchitectureSpec* find_architecture(std::string_view model_type) {
  for (const ArchitectureSpec* spec : kArchitectures)
    if (spec->model_type == model_type) return spec;
  return nullptr;
}

}  // namespace berth::engine
