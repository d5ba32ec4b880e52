// What positions mean to the architectures that have no table of them: angles, slopes and buckets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

// theta^(-2i / dims) for i in [0, dims / 2), rounded at every step as the library's float32 arithmetic does; dims is even.
std::vector<double> rotary_frequencies(double theta, std::size_t dims);

// The frequencies of "ntk" scaling: of theta * factor, divided by factor^(2 / dims).
std::vector<double> ntk_frequencies(double theta, std::size_t dims, double factor);
// Its mixed form: frequency i divided by exp(a (i + 1)^b) with a = log(factor) / (dims / 2)^b.
std::vector<double> mixed_ntk_frequencies(double theta, std::size_t dims, double factor, double b);

// ALiBi (Press et al. 2021): how fast each head's scores fall with distance.
std::vector<float> alibi_slopes(std::size_t heads);

// The bucket, in [0, spec.count), of key - query.
std::size_t t5_bucket(std::int64_t key_minus_query, const BucketSpec& spec);

// The bucket, in [0, 2 span), of query - key.
std::size_t disentangled_bucket(std::int64_t query_minus_key, const DisentangledSpec& spec);

// Tables over positions, for rows of up to `length()` tokens. They grow with the longest row met, and are part of a workspace for that.
class PositionTables {
 public:
  // `relative_bias`: the model's tables [buckets, heads] for RelativeBias::buckets. Throws std::bad_alloc.
  void reserve(const ModelConfig& config, std::span<const base::AlignedBuffer<float>> relative_bias, std::size_t longest);

  const float* cosines(std::size_t rotary) const noexcept { return angles_.data() + offsets_[2 * rotary]; }  // [length, pairs]
  const float* sines(std::size_t rotary) const noexcept { return angles_.data() + offsets_[2 * rotary + 1]; }
  // Of key - query; these point at 0.
  const float* relative_bias(std::size_t head) const noexcept { return bias_.data() + head * (2 * length_ - 1) + length_ - 1; }  // table after table
  const std::int32_t* buckets() const noexcept { return buckets_.data() + length_ - 1; }

 private:
  void make_angles(const ModelConfig& config);
  void make_bias(const ModelConfig& config, std::span<const base::AlignedBuffer<float>> tables);
  void make_buckets(const DisentangledSpec& spec);

  std::size_t length_ = 0;
  std::vector<std::size_t> offsets_;
  base::AlignedBuffer<float> angles_;
  base::AlignedBuffer<float> bias_;
  base::AlignedBuffer<std::int32_t> buckets_;
};

}  // namespace berth::engine
