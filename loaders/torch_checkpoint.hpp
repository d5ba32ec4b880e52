// A PyTorch checkpoint (torch.save of a model's state_dict): a pickle that says which tensors there are, and the bytes of their storages. Both forms are read:
// the zip archive of PyTorch 1.6 and later, and the file of pickles before it. Nothing that the pickle names is run (loaders/pickle.hpp).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loaders/tensor_entry.hpp"

namespace berth::loaders {

// Whether a file of this name is one: "pytorch_model.bin", "colbert_linear.pt".
bool is_torch_checkpoint(std::string_view file_name);

// The tensors of its dictionary, in its order; what else the dictionary holds is left out. Several may have bytes in common, as tied weights do.
// base::Error naming `label`: corrupt_file, and unsupported for numbers of the other byte order.
std::vector<TensorEntry> parse_torch_checkpoint(std::span<const std::byte> file, const std::string& label);

}  // namespace berth::loaders
