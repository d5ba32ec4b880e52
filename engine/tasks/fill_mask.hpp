// Words for the masks of a text, as Hugging Face's fill-mask pipeline gives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/model.hpp"
#include "engine/tasks/findings.hpp"

namespace berth::engine {

struct FillMaskOptions {
  RunOptions run;
  std::size_t top_k = 5;                // tokens a mask; 0: all
  std::optional<std::int32_t> mask_id;  // absent: the tokenizer's
  std::vector<std::string> targets;     // only these; a word that is no token stands for its first token. Empty: any token
  bool raw = false;                     // scores are logits; with top_k 0 there are no items but all logits by id: [masks, vocabulary]
};

// rows: [inputs] or null. The items of a row: the best tokens of its first mask, then of its next, ...
// base::Error: invalid_argument for a row without a mask; unsupported without a masked-language-model head.
void fill_mask(const Model& model, std::span<const berth_input> inputs, const FillMaskOptions& options, Findings& out, berth_row* rows);

}  // namespace berth::engine
