// Any bytes as the files of a sentence-transformers directory. The input is cut at bytes 0xFE, which no JSON has, into the files below, in this
// order; the last takes what is left. Opening the directory gives an error, or tensors that can be read to their last byte.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "fuzz/directory.hpp"
#include "fuzz/fuzz.hpp"
#include "loaders/adapters.hpp"
#include "loaders/model_directory.hpp"
#include "loaders/tensors.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace {

using namespace berth;

constexpr char kCut = '\xfe';
constexpr std::array kFiles = {"modules.json",
                               "1_Pooling/config.json",
                               "2_Dense/config.json",
                               "config_sentence_transformers.json",
                               "sentence_bert_config.json",
                               "config.json",
                               "router_config.json",
                               "model.safetensors.index.json",
                               "model-1.safetensors"};

void write_files(std::string_view input) {
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    const std::size_t end = i + 1 == kFiles.size() ? input.size() : std::min(input.find(kCut), input.size());
    const std::string_view content = input.substr(0, end);
    if (content.empty() && i + 1 < kFiles.size()) {
      std::filesystem::remove(fuzz::directory() / kFiles[i]);  // absent rather than empty: the format of an optional file
    } else {
      fuzz::directory().write(kFiles[i], content);
    }
    if (i + 1 == kFiles.size()) fuzz::directory().write("2_Dense/model.safetensors", content);
    // The same folder as an adapter's.
    if (i + 1 == kFiles.size()) fuzz::directory().write("2_Dense/adapter_model.safetensors", content);
    if (kFiles[i] == std::string_view("2_Dense/config.json")) fuzz::directory().write("2_Dense/adapter_config.json", content);
    input.remove_prefix(std::min(end + 1, input.size()));
  }
}

std::size_t sum(const loaders::TensorStore& store) {
  std::size_t total = 0;
  for (const loaders::TensorView& tensor : store.tensors()) {
    for (const std::byte byte : tensor.data) total += static_cast<std::size_t>(byte);
    store.release(tensor.data);
    fuzz::require(store.find(tensor.name) != nullptr, "a tensor that cannot be found");
  }
  return total;
}

// Elements as far as a tensor's sizes and steps reach lie in its bytes.
void require_inside(const loaders::TensorView& tensor) {
  if (tensor.elements() == 0) return;
  std::uint64_t last = tensor.strides.empty() ? tensor.elements() - 1 : 0;
  for (std::size_t i = 0; i < tensor.strides.size(); ++i) last += (tensor.shape[i] - 1) * tensor.strides[i];
  fuzz::require((last + 1) * loaders::size_in_bits(tensor.dtype) / 8 <= tensor.data.size(), "a tensor that is not inside its file");
}

// Without an adapter, with one that is among the weights, with one in a folder.
void adapt(const loaders::ModelDirectory& model) {
  for (const char* name : {"", "b", "2_Dense"})
    fuzz::only_errors([&] {
      auto tensors = loaders::TensorStore::open(model.encoder);
      loaders::use_adapter(tensors, model, name, base::FileAccess::map);
      for (const loaders::TensorView& tensor : tensors.tensors()) {
        fuzz::require(tensors.find(tensor.name) != nullptr, "a tensor that cannot be found");
        require_inside(tensor);
        if (tensor.added == nullptr) continue;
        require_inside(tensor.added->a);
        require_inside(tensor.added->b);
        fuzz::require(
            tensor.added->b.shape == std::vector{tensor.shape.at(0), tensor.added->a.shape.at(0)} && tensor.added->a.shape.at(1) == tensor.shape.at(1),
            "an addition of another shape");
      }
    });
}

