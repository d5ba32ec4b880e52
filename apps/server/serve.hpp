// The server as a whole.
#pragma once

#include "apps/server/options.hpp"

namespace berth::server {

// Serves until SIGTERM or SIGINT; SIGHUP loads the models again. Returns the exit status. Throws berth::Error or std::runtime_error where it cannot start.
int serve(const ServerOptions& options);

// Asks a server for its health, as a container's check does: 0 when it is ready.
int check_health(const ServerOptions& options, bool live);

}  // namespace berth::server
