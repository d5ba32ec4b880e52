// What berth bench runs and how it sums up what it measured: no model is needed for either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace berth::cli {

// Lengths of the rows of a batch: all `length`, or with `ragged` spread from 8 to `length` with a mean of about a third of it, in an order that is
// neither rising nor falling. The same arguments give the same lengths on every machine.
std::vector<std::size_t> row_lengths(std::size_t batch, std::size_t length, bool ragged);

// Token ids below `vocab_size`, the same on every machine.
std::vector<std::vector<std::int32_t>> random_rows(std::span<const std::size_t> lengths, std::size_t vocab_size);

struct Summary {
  double mean = 0, std = 0, p50 = 0, p95 = 0, p99 = 0;
};
Summary summarise(std::vector<double> samples);  // at least one; percentiles interpolate between neighbours

// Floating-point operations of one batch: a row of n tokens costs n * per_token + n * n * per_token_squared.
double batch_flop(std::span<const std::size_t> lengths, double per_token, double per_token_squared);

// A "VmHWM"-like line of /proc/self/status, in units of 2^20 bytes; 0 when there is none.
double status_megabytes(const char* field);

}  // namespace berth::cli
