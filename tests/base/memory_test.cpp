#include "base/memory.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/aligned_buffer.hpp"

namespace berth::base {
namespace {

TEST(Memory, PagesBeginOnAHugePageAndAreZero) {
  for (const std::size_t bytes : {kHugePage, kHugePage + 1, 3 * kHugePage - 1, 5 * kHugePage + 4097}) {
    auto* const pages = static_cast<unsigned char*>(map_pages(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pages) % kHugePage, 0U);
    for (std::size_t i = 0; i < bytes; i += 511) ASSERT_EQ(pages[i], 0) << i;
    pages[bytes - 1] = 1;
    unmap_pages(pages, bytes);
  }
}

TEST(Memory, TooManyPagesAreRefused) {
  EXPECT_THROW(map_pages(std::numeric_limits<std::size_t>::max()), std::bad_alloc);
  EXPECT_THROW(map_pages(std::size_t{1} << 60), std::bad_alloc);
}

std::size_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssAnon:") continue;
    std::size_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes;
  }
  return 0;
}

TEST(Memory, WhatALargeBufferHeldGoesBack) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer keeps freed memory";
#endif
  constexpr std::size_t kBytes = 32 * kHugePage + 12345;
  const std::size_t before = resident_kilobytes();
  {
    AlignedBuffer<unsigned char> buffer(kBytes);
    for (std::size_t i = 0; i < kBytes; i += 4096) buffer[i] = 1;
    EXPECT_GE(resident_kilobytes(), before + kBytes / 1024 * 9 / 10);
    AlignedBuffer<unsigned char> moved = std::move(buffer);
    EXPECT_EQ(moved[4096], 1);
  }
  EXPECT_LE(resident_kilobytes(), before + 4096);
}

TEST(SharedPages, ArraysAreZeroAndApart) {
  std::vector<std::pair<std::shared_ptr<std::byte>, std::size_t>> arrays;
  std::size_t bytes = 1;
  for (unsigned i = 0; i < 100; ++i, bytes = bytes * 7 % 1'000'003 + 1) {
    arrays.emplace_back(share_pages(bytes), bytes);
    std::byte* const array = arrays.back().first.get();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array) % 64, 0U);
    for (std::size_t at = 0; at < bytes; ++at) ASSERT_EQ(array[at], std::byte{0}) << i;
    std::memset(array, static_cast<int>(i) + 1, bytes);
    if (i % 3 == 2) arrays.erase(arrays.begin() + i % 5);  // what goes takes nothing of its neighbours along
  }
  for (const auto& [array, size] : arrays)
    for (std::size_t at = 0; at < size; ++at) ASSERT_EQ(array.get()[at], array.get()[0]);
  EXPECT_NO_THROW(share_pages(kSharedMost));
  EXPECT_THROW(share_pages(kSharedMost + 1), std::bad_alloc);
}

// Of a block that another array keeps, too: only the pages at an array's ends stay.
TEST(SharedPages, WhatAnArrayHeldGoesBack) {
  const std::shared_ptr<std::byte> keeps = share_pages(100'000);
  const std::size_t before = resident_kilobytes();
  {
    std::vector<std::shared_ptr<std::byte>> arrays;
    for (int i = 0; i < 40; ++i) {
      arrays.push_back(share_pages(1'000'000));
      std::memset(arrays.back().get(), 1, 1'000'000);
    }
    EXPECT_GE(resident_kilobytes(), before + 36'000);
  }
  EXPECT_LE(resident_kilobytes(), before + 4096);
}

}  // namespace
}  // namespace berth::base
