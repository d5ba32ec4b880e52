// Loading a classifier as the options say.
#pragma once

#include <string>

#include <berth/berth.hpp>

#include "apps/cli/models.hpp"

namespace berth::cli {

struct ProfileOptions {
  std::string file;  // --profile
  bool no_cache = false;
  bool rules_only = false;
};

// How a profile's model is loaded: what of the options was given takes the place of what the profile says.
ClassifierOptions classifier_options(const ModelOptions& model, bool precision_given, std::size_t batch_tokens);
// Says on standard error when the classifier has no model, and why.
Classifier load_classifier(const std::string& profile, const ClassifierOptions& options);

}  // namespace berth::cli
