#include "engine/architectures/registry.hpp"

#include <array>
#include <string>

namespace berth::engine {

namespace {
// Of those that share a model_type, one with a marker comes before one without.
constexpr std::array kArchitectures = {
    &kAlbert, &kBert, &kCamembert, &kDebertaV2, &kDistilBert, &kElectra, &kGteNew, &kJinaBertNormedKeys, &kJinaBert, &kModernBert,
    &kMpnet, &kNomicBert, &kRoberta, &kXlmRoberta,
};
}  // namespace

std::span<const ArchitectureSpec* const> architectures() { return kArchitectures; }

std::string_view supported_model_types() {
  static const std::string names = [] {
    std::string list;
    for (const ArchitectureSpec* spec : kArchitectures) {
      if (("," + list + ",").find(", " + std::string(spec->model_type) + ",") != std::string::npos) continue;
      list += (list.empty() ? "" : ", ") + std::string(spec->model_type);
    }
    return list;
  }();
  return names;
}

}  // namespace berth::engine
