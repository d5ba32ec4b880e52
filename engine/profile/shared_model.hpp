// One model for all profiles of a process that use it.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/model.hpp"

namespace berth::engine {

// The model that another profile loaded from these very files with these options and still uses, else Model::load()'s. base::Error as that throws it.
// Files that were written to or replaced since are others, and so is a directory with a file more that loading had looked for. Safe to call from many threads.
std::shared_ptr<const Model> shared_model(const std::filesystem::path& directory, const LoadOptions& options);

}  // namespace berth::engine
