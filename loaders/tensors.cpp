#include "loaders/tensors.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/problems.hpp"
#include "loaders/safetensors.hpp"
#include "loaders/torch_checkpoint.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

// The names that weights may have, the first that is there being it: of a single file, which wins over an index of shards.
constexpr std::array kSingleFiles = {"model.safetensors", "pytorch_model.bin"};
constexpr base::JsonLimits kIndexLimits{32U << 20, 16, 1U << 16};  // 100,000 names of 300 bytes
constexpr std::size_t kMaxShards = 1000;

// Names of weights in formats that berth does not read, sorted. A directory that cannot be listed has none.
std::vector<std::string> foreign_weights(const fs::path& directory) {
  std::vector<std::string> found;
  std::error_code error;
  std::size_t seen = 0;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end && seen < 10000; entry.increment(error), ++seen) {
    const std::string name = entry->path().filename().native();
    const bool torch = is_torch_checkpoint(name);  // under a name that nobody's library looks for
    const bool tensorflow = name == "tf_model.h5" || name == "flax_model.msgpack" || name.ends_with(".ckpt.index") || name == "rust_model.ot";
    const bool exported = name.ends_with(".onnx") || name.ends_with(".gguf") || name == "openvino_model.xml" || name == "onnx" || name == "openvino";
    if (torch || tensorflow || exported || name.ends_with(".safetensors")) found.push_back(base::printable(name));
  }
  std::sort(found.begin(), found.end());
  return found;
}

[[noreturn]] void throw_no_weights(const fs::path& directory) {
  std::string message = base::display(directory) + ": no weights: neither model.safetensors nor pytorch_model.bin is there, nor an index of either's shards";
  const auto found = foreign_weights(directory);
  for (std::size_t i = 0; i < found.size() && i < 10; ++i) message += (i == 0 ? "; found " : ", ") + found[i];
  if (!found.empty()) message += ", which berth does not read. Save the original model with transformers' save_pretrained, which writes model.safetensors";
  throw Error(ErrorCode::not_found, std::move(message));
}

// The index's weight_map: tensor name -> shard name.
std::map<std::string, std::string> read_weight_map(const fs::path& path) {
  const std::string label = base::display(path);
  const base::MappedFile file(path);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  base::reject_impostor(text.substr(0, 512), label);
  std::map<std::string, std::string> weight_map;
  base::Problems problems;
  const auto sink = [&](const base::JsonStreamElement& element) {
    if (weight_map.size() == kMaxTensors) throw Error(ErrorCode::corrupt_file, label + ": more than " + std::to_string(kMaxTensors) + " tensors");
    const std::string key(element.key.value_or("[" + std::to_string(element.index) + "]"));
    if (!element.key || !element.value->is_string()) {
      problems.add("field " + base::quoted("weight_map." + key, 200) + ": expected a file name, got " + base::describe(*element.value));
      return;
    }
    weight_map.emplace(key, element.value->get<std::string>());
  };
  const base::Json document = base::parse_json_streaming(text, label, {"/weight_map"}, sink, kIndexLimits);
  const base::JsonObject object(document, label);
  if (object.has("weight_map") || !document.contains("weight_map")) object.fail("weight_map", "expected an object of tensor names and file names");
  problems.throw_if_any(ErrorCode::corrupt_file, label);
  if (weight_map.empty()) throw Error(ErrorCode::corrupt_file, label + ": field \"weight_map\": lists no tensors");
  return weight_map;
}

}  // namespace

std::uint64_t TensorView::elements() const noexcept {
  std::uint64_t count = 1;
  for (const std::uint64_t size : shape) count *= size;  // the header's parser has checked that this fits
  return count;
}

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

void TensorStore::add_file(const fs::path& path, std::string name, base::FileAccess access) {
  const std::string label = base::display(path);
  base::MappedFile file(path, access);
  const auto bytes = file.bytes();
  auto entries = is_torch_checkpoint(name) ? parse_torch_checkpoint(bytes, label) : parse_safetensors_header(bytes, bytes.size(), label).tensors;
  for (TensorEntry& entry : entries) {
    const auto data = bytes.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin));
    tensors_.push_back({std::move(entry.name), label, entry.dtype, std::move(entry.dtype_name), std::move(entry.shape), std::move(entry.strides), data});
  }
  files_.push_back(std::move(file));
  file_names_.push_back(std::move(name));
}

