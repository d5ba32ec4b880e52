// The models of a server: loaded at the start or when first asked for, replaced while requests still use the old one, let go when memory is short.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "apps/server/log.hpp"
#include "apps/server/metrics.hpp"
#include "apps/server/options.hpp"
#include "apps/server/served_model.hpp"
#include "apps/server/workers.hpp"

namespace berth::server {

class Models {
 public:
  struct Status {
    std::string name, directory;
    bool loaded;
    std::string kind;  // "embedding", ...; empty: not known yet
    std::size_t bytes;
    std::string error;  // of the last attempt to load it, or why a profile works without its model
    bool profile, without_model;
  };

  Models(const ServerOptions& options, Workers& workers, Metrics& metrics, const Log& log);

  // Throws berth::Error that names every mistake of every profile.
  void check_profiles() const;
  // Loads all of them. Throws berth::Error.
  void load_all();
  // nullptr where no model is called so; "" is the first.
  const ModelSource* find(std::string_view name) const;
  bool only_one() const noexcept { return entries_.size() == 1; }
  // The loaded model, or nullptr: then when_loaded() says when it is there.
  ModelPointer get(const ModelSource& source);
  // `ready` is called by a worker after the model was loaded, or could not be.
  void when_loaded(const ModelSource& source, std::function<void(ModelPointer model, const std::string& error)> ready);
  // Calls what waits for a model that will not be loaded any more, and from now on at once. After the workers have ended that load them.
  void stop();
  // Loads all loaded models again, one after the other; requests go on with the old one until the new one is there, and keep it if that fails.
  void reload(std::function<void(bool good)> done = {});
  std::vector<Status> status() const;
  std::size_t loaded_bytes() const;
  // Whether the first model is there, or is to be loaded on first use.
  bool ready() const;

 private:
  struct Entry {
    ModelSource source;
    ModelPointer current;
    Clock::time_point used;
    bool loading = false;
    std::string error;
    std::vector<std::function<void(ModelPointer, const std::string&)>> waiting;
  };
  ModelPointer load(const ModelSource& source) const;
  ModelPointer load_profile(const ModelSource& source) const;
  ModelPointer load_again(const ModelSource& source, const ModelPointer& old) const;
  Entry& entry_of(const ModelSource& source);
  void make_room(const Entry& keep);  // under the mutex

  const ServerOptions& options_;
  Workers& workers_;
  Metrics& metrics_;
  const Log& log_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Entry>> entries_;
  bool stopped_ = false;
};

}  // namespace berth::server
