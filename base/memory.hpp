// Memory from the operating system and back.
#pragma once

#include <cstddef>
#include <memory>

namespace berth::base {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

// For large arrays: `bytes` zeroed bytes, at least kHugePage of them, that begin on a huge page's boundary. The whole huge pages in them are asked to be such: reading
// 340 MB of weights takes 5% less time when the processor need not look up every 4 KB of them. What is left over stays in small pages, so no more
// memory becomes resident than was asked for. Throws std::bad_alloc.
void* map_pages(std::size_t bytes);

// Takes what map_pages gave, and the same size.
void unmap_pages(void* pages, std::size_t bytes) noexcept;

// For arrays that live long, such as weights: `bytes` zeroed bytes on cache lines of their own, one array behind the other in blocks of huge pages,
// since most of a small model's matrices are smaller than one. What is left of the last huge page is resident, too. Memory goes back page by page as
// arrays do, a block's addresses with its last array. `bytes` is at most kSharedMost. Thread-safe. Throws std::bad_alloc.
inline constexpr std::size_t kSharedMost = std::size_t{8} << 20;
std::shared_ptr<std::byte> share_pages(std::size_t bytes);

// Gives freed memory that the allocator keeps for later back to the operating system: after something large was let go that will not soon be needed
// again. Takes up to milliseconds. Does nothing where the C library has no such call.
void return_free_memory() noexcept;

}  // namespace berth::base
