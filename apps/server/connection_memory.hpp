// Where connections lie. What the allocator keeps of ten thousand that are gone cannot be given back while Asio's records of descriptors, which it keeps for
// the next ones, lie between: so each has pages of its own, and its buffer's first block in them.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <memory>
#include <new>

namespace berth::server {

// For std::allocate_shared: the system's pages, for one object at a time.
template <class T>
struct OwnPages {
  using value_type = T;
  OwnPages() = default;
  template <class Other>
  OwnPages(const OwnPages<Other>&) noexcept {}  // NOLINT(google-explicit-constructor): allocators are converted
  T* allocate(std::size_t count) {
    void* pages = ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(pages);
  }
  void deallocate(T* pages, std::size_t count) noexcept { ::munmap(pages, count * sizeof(T)); }
  template <class Other>
  bool operator==(const OwnPages<Other>&) const noexcept {
    return true;
  }
};

// Room for one block of up to kSize bytes.
template <std::size_t kSize>
struct FirstBlock {
  alignas(std::max_align_t) std::array<char, kSize> bytes;
  bool used = false;
};

// Takes the first block where that is free and large enough, else the heap.
template <class T, std::size_t kSize>
struct FirstBlockAllocator {
  using value_type = T;
  template <class Other>
  struct rebind {
    using other = FirstBlockAllocator<Other, kSize>;
  };
  explicit FirstBlockAllocator(FirstBlock<kSize>& first) noexcept : block(&first) {}
  template <class Other>
  FirstBlockAllocator(const FirstBlockAllocator<Other, kSize>& other) noexcept : block(other.block) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) {
    if (block->used || count * sizeof(T) > kSize) return std::allocator<T>().allocate(count);
    block->used = true;
    return reinterpret_cast<T*>(block->bytes.data());
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    if (reinterpret_cast<char*>(memory) != block->bytes.data()) return std::allocator<T>().deallocate(memory, count);
    block->used = false;
  }
  template <class Other>
  bool operator==(const FirstBlockAllocator<Other, kSize>& other) const noexcept {
    return block == other.block;
  }
  FirstBlock<kSize>* block;
};

}  // namespace berth::server
