#include "engine/profile/exemplars.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "base/file_log.hpp"
#include "engine/linear.hpp"
#include "engine/profile/content_hash.hpp"
#include "engine/profile/example_cache.hpp"
#include "kernels/dispatch.hpp"

#ifndef BERTH_VERSION
#error "the build gives BERTH_VERSION"
#endif

namespace berth::engine {
namespace {

constexpr std::size_t kSimilaritiesAtATime = std::size_t{1} << 22;  // floats: 16 MiB
constexpr std::size_t kExamplesAtATime = 1024;

// What vectors depend on besides their texts; none where files are no longer those that the model was made from: its vectors must not be kept as theirs.
std::optional<ContentHash> cache_key(const Model& model, const RunOptions& options, const std::filesystem::path& directory) {
  if (!base::unchanged(model.files())) return std::nullopt;
  const ContentHash weights = hash_files(model.files(), directory);
  if (!base::unchanged(model.files())) return std::nullopt;  // which takes its time
  ContentHasher hasher;
  hasher.add(BERTH_VERSION);
  hasher.add(weights.low);
  hasher.add(weights.high);
  hasher.add(kernels::name(model.isa()));
  hasher.add(engine::name(model.precision()));
  hasher.add(options.max_length);
  hasher.add(static_cast<std::uint64_t>(options.long_text));
  hasher.add(std::uint64_t{options.prompt.has_value()});
  hasher.add(options.prompt.value_or(""));
  return hasher.finish();
}

// The mean of unit vectors, again of length 1; zeros where they cancel out.
void centroid(const float* rows, std::size_t count, std::size_t size, float* out) {
  std::vector<double> sum(size, 0.0);
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t i = 0; i < size; ++i) sum[i] += static_cast<double>(rows[row * size + i]);
  double squares = 0.0;
  for (const double value : sum) squares += value * value;
  const double factor = squares > 0.0 ? 1.0 / std::sqrt(squares) : 0.0;
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<float>(sum[i] * factor);
}

float clamped(float cosine) noexcept { return std::clamp(cosine, -1.0F, 1.0F); }

// The mean of the k largest of `values`.
float mean_of_largest(const float* values, std::size_t count, std::size_t k) noexcept {
  std::array<float, kMaxTopK> largest;  // in descending order
  std::size_t kept = 0;
  const std::size_t wanted = std::min({k, count, kMaxTopK});
  for (std::size_t i = 0; i < count; ++i) {
    if (kept == wanted && values[i] <= largest[kept - 1]) continue;
    std::size_t place = kept < wanted ? kept++ : kept - 1;
    for (; place > 0 && largest[place - 1] < values[i]; --place) largest[place] = largest[place - 1];
    largest[place] = values[i];
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < kept; ++i) sum += static_cast<double>(largest[i]);
  return static_cast<float>(sum / static_cast<double>(kept));
}

}  // namespace

Exemplars::Exemplars(const Model& model, const ProfileSpec& profile, const RunOptions& options, const std::filesystem::path& cache_file,
                     const std::filesystem::path& directory) {
  const std::size_t dimensions = model.embedding_size(options);
  std::vector<std::string_view> texts;
  std::vector<ContentHash> hashes;
  for (const LabelSpec& label : profile.labels)
    for (const std::string& example : label.examples) {
      texts.push_back(example);
      hashes.push_back(content_hash(example));
    }
  const std::optional<ContentHash> key = cache_file.empty() || texts.empty() ? std::nullopt : cache_key(model, options, directory);
  const ExampleCache cache(key ? cache_file : std::filesystem::path(), key.value_or(ContentHash{}), dimensions);

  std::vector<float> vectors(texts.size() * dimensions);
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const float* known = cache.find(hashes[i]);
    if (known == nullptr) {
      missing.push_back(i);
    } else {
      std::copy_n(known, dimensions, vectors.data() + i * dimensions);
    }
  }
  cached_ = texts.size() - missing.size();
  std::vector<berth_input> inputs;
  std::vector<float> computed;
  for (std::size_t first = 0; first < missing.size(); first += kExamplesAtATime) {
    const std::size_t count = std::min(kExamplesAtATime, missing.size() - first);
    inputs.assign(count, berth_input{});
    for (std::size_t i = 0; i < count; ++i) inputs[i].text = {texts[missing[first + i]].data(), texts[missing[first + i]].size()};
    computed.resize(count * dimensions);
    model.encode(inputs, options, computed.data(), nullptr, nullptr);
    for (std::size_t i = 0; i < count; ++i) std::copy_n(computed.data() + i * dimensions, dimensions, vectors.data() + missing[first + i] * dimensions);
  }
  if (key && (!missing.empty() || cache.size() != texts.size())) ExampleCache::write(cache_file, *key, dimensions, hashes, vectors);
  build(profile, vectors, dimensions, model.compute());
}

