// Labels that the model was not trained on, through natural-language inference, as Hugging Face's zero-shot-classification pipeline scores them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/model.hpp"

namespace berth::engine {

struct ZeroShotOptions {
  RunOptions run;
  std::string hypothesis_template = "This example is {}.";  // with one "{}", where the label goes
  bool multi_label = false;                                 // every label for itself
};

// out: [inputs, labels]; rows: [inputs] or null, the tokens of all pairs of a text with a label. Rows of ids are single texts with their special tokens.
// base::Error: unsupported without a sequence-classification head of two labels or more; invalid_argument.
void zero_shot(const Model& model, std::span<const berth_input> inputs, std::span<const std::string> labels, const ZeroShotOptions& options, float* out,
               berth_row* rows);

}  // namespace berth::engine
