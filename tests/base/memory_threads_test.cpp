// Arrays of shared pages, taken and given back by several threads.
#include <algorithm>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_buffer.hpp"

namespace berth::base {
namespace {

TEST(SharedPages, ManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int round = 0; round < 50; ++round) {
        std::vector<AlignedBuffer<int>> buffers;
        for (std::size_t size : {20'000, 70'000, 600'000}) {
          buffers.emplace_back(size, Lifetime::long_lived);
          std::fill_n(buffers.back().data(), size, t);
        }
        std::swap(buffers[0], buffers[2]);
        for (const AlignedBuffer<int>& buffer : buffers) ASSERT_TRUE(std::all_of(buffer.data(), buffer.data() + buffer.size(), [t](int x) { return x == t; }));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace berth::base
