// Any bytes as the config.json of a small model with experts, whose weights are what they are: an error, or a model that gives numbers for some tokens, or says
// that they are none.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <span>

#include "engine/model.hpp"
#include "fuzz/fuzz.hpp"
#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace {

using namespace berth;

constexpr std::uint64_t kHidden = 4, kInner = 3, kExperts = 3, kVocabulary = 8;

std::string weights() {
  std::vector<test::TensorToWrite> tensors;
  const auto add = [&](const std::string& name, const std::vector<std::uint64_t>& shape) {
    std::size_t count = 1;
    for (const std::uint64_t size : shape) count *= static_cast<std::size_t>(size);
    tensors.push_back(test::f32(name, shape, test::normals(count, static_cast<unsigned>(tensors.size()))));
  };
  const auto linear = [&](const std::string& name, std::uint64_t out, std::uint64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {kHidden});
    add(name + ".bias", {kHidden});
  };
  add("embeddings.word_embeddings.weight", {kVocabulary, kHidden});
  add("embeddings.token_type_embeddings.weight", {1, kHidden});
  norm("emb_ln");
  for (const std::string layer : {"encoder.layers.0.", "encoder.layers.1.", "encoder.layers.2."}) {
    linear(layer + "attn.Wqkv", 3 * kHidden, kHidden);
    linear(layer + "attn.out_proj", kHidden, kHidden);
    norm(layer + "norm1");
    norm(layer + "norm2");
    linear(layer + "mlp.fc1", kInner, kHidden);
    linear(layer + "mlp.fc2", kHidden, kInner);
    add(layer + "mlp.router.layer.weight", {kExperts, kHidden});
    add(layer + "mlp.experts.mlp.w1", {kExperts * kInner, kHidden});
    add(layer + "mlp.experts.mlp.w2", {kExperts * kInner, kHidden});
    add(layer + "mlp.experts.bias", {kHidden});
  }
  return test::safetensors(tensors);
}

const test::TempDirectory& directory() {
  static const bool in_memory = std::filesystem::is_directory("/dev/shm") && std::getenv("TMPDIR") == nullptr && ::setenv("TMPDIR", "/dev/shm", 1) == 0;
  static_cast<void>(in_memory);
  static const test::TempDirectory made;
  static const std::filesystem::path written = made.write("model.safetensors", weights());
  static_cast<void>(written);
  return made;
}

std::string config(const std::string& experts) {
  return R"({"model_type":"nomic_bert","vocab_size":8,"n_embd":4,"n_layer":3,"n_head":2,"n_inner":3,"n_positions":16,"activation_function":"gelu",)"
         R"("type_vocab_size":1,"layer_norm_epsilon":1e-5,"rotary_emb_fraction":1.0,"qkv_proj_bias":true)" +
         experts + "}";
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  return {config(R"(,"num_experts":3,"moe_top_k":2,"moe_every_n_layers":2)"),
          config(R"(,"num_experts":3,"moe_top_k":1,"moe_every_n_layers":3,"moe_normalize_expert_weights":false,"num_shared_experts":0,"ffn_div":1)"),
          config(R"(,"num_experts":0,"moe_top_k":4,"moe_every_n_layers":2)"), config(R"(,"num_experts":3,"moe_every_n_layers":0)"), config("")};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  directory().write("config.json", {reinterpret_cast<const char*>(data), size});
  for (const char* precision : {"fp32", "int8"}) {
    fuzz::only_errors([&] {
      const auto model = engine::Model::load(directory().path().string(), {.threads = 1, .precision = precision});
      const std::int32_t ids[] = {1, 5, 2, 2, 7};
      berth_input input{};
      input.ids = ids;
      input.ids_size = std::size(ids);
      engine::TokenValues values;
      model->encode(std::span(&input, 1), {}, nullptr, nullptr, &values);
      for (const float value : values.values) fuzz::require(std::isfinite(value), "a value that is no number");
    });
  }
  return 0;
}
