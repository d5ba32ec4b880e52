// A Python pickle read as data (protocols 2 to 5, whose opcodes Python's pickletools.py describes). Unpickling runs the functions that a pickle names; here a
// function is a name, a call of it is a value that holds both, and nothing is run. joblib's pickles are read, too: they have the bytes of arrays in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::loaders {

enum class PickleKind : unsigned char {
  other,       // None, a float, bytes, a number of more than 64 bits
  integer,     // and booleans
  text,        //
  sequence,    // a tuple, a list or a set: its items
  dictionary,  // a key, its value, a key, …
  global,      // a function or a class: `text` is its module, `name` it
  call,        // the function and the sequence of its arguments, then the state that the result was given, if it was: an object
  array,       // numpy's: its dtype and its shape, `name` the dtype's ("f8"), `text` its bytes, `integer` 1 when columns follow one another; of Python's
               // objects a third item has them
  persistent,  // what the program that wrote it keeps elsewhere: one item says which
};

struct PickleValue {
  PickleKind kind = PickleKind::other;
  std::int64_t integer = 0;
  std::string_view text = {};  // in the pickle's own bytes
  std::string_view name = {};
  std::vector<std::uint32_t> items = {};  // indices for Pickle::operator[]; a value may be an item of many, of itself too

  bool is_global(std::string_view module, std::string_view member) const noexcept { return kind == PickleKind::global && text == module && name == member; }
};

class Pickle {
 public:
  // The pickle that `bytes` begin with, which stay: texts are views of them. base::Error{corrupt_file} naming `label`, the byte and what is wrong there.
  Pickle(std::span<const std::byte> bytes, const std::string& label);

  const PickleValue& root() const noexcept { return values_[root_]; }
  const PickleValue& operator[](std::uint32_t index) const noexcept { return values_[index]; }
  // Item `i` of a value; null where there is none.
  const PickleValue* item(const PickleValue& value, std::size_t i) const noexcept { return i < value.items.size() ? &values_[value.items[i]] : nullptr; }
  // What an object's state has under this name; null without.
  const PickleValue* attribute(const PickleValue& object, std::string_view name) const noexcept;
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(values_.size()); }  // of values; the indices are below it
  std::size_t size() const noexcept { return size_; }                                          // in bytes: where what follows it begins

 private:
  friend class PickleReader;
  std::vector<PickleValue> values_;
  std::uint32_t root_ = 0;
  std::size_t size_ = 0;
};

}  // namespace berth::loaders
