#include "base/memory.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <new>
#include <utility>

#include "base/fork.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace berth::base {

namespace {
constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

// What share_pages gives from. Pages that nothing was written to cost nothing, so the end of a block may stay empty.
class Block {
 public:
  static constexpr std::size_t kBytes = 4 * kSharedMost;

  Block() : begin_(static_cast<std::byte*>(map_pages(kBytes))) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { unmap_pages(begin_, kBytes); }

  // Null if there is no room left.
  std::byte* take(std::size_t bytes) noexcept {
    if (bytes > kBytes - used_) return nullptr;
    std::byte* const taken = begin_ + used_;
    used_ += bytes;
    return taken;
  }
  // Whole pages of an array are no other array's; those at its ends may be.
  static void give_back(std::byte* array, std::size_t bytes) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(array);
    const std::size_t before = whole_pages(address) - address;
    if (bytes >= before + kPage) madvise(array + before, (bytes - before) / kPage * kPage, MADV_DONTNEED);
  }

 private:
  std::byte* begin_;
  std::size_t used_ = 0;
};

struct OpenBlock {
  ForkMutex mutex;
  std::weak_ptr<Block> block;  // arrays keep it
};

OpenBlock& open_block() {
  static auto* const block = new OpenBlock;  // never destroyed: arrays of other static objects may come and go after it
  return *block;
}
}  // namespace

void* map_pages(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
  const std::size_t size = whole_pages(bytes);
  void* mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  if (before < kHugePage) munmap(begin + before + size, kHugePage - before);
  madvise(begin + before, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // a wish: a system without huge pages may refuse it
  return begin + before;
}

void unmap_pages(void* pages, std::size_t bytes) noexcept { munmap(pages, whole_pages(bytes)); }

std::shared_ptr<std::byte> share_pages(std::size_t bytes) {
  constexpr std::size_t kLine = 64;
  if (bytes > kSharedMost) throw std::bad_alloc();
  const std::size_t lines = (bytes + kLine - 1) / kLine * kLine;
  OpenBlock& open = open_block();
  std::shared_ptr<Block> block;
  std::byte* array = nullptr;
  {
    const std::lock_guard lock(open.mutex);
    block = open.block.lock();
    if (block != nullptr) array = block->take(lines);
    if (array == nullptr) {
      block = std::make_shared<Block>();
      array = block->take(lines);
      open.block = block;
    }
  }
  return {array, [block = std::move(block), lines](std::byte* p) { Block::give_back(p, lines); }};
}

void return_free_memory() noexcept {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace berth::base