std::string pack(const std::vector<std::string>& files) {
  std::string input;
  for (const std::string& file : files) input += (input.empty() && &file == &files.front() ? "" : std::string(1, kCut)) + file;
  return input;
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  const std::string config = R"({"model_type":"bert","hidden_size":4,"vocab_size":8})";
  const std::string index = R"({"metadata":{"total_size":48},"weight_map":{"linear.weight":"model-1.safetensors","linear.bias":"model-1.safetensors"}})";
  const std::string weights = test::safetensors({test::zeros("linear.weight", {2, 4}), test::zeros("linear.bias", {2})});
  const std::string old_modules = R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1",)"
                                  R"("path":"1_Pooling","type":"sentence_transformers.models.Pooling"},)"
                                  R"({"idx":2,"name":"2","path":"2_Dense","type":"sentence_transformers.models.Dense"},{"idx":3,"name":"3",)"
                                  R"("path":"3_Normalize","type":"sentence_transformers.models.Normalize"}])";
  const std::string new_modules = R"([{"path":"","type":"sentence_transformers.base.modules.transformer.Transformer"},{"path":"1_Pooling",)"
                                  R"("type":"sentence_transformers.sentence_transformer.modules.pooling.Pooling"}])";
  const std::string dense = R"({"in_features":4,"out_features":2,"bias":true,"activation_function":"torch.nn.modules.activation.Tanh"})";
  const std::string prompts = R"({"prompts":{"query":"query: "},"default_prompt_name":"query","similarity_fn_name":"dot","model_type":"SentenceTransformer"})";
  const std::string sparse = R"([{"path":"","type":"sentence_transformers.sparse_encoder.models.MLMTransformer"},)"
                             R"({"path":"1_Pooling","type":"sentence_transformers.sparse_encoder.models.SpladePooling"}])";
  const std::string late = R"([{"path":"","type":"sentence_transformers.models.Transformer"},{"path":"2_Dense","type":"pylate.models.Dense.Dense"}])";
  const std::string masked = R"([{"path":"","type":"sentence_transformers.base.modules.transformer.Transformer"},)"
                             R"({"path":"1_Pooling","type":"sentence_transformers.multi_vector_encoder.modules.multi_vector_mask.MultiVectorMask"}])";
  const std::string router = R"([{"path":"","type":"sentence_transformers.models.Router"}])";
  const std::string routes = R"({"types":{"":"sentence_transformers.sparse_encoder.models.MLMTransformer",)"
                             R"("1_Pooling":"sentence_transformers.sparse_encoder.models.SpladePooling",)"
                             R"("2_Dense":"sentence_transformers.sparse_encoder.models.SparseStaticEmbedding"},)"
                             R"("structure":{"query":["2_Dense"],"document":["","1_Pooling"]},"parameters":{"default_route":"document"}})";
  return {
      pack({sparse, R"({"pooling_strategy":"sum","activation_function":"log1p_relu"})", "", R"({"model_type":"SparseEncoder"})", "", config, "", index,
            weights}),
      pack({late, "", dense, R"({"similarity_fn_name":"MaxSim","query_prefix":"[Q] ","query_length":32,"skiplist_words":["!"]})", "", config, "", index,
            weights}),
      pack({masked, R"({"skiplist_words":["."],"skiplist_tasks":"document"})", "", R"({"model_type":"MultiVectorEncoder","truncate_dim":2})",
            R"({"query_expansion":{"strategy":"fixed","attend":true,"length":16}})", config, "", index, weights}),
      pack({R"([{"path":".","type":"sentence_transformers.models.StaticEmbedding"}])", "", "", "", "", R"({"model_type":"model2vec"})", "", index, weights}),
      pack({old_modules, R"({"word_embedding_dimension":4,"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true,"include_prompt":true})", dense,
            prompts, R"({"max_seq_length":48,"do_lower_case":false})", config, "", index, weights}),
      pack({new_modules, R"({"embedding_dimension":4,"pooling_mode":["mean","cls"],"include_prompt":false})", "", "",
            R"({"transformer_task":"feature-extraction"})", config, "", index, weights}),
      pack({old_modules, R"({"word_embedding_dimension":4,"pooling_mode_mean_tokens":false,"pooling_mode_lasttoken":true,"include_prompt":true})", dense,
            R"({"prompts":{"query":"Instruct: find\nQuery:","document":""},"default_prompt_name":null,"similarity_fn_name":"cosine"})", "",
            R"({"model_type":"qwen3","architectures":["Qwen3ForCausalLM"],"hidden_size":4,"vocab_size":8})", "", index, weights}),
      pack({"", "", "", "", "", config, "", index, weights}),
      pack({"", "", R"({"peft_type":"LORA","lora_alpha":4,"use_rslora":true,"alpha_pattern":{}})", "", "", config, "", index,
            test::safetensors({test::zeros("linear.weight", {2, 4}), test::zeros("base_model.model.linear.lora_A.weight", {1, 4}),
                               test::zeros("base_model.model.linear.lora_B.weight", {2, 1}), test::zeros("linear.bias", {2})})}),
      pack(
          {R"([{"path":"","type":"custom_st.Transformer"}])", "", "", "", "", R"({"model_type":"xlm-roberta","lora_adaptations":["a","b"],"lora_alpha":1})", "",
           R"({"weight_map":{"linear.bias":"model-1.safetensors"}})",
           test::safetensors({test::zeros("linear.parametrizations.weight.original", {2, 4}), test::zeros("linear.parametrizations.weight.0.lora_A", {2, 1, 4}),
                              test::zeros("linear.parametrizations.weight.0.lora_B", {2, 2, 1}), test::zeros("linear.bias", {2})})}),
      pack({router, R"({"pooling_strategy":"max"})", "", R"({"model_type":"SparseEncoder"})", "", config, routes, index, weights}),
      pack({R"([{"path":"../up","type":"sentence_transformers.models.Transformer"}])", "", "", "", "", config, "", R"({"weight_map":{"a":"/etc/passwd"}})",
            weights}),
  };
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  write_files({reinterpret_cast<const char*>(data), size});
  std::filesystem::path encoder = fuzz::directory().path();
  fuzz::only_errors([&] {
    const auto model = loaders::ModelDirectory::open(fuzz::directory().path());
    encoder = model.encoder;
    adapt(model);
  });
  std::size_t mapped = 0;
  std::size_t copied = 0;
  const bool first = fuzz::only_errors([&] { mapped = sum(loaders::TensorStore::open(encoder, base::FileAccess::map)); });
  const bool second = fuzz::only_errors([&] { copied = sum(loaders::TensorStore::open(encoder, base::FileAccess::copy)); });
  fuzz::require(first == second && mapped == copied, "a mapped file and its copy differ");
  return 0;
}
