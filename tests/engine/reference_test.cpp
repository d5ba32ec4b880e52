// Every reference case of an architecture berth runs, on every instruction set this machine has, against the outputs of the Hugging Face code.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "kernels/dispatch.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"

namespace berth::test {
namespace {

struct Parameter {
  std::filesystem::path directory;
  std::string isa;
};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const auto& directory : reference_directories())
    for (const std::string& isa : usable_isas()) all.push_back({directory, isa});
  return all;
}

class Reference : public testing::TestWithParam<Parameter> {
 protected:
  void SetUp() override {
    model_ = engine::Model::load(GetParam().directory.string(), {.threads = 2, .isa = GetParam().isa});
    compared_ = 0;
  }
  void expect_close(const std::string& name, const std::vector<float>& got, const ReferenceInputs& inputs, bool per_token) {
    const auto expected = case_.tensor(name);
    ASSERT_TRUE(expected) << name;
    const double error = reference_error(*expected, got, inputs, per_token);
    if (std::getenv("BERTH_PRINT_ERRORS") != nullptr)
      std::printf("%s %s %s %.1e\n", GetParam().isa.c_str(), GetParam().directory.filename().c_str(), name.c_str(), error);
    EXPECT_LE(error, kReferenceTolerance) << name;
    ++compared_;
  }

  // What the model's head gives, whichever it is.
  void compare_logits(const ReferenceInputs& set, const std::vector<berth_input>& inputs) {
    const engine::HeadConfig& head = model_->config().head;
    engine::TokenValues tokens;
    if (head.kind == engine::HeadKind::sequence_classifier) {
      std::vector<float> values(inputs.size() * head.outputs);
      model_->classify(inputs, {}, true, values.data(), nullptr);
      expect_close(set.prefix + "logits", values, set, false);
      model_->classify(inputs, {}, false, values.data(), nullptr);
      expect_close(set.prefix + "scores", values, set, false);
    } else if (head.kind == engine::HeadKind::token_classifier) {
      model_->token_logits(inputs, {}, tokens, nullptr);
      expect_close(set.prefix + "logits", tokens.values, set, true);
    } else if (head.kind == engine::HeadKind::span) {
      model_->token_logits(inputs, {}, tokens, nullptr);
      for (std::size_t which = 0; which < 2; ++which) {
        std::vector<float> values;
        for (std::size_t i = which; i < tokens.values.size(); i += 2) values.push_back(tokens.values[i]);
        expect_close(set.prefix + (which == 0 ? "start_logits" : "end_logits"), values, set, true);
      }
    } else if (head.kind == engine::HeadKind::masked_lm && case_.tensor(set.prefix + "logits")) {
      compare_masked_logits(set, inputs);
    } else {
      EXPECT_FALSE(case_.tensor(set.prefix + "logits")) << "logits were expected, but the model has no head";
    }
  }
  void compare_masked_logits(const ReferenceInputs& set, const std::vector<berth_input>& inputs) {
    engine::MaskedLogits every;
    model_->masked_logits(inputs, {}, std::nullopt, every, nullptr);
    expect_close(set.prefix + "logits", every.values, set, true);
    // Chosen places give the same bits.
    const std::int32_t id = set.ids.back().back();
    const std::size_t size = model_->config().vocab_size;
    engine::MaskedLogits some;
    model_->masked_logits(inputs, {}, id, some, nullptr);
    ASSERT_FALSE(some.places.empty());
    for (std::size_t i = 0, next = 0; i < every.places.size(); ++i) {
      const auto [input, token] = every.places[i];
      if (set.ids[input][token] != id) continue;
      ASSERT_LT(next, some.places.size());
      EXPECT_TRUE(std::equal(every.values.begin() + static_cast<std::ptrdiff_t>(i * size), every.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * size),
                             some.values.begin() + static_cast<std::ptrdiff_t>(next * size)));
      ++next;
    }
  }

  ReferenceCase case_{GetParam().directory};
  std::unique_ptr<const engine::Model> model_;
  int compared_ = 0;
};

