#include "loaders/torch_checkpoint.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/little_endian.hpp"
#include "base/problems.hpp"
#include "loaders/pickle.hpp"
#include "loaders/zip.hpp"

namespace berth::loaders {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::uint64_t kMaxPickleBytes = 100'000'000;
// Views of the same bytes are what makes a small file a large model: tied weights need two or three.
constexpr std::uint64_t kMaxSharing = 8;
// A pickle may use one long text or sequence for many tensors, which then cost more than their bytes.
constexpr std::size_t kMaxName = 1000;
constexpr std::string_view kZipMagic{"PK\x03\x04", 4};
// A pickle of protocol 2 whose only value is the number 0x1950a86a20f9469cfc6c, which opens the older form.
constexpr std::string_view kLegacyMagic{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", 15};

struct StorageType {
  std::string_view name;  // of the class
  DType dtype;
  std::string_view dtype_name;
};
constexpr std::array kStorageTypes = {
    StorageType{"FloatStorage", DType::f32, "F32"},     StorageType{"HalfStorage", DType::f16, "F16"}, StorageType{"BFloat16Storage", DType::bf16, "BF16"},
    StorageType{"DoubleStorage", DType::f64, "F64"},    StorageType{"LongStorage", DType::i64, "I64"}, StorageType{"IntStorage", DType::i32, "I32"},
    StorageType{"ShortStorage", DType::i16, "I16"},     StorageType{"CharStorage", DType::i8, "I8"},   StorageType{"ByteStorage", DType::u8, "U8"},
    StorageType{"BoolStorage", DType::boolean, "BOOL"},
};

std::string_view text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Where storages lie in the file, by the name that the pickle has for them.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
using Storages = std::map<std::string_view, Extent>;  // ordered: whoever chooses the names cannot make it slow

// A storage as a tensor refers to it.
struct StorageReference {
  const StorageType* type = nullptr;  // null: one that berth has no use for
  std::string_view type_name;
  std::string_view key;
  std::uint64_t elements = 0;
  std::uint64_t first = 0;  // elements of it that come before the view of it which the tensor is part of
};

std::optional<std::uint64_t> unsigned_of(const PickleValue* value) {
  if (value == nullptr || value->kind != PickleKind::integer || value->integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value->integer);
}

// ("storage", class, key, device, elements), and in the older form a view ((key, first, elements) or None).
std::optional<StorageReference> storage_reference(const Pickle& pickle, const PickleValue& value) {
  if (value.kind != PickleKind::persistent) return std::nullopt;
  const PickleValue& id = *pickle.item(value, 0);
  const PickleValue* kind = pickle.item(id, 0);
  const PickleValue* type = pickle.item(id, 1);
  const PickleValue* key = pickle.item(id, 2);
  const auto elements = unsigned_of(pickle.item(id, 4));
  if (!elements || kind->text != "storage" || type->kind != PickleKind::global || key->kind != PickleKind::text || key->text.size() > kMaxName ||
      type->name.size() > kMaxName)
    return std::nullopt;
  StorageReference reference{.type = nullptr, .type_name = type->name, .key = key->text, .elements = *elements};
  const auto* found = std::find_if(kStorageTypes.begin(), kStorageTypes.end(), [&](const StorageType& known) { return known.name == type->name; });
  if (found != kStorageTypes.end()) reference.type = found;
  const PickleValue* view = pickle.item(id, 5);
  if (view == nullptr || view->kind != PickleKind::sequence) return reference;
  const auto first = unsigned_of(pickle.item(*view, 1));
  if (!first) return std::nullopt;
  reference.first = *first;
  return reference;
}

// What torch._utils._rebuild_tensor_v2 is called with to make a tensor.
struct TensorCall {
  StorageReference storage;
  std::uint64_t first = 0;
  std::vector<std::uint64_t> shape;
  std::vector<std::uint64_t> strides;  // in elements
};

class TensorReader {
 public:
  TensorReader(const Pickle& pickle, const Storages& storages, const std::string& label, std::uint64_t file_size)
      : pickle_(pickle), storages_(storages), label_(label), most_bytes_(kMaxSharing * file_size) {}

  std::vector<TensorEntry> read() {
    const PickleValue& root = pickle_.root();
    if (root.kind != PickleKind::dictionary) throw Error(ErrorCode::corrupt_file, label_ + ": holds no dictionary of tensors, which a state_dict is");
    std::map<std::string_view, std::size_t> places;  // a key that comes again replaces what it was
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const PickleValue& key = *pickle_.item(root, i);
      const PickleValue& value = *pickle_.item(root, i + 1);
      if (key.kind != PickleKind::text || value.kind != PickleKind::call) continue;
      if (key.text.size() > kMaxName)
        throw Error(ErrorCode::corrupt_file, label_ + ": the name " + base::quoted(key.text) + " is over " + std::to_string(kMaxName) + " bytes long");
      TensorEntry entry;
      entry.name = base::printable(key.text);
      if (!read_entry(value, entry)) continue;
      const auto [place, fresh] = places.emplace(key.text, entries_.size());
      if (fresh) {
        if (entries_.size() == kMaxTensors) throw Error(ErrorCode::corrupt_file, label_ + ": more than " + std::to_string(kMaxTensors) + " tensors");
        entries_.push_back(std::move(entry));
      } else {
        entries_[place->second] = std::move(entry);
      }
    }
    problems_.throw_if_any(ErrorCode::corrupt_file, label_);
    if (entries_.empty()) throw Error(ErrorCode::corrupt_file, label_ + ": its dictionary holds no tensors, so it is not a model's state_dict");
    return std::move(entries_);
  }

 private:
  // The call that makes the tensor itself, inside those that make a parameter of it.
  const PickleValue* innermost(const PickleValue& value) const {
    const PickleValue* call = &value;
    for (int depth = 0; depth < 4; ++depth) {
      const PickleValue& function = *pickle_.item(*call, 0);
      if (!function.is_global("torch._utils", "_rebuild_parameter") && !function.is_global("torch._utils", "_rebuild_parameter_with_state")) return call;
      call = pickle_.item(*pickle_.item(*call, 1), 0);
      if (call == nullptr || call->kind != PickleKind::call) return nullptr;
    }
    return nullptr;
  }

  // False for what is no tensor, or a bad one (then a problem says so).
  bool read_entry(const PickleValue& value, TensorEntry& entry) {
    const PickleValue* call = innermost(value);
    if (call == nullptr) return false;
    const PickleValue* function = pickle_.item(*call, 0);
    const PickleValue* arguments = pickle_.item(*call, 1);
    if (function->is_global("torch._tensor", "_rebuild_from_type_v2")) {  // (function, class, arguments, state)
      function = pickle_.item(*arguments, 0);
      arguments = pickle_.item(*arguments, 2);
      if (function == nullptr || arguments == nullptr) return false;
    }
    if (function->kind != PickleKind::global || !function->text.starts_with("torch") || !function->name.starts_with("_rebuild_")) return false;
    if (function->name.size() > kMaxName) return false;
    const bool plain = function->is_global("torch._utils", "_rebuild_tensor_v2") || function->is_global("torch._utils", "_rebuild_tensor");
    const auto tensor = plain ? tensor_call(*arguments) : std::nullopt;
    if (plain && !tensor)
      return reject(entry, "the pickle describes it in a way that PyTorch does not, or with more than " + std::to_string(kMaxRank) + " dimensions");
    if (!plain || tensor->storage.type == nullptr) {  // quantised, sparse and the like: for whoever needs it to say so
      entry.dtype_name = base::printable(plain ? tensor->storage.type_name : function->name);
      return true;
    }
    return place(*tensor, entry);
  }

  std::optional<std::vector<std::uint64_t>> sizes(const PickleValue* value) const {
    if (value == nullptr || value->kind != PickleKind::sequence || value->items.size() > kMaxRank) return std::nullopt;
    std::vector<std::uint64_t> sizes;
    for (std::size_t i = 0; i < value->items.size(); ++i) {
      const auto size = unsigned_of(pickle_.item(*value, i));
      if (!size) return std::nullopt;
      sizes.push_back(*size);
    }
    return sizes;
  }

  // (storage, first element, shape, strides, …)
  std::optional<TensorCall> tensor_call(const PickleValue& arguments) const {
    const PickleValue* storage = pickle_.item(arguments, 0);
    const auto reference = storage == nullptr ? std::nullopt : storage_reference(pickle_, *storage);
    const auto first = unsigned_of(pickle_.item(arguments, 1));
    auto shape = sizes(pickle_.item(arguments, 2));
    auto strides = sizes(pickle_.item(arguments, 3));
    if (!reference || !first || !shape || !strides || shape->size() != strides->size()) return std::nullopt;
    return TensorCall{*reference, *first, std::move(*shape), std::move(*strides)};
  }

  // Where the tensor's bytes are, if they are inside its storage and that inside the file.
  bool place(const TensorCall& tensor, TensorEntry& entry) {
    const StorageReference& storage = tensor.storage;
    entry.dtype = storage.type->dtype;
    entry.dtype_name = storage.type->dtype_name;
    entry.shape = tensor.shape;
    const std::string shape = shape_text(tensor.shape);
    const auto found = storages_.find(storage.key);
    if (found == storages_.end()) return reject(entry, "its storage " + base::quoted(storage.key) + " is not in the file");
    const std::uint64_t element = size_in_bits(entry.dtype) / 8;
    const std::uint64_t stored = (found->second.end - found->second.begin) / element;
    if (storage.elements > stored) {
      return reject(entry, "its storage " + base::quoted(storage.key) + " has " + std::to_string(stored) + " elements of " + entry.dtype_name + ", not the " +
                               std::to_string(storage.elements) + " that it should: the file is damaged");
    }
    std::optional<std::uint64_t> elements = 1;
    std::optional<std::uint64_t> reach = base::checked_add(storage.first, tensor.first);  // behind the last element, from the storage's first one
    const auto first = reach;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      elements = elements ? base::checked_mul(*elements, tensor.shape[i]) : std::nullopt;
      const auto step = base::checked_mul(tensor.shape[i] == 0 ? 0 : tensor.shape[i] - 1, tensor.strides[i]);
      reach = reach && step ? base::checked_add(*reach, *step) : std::nullopt;
    }
    if (elements == std::uint64_t{0}) {
      reach = first;
    } else if (reach) {
      reach = base::checked_add(*reach, 1);
    }
    if (!elements || !first || !reach || *reach > storage.elements)
      return reject(entry, "shape " + shape + " does not fit in its storage of " + std::to_string(storage.elements) + " elements");
    if (*elements > storage.elements) {  // an expanded one, which has elements many times: none of a model's weights, but what is beside them may be
      entry.dtype = DType::other;
      entry.dtype_name += " with elements that are there several times";
      return true;
    }
    most_bytes_ -= std::min(most_bytes_, *elements * element);
    if (most_bytes_ == 0 && *elements > 0) return reject(entry, "it is one of too many that have the same bytes");
    entry.begin = found->second.begin + *first * element;
    entry.end = found->second.begin + *reach * element;
    if (*elements > 0) keep_strides(tensor, entry);
    return true;
  }

