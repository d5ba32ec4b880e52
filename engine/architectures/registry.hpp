// The list of architectures; each is defined in a file of its own beside this one.
#pragma once

#include "engine/architecture.hpp"

namespace berth::engine {

extern const ArchitectureSpec kBert;
extern const ArchitectureSpec kDistilBert;

}  // namespace berth::engine
