// Results of inputs that were answered before: least recently used ones go first, by bytes, and old ones by time.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "apps/server/job.hpp"
#include "apps/server/metrics.hpp"

namespace berth::server {

class Cache {
 public:
  struct Entry {
    Result result;
    std::uint32_t tokens = 0, windows = 1;
    bool truncated = false;
  };
  // `bytes` 0: no cache. `seconds` 0: entries do not age.
  Cache(std::size_t bytes, double seconds, Metrics& metrics);

  bool enabled() const noexcept { return limit_ > 0; }
  std::optional<Entry> find(const std::string& key);
  void put(const std::string& key, Entry entry);
  void clear();
  std::size_t bytes() const;
  std::size_t entries() const;

 private:
  struct Node {
    std::string key;
    Entry entry;
    std::size_t bytes;
    Clock::time_point made;
  };
  void evict(std::size_t limit);  // under the mutex

  const std::size_t limit_;
  const Clock::duration life_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::list<Node> nodes_;                                                  // the most recently used first
  std::unordered_map<std::string_view, std::list<Node>::iterator> index_;  // by the nodes' keys
  std::size_t bytes_ = 0;
};

}  // namespace berth::server
