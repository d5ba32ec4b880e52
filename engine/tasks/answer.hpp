// Extractive question answering: the stretch of a context that answers a question, as Hugging Face's question-answering pipeline finds it.
#pragma once

#include <cstddef>
#include <span>

#include "engine/model.hpp"
#include "engine/tasks/findings.hpp"

namespace berth::engine {

struct AnswerOptions {
  RunOptions run;         // max_length 0: 384 tokens or the model's limit, whichever is less; long contexts always run as windows: stride 0 is
                          // 128 tokens, or half a window
  std::size_t top_k = 1;  // answers; at least 1
  std::size_t max_answer_tokens = 15;
  bool impossible = false;  // no answer ("" at 0) is an answer, too, where the model says so
  bool logits = false;      // keep them: start and end of every token
};

// inputs: pairs (question, context), or ids of such pairs. rows: [inputs] or null. An answer lies within one window and ends with its words. No items for
// a context without tokens. base::Error{unsupported} without a question-answering head.
void answer(const Model& model, std::span<const berth_input> inputs, const AnswerOptions& options, Findings& out, berth_row* rows);

}  // namespace berth::engine
