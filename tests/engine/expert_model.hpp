// A model with experts that is large enough for a team of threads (engine/encoder.cpp), with random weights.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {

class ExpertModel {
 public:
  static constexpr std::size_t kHidden = 192;
  static constexpr std::size_t kInner = 960;
  static constexpr std::size_t kExperts = 12;
  static constexpr std::size_t kVocabulary = 96;

  explicit ExpertModel(int top_k) {
    directory_.write("config.json",
                     R"({"model_type":"nomic_bert","vocab_size":96,"n_embd":192,"n_layer":2,"n_head":3,"n_inner":960,"n_positions":512,)"
                     R"("activation_function":"gelu","type_vocab_size":1,"rotary_emb_fraction":1.0,"num_experts":12,"moe_every_n_layers":2,"moe_top_k":)" +
                         std::to_string(top_k) + "}");
    add("embeddings.word_embeddings.weight", {kVocabulary, kHidden}, 1.0);
    add("embeddings.token_type_embeddings.weight", {1, kHidden}, 0.1);
    norm("emb_ln");
    for (const std::string layer : {"encoder.layers.0.", "encoder.layers.1."}) {
      linear(layer + "attn.Wqkv", 3 * kHidden, kHidden);
      linear(layer + "attn.out_proj", kHidden, kHidden);
      norm(layer + "norm1");
      norm(layer + "norm2");
    }
    linear("encoder.layers.0.mlp.fc1", kInner, kHidden);
    linear("encoder.layers.0.mlp.fc2", kHidden, kInner);
    add("encoder.layers.1.mlp.router.layer.weight", {kExperts, kHidden}, deviation(kHidden));
    add("encoder.layers.1.mlp.experts.mlp.w1", {kExperts * kInner, kHidden}, deviation(kHidden));
    add("encoder.layers.1.mlp.experts.mlp.w2", {kExperts * kInner, kHidden}, deviation(kInner));
    add("encoder.layers.1.mlp.experts.bias", {kHidden}, 0.1);
    directory_.write("model.safetensors", safetensors(tensors_));
    tensors_.clear();
  }

  std::string directory() const { return directory_.path().string(); }

 private:
  static double deviation(std::size_t inputs) { return 1.0 / std::sqrt(static_cast<double>(inputs)); }
  void add(const std::string& name, const std::vector<std::uint64_t>& shape, double deviation, float mean = 0.0F) {
    std::size_t count = 1;
    for (const std::uint64_t size : shape) count *= static_cast<std::size_t>(size);
    std::vector<float> values = normals(count, static_cast<unsigned>(tensors_.size()), static_cast<float>(deviation));
    for (float& value : values) value += mean;
    tensors_.push_back(f32(name, shape, values));
  }
  void linear(const std::string& name, std::size_t out, std::size_t in) {
    add(name + ".weight", {out, in}, deviation(in));
    add(name + ".bias", {out}, 0.1);
  }
  void norm(const std::string& name) {
    add(name + ".weight", {kHidden}, 0.1, 1.0F);
    add(name + ".bias", {kHidden}, 0.1);
  }

  TempDirectory directory_;
  std::vector<TensorToWrite> tensors_;
};

}  // namespace berth::test
