#include "engine/profile/shared_model.hpp"

#include <map>
#include <mutex>
#include <optional>

#include "base/error.hpp"
#include "base/fork.hpp"
#include "engine/profile/content_hash.hpp"
#include "kernels/dispatch.hpp"

namespace berth::engine {
namespace {

struct Registry {
  base::ForkMutex mutex;
  std::map<ContentHash, std::weak_ptr<const Model>> models;
};

Registry& registry() {
  static Registry models;
  return models;
}

// None where the directory cannot be listed: whoever loads it says why.
std::optional<ContentHash> key_of(const std::filesystem::path& directory, const LoadOptions& options) {
  try {
    const ContentHash files = stamp_model_directory(directory);
    ContentHasher hasher;
    hasher.add(directory.native());  // which a model's info names
    hasher.add(files.low);
    hasher.add(files.high);
    hasher.add(static_cast<std::uint64_t>(options.threads));
    hasher.add(std::uint64_t{options.mmap});
    hasher.add(options.precision);
    hasher.add(kernels::name(kernels::select_isa(options.isa)));
    return hasher.finish();
  } catch (const base::Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::shared_ptr<const Model> shared_model(const std::filesystem::path& directory, const LoadOptions& options) {
  Registry& known = registry();
  const std::optional<ContentHash> key = key_of(directory, options);
  if (key) {
    const std::lock_guard lock(known.mutex);
    if (const auto found = known.models.find(*key); found != known.models.end())
      if (std::shared_ptr<const Model> model = found->second.lock()) return model;
  }
  // Outside the lock, which other models do not wait for. Of two threads that load the same one at once, both have theirs.
  std::shared_ptr<const Model> model = Model::load(directory.native(), options);
  if (key && key == key_of(directory, options)) {  // not of files that changed meanwhile
    const std::lock_guard lock(known.mutex);
    std::erase_if(known.models, [](const auto& entry) { return entry.second.expired(); });
    known.models.insert_or_assign(*key, model);
  }
  return model;
}

}  // namespace berth::engine
