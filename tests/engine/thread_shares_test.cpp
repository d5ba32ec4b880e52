// How a batch's tokens are divided among threads of different speed.
#include "engine/thread_shares.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace berth::engine {
namespace {

using Piece = ThreadShares::Piece;

// All pieces of a region, which the threads take in turn.
std::vector<Piece> take_all(ThreadShares& shares, std::size_t threads) {
  std::vector<Piece> all;
  for (bool took = true; took;) {
    took = false;
    for (std::size_t slot = 0; slot < threads; ++slot) {
      const Piece piece = shares.take(slot);
      if (piece.count == 0) continue;
      all.push_back(piece);
      took = true;
    }
  }
  return all;
}

void expect_each_row_once(std::vector<Piece> pieces, std::size_t rows, std::size_t unit) {
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.first < b.first; });
  std::size_t next = 0;
  for (const Piece& piece : pieces) {
    EXPECT_EQ(piece.first, next);
    EXPECT_EQ(piece.first % unit, 0U);
    next = piece.first + piece.count;
  }
  EXPECT_EQ(next, rows);
}

TEST(ThreadShares, EveryRowIsTakenOnce) {
  for (const std::size_t threads : {1U, 2U, 3U, 8U})
    for (const std::size_t unit : {1U, 16U, 32U})
      for (const std::size_t piece : {64U, 128U}) {
        ThreadShares shares;
        shares.reserve(threads);
        std::size_t largest = 0;
        for (std::size_t rows = 1; rows < 1500; rows += 37) {
          for (std::size_t i = 0; i < threads; ++i) shares.note(i, 1, std::chrono::nanoseconds(10 + rows * (i + 1) % 90));  // any speeds
          shares.deal(rows, threads, unit, piece);
          const std::vector<Piece> pieces = take_all(shares, threads);
          expect_each_row_once(pieces, rows, unit);
          const std::size_t bound = ThreadShares::largest_piece(rows, threads, unit, piece);
          EXPECT_EQ(bound % unit, 0U);
          for (const Piece& one : pieces) EXPECT_LE(one.count, bound) << rows << " rows, " << threads;
          for (const Piece& one : pieces) largest = std::max(largest, one.count);
        }
        EXPECT_GT(largest, piece) << "or the bound is never tried";
      }
}

TEST(ThreadShares, PiecesAreTheNearestToTheirSize) {
  ThreadShares shares;
  shares.reserve(1);
  for (const auto& [rows, pieces] : std::vector<std::pair<std::size_t, std::size_t>>{{128, 1}, {191, 1}, {192, 2}, {256, 2}, {319, 2}, {320, 3}}) {
    shares.deal(rows, 1, 1, 128);
    EXPECT_EQ(take_all(shares, 1).size(), pieces) << rows;
  }
}

TEST(ThreadShares, EqualSharesDifferByAUnit) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < 3; ++i) pieces.push_back(ThreadShares::equal(i, 100, 3, 16));
  expect_each_row_once(pieces, 100, 16);
  EXPECT_EQ(pieces[0].count, 32U);
  EXPECT_EQ(pieces[1].count, 32U);
}

std::vector<std::size_t> rows_of_slots(ThreadShares& shares, const std::vector<int>& milliseconds) {
  std::vector<std::size_t> rows;
  for (std::size_t slot = 0; slot < milliseconds.size(); ++slot) rows.push_back(shares.take(slot).count);  // the shares are of one piece each
  int slept = 0;
  for (std::size_t slot = 0; slot < milliseconds.size(); ++slot) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds[slot] - slept));
    slept = milliseconds[slot];
    EXPECT_EQ(shares.take(slot).count, 0U);
  }
  return rows;
}

