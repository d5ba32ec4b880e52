#include "apps/server/cache.hpp"

namespace berth::server {
namespace {

constexpr std::size_t kNodeBytes = 256;  // of list, index and allocator for each entry, about

Clock::duration duration_of(double seconds) { return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)); }

}  // namespace

Cache::Cache(std::size_t bytes, double seconds, Metrics& metrics) : limit_(bytes), life_(duration_of(seconds)), metrics_(metrics) {}

std::optional<Cache::Entry> Cache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found != index_.end() && life_.count() > 0 && Clock::now() - found->second->made > life_) {
    const auto node = found->second;
    bytes_ -= node->bytes;
    index_.erase(found);
    nodes_.erase(node);
    metrics_.cache_evictions.fetch_add(1);
  } else if (found != index_.end()) {
    metrics_.cache_hits.fetch_add(1);
    nodes_.splice(nodes_.begin(), nodes_, found->second);
    return found->second->entry;
  }
  metrics_.cache_misses.fetch_add(1);
  return std::nullopt;
}

void Cache::put(const std::string& key, Entry entry) {
  const std::size_t bytes = kNodeBytes + key.size() + entry.result.values.size() * sizeof(float) + entry.result.json.size() + entry.result.label.size();
  if (bytes > limit_) return;
  const std::lock_guard lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) {  // another request had the same input at the same time
    nodes_.splice(nodes_.begin(), nodes_, found->second);
    return;
  }
  evict(limit_ - bytes);
  nodes_.push_front({key, std::move(entry), bytes, Clock::now()});
  index_.emplace(nodes_.front().key, nodes_.begin());
  bytes_ += bytes;
}

void Cache::evict(std::size_t limit) {
  while (bytes_ > limit) {
    Node& last = nodes_.back();
    bytes_ -= last.bytes;
    index_.erase(last.key);
    nodes_.pop_back();
    metrics_.cache_evictions.fetch_add(1);
  }
}

void Cache::clear() {
  const std::lock_guard lock(mutex_);
  evict(0);
}

std::size_t Cache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t Cache::entries() const {
  const std::lock_guard lock(mutex_);
  return nodes_.size();
}

}  // namespace berth::server
