// Fetching weights into the second cache ahead of the products that read them.
#pragma once

#include <cstddef>

namespace berth::kernels {

// Weights to come, asked for some lines at each step of k, one after the other or in four streams, each through a quarter of its own. A request that goes to
// memory takes one of the first cache's few fill buffers until the line comes, and tiles wait for these; what the second cache's prefetcher has begun to
// fetch takes it for a moment only. That runs ahead within each 4 KB it sees being read, so the slower these are read, the more it does.
class Fetch {
 public:
  static constexpr std::size_t kStreams = 4;

  // Inlined always: what every set's code compiles for itself must not become one function of them all.
  [[gnu::always_inline]] Fetch() noexcept {}
  // [from, from + bytes) within so many steps. `streams`: whether to go in four of them, where a step takes as many lines.
  [[gnu::always_inline]] Fetch(const void* from, std::size_t bytes, std::size_t steps, bool streams) noexcept : at_(static_cast<const unsigned char*>(from)) {
    const std::size_t all = (bytes + 63) / 64;
    if (streams && all >= kStreams * steps) streams_ = kStreams;
    const std::size_t lines = (all + streams_ - 1) / streams_;
    apart_ = lines * 64;
    end_ = at_ + apart_;
    lines_ = (lines + steps - 1) / steps;
  }

  // What lives in registers for some steps, each of which asks for `lines` lines of all four streams; kAnyNumber: numbers known at run time.
  static constexpr std::size_t kAnyNumber = 0;
  template <std::size_t lines>
  struct Steps {
    const unsigned char* at;  // of the first stream
    std::size_t apart;
    std::size_t bytes;  // from one step to the next
    std::size_t streams;

    // All of a step at once.
    [[gnu::always_inline]] void step() noexcept {
      const unsigned char* from = at;
      for (std::size_t stream = 0; stream < streams; ++stream, from += apart) ask(from);
      at += bytes;
    }
    // Stream i's part of a step; the last one ends it.
    template <std::size_t i>
    [[gnu::always_inline]] void part() noexcept {
      static_assert(i < kStreams);
      const unsigned char* const from = at + i * apart;
      if constexpr (lines == kAnyNumber) {
        if (i < streams) ask(from);
      } else {
        for (std::size_t line = 0; line < lines; ++line) __builtin_prefetch(from + line * 64, 0, 2);
      }
      if constexpr (i + 1 == kStreams) at += bytes;
    }

   private:
    [[gnu::always_inline]] void ask(const unsigned char* from) const noexcept {
      for (std::size_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch(from + byte, 0, 2);
    }
  };

  // Calls body(Steps&) for the next steps. The common numbers of lines have code of their own: in a loop of tile products every instruction counts.
  template <class Body>
  [[gnu::always_inline]] void run(Body&& body) noexcept {
    if (at_ >= end_) {  // what is in the first cache, again and again
      Steps<1> nothing{reinterpret_cast<const unsigned char*>(this), 0, 0, kStreams};
      return body(nothing);
    }
    switch (streams_ == 1 ? kAnyNumber : lines_) {
      case 1: return run<1>(body);
      case 2: return run<2>(body);
      case 4: return run<4>(body);
      default: return run_any(body);
    }
  }
  template <class Body>
  [[gnu::always_inline]] void run_any(Body&& body) noexcept {
    run<kAnyNumber>(body);
  }

 private:
  template <std::size_t lines, class Body>
  [[gnu::always_inline]] void run(Body&& body) noexcept {
    Steps<lines> steps{at_, apart_, at_ < end_ ? lines_ * 64 : 0, streams_};
    body(steps);
    at_ = steps.at;
  }

  const unsigned char* at_ = nullptr;  // of the first stream
  const unsigned char* end_ = nullptr;
  std::size_t apart_ = 0;  // bytes from one stream to the next
  std::size_t lines_ = 0;  // that each takes at a step
  std::size_t streams_ = 1;
};

}  // namespace berth::kernels