// Here a region takes what is slept, or more where this machine is busy: then the speeds are alike, and it is tried again.
TEST(ThreadShares, AreWhatTheThreadsWereFastAt) {
  ThreadShares shares;
  shares.reserve(2);
  std::vector<std::size_t> rows;
  std::size_t least = 1000;
  for (int region = 0; region < 40 && least > 250; ++region) {
    shares.deal(1000, 2, 1, 1000);
    rows = rows_of_slots(shares, {2, 12});
    EXPECT_EQ(rows[0] + rows[1], 1000U);
    if (region == 0) {
      EXPECT_EQ(rows[0], rows[1]) << "nothing is known yet";
    }
    least = std::min(least, rows[1]);
  }
  EXPECT_EQ(least, 250U) << "half of an equal share, and no less";
  // As fast as each other they come to take the same again.
  std::size_t most = 0;
  for (int region = 0; region < 40 && most < 450; ++region) {
    shares.deal(1000, 2, 1, 1000);
    const std::size_t own = shares.take(1).count;
    EXPECT_GT(shares.take(0).count, 0U);
    std::this_thread::sleep_for(std::chrono::milliseconds(own / 100));
    EXPECT_EQ(shares.take(1).count, 0U);
    if (own < 500) std::this_thread::sleep_for(std::chrono::milliseconds((1000 - 2 * own) / 100));  // on a busy machine it may have become more
    EXPECT_EQ(shares.take(0).count, 0U);
    most = std::max(most, own);
  }
  EXPECT_GE(most, 450U);
}

TEST(ThreadShares, OneThreadDoesWhatTheOthersDoNotComeFor) {
  ThreadShares shares;
  shares.reserve(4);
  for (int region = 0; region < 3; ++region) {
    shares.deal(512, 4, 16, 64);
    std::vector<Piece> pieces;
    for (Piece piece = shares.take(2); piece.count > 0; piece = shares.take(2)) pieces.push_back(piece);
    EXPECT_EQ(pieces.front().first, 256U) << "its own first; and who never came keeps an equal share";
    expect_each_row_once(pieces, 512, 16);
  }
}

// What `threads` members noted in one pass of a team, each its part of 1000 things, so many nanoseconds a thing.
std::vector<std::size_t> parts_of(ThreadShares& shares, const std::vector<int>& nanoseconds) {
  shares.deal(nanoseconds.size());
  std::vector<std::size_t> parts;
  std::size_t next = 0;
  for (std::size_t i = 0; i < nanoseconds.size(); ++i) {
    const Piece part = shares.part(i, 1000);
    EXPECT_EQ(part.first, next);
    EXPECT_NEAR(shares.begin(i) * 1000, static_cast<double>(part.first), 0.51);
    next = part.first + part.count;
    parts.push_back(part.count);
    for (int product = 0; product < 3; ++product) shares.note(i, part.count, std::chrono::nanoseconds(static_cast<int>(part.count) * nanoseconds[i]));
  }
  EXPECT_EQ(next, 1000U);
  EXPECT_EQ(shares.begin(nanoseconds.size()), 1.0);
  return parts;
}

TEST(ThreadShares, OfATeamsMembersAreWhatTheyWereFastAt) {
  ThreadShares shares;
  shares.reserve(4);
  EXPECT_EQ(parts_of(shares, {10, 10, 10, 20}), (std::vector<std::size_t>(4, 250))) << "nothing is known yet";
  std::vector<std::size_t> parts;
  for (int pass = 0; pass < 20; ++pass) parts = parts_of(shares, {10, 10, 10, 20});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(static_cast<double>(parts[i]), 1000 / 3.5, 1.0);
  for (int pass = 0; pass < 20; ++pass) parts = parts_of(shares, {10, 10, 10, 1000});
  EXPECT_NEAR(static_cast<double>(parts[3]), 125, 1) << "half of an equal share, and no less";
  for (int pass = 0; pass < 20; ++pass) parts = parts_of(shares, {10, 10, 10, 10});
  for (const std::size_t part : parts) EXPECT_NEAR(static_cast<double>(part), 250, 1.0);
}

// Whoever has nothing to do, since there are fewer things than members, keeps the speed it had; and a batch of rows may follow.
TEST(ThreadShares, OfFewThingsAreWholeAndNoneIsLost) {
  ThreadShares shares;
  shares.reserve(8);
  for (const std::size_t threads : {2U, 3U, 8U})
    for (std::size_t count = 0; count < 20; ++count) {
      shares.deal(threads);
      std::size_t next = 0;
      for (std::size_t i = 0; i < threads; ++i) {
        const Piece part = shares.part(i, count);
        EXPECT_EQ(part.first, next);
        next += part.count;
        if (part.count > 0) shares.note(i, part.count, std::chrono::microseconds(1 + i * i));
      }
      EXPECT_EQ(next, count);
      shares.deal(count, threads, 16, 64);
      expect_each_row_once(take_all(shares, threads), count, 16);
    }
}

}  // namespace
}  // namespace berth::engine
