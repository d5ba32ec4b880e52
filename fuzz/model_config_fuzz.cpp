// Any bytes as the config.json of small models, one with experts and one with a decoder, whose weights are what they are: an error, or a model that gives numbers for
// some tokens, or says that they are none.
#include <cmath>
#include <filesystem>
#include <iterator>
#include <span>

#include "engine/model.hpp"
#include "fuzz/directory.hpp"
#include "fuzz/fuzz.hpp"
#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace {

using namespace berth;

constexpr std::uint64_t kHidden = 4, kInner = 3, kExperts = 3, kVocabulary = 8, kPositions = 16;

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
  add("shared.weight", {kVocabulary, kHidden});
  for (const std::string stack : {"encoder.", "decoder."}) {
    add(stack + "embed_positions.weight", {kPositions + 2, kHidden});
    norm(stack + "layernorm_embedding");
    for (const std::string& layer : {stack + "layers.0.", stack + "layers.1."}) {
      for (const std::string& attention : {layer + "self_attn", layer + "encoder_attn"}) {
        for (const char* part : {".q_proj", ".k_proj", ".v_proj", ".out_proj"}) linear(attention + part, kHidden, kHidden);
        norm(attention + "_layer_norm");
      }
      linear(layer + "fc1", kInner, kHidden);
      linear(layer + "fc2", kHidden, kInner);
      norm(layer + "final_layer_norm");
    }
  }
  linear("classification_head.dense", kHidden, kHidden);
  linear("classification_head.out_proj", 2, kHidden);
  return test::safetensors(tensors);
}

std::string with_experts(const std::string& experts) {
  return R"({"model_type":"nomic_bert","vocab_size":8,"n_embd":4,"n_layer":3,"n_head":2,"n_inner":3,"n_positions":16,"activation_function":"gelu",)"
         R"("type_vocab_size":1,"layer_norm_epsilon":1e-5,"rotary_emb_fraction":1.0,"qkv_proj_bias":true)" +
         experts + "}";
}

std::string with_decoder(const std::string& more) {
  return R"({"model_type":"bart","vocab_size":8,"d_model":4,"encoder_layers":1,"decoder_layers":2,"encoder_attention_heads":2,"decoder_attention_heads":2,)"
         R"("encoder_ffn_dim":3,"decoder_ffn_dim":3,"activation_function":"gelu","max_position_embeddings":16,"scale_embedding":true)" +
         more + "}";
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  return {with_experts(R"(,"num_experts":3,"moe_top_k":2,"moe_every_n_layers":2)"),
          with_experts(R"(,"num_experts":3,"moe_top_k":1,"moe_every_n_layers":3,"moe_normalize_expert_weights":false,"num_shared_experts":0,"ffn_div":1)"),
          with_experts(R"(,"num_experts":0,"moe_top_k":4,"moe_every_n_layers":2)"),
          with_experts(R"(,"num_experts":3,"moe_every_n_layers":0)"),
          with_experts(""),
          with_decoder(R"(,"decoder_start_token_id":2,"eos_token_id":2)"),
          with_decoder(R"(,"decoder_start_token_id":7,"eos_token_id":7,"architectures":["BartForSequenceClassification"])")};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path written = fuzz::directory().write("model.safetensors", weights());
  static_cast<void>(written);
  fuzz::directory().write("config.json", {reinterpret_cast<const char*>(data), size});
  for (const char* precision : {"fp32", "int8"}) {
    fuzz::only_errors([&] {
      const auto model = engine::Model::load(fuzz::directory().path().string(), {.threads = 1, .precision = precision});
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
