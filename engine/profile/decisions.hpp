// From scores and rules to a label, and what an explanation of it needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <berth/berth.h>

#include "engine/profile/profile.hpp"
#include "engine/profile/rules.hpp"

namespace berth::engine {

inline constexpr std::size_t kNone = static_cast<std::size_t>(-1);

struct Decision {
  std::size_t label = kNone;
  berth_decided_by by = BERTH_BY_NOTHING;
  std::size_t nearest_label = kNone;  // of the example that is reported; kNone without the model
  std::size_t rule = kNone;           // that decided, else the first that fired
  std::size_t hit = kNone;            // which of the row's hits that is
};

// What is known of some texts before anything is decided.
struct Evidence {
  std::shared_ptr<const ProfileSpec> profile;
  std::vector<float> scores;               // [rows, labels]: NaN where there is none
  std::vector<std::uint32_t> nearest;      // [rows, labels]
  std::vector<float> similarity;           // [rows, labels]
  std::vector<unsigned char> model;        // [rows]: 1 where it took part
  std::vector<std::vector<RuleHit>> hits;  // [rows]

  std::size_t labels() const noexcept { return profile->labels.size(); }
  std::size_t rows() const noexcept { return model.size(); }
  // Makes room for `rows`; nothing is known of them yet.
  void resize(std::size_t rows);
};

struct Decisions {
  std::shared_ptr<const Evidence> evidence;
  std::vector<float> thresholds;  // [labels]
  std::vector<Decision> items;    // [rows]
};

// By these thresholds [labels]:
//  1. Of the labels whose score reaches their threshold and that no rule excludes: the highest priority, among equals the highest score, then the
//     first. Where there is none: the default.
//  2. The first rule that fired and sets a label replaces that.
//  3. Of the labels that fired rules raise to, the one of highest priority replaces a label of lower priority, and a default of the same.
Decisions decide(std::shared_ptr<const Evidence> evidence, std::span<const float> thresholds);

}  // namespace berth::engine
