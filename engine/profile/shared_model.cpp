#include "engine/profile/shared_model.hpp"

#include <map>
#include <mutex>

#include "base/file_log.hpp"
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

ContentHash key_of(const std::filesystem::path& directory, const LoadOptions& options) {
  ContentHasher hasher;
  hasher.add(directory.native());
  hasher.add(static_cast<std::uint64_t>(options.threads));
  hasher.add(std::uint64_t{options.mmap});
  hasher.add(options.precision);
  hasher.add(options.adapter);
  hasher.add(kernels::name(kernels::select_isa(options.isa)));
  return hasher.finish();
}

}  // namespace

std::shared_ptr<const Model> shared_model(const std::filesystem::path& directory, const LoadOptions& options) {
  Registry& known = registry();
  const ContentHash key = key_of(directory, options);
  const auto find = [&]() -> std::shared_ptr<const Model> {
    const std::lock_guard lock(known.mutex);
    const auto found = known.models.find(key);
    return found == known.models.end() ? nullptr : found->second.lock();
  };
  // Outside the lock, which other models do not wait for, and where a model may go that nobody else has any more.
  std::shared_ptr<const Model> model = find();
  if (model && base::unchanged(model->files())) return model;
  model = Model::load(directory.native(), options);  // of two threads that load the same one at once, both have theirs
  const std::lock_guard lock(known.mutex);
  std::erase_if(known.models, [](const auto& entry) { return entry.second.expired(); });
  known.models.insert_or_assign(key, model);
  return model;
}

}  // namespace berth::engine
