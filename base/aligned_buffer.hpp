// Owning memory on 64-byte boundaries: a cache line, and the width of the widest vector register.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include "base/memory.hpp"

namespace berth::base {

// How long a buffer is there for: what lives long, as weights do, may lie in huge pages with others that do.
enum class Lifetime { any, long_lived };

template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr std::size_t kAlignment = 64;

  AlignedBuffer() = default;
  // Uninitialised memory for `size` elements; throws std::bad_alloc.
  explicit AlignedBuffer(std::size_t size, Lifetime lifetime = Lifetime::any) : size_(size) {
    if (size == 0) return;
    if (size > (std::numeric_limits<std::size_t>::max() - kAlignment) / sizeof(T)) throw std::bad_alloc();
    const std::size_t bytes = bytes_of(size);
    if (lifetime == Lifetime::long_lived && bytes >= kShared && bytes <= kSharedMost) {
      shared_ = share_pages(bytes);
      data_ = reinterpret_cast<T*>(shared_.get());
      return;
    }
    data_ = static_cast<T*>(bytes >= kLarge ? map_pages(bytes) : std::aligned_alloc(kAlignment, bytes));
    if (data_ == nullptr) throw std::bad_alloc();
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), shared_(std::move(other.shared_)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~AlignedBuffer() {
    if (shared_ != nullptr) return;
    if (bytes_of(size_) >= kLarge) {
      unmap_pages(data_, bytes_of(size_));
    } else {
      std::free(data_);
    }
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  std::span<T> span() noexcept { return {data_, size_}; }
  std::span<const T> span() const noexcept { return {data_, size_}; }

 private:
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::size_t kLarge = std::numeric_limits<std::size_t>::max();  // the sanitizer watches what malloc gave
  static constexpr std::size_t kShared = kLarge;
#else
  static constexpr std::size_t kLarge = kHugePage;
  static constexpr std::size_t kShared = std::size_t{64} << 10;
#endif
  static constexpr std::size_t bytes_of(std::size_t size) noexcept { return (size * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment; }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::shared_ptr<std::byte> shared_;  // where data_ is, if other arrays are, too
};

}  // namespace berth::base