// The index and the shards must tell the same story: every listed tensor in the shard it is listed for, none in two.
void TensorStore::add_shards(const fs::path& index, base::FileAccess access) {
  const fs::path directory = index.parent_path();
  const std::string label = base::display(index);
  const auto weight_map = read_weight_map(index);
  std::map<std::string, fs::path> shards;
  for (const auto& [tensor, shard] : weight_map) shards.emplace(shard, fs::path());
  if (shards.size() > kMaxShards) {
    throw Error(ErrorCode::corrupt_file, label + ": " + std::to_string(shards.size()) + " files, the limit is " + std::to_string(kMaxShards));
  }
  base::Problems missing;
  for (auto& [shard, path] : shards) {
    path = base::join_checked(directory, shard, label + ": field \"weight_map\"");
    if (!base::file_exists(path)) missing.add("the file " + base::quoted(shard, 200) + " that it lists is not there");
  }
  missing.throw_if_any(ErrorCode::not_found, label);

  base::Problems problems;
  std::map<std::string, std::string_view, std::less<>> where;  // tensor -> the shard that has it
  std::size_t done = 0;
  for (const auto& [shard, path] : shards) {
    add_file(path, shard, access);
    for (; done < tensors_.size(); ++done) {
      const std::string& name = tensors_[done].name;
      const auto [first, fresh] = where.emplace(name, shard);
      if (!fresh) problems.add("tensor " + base::quoted(name, 200) + " is in both " + base::quoted(first->second) + " and " + base::quoted(shard));
    }
  }
  for (const auto& [tensor, shard] : weight_map) {
    const auto found = where.find(tensor);
    if (found == where.end() || found->second != shard) {
      problems.add("tensor " + base::quoted(tensor, 200) + " is not in " + base::quoted(shard) + ", where weight_map says it is");
    }
  }
  problems.throw_if_any(ErrorCode::corrupt_file, label);
}

void TensorStore::sort() {
  std::sort(tensors_.begin(), tensors_.end(), [](const TensorView& a, const TensorView& b) { return a.name < b.name; });
}

TensorStore TensorStore::open(const fs::path& directory, base::FileAccess access) {
  TensorStore store;
  for (const char* name : kSingleFiles) {
    const fs::path file = directory / name;
    fs::path index = file;
    index += ".index.json";
    const bool single = base::file_exists(file);
    if (!single && !base::file_exists(index)) continue;
    store.label_ = base::display(single ? file : index);
    if (single) {
      store.add_file(file, name, access);
    } else {
      store.add_shards(index, access);
    }
    store.sort();
    return store;
  }
  throw_no_weights(directory);
}

std::optional<TensorStore> TensorStore::open_file(const fs::path& directory, std::string_view stem, base::FileAccess access) {
  for (const char* extension : {".safetensors", ".pt"}) {
    const std::string name = std::string(stem) + extension;
    const fs::path file = directory / name;
    if (!base::file_exists(file)) continue;
    TensorStore store;
    store.label_ = base::display(file);
    store.add_file(file, name, access);
    store.sort();
    return store;
  }
  return std::nullopt;
}

void TensorStore::replace(std::vector<TensorView> tensors, TensorStore other) {
  tensors_ = std::move(tensors);
  sort();
  std::move(other.files_.begin(), other.files_.end(), std::back_inserter(files_));
  std::move(other.file_names_.begin(), other.file_names_.end(), std::back_inserter(file_names_));
}

const TensorView* TensorStore::find(std::string_view name) const {
  const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name, [](const TensorView& tensor, std::string_view key) { return tensor.name < key; });
  return found == tensors_.end() || found->name != name ? nullptr : &*found;
}

std::uint64_t TensorStore::total_bytes() const noexcept {
  std::uint64_t total = 0;
  for (const TensorView& tensor : tensors_) total += tensor.data.size();
  return total;
}

void TensorStore::check_whole() const {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (!files_[i].lost()) continue;
    throw Error(ErrorCode::corrupt_file,
                label_ + ": " + base::quoted(file_names_[i], 200) +
                    " could not be read any more while it was in use (it was cut short?); load the model again, and replace its files by renaming new ones");
  }
}

void TensorStore::release(std::span<const std::byte> data) const noexcept {
  for (const base::MappedFile& file : files_) {
    const auto bytes = file.bytes();
    if (data.data() >= bytes.data() && data.data() < bytes.data() + bytes.size()) file.release_pages(data);
  }
}

}  // namespace berth::loaders
