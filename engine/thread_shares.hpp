// How much of a batch's work each thread takes: as much as it was fast lately. A core whose other half, or whose time, goes to somebody else's work may do half of
// what its neighbour does, and equal shares would have the neighbour wait for it in every layer. What is computed does not depend on who computes it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

namespace berth::engine {

constexpr std::size_t divide_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

class ThreadShares {
 public:
  struct Piece {
    std::size_t first = 0;
    std::size_t count = 0;  // 0: nothing is left
  };
  // A share is at most this many times what it would be if all were equal, and as much less at least.
  static constexpr double kMost = 1.5;

  // No piece that deal() makes of so many rows, for as many threads, has more rows than this, a multiple of `unit`.
  static std::size_t largest_piece(std::size_t rows, std::size_t threads, std::size_t unit, std::size_t piece) noexcept;

  // Share i of so many that are alike but for a unit.
  static Piece equal(std::size_t i, std::size_t rows, std::size_t shares, std::size_t unit) noexcept;

  void reserve(std::size_t threads);  // throws std::bad_alloc

  // For the next region: rows [0, rows) in shares of whole units (but for the last one), each in pieces of about `piece` rows, the nearest to it. Takes note of
  // how long the threads took in the region before. Not while one runs.
  void deal(std::size_t rows, std::size_t threads, std::size_t unit, std::size_t piece) noexcept;

  // What the thread of this slot is to do next: a piece of its own share or, behind that, of another one.
  Piece take(std::size_t slot) noexcept;

  // The same for the members of a team (base/team.hpp), who go through many products and have their shares of all of them dealt out beforehand: share i
  // is part(i, count) of `count` things. Who has done it notes how much that was, in any unit, and how long it took.
  void deal(std::size_t threads) noexcept;
  Piece part(std::size_t i, std::size_t count) const noexcept;
  double begin(std::size_t i) const noexcept { return i == 0 ? 0.0 : shares_[i - 1].end; }  // the whole being 1
  void note(std::size_t i, std::size_t work, std::chrono::steady_clock::duration took) noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  struct alignas(64) Share {
    std::atomic<std::size_t> next{0};  // piece
    std::size_t pieces = 0;
    std::size_t first = 0;  // rows
    std::size_t count = 0;
    double end = 0;  // of the share, the whole being 1
    // Of the thread with this number:
    std::size_t taken = 0;  // rows, or work that was noted, since shares were dealt
    Clock::duration took{};
    double speed = 1.0;  // beside the others', whose mean is 1

    Share() = default;
    Share(const Share& other) noexcept : speed(other.speed) {}  // for the vector
  };

  void note_speeds() noexcept;

  std::vector<Share> shares_;
  std::size_t threads_ = 0;  // that the region is for
  std::size_t unit_ = 1;
  Clock::time_point started_{};
};

}  // namespace berth::engine
