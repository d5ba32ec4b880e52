// What becomes of a mapped file that somebody cuts short: a page behind its new end cannot be read, and the process that tries is ended by SIGBUS.
#pragma once

#include <cstddef>

namespace berth::base {

struct WatchedPages;

// Lost pages of files that are mapped from now on, or were before, read as zeros instead, and their map knows it. Takes the process's SIGBUS; one that
// no watched map has ends the process as before. For programs, not for a library inside a host; once, before threads begin.
void survive_lost_pages();

// A map that is watched. Where more than a thousand are, the rest are not.
class LostPagesWatch {
 public:
  LostPagesWatch() = default;
  LostPagesWatch(const void* begin, std::size_t size) noexcept;
  LostPagesWatch(LostPagesWatch&& other) noexcept;
  LostPagesWatch& operator=(LostPagesWatch&& other) noexcept;
  ~LostPagesWatch();

  bool lost() const noexcept;  // whether a page was, since the watch began

 private:
  WatchedPages* pages_ = nullptr;
};

}  // namespace berth::base
