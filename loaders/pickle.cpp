#include "loaders/pickle.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/little_endian.hpp"

namespace berth::loaders {

namespace {
constexpr int kMaxDepth = 2;  // of pickles in arrays in pickles
constexpr std::size_t kMaxAttributes = 1000;
constexpr std::size_t kMaxDimensions = 64;                // numpy's limit
constexpr std::size_t kMaxValues = std::size_t{1} << 20;  // 50,000 tensors
}  // namespace

// The machine that a pickle is a program for: a stack, marks on it, and a memo of values to come back to.
class PickleReader {
 public:
  PickleReader(std::span<const std::byte> bytes, const std::string& label, Pickle& to) : bytes_(bytes), label_(label), to_(to) {}

  void run() {
    to_.root_ = read(0);
    to_.size_ = at_;
  }

 private:
  using Index = std::uint32_t;
  using Kind = PickleKind;

  // The value of the pickle that begins at `at`.
  Index read(std::size_t at) {
    at_ = at;
    while (step()) {}
    return pop();
  }

  [[noreturn]] void refuse(const std::string& problem) const {
    throw base::Error(base::ErrorCode::corrupt_file, label_ + ": the pickle in it, at byte " + std::to_string(at_) + ": " + problem);
  }

  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) refuse("ends in the middle of a value");
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, static_cast<std::size_t>(size));
    at_ += text.size();
    return text;
  }
  // A little-endian number of `size` bytes, 8 at most.
  std::uint64_t number(std::size_t size) { return base::little_endian(take(size)); }
  std::string_view line() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    const std::string_view text = take(length);
    take(1);
    return text;
  }

  Index add(PickleValue value) {
    if (to_.values_.size() == kMaxValues) refuse("more than " + std::to_string(kMaxValues) + " values");
    to_.values_.push_back(std::move(value));
    return static_cast<Index>(to_.values_.size() - 1);
  }
  void push(PickleValue value) { put(add(std::move(value))); }
  void put(Index value) {
    if (stack_.size() == kMaxValues) refuse("more than " + std::to_string(kMaxValues) + " values on its stack");
    stack_.push_back(value);
  }
  void mark() {
    if (marks_.size() == kMaxValues) refuse("more than " + std::to_string(kMaxValues) + " marks");
    marks_.push_back(stack_.size());
  }
  Index pop() {
    if (stack_.size() == base()) refuse("takes a value that is not there");
    const Index top = stack_.back();
    stack_.pop_back();
    return top;
  }
  PickleValue& top() {
    if (stack_.size() == base()) refuse("takes a value that is not there");
    return to_.values_[stack_.back()];
  }
  // Values below a mark are not to be had before it is gone.
  std::size_t base() const { return marks_.empty() ? 0 : marks_.back(); }
  std::vector<Index> pop_to_mark() {
    if (marks_.empty()) refuse("goes back to a mark that is not there");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Index> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .integer = value}); }
  void push_text(std::uint64_t size) { push({.kind = Kind::text, .text = take(size)}); }
  void push_other(std::uint64_t skipped) {
    take(skipped);
    push({});
  }
  // Two's complement of any length.
  void push_long(std::uint64_t size) {
    if (size > 8) return push_other(size);
    const auto digits = static_cast<std::size_t>(size);
    std::uint64_t value = number(digits);
    if (digits > 0 && digits < 8 && (value >> (8 * digits - 1)) != 0) value |= ~std::uint64_t{0} << (8 * digits);
    push_integer(static_cast<std::int64_t>(value));
  }
  void push_sequence(std::size_t size) {
    PickleValue value{.kind = Kind::sequence};
    for (std::size_t i = 0; i < size; ++i) value.items.push_back(pop());
    std::reverse(value.items.begin(), value.items.end());
    push(std::move(value));
  }

  // What a call gives is a value of its own, but for the dictionary that keeps the order of its keys.
  void call() {
    const Index arguments = pop();
    const Index function = pop();
    if (!to_.values_[function].is_global("collections", "OrderedDict")) return push({.kind = Kind::call, .items = {function, arguments}});
    PickleValue dictionary{.kind = Kind::dictionary};
    const std::vector<Index>& given = to_.values_[arguments].items;
    if (!given.empty()) {  // Python 2 gives it its pairs
      for (const Index pair : to_.values_[given.front()].items) {
        const std::vector<Index>& items = to_.values_[pair].items;
        if (items.size() != 2) refuse("makes a dictionary of what are no pairs");
        dictionary.items.insert(dictionary.items.end(), items.begin(), items.end());
        if (++given_pairs_ == kMaxValues) refuse("more than " + std::to_string(kMaxValues) + " pairs");  // the same list may be given again and again
      }
    }
    push(std::move(dictionary));
  }
  // Into the value on top: pairs into a dictionary, items into a sequence. What a call gave may take either, and what becomes of it is nobody's business.
  void insert(const std::vector<Index>& items, Kind kind) {
    PickleValue& into = top();
    if (into.kind == Kind::call) return;
    if (into.kind != kind || (kind == Kind::dictionary && items.size() % 2 != 0)) refuse("puts items into what takes none");
    into.items.insert(into.items.end(), items.begin(), items.end());
  }

  // Attributes: an object's are kept, a dictionary's are not, such as a state_dict's versions.
  void build() {
    const Index state = pop();
    PickleValue& object = top();
    if (object.kind != Kind::call) return;
    object.items.resize(2);
    object.items.push_back(state);
    if (to_.values_[object.items.front()].is_global("joblib.numpy_pickle", "NumpyArrayWrapper")) read_array(stack_.back());
  }

  // The array whose bytes follow the opcode that completes its wrapper (joblib's NumpyArrayWrapper.read_array).
  void read_array(Index wrapper) {
    const auto attribute = [&](const char* name) { return to_.attribute(to_.values_[wrapper], name); };
    const PickleValue* dtype = attribute("dtype");
    const PickleValue* shape = attribute("shape");
    const PickleValue* order = attribute("order");
    const PickleValue* type = dtype == nullptr || dtype->kind != Kind::call ? nullptr : to_.item(to_.values_[dtype->items[1]], 0);
    const auto size = type == nullptr ? std::nullopt : element_bytes(type->text);
    if (!size || shape == nullptr || shape->kind != Kind::sequence || shape->items.size() > kMaxDimensions) refuse("has an array of an unknown kind");
    PickleValue array{.kind = Kind::array, .integer = order != nullptr && order->text == "F" ? 1 : 0, .name = type->text};
    array.items = {index_of(dtype), index_of(shape)};
    if (*size == 0) {  // of objects: a pickle of its own
      if (depth_ == kMaxDepth) refuse("has arrays in arrays");
      PickleReader nested(bytes_, label_, to_);
      nested.depth_ = depth_ + 1;
      nested.given_pairs_ = given_pairs_;
      array.items.push_back(nested.read(at_));
      at_ = nested.at_;
      given_pairs_ = nested.given_pairs_;
    } else {
      std::optional<std::uint64_t> bytes = size;
      for (const Index dimension : shape->items) {
        const std::int64_t length = to_.values_[dimension].integer;
        bytes = bytes && length >= 0 ? base::checked_mul(*bytes, static_cast<std::uint64_t>(length)) : std::nullopt;
      }
      if (!bytes) refuse("has an array of an impossible shape");
      if (const PickleValue* alignment = attribute("numpy_array_alignment_bytes"); alignment != nullptr && alignment->integer > 0) take(number(1));
      array.text = take(*bytes);
    }
    to_.values_[wrapper] = std::move(array);
  }
  Index index_of(const PickleValue* value) const { return static_cast<Index>(value - to_.values_.data()); }
  // Of one element, by numpy's name of the type, "f8"; 0 for Python's objects.
  static std::optional<std::uint64_t> element_bytes(std::string_view name) {
    if (name.size() < 2) return std::nullopt;
    if (name.front() == 'O') return 0;
    std::uint64_t size = 0;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + 1, end, size);
    if (parsed.ec != std::errc{} || parsed.ptr != end || size == 0) return std::nullopt;
    return name.front() == 'U' ? base::checked_mul(size, 4) : size;
  }

  void remember(std::uint64_t key) {
    top();
    memo_[key] = stack_.back();
    if (memo_.size() > kMaxValues) refuse("remembers more than " + std::to_string(kMaxValues) + " values");
  }
  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) refuse("refers to a value that is not there");
    put(found->second);
  }

  // One opcode; false at the end.
  bool step() {
    if (at_ == bytes_.size()) refuse("does not end");
    const auto code = static_cast<unsigned char>(bytes_[at_++]);
    switch (code) {
      case 0x80: take(1); break;  // PROTO
      case 0x95: take(8); break;  // FRAME
      case '.': return false;     // STOP
      case '(': mark(); break;
      case '0': pop(); break;
      case '1': pop_to_mark(); break;
      case '2': top(), put(stack_.back()); break;  // DUP
      case 'N': push({}); break;
      case 0x88: push_integer(1); break;  // NEWTRUE
      case 0x89: push_integer(0); break;
      case 'J': push_integer(static_cast<std::int32_t>(number(4))); break;
      case 'K': push_integer(static_cast<std::int64_t>(number(1))); break;
      case 'M': push_integer(static_cast<std::int64_t>(number(2))); break;
      case 0x8a: push_long(number(1)); break;
      case 0x8b: push_long(number(4)); break;
      case 'G': push_other(8); break;
      case 'X': push_text(number(4)); break;
      case 0x8c: push_text(number(1)); break;
      case 0x8d: push_text(number(8)); break;
      case 'U': push_text(number(1)); break;  // Python 2's strings, and bytes
      case 'T': push_text(number(4)); break;
      case 'C': push_other(number(1)); break;
      case 'B': push_other(number(4)); break;
      case 0x8e: push_other(number(8)); break;
      case 0x96: push_other(number(8)); break;
      case ')': push_sequence(0); break;
      case 0x85: push_sequence(1); break;
      case 0x86: push_sequence(2); break;
      case 0x87: push_sequence(3); break;
      case ']': push_sequence(0); break;
      case 0x8f: push_sequence(0); break;  // a set
      case 't':
      case 'l':
      case 0x91: push({.kind = Kind::sequence, .items = pop_to_mark()}); break;
      case '}': push({.kind = Kind::dictionary}); break;
      case 'd': {
        std::vector<Index> items = pop_to_mark();
        push({.kind = Kind::dictionary});
        insert(items, Kind::dictionary);
        break;
      }
      case 'a': {
        const Index item = pop();
        insert({item}, Kind::sequence);
        break;
      }
      case 's': {
        const Index value = pop();
        const Index key = pop();
        insert({key, value}, Kind::dictionary);
        break;
      }
      case 'e':
      case 0x90: insert(pop_to_mark(), Kind::sequence); break;
      case 'u': insert(pop_to_mark(), Kind::dictionary); break;
      case 'c': {
        const std::string_view module = line();
        push({.kind = Kind::global, .text = module, .name = line()});
        break;
      }
      case 0x93: {  // STACK_GLOBAL
        const Index name = pop();
        const Index module = pop();
        push({.kind = Kind::global, .text = to_.values_[module].text, .name = to_.values_[name].text});
        break;
      }
      case 'R':
      case 0x81: call(); break;  // REDUCE, NEWOBJ
      case 'b': build(); break;
      case 'Q': push_persistent(); break;
      case 'q': remember(number(1)); break;
      case 'r': remember(number(4)); break;
      case 0x94: remember(memo_.size()); break;
      case 'h': recall(number(1)); break;
      case 'j': recall(number(4)); break;
      default: unknown(code);
    }
    return true;
  }

  void push_persistent() {
    const Index which = pop();
    push({.kind = Kind::persistent, .items = {which}});
  }
  [[noreturn]] void unknown(unsigned char code) {
    --at_;
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "0x%02x", code);
    refuse(std::string("opcode ") + text.data() + " is not supported");
  }

  std::span<const std::byte> bytes_;
  const std::string& label_;
  Pickle& to_;
  std::size_t at_ = 0;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint64_t, Index> memo_;  // ordered: whoever chooses the keys cannot make it slow
  std::size_t given_pairs_ = 0;          // with those of the pickles in it
  int depth_ = 0;
};

const PickleValue* Pickle::attribute(const PickleValue& object, std::string_view name) const noexcept {
  const PickleValue* state = object.kind == PickleKind::call ? item(object, 2) : nullptr;
  if (state == nullptr || state->kind != PickleKind::dictionary) return nullptr;
  for (std::size_t i = 0; i + 1 < std::min(state->items.size(), 2 * kMaxAttributes); i += 2)
    if (item(*state, i)->kind == PickleKind::text && item(*state, i)->text == name) return item(*state, i + 1);
  return nullptr;
}

Pickle::Pickle(std::span<const std::byte> bytes, const std::string& label) { PickleReader(bytes, label, *this).run(); }

}  // namespace berth::loaders
