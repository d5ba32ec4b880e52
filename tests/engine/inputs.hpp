// Inputs of engine::Model, and the instruction sets to run it with.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <berth/berth.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "tests/support/sanitized.hpp"

namespace berth::test {

// The input refers to `text`.
inline berth_input text_input(std::string_view text) {
  berth_input input{};
  input.text = {text.data(), text.size()};
  return input;
}

// The inputs refer to `texts`.
inline std::vector<berth_input> text_inputs(const std::vector<std::string>& texts) {
  std::vector<berth_input> inputs;
  for (const std::string& text : texts) inputs.push_back(text_input(text));
  return inputs;
}

// The input refers to `ids` and `types`.
inline berth_input ids_input(const std::vector<std::int32_t>& ids, const std::vector<std::int32_t>* types = nullptr) {
  static const std::int32_t none = 0;
  berth_input input{};
  input.ids = ids.empty() ? &none : ids.data();
  input.ids_size = ids.size();
  input.type_ids = types == nullptr ? nullptr : types->data();
  return input;
}

// The embeddings of `texts`, side by side.
inline std::vector<float> encode_texts(const engine::Model& model, const std::vector<std::string>& texts, engine::RunOptions options = {}) {
  std::vector<float> out(texts.size() * model.embedding_size());
  model.encode(text_inputs(texts), options, out.data(), nullptr, nullptr);
  return out;
}

// Whatever the model gives for the rows: every token's values or every row's.
inline std::vector<float> outputs(const engine::Model& model, const std::vector<berth_input>& inputs) {
  const engine::HeadConfig& head = model.config().head;
  engine::TokenValues tokens;
  if (head.kind == engine::HeadKind::sequence_classifier) {
    std::vector<float> logits(inputs.size() * head.outputs);
    model.classify(inputs, {}, true, logits.data(), nullptr);
    return logits;
  }
  if (head.kind == engine::HeadKind::token_classifier || head.kind == engine::HeadKind::span) {
    model.token_logits(inputs, {}, tokens, nullptr);
  } else if (head.kind == engine::HeadKind::masked_lm) {
    engine::MaskedLogits logits;
    model.masked_logits(inputs, {}, std::nullopt, logits, nullptr);
    return logits.values;
  } else {
    model.encode(inputs, {}, nullptr, nullptr, &tokens);
  }
  return tokens.values;
}

// Those of this CPU, best first; under a sanitizer, where the portable ones take minutes, the best and AVX2: the tests of the kernels run them all.
inline std::vector<std::string> usable_isas() {
  std::vector<std::string> names;
  for (const auto& status : kernels::isa_statuses())
    if (status.usable && (!kSanitized || names.empty() || status.isa == kernels::Isa::avx2)) names.emplace_back(kernels::name(status.isa));
  return names;
}

// Of two vectors of the same size.
inline double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * double{b[i]};
    aa += double{a[i]} * double{a[i]};
    bb += double{b[i]} * double{b[i]};
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace berth::test
