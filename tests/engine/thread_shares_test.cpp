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
        for (std::size_t rows = 1; rows < 1500; rows += 37) {
          shares.deal(rows, threads, unit, piece);
          const std::vector<Piece> pieces = take_all(shares, threads);
          expect_each_row_once(pieces, rows, unit);
          for (const Piece& one : pieces) EXPECT_LE(one.count, ThreadShares::largest_piece(rows, threads, unit, piece)) << rows << " rows, " << threads;
        }
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
    std::this_thread::sleep_for(std::chrono::milliseconds((1000 - 2 * own) / 100));
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

}  // namespace
}  // namespace berth::engine