  // Those that are not what the shape says: rows that do not follow one another.
  static void keep_strides(const TensorCall& tensor, TensorEntry& entry) {
    std::uint64_t expected = 1;
    for (std::size_t i = tensor.shape.size(); i-- > 0;) {
      if (tensor.shape[i] != 1 && tensor.strides[i] != expected) {
        entry.strides = tensor.strides;
        return;
      }
      expected *= tensor.shape[i];
    }
  }

  bool reject(const TensorEntry& entry, const std::string& problem) {
    problems_.add("tensor " + base::quoted(entry.name, 200) + ": " + problem);
    return false;
  }

  const Pickle& pickle_;
  const Storages& storages_;
  const std::string& label_;
  std::uint64_t most_bytes_;  // that tensors may yet have together
  std::vector<TensorEntry> entries_;
  base::Problems problems_;
};

void check_pickle_size(std::uint64_t size, const std::string& label) {
  if (size > kMaxPickleBytes)
    throw Error(ErrorCode::corrupt_file, label + ": its pickle has " + std::to_string(size) + " bytes, the limit is " + std::to_string(kMaxPickleBytes));
}

[[noreturn]] void refuse_byte_order(const std::string& label) {
  throw Error(ErrorCode::unsupported, label + ": its numbers have their bytes in big-endian order; berth reads little-endian ones");
}