TEST_P(Reference, HiddenStatesAndHeadsOfIds) {
  for (const ReferenceInputs& set : case_.input_sets()) {
    const auto inputs = set.inputs();
    for (std::size_t layer = 0; layer <= model_->config().plan.size() / model_->config().inner_layers; ++layer) {
      const std::string name = set.prefix + "hidden_states." + std::to_string(layer);
      if (!case_.tensor(name)) continue;
      engine::TokenValues tokens;
      model_->hidden_states(inputs, layer, tokens);
      expect_close(name, tokens.values, set, true);
    }
    if (case_.tensor(set.prefix + "last_hidden_state")) {
      engine::TokenValues tokens;
      model_->encode(inputs, {}, nullptr, nullptr, &tokens);
      expect_close(set.prefix + "last_hidden_state", tokens.values, set, true);
    }
    if (case_.tensor(set.prefix + "pooler_output") && !model_->weights().pooler.empty()) {
      std::vector<float> pooled(inputs.size() * model_->config().hidden_size);
      model_->pooler_output(inputs, pooled.data());
      expect_close(set.prefix + "pooler_output", pooled, set, false);
    }
    compare_logits(set, inputs);
    if (case_.tensor(set.prefix + "sentence_embedding")) {
      std::vector<float> values(inputs.size() * model_->embedding_size());
      model_->encode(inputs, {}, values.data(), nullptr, nullptr);
      expect_close(set.prefix + "sentence_embedding", values, set, false);
    }
  }
  EXPECT_GT(compared_, 0) << "nothing of this case was compared";
}

// From the strings themselves: the tokenizer, truncation and the model together.
TEST_P(Reference, Texts) {
  const auto texts = case_.texts();
  const auto sets = case_.input_sets();
  if (texts.empty()) GTEST_SKIP() << "this case has no texts";
  const ReferenceInputs& set = sets.back();
  ASSERT_EQ(set.prefix, "text.");
  std::vector<berth_input> inputs;
  for (const auto& [text, pair] : texts) {
    berth_input input = text_input(text);
    if (pair) input.text_pair = {pair->data(), pair->size()};
    inputs.push_back(input);
  }
  std::vector<berth_row> rows(inputs.size());
  const engine::RunOptions options{.max_length = set.padded_length};
  engine::TokenValues tokens;
  std::vector<float> embeddings(inputs.size() * model_->embedding_size());
  model_->encode(inputs, options, embeddings.data(), rows.data(), &tokens);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].tokens, set.ids[i].size()) << "text " << i;
  if (case_.tensor("text.last_hidden_state")) expect_close("text.last_hidden_state", tokens.values, set, true);
  if (model_->config().head.kind == engine::HeadKind::token_classifier) {
    engine::TokenValues logits;
    model_->token_logits(inputs, options, logits, nullptr);
    expect_close("text.logits", logits.values, set, true);
  }
  if (case_.tensor("text.sentence_embedding")) expect_close("text.sentence_embedding", embeddings, set, false);
  if (model_->config().has_sequence_classifier()) {
    std::vector<float> scores(inputs.size() * model_->config().labels.size());
    model_->classify(inputs, options, false, scores.data(), nullptr);
    expect_close("text.scores", scores, set, false);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Reference, testing::ValuesIn(parameters()), [](const auto& info) {
  std::string name = info.param.directory.filename().string() + "_" + info.param.isa;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

// A machine without vector extensions would leave the fast kernels untested without anyone noticing.
TEST(ReferenceCoverage, SaysWhichInstructionSetsRan) {
  const auto isas = usable_isas();
  for (const std::string& isa : isas) std::printf("covered: %s\n", isa.c_str());
  if (isas.size() == 1) std::printf("WARNING: only the baseline ran; no vector kernel was tested on this machine\n");
  const char* required = std::getenv("BERTH_REQUIRE_ISA");
  if (required != nullptr) {
    EXPECT_NE(std::find(isas.begin(), isas.end(), required), isas.end()) << required;
  }
}

}  // namespace
}  // namespace berth::test
