#include "apps/server/cache.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace berth::server {
namespace {

Cache::Entry entry_of(std::size_t floats) {
  Cache::Entry entry;
  entry.result.values.assign(floats, 0.5F);
  entry.tokens = 3;
  return entry;
}

TEST(Cache, keeps_the_most_recently_used_within_its_bytes) {
  Metrics metrics;
  Cache cache(10000, 0, metrics);
  for (int i = 0; i < 100; ++i) {
    cache.put("key " + std::to_string(i), entry_of(250));
    EXPECT_LE(cache.bytes(), 10000U);
    EXPECT_TRUE(cache.find("key 0").has_value()) << "the one that is used stays";
  }
  EXPECT_FALSE(cache.find("key 50").has_value());
  EXPECT_TRUE(cache.find("key 99").has_value());
  EXPECT_GT(metrics.cache_evictions.load(), 80U);
  EXPECT_EQ(metrics.cache_misses.load(), 1U);
  cache.clear();
  EXPECT_EQ(cache.bytes(), 0U);
  EXPECT_EQ(cache.entries(), 0U);
  EXPECT_FALSE(cache.find("key 0").has_value());
}

TEST(Cache, leaves_out_what_is_too_large) {
  Metrics metrics;
  Cache cache(1000, 0, metrics);
  cache.put("small", entry_of(10));
  cache.put("large", entry_of(1000));
  EXPECT_TRUE(cache.find("small").has_value());
  EXPECT_FALSE(cache.find("large").has_value());
}

TEST(Cache, forgets_what_is_old) {
  Metrics metrics;
  Cache cache(10000, 0.02, metrics);
  cache.put("key", entry_of(10));
  ASSERT_TRUE(cache.find("key").has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_FALSE(cache.find("key").has_value());
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(Cache, many_threads) {
  Metrics metrics;
  Cache cache(20000, 0, metrics);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string key = std::to_string((i * (t + 3)) % 60);
        if (const auto found = cache.find(key)) {
          EXPECT_EQ(found->result.values.size(), static_cast<std::size_t>(std::stoi(key)));
        } else {
          cache.put(key, entry_of(static_cast<std::size_t>(std::stoi(key))));
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.cache_hits.load() + metrics.cache_misses.load(), 2000U);
}

}  // namespace
}  // namespace berth::server