// The archive has one folder, and in it data.pkl, a file data/KEY for each storage, and perhaps byteorder.
std::vector<TensorEntry> parse_archive(std::span<const std::byte> file, const std::string& label) {
  const std::string_view bytes = text_of(file);
  const std::vector<ZipEntry> entries = read_zip(file, label);
  const auto pickle_entry = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.name.ends_with("/data.pkl") && entry.name.find('/') == entry.name.size() - std::string_view("/data.pkl").size();
  });
  if (pickle_entry == entries.end()) throw Error(ErrorCode::corrupt_file, label + ": a zip archive without a data.pkl: not a PyTorch checkpoint");
  const std::string folder(pickle_entry->name.substr(0, pickle_entry->name.find('/') + 1));
  Storages storages;
  for (const ZipEntry& entry : entries) {
    if (!entry.name.starts_with(folder)) continue;
    const std::string_view name = entry.name.substr(folder.size());
    if (name.starts_with("data/")) storages[name.substr(5)] = {entry.begin, entry.end};
    if (name == "byteorder" && bytes.substr(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin)).starts_with("big"))
      refuse_byte_order(label);
  }
  const auto size = static_cast<std::size_t>(pickle_entry->end - pickle_entry->begin);
  check_pickle_size(size, label);
  const Pickle pickle(file.subspan(static_cast<std::size_t>(pickle_entry->begin), size), label);
  return TensorReader(pickle, storages, label, file.size()).read();
}