Exemplars::Exemplars(const ProfileSpec& profile, std::span<const float> vectors, std::size_t dimensions, const Compute& compute) {
  build(profile, vectors, dimensions, compute);
}

void Exemplars::build(const ProfileSpec& profile, std::span<const float> vectors, std::size_t dimensions, const Compute& compute) {
  std::size_t rows = profile.examples(), first = 0;
  for (const LabelSpec& label : profile.labels) {
    LabelRows& own = labels_.emplace_back();
    own = {.first = first, .count = label.examples.size(), .centroid = 0, .combine = label.combine, .k = label.k};
    first += own.count;
    if (own.combine == Combine::centroid && own.count > 0) own.centroid = rows++;
  }
  matrix_.in = dimensions;
  matrix_.out = rows;
  if (rows == 0) return;
  matrix_.f32 = kernels::PackedF32(rows, dimensions, compute.kernels);
  for_row_blocks(compute.pool, first, dimensions,
                 [&](std::size_t from, std::size_t count, std::size_t) noexcept { matrix_.f32.set_rows(from, count, vectors.data() + from * dimensions); });
  std::vector<float> mean(dimensions);
  for (const LabelRows& label : labels_) {
    if (label.combine != Combine::centroid || label.count == 0) continue;
    centroid(vectors.data() + label.first * dimensions, label.count, dimensions, mean.data());
    matrix_.f32.set_rows(label.centroid, 1, mean.data());
  }
}

void Exemplars::score_row(const float* similarities, const LabelScores& out, std::size_t row) const noexcept {
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const LabelRows& label = labels_[i];
    const std::size_t at = row * labels_.size() + i;
    if (label.count == 0) {
      out.scores[at] = out.similarity[at] = std::numeric_limits<float>::quiet_NaN();
      out.nearest[at] = 0;
      continue;
    }
    const float* own = similarities + label.first;
    const float* nearest = std::max_element(own, own + label.count);
    out.nearest[at] = static_cast<std::uint32_t>(nearest - own);
    out.similarity[at] = clamped(*nearest);
    switch (label.combine) {
      case Combine::max: out.scores[at] = clamped(*nearest); break;
      case Combine::mean_top_k: out.scores[at] = clamped(mean_of_largest(own, label.count, label.k)); break;
      case Combine::centroid: out.scores[at] = clamped(similarities[label.centroid]); break;
    }
  }
}

void Exemplars::score(const Compute& compute, const float* vectors, std::size_t rows, const LabelScores& out) const {
  const std::size_t at_a_time = std::clamp<std::size_t>(kSimilaritiesAtATime / std::max<std::size_t>(1, matrix_.out), 1, std::max<std::size_t>(1, rows));
  base::AlignedBuffer<float> similarities(at_a_time * std::max<std::size_t>(1, matrix_.out));
  for (std::size_t first = 0; first < rows; first += at_a_time) {
    const std::size_t count = std::min(at_a_time, rows - first);
    if (matrix_.out > 0) {
      LinearArgs product;
      product.x = vectors + first * matrix_.in;
      product.y = similarities.data();
      product.rows = count;
      run_linear(compute, matrix_, product);
    }
    for_row_blocks(compute.pool, count, matrix_.out, [&](std::size_t from, std::size_t some, std::size_t) noexcept {
      for (std::size_t row = from; row < from + some; ++row) score_row(similarities.data() + row * matrix_.out, out, first + row);
    });
  }
}

}  // namespace berth::engine
