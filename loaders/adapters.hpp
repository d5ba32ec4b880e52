// Adapters: low-rank additions to a model's matrices, made for a task (LoRA, Hu et al. 2021). They are stored beside the matrices in the model's own file, for
// several tasks at once, as jinaai's published XLM-RoBERTa has them; or in a directory of their own, as PEFT saves them.
#pragma once

#include <string>
#include <vector>

#include "loaders/model_directory.hpp"
#include "loaders/tensors.hpp"

namespace berth::loaders {

// The adapters in the directory's own weights, by config.json's "lora_adaptations"; empty: none.
std::vector<std::string> stored_adapters(const ModelDirectory& directory);

// Changes `tensors`, the directory's own, so that they are those of a model with the adapter `name`: one of stored_adapters(), or a directory with an
// adapter_config.json, looked for in the model's own directory first; empty: none, which leaves the matrices of a model with stored adapters as they are
// (such a model runs without any where nobody names one).
// base::Error: invalid_argument for a name that there is not; corrupt_file; unsupported for what is more than sums of low rank, and for a directory that is an
// adapter itself while none was named.
void use_adapter(TensorStore& tensors, const ModelDirectory& directory, const std::string& name, base::FileAccess access);

}  // namespace berth::loaders
