#include "engine/thread_shares.hpp"

#include <algorithm>
#include <cmath>

namespace berth::engine {

namespace {

std::size_t pieces_of(std::size_t rows, std::size_t piece) { return std::max<std::size_t>(1, (rows + piece / 2) / piece); }

}  // namespace

std::size_t ThreadShares::largest_piece(std::size_t rows, std::size_t threads, std::size_t unit, std::size_t piece) noexcept {
  const std::size_t units = divide_up(rows, unit);
  const auto share = static_cast<std::size_t>(kMost * static_cast<double>(units) / static_cast<double>(threads)) + 1;
  return std::min(std::min(units, share), divide_up(piece + piece / 2, unit)) * unit;
}

ThreadShares::Piece ThreadShares::equal(std::size_t i, std::size_t rows, std::size_t shares, std::size_t unit) noexcept {
  const auto row = [&](std::size_t k) { return std::min(rows, divide_up(rows, unit) * k / shares * unit); };
  return {.first = row(i), .count = row(i + 1) - row(i)};
}

void ThreadShares::reserve(std::size_t threads) {
  if (shares_.size() < threads) shares_.resize(threads);
}

// Work a second, beside the mean of those that worked; half of it is new each time, so that a single interruption does not turn things round.
void ThreadShares::note_speeds() noexcept {
  const auto rate = [&](const Share& share) {
    const std::chrono::duration<double> took = share.took;
    return static_cast<double>(share.taken) / std::max(took.count(), 1e-9);
  };
  double sum = 0;
  double workers = 0;
  for (std::size_t i = 0; i < threads_; ++i) {
    if (shares_[i].taken == 0) continue;
    sum += rate(shares_[i]);
    workers += 1;
  }
  for (std::size_t i = 0; i < threads_; ++i) {
    Share& share = shares_[i];
    if (share.taken > 0) share.speed = (share.speed + rate(share) * workers / sum) / 2;
    share.taken = 0;
  }
}

void ThreadShares::deal(std::size_t threads) noexcept {
  note_speeds();
  threads_ = threads;
  double mean = 0;
  for (std::size_t i = 0; i < threads; ++i) mean += shares_[i].speed / static_cast<double>(threads);
  // Shares of the mean, all of them drawn towards it until none is beyond the bounds: their sum stays what it is.
  double furthest = kMost - 1;
  for (std::size_t i = 0; i < threads; ++i) furthest = std::max(furthest, std::abs(shares_[i].speed / mean - 1));
  double end = 0;
  for (std::size_t i = 0; i < threads; ++i) {
    end += (1 + (shares_[i].speed / mean - 1) * (kMost - 1) / furthest) / static_cast<double>(threads);
    shares_[i].end = i + 1 == threads ? 1.0 : std::min(end, 1.0);
    shares_[i].took = {};
  }
}

ThreadShares::Piece ThreadShares::part(std::size_t i, std::size_t count) const noexcept {
  const auto thing = [&](double end) { return static_cast<std::size_t>(static_cast<double>(count) * end + 0.5); };
  const std::size_t first = i == 0 ? 0 : thing(shares_[i - 1].end);
  return {.first = first, .count = thing(shares_[i].end) - first};
}

void ThreadShares::note(std::size_t i, std::size_t work, Clock::duration took) noexcept {
  shares_[i].taken += work;
  shares_[i].took += took;
}

void ThreadShares::deal(std::size_t rows, std::size_t threads, std::size_t unit, std::size_t piece) noexcept {
  deal(threads);
  unit_ = unit;
  for (std::size_t i = 0; i < threads; ++i) {
    Share& share = shares_[i];
    const Piece units = part(i, divide_up(rows, unit));
    share.first = std::min(rows, units.first * unit);
    share.count = std::min(rows, (units.first + units.count) * unit) - share.first;
    share.pieces = share.count == 0 ? 0 : pieces_of(share.count, piece);
    share.next.store(0, std::memory_order_relaxed);
  }
  started_ = Clock::now();
}

ThreadShares::Piece ThreadShares::take(std::size_t slot) noexcept {
  Share& own = shares_[slot];
  if (own.taken > 0) own.took = Clock::now() - started_;
  for (std::size_t i = 0; i < threads_; ++i) {
    Share& share = shares_[(slot + i) % threads_];
    if (share.next.load(std::memory_order_relaxed) >= share.pieces) continue;
    const std::size_t piece = share.next.fetch_add(1, std::memory_order_relaxed);
    if (piece >= share.pieces) continue;
    const Piece part = equal(piece, share.count, share.pieces, unit_);
    own.taken += part.count;
    return {.first = share.first + part.first, .count = part.count};
  }
  return {};
}

}  // namespace berth::engine
