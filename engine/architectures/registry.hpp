// The list of architectures; each is defined in a file of its own beside this one.
#pragma once

#include "engine/architecture.hpp"

namespace berth::engine {

extern const ArchitectureSpec kAlbert;
extern const ArchitectureSpec kBert;
extern const ArchitectureSpec kCamembert;
extern const ArchitectureSpec kDebertaV2;
extern const ArchitectureSpec kDistilBert;
extern const ArchitectureSpec kElectra;
extern const ArchitectureSpec kGteNew;
extern const ArchitectureSpec kJinaBert;
extern const ArchitectureSpec kJinaBertNormedKeys;
extern const ArchitectureSpec kModernBert;
extern const ArchitectureSpec kMpnet;
extern const ArchitectureSpec kNomicBert;
extern const ArchitectureSpec kRoberta;
extern const ArchitectureSpec kXlmRoberta;

}  // namespace berth::engine
