// A profile at work. Immutable after load; calls are reentrant.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <berth/berth.h>

#include "engine/model.hpp"
#include "engine/profile/decisions.hpp"
#include "engine/profile/exemplars.hpp"
#include "engine/profile/profile.hpp"
#include "engine/profile/rules.hpp"

namespace berth::engine {

struct ClassifierOptions {
  std::filesystem::path model = {};      // directory, in place of the profile's; empty: the profile's
  LoadOptions load = {.precision = {}};  // its precision, where it is not empty, in place of the profile's
  std::size_t batch_tokens = 0;          // as in RunOptions
  bool cache = true;                     // whether there is a file of the examples' vectors beside the profile
  bool rules_only = false;               // as where the model is unavailable
  std::optional<Combine> combine = {};   // in place of every label's
  std::size_t k = 0;                     // likewise; 0: the profile's
};

class Classifier {
 public:
  // base::Error as read_profile() throws it; and, unless the profile says that rules do without the model, as Model::load() and encode() do.
  static std::unique_ptr<const Classifier> load(const std::filesystem::path& file, const ClassifierOptions& options);

  // Texts without a pair. `rows`: [inputs], or null. base::Error: invalid_argument; as Model::encode(), unless rules do without the model.
  Decisions run(std::span<const berth_input> inputs, berth_row* rows) const;

  const std::shared_ptr<const ProfileSpec>& profile() const noexcept { return profile_; }
  const Model* model() const noexcept { return model_.get(); }  // null where it is unavailable; shared by the profiles of a process
  const std::string& info() const noexcept { return info_; }    // JSON

 private:
  Classifier() = default;
  void load_model(const ClassifierOptions& options);
  void run_model(std::span<const berth_input> inputs, std::size_t first, Evidence& out, berth_row* rows) const;
  std::string describe() const;

  std::shared_ptr<const ProfileSpec> profile_;
  std::optional<RuleSet> rules_;
  std::shared_ptr<const Model> model_;  // null where it is unavailable
  std::optional<Exemplars> exemplars_;
  RunOptions run_options_;
  std::string model_error_;
  std::string info_;
};

}  // namespace berth::engine
