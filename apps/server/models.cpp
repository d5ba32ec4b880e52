#include "apps/server/models.hpp"

#include <iterator>

#include "base/memory.hpp"

namespace berth::server {

namespace {
constexpr const char* kStopping = "the server is stopping";
}

Models::Models(const ServerOptions& options, Workers& workers, Metrics& metrics, const Log& log)
    : options_(options), workers_(workers), metrics_(metrics), log_(log) {
  for (const ModelSource& source : options.models) {
    entries_.push_back(std::make_unique<Entry>());
    entries_.back()->source = source;
  }
}

void Models::check_profiles() const {
  std::string mistakes;
  for (const auto& entry : entries_) {
    if (!entry->source.profile) continue;
    try {
      Classifier::check(entry->source.directory);
    } catch (const Error& error) {
      mistakes.append(mistakes.empty() ? "" : "\n").append(error.what());
    }
  }
  if (!mistakes.empty()) throw Error(BERTH_CORRUPT_FILE, mistakes);
}

ModelPointer Models::load_profile(const ModelSource& source) const {
  const Clock::time_point begin = Clock::now();
  auto profile = std::make_shared<ServedModel>(source.name, source.directory, Classifier::load(source.directory, options_.profiles));
  log_.info("profile loaded", {{"profile", source.name},
                               {"file", source.directory},
                               {"labels", std::uint64_t{profile->labels.size()}},
                               {"precision", profile->precision},
                               {"bytes", std::uint64_t{profile->bytes}},
                               {"seconds", seconds(Clock::now() - begin)}});
  if (!profile->model_error.empty())
    log_.warning("profile without its model: only its rules decide", {{"profile", source.name}, {"error", profile->model_error}});
  return profile;
}

// Rules alone are better than nothing, but not than the model that is there.
ModelPointer Models::load_again(const ModelSource& source, const ModelPointer& old) const {
  ModelPointer fresh = load(source);
  if (old->model_error.empty() && !fresh->model_error.empty()) throw Error(BERTH_NOT_FOUND, "the profile would lose its model: " + fresh->model_error);
  return fresh;
}

ModelPointer Models::load(const ModelSource& source) const {
  if (source.profile) return load_profile(source);
  const Clock::time_point begin = Clock::now();
  LoadOptions options = options_.load;
  options.adapter = source.adapter;
  auto model = std::make_shared<ServedModel>(source.name, source.directory, Model::load(source.directory, options));
  log_.info("model loaded", {{"model", source.name},
                             {"directory", source.directory},
                             {"adapter", source.adapter},
                             {"architecture", model->architecture},
                             {"precision", model->precision},
                             {"threads", static_cast<std::uint64_t>(model->threads)},
                             {"bytes", std::uint64_t{model->bytes}},
                             {"seconds", seconds(Clock::now() - begin)}});
  return model;
}

void Models::load_all() {
  for (const auto& entry : entries_) {
    ModelPointer model = load(entry->source);
    const std::lock_guard lock(mutex_);
    entry->current = std::move(model);
    entry->used = Clock::now();
    make_room(*entry);
  }
}

const ModelSource* Models::find(std::string_view name) const {
  if (name.empty()) return &entries_.front()->source;
  for (const auto& entry : entries_)
    if (entry->source.name == name) return &entry->source;
  return nullptr;
}

Models::Entry& Models::entry_of(const ModelSource& source) {
  for (const auto& entry : entries_)
    if (&entry->source == &source) return *entry;
  return *entries_.front();
}

ModelPointer Models::get(const ModelSource& source) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entry_of(source);
  entry.used = Clock::now();
  return entry.current;
}

void Models::stop() {
  std::vector<std::function<void(ModelPointer, const std::string&)>> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& entry : entries_) {
      std::move(entry->waiting.begin(), entry->waiting.end(), std::back_inserter(waiting));
      entry->waiting.clear();
    }
  }
  for (const auto& call : waiting) call(nullptr, kStopping);
}

void Models::when_loaded(const ModelSource& source, std::function<void(ModelPointer, const std::string&)> ready) {
  std::unique_lock lock(mutex_);
  if (stopped_) {
    lock.unlock();
    return ready(nullptr, kStopping);
  }
  Entry& entry = entry_of(source);
  entry.waiting.push_back(std::move(ready));
  if (entry.loading) return;
  entry.loading = true;
  workers_.post([this, &entry] {
    ModelPointer model;
    std::string error;
    try {
      model = load(entry.source);
    } catch (const std::exception& failed) {
      error = failed.what();
      log_.error("model not loaded", {{"model", entry.source.name}, {"error", error}});
    }
    std::vector<std::function<void(ModelPointer, const std::string&)>> waiting;
    {
      const std::lock_guard inner(mutex_);
      if (model != nullptr) entry.current = model;
      entry.error = error;
      entry.loading = false;
      entry.used = Clock::now();
      waiting.swap(entry.waiting);
      if (model != nullptr) make_room(entry);
    }
    for (const auto& call : waiting) call(model, error);
  });
}

void Models::make_room(const Entry& keep) {
  if (options_.model_memory == 0) return;
  for (;;) {
    std::size_t bytes = 0;
    Entry* oldest = nullptr;
    for (const auto& entry : entries_) {
      if (entry->current == nullptr) continue;
      bytes += entry->current->bytes;
      const bool idle = entry->current.use_count() == 1 && entry.get() != &keep;
      if (idle && (oldest == nullptr || entry->used < oldest->used)) oldest = entry.get();
    }
    if (bytes <= options_.model_memory || oldest == nullptr) return;
    log_.info("model unloaded", {{"model", oldest->source.name}, {"reason", "memory"}});
    oldest->current = nullptr;
    base::return_free_memory();
  }
}

void Models::reload(std::function<void(bool)> done) {
  workers_.post([this, done = std::move(done)] {
    bool good = true;
    for (const auto& entry : entries_) {
      ModelPointer old;
      {
        const std::lock_guard lock(mutex_);
        old = entry->current;
      }
      if (old == nullptr) continue;
      try {
        ModelPointer fresh = load_again(entry->source, old);
        const std::lock_guard lock(mutex_);
        entry->current = std::move(fresh);
        entry->error.clear();
        metrics_.reloads.add("result=\"good\"");
      } catch (const std::exception& error) {
        good = false;
        log_.error("model not reloaded", {{"model", entry->source.name}, {"error", error.what()}});
        metrics_.reloads.add("result=\"failed\"");
        const std::lock_guard lock(mutex_);
        entry->error = error.what();
      }
    }
    base::return_free_memory();
    if (done) done(good);
  });
}

std::vector<Models::Status> Models::status() const {
  const std::lock_guard lock(mutex_);
  std::vector<Status> result;
  for (const auto& entry : entries_) {
    const ServedModel* model = entry->current.get();
    const bool without_model = model != nullptr && !model->model_error.empty();
    result.push_back({entry->source.name, entry->source.directory, model != nullptr, model == nullptr ? "" : std::string(name(model->kind)),
                      model == nullptr ? 0 : model->bytes, entry->error.empty() && without_model ? model->model_error : entry->error, entry->source.profile,
                      without_model});
  }
  return result;
}

std::size_t Models::loaded_bytes() const {
  std::size_t bytes = 0;
  for (const Status& each : status()) bytes += each.bytes;
  return bytes;
}

bool Models::ready() const {
  const std::lock_guard lock(mutex_);
  return options_.lazy || entries_.front()->current != nullptr;
}

}  // namespace berth::server
