// The tensors of a model directory: model.safetensors, or the shards that model.safetensors.index.json lists, or the same of PyTorch's checkpoints:
// pytorch_model.bin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"

namespace berth::loaders {

enum class DType { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64, other };
std::string_view name(DType dtype);     // as safetensors spells it: "F32"
std::size_t size_in_bits(DType dtype);  // of one element; 0 for `other`

struct LowRank;

// One tensor inside a mapped file; never owns the file's bytes. `data` has no alignment: read it with memcpy or unaligned loads.
struct TensorView {
  std::string name;
  std::string file;  // its path, as messages show it
  DType dtype = DType::other;
  std::string dtype_name;  // as written in the file
  std::vector<std::uint64_t> shape;
  // Empty: rows follow one another without gaps, as always in safetensors. Else how many elements further on each dimension's next index is.
  std::vector<std::uint64_t> strides;
  std::span<const std::byte> data;  // elements() * size_in_bits(dtype) / 8 bytes, with strides as many as they reach over; any number for `other`
  std::shared_ptr<const LowRank> added = nullptr;  // to what is stored, a matrix by rows or by columns; or null

  std::uint64_t elements() const noexcept;
};
// What an adapter adds to a matrix: scale * b a.
struct LowRank {
  TensorView b;  // [rows, rank], of a float type, as is
  TensorView a;  // [rank, columns]
  float scale = 1.0F;
};
std::string shape_text(std::span<const std::uint64_t> shape);  // "[768, 3072]"

class TensorStore {
 public:
  // Checks every rule of the files' format before anything else is looked at; which tensors there are is not its affair. As in transformers, model.safetensors
  // wins over its index, and either over pytorch_model.bin and its index. base::Error: not_found when the directory has no weights (naming the other
  // formats it found, which berth does not read), corrupt_file otherwise.
  static TensorStore open(const std::filesystem::path& directory, base::FileAccess access = base::FileAccess::map);

  // One file that is a store of its own: `stem`.safetensors in the directory, else `stem`.pt; nullopt without either.
  static std::optional<TensorStore> open_file(const std::filesystem::path& directory, std::string_view stem, base::FileAccess access = base::FileAccess::map);

  const TensorView* find(std::string_view name) const;                       // null when absent; valid as long as the store
  std::span<const TensorView> tensors() const noexcept { return tensors_; }  // sorted by name
  std::uint64_t total_bytes() const noexcept;
  const std::string& label() const noexcept { return label_; }                    // the path of the file or of the index, as messages show it
  const std::vector<std::string>& files() const noexcept { return file_names_; }  // names inside the directory

  // Puts other tensors in the place of all that there are, without two of one name: they lie in this store's files, or in those of `other`, which it keeps.
  void replace(std::vector<TensorView> tensors, TensorStore other = {});

  // Throws corrupt_file when a mapped file was found cut short since it was opened: what its tensors hold is not what they held. In programs that survive that
  // (base::survive_lost_pages).
  void check_whole() const;

  // `data`, a tensor's or a part of it, need not stay resident: pages of a map come back when they are read again; a copy stays. Safe from any thread.
  void release(std::span<const std::byte> data) const noexcept;

 private:
  void add_file(const std::filesystem::path& path, std::string name, base::FileAccess access);
  void add_shards(const std::filesystem::path& index, base::FileAccess access);
  void sort();

  std::string label_;
  std::vector<base::MappedFile> files_;
  std::vector<std::string> file_names_;
  std::vector<TensorView> tensors_;
};

}  // namespace berth::loaders
