// Token classification: entities of texts, as Hugging Face's token-classification pipeline puts them together.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model.hpp"
#include "engine/tasks/findings.hpp"

namespace berth::engine {

enum class Aggregation {
  none,     // every token by itself
  simple,   // neighbouring tokens of one tag together
  first,    // a word is what its first token is; then as simple
  average,  // ...what the mean of its tokens' scores is
  max,      // ...what its token with the highest score is
};
// base::Error{invalid_argument} listing the names.
Aggregation aggregation_by_name(std::string_view name);

struct TagOptions {
  RunOptions run;  // LongText::window not with Aggregation::none
  Aggregation aggregation = Aggregation::none;
  std::vector<std::string> ignore_labels = {"O"};
  bool logits = false;  // keep them: [labels] a token
};

// rows: [inputs] or null. base::Error{unsupported} without a token-classification head.
void tag(const Model& model, std::span<const berth_input> inputs, const TagOptions& options, Findings& out, berth_row* rows);

}  // namespace berth::engine
