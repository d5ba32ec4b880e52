// The list of architectures; each is defined in a file of its own beside this one.
#pragma once

#include "engine/architecture.hpp"

// Of those that share a model_type, one with a marker or a key of its own comes before one without.
// clang-format off
#define BERTH_ARCHITECTURES(entry) \
  entry(kAlbert)                   \
  entry(kBart)                     \
  entry(kBert)                     \
  entry(kCamembert)                \
  entry(kData2VecText)             \
  entry(kDeberta)                  \
  entry(kDebertaV2)                \
  entry(kDistilBert)               \
  entry(kElectra)                  \
  entry(kErnie)                    \
  entry(kEuroBert)                 \
  entry(kGemma3Text)               \
  entry(kGteNew)                   \
  entry(kGte)                      \
  entry(kJinaEmbeddingsV3)         \
  entry(kJinaBertNormedKeys)       \
  entry(kJinaBert)                 \
  entry(kModernBert)               \
  entry(kMpnet)                    \
  entry(kMt5)                      \
  entry(kNomicBert)                \
  entry(kNomicBertNative)          \
  entry(kQwen2)                    \
  entry(kQwen3)                    \
  entry(kRoberta)                  \
  entry(kRoFormer)                 \
  entry(kT5)                       \
  entry(kUmt5)                     \
  entry(kXlmRoberta)               \
  entry(kXlmRobertaRotary)
// clang-format on

namespace berth::engine {

#define BERTH_DECLARE(name) extern const ArchitectureSpec name;
BERTH_ARCHITECTURES(BERTH_DECLARE)
#undef BERTH_DECLARE

}  // namespace berth::engine