// Pickles of the magic number, the protocol, the machine, the dictionary and the list of storages, and these: a number of elements and their bytes, each.
class LegacyFile {
 public:
  LegacyFile(std::span<const std::byte> file, const std::string& label) : file_(file), label_(label) {}

  std::vector<TensorEntry> parse() {
    next_pickle();  // the magic number
    next_pickle();  // the protocol's version
    check_machine(next_pickle());
    const Pickle dictionary = next_pickle();
    const Pickle keys = next_pickle();
    return TensorReader(dictionary, place_storages(dictionary, keys), label_, file_.size()).read();
  }

 private:
  Pickle next_pickle() {
    const auto rest = file_.subspan(at_);
    Pickle pickle(rest.first(std::min<std::size_t>(rest.size(), kMaxPickleBytes)), label_);
    at_ += pickle.size();
    return pickle;
  }

  void check_machine(const Pickle& machine) const {
    const PickleValue& facts = machine.root();
    for (std::size_t i = 0; i + 1 < facts.items.size(); i += 2)
      if (machine.item(facts, i)->text == "little_endian" && machine.item(facts, i + 1)->integer == 0) refuse_byte_order(label_);
  }

  // The sizes of elements are known only where tensors refer to their storages.
  Storages place_storages(const Pickle& dictionary, const Pickle& keys) {
    std::map<std::string_view, std::uint64_t> element_bytes;
    for (std::uint32_t i = 0; i < dictionary.count(); ++i)
      if (const auto reference = storage_reference(dictionary, dictionary[i]))
        element_bytes[reference->key] = reference->type == nullptr ? 0 : size_in_bits(reference->type->dtype) / 8;
    Storages storages;
    for (std::size_t i = 0; i < keys.root().items.size(); ++i) {
      const std::string_view key = keys.item(keys.root(), i)->text;
      const auto known = key.size() > kMaxName ? element_bytes.end() : element_bytes.find(key);
      if (known == element_bytes.end() || known->second == 0)
        throw Error(ErrorCode::corrupt_file, label_ + ": storage " + base::quoted(key) + " is of no kind that the pickle tells");
      const std::uint64_t elements = read_count(key);
      const auto bytes = base::checked_mul(elements, known->second);
      if (!bytes || *bytes > file_.size() - at_)
        throw Error(ErrorCode::corrupt_file, label_ + ": storage " + base::quoted(key) + " of " + std::to_string(elements) +
                                                 " elements goes on beyond the end of the file: it is cut short or damaged");
      storages[key] = {at_, at_ + *bytes};
      at_ += static_cast<std::size_t>(*bytes);
    }
    return storages;
  }

  std::uint64_t read_count(std::string_view key) {
    if (file_.size() - at_ < 8) throw Error(ErrorCode::corrupt_file, label_ + ": ends before storage " + base::quoted(key) + ": it is cut short");
    const std::uint64_t count = base::little_endian(text_of(file_.subspan(at_, 8)));
    at_ += 8;
    return count;
  }

  std::span<const std::byte> file_;
  const std::string& label_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_torch_checkpoint(std::string_view file_name) { return file_name.ends_with(".bin") || file_name.ends_with(".pt") || file_name.ends_with(".pth"); }

std::vector<TensorEntry> parse_torch_checkpoint(std::span<const std::byte> file, const std::string& label) {
  const std::string_view bytes = text_of(file);
  if (bytes.empty()) throw Error(ErrorCode::corrupt_file, label + ": the file is empty");
  if (bytes.starts_with(kZipMagic)) return parse_archive(file, label);
  if (bytes.starts_with(kLegacyMagic)) return LegacyFile(file, label).parse();
  base::reject_impostor(bytes.substr(0, 512), label);
  throw Error(ErrorCode::corrupt_file, label + ": this is not a PyTorch checkpoint: neither its zip archive nor the older form");
}

}  // namespace berth::loaders
