// What tasks find in rows of text: tags, answers, words for a mask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace berth::engine {

struct Finding {
  std::string label;                    // tag: the entity
  std::optional<std::string> text;      // tag: the word; answer: the answer; fill_mask: the token; absent where only a tokenizer could tell
  std::optional<std::string> sequence;  // fill_mask: the row's text with the token in the mask's place
  float score = 0.0F;
  std::int32_t id = -1;           // fill_mask: the token's
  std::uint32_t first_token = 0;  // of the row's tokens, special ones counted; fill_mask: the mask's place
  std::uint32_t last_token = 0;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> span;  // [begin, end) in code points of the text; absent for ids
};

// Rows of findings, and of the logits that they come from where those are asked for. A row that ran as several windows has their logits one after another.
struct Findings {
  std::vector<Finding> items;
  std::vector<std::size_t> first_item{0};    // [rows + 1]
  std::vector<float> logits;                 // [vectors of all rows, logits_size]
  std::vector<std::size_t> first_logits{0};  // [rows + 1], in vectors
  std::size_t logits_size = 0;
};

}  // namespace berth::engine
