#include "base/json.hpp"

#include <array>
#include <iterator>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"

namespace berth::base {
namespace {

constexpr int kMaxElementDepth = 4;
constexpr std::size_t kMaxElementValues = 65536;

// Walks the text through a place that others see and move: nlohmann's SAX events do not say where they happened, and elements that are read
// without it (SaxHandler::read_pairs) are stepped over. It keeps no text of its own, and at the end of an element nothing that it has read ahead.
class SharedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  explicit SharedIterator(const char** at) : at_(at) {}
  reference operator*() const { return **at_; }
  SharedIterator& operator++() {
    ++*at_;
    return *this;
  }
  void operator++(int) { ++*at_; }
  bool operator==(const SharedIterator& other) const { return *at_ == *other.at_; }

 private:
  const char** at_;
};

// `,["text",-1.25]` with a text without escapes and a plain decimal number: what a list of 250,000 scored pieces consists of.
struct PlainPair {
  std::string_view text, number;
  const char* end = nullptr;  // past the bracket; null when there is something else at `at`
};

PlainPair read_plain_pair(const char* at, const char* end) {
  const auto skip_space = [&] {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  };
  const auto take = [&](char wanted) {
    skip_space();
    if (at == end || *at != wanted) return false;
    ++at;
    return true;
  };
  const auto digits = [&] {
    const char* begin = at;
    while (at != end && *at >= '0' && *at <= '9') ++at;
    return at - begin;
  };
  PlainPair pair;
  if (!take(',') || !take('[') || !take('"')) return pair;
  const char* begin = at;
  while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
  if (at == end || *at != '"') return pair;
  pair.text = {begin, at++};
  if (!take(',')) return pair;
  skip_space();
  begin = at;
  if (at != end && *at == '-') ++at;
  const bool zero = at != end && *at == '0';
  const auto whole = digits();
  if (whole == 0 || whole > 18 || (zero && whole > 1) || at == end || *at != '.') return pair;
  ++at;
  if (const auto fraction = digits(); fraction == 0 || fraction > 40) return pair;
  pair.number = {begin, at};
  if (take(']')) pair.end = at;
  return pair;
}

// The keys of one streamed object as 128-bit hashes, at a tenth of what the strings would take. Different keys are as good as never taken for
// equal (10^-27 for a million), and then the file would be refused.
class KeySet {
 public:
  bool insert(std::string_view key) {
    if ((used_ + 1) * 2 > slots_.size()) grow();
    std::uint64_t fnv = 0xcbf29ce484222325U;
    for (const char c : key) fnv = (fnv ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    if (!place({std::hash<std::string_view>{}(key), fnv | 1})) return false;
    ++used_;
    return true;
  }

 private:
  using Slot = std::array<std::uint64_t, 2>;  // the second is never 0 in a slot that is taken

  bool place(const Slot& slot) {
    std::size_t i = slot[0] & (slots_.size() - 1);
    for (; slots_[i][1] != 0; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i] == slot) return false;
    }
    slots_[i] = slot;
    return true;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot[1] != 0) place(slot);
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

// A document under construction. Only the innermost open container grows, so the pointers to the others stay good.
struct Tree {
  Json root;
  std::vector<Json*> open;
  Json* slot = nullptr;  // where the innermost object's next value goes
  std::size_t values = 0;

  Json* add(Json&& value) {
    ++values;
    if (open.empty()) {
      root = std::move(value);
      return &root;
    }
    if (open.back()->is_array()) {
      open.back()->push_back(std::move(value));
      return &open.back()->back();
    }
    *slot = std::move(value);
    return slot;
  }

  bool add_key(const std::string& key) {
    const auto [entry, inserted] = open.back()->emplace(key, nullptr);
    slot = &*entry;
    return inserted;
  }
};

class SaxHandler {
 public:
  SaxHandler(std::string_view text, const std::string& label, const std::vector<std::string>& streamed, const JsonStreamSink& sink, JsonLimits limits,
             JsonNumberReader read_number)
      : at(text.data()),
        end_of_text(text.data() + text.size()),
        text_(text),
        label_(label),
        streamed_(streamed),
        sink_(sink),
        limits_(limits),
        read_number_(read_number) {}

  bool null() { return scalar(nullptr); }
  bool boolean(bool value) { return scalar(value); }
  bool number_integer(Json::number_integer_t value) { return scalar(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return scalar(value); }
  bool number_float(Json::number_float_t value, const std::string& text) { return scalar(read_number_ != nullptr ? read_number_(text) : value); }
  bool string(std::string& value) { return scalar(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(std::size_t) { return start(Json::object()); }
  bool start_array(std::size_t) { return start(Json::array()); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }

  bool key(std::string& key) {
    const bool fresh = at_stream_level() ? stream_keys_.insert(key) : tree().add_key(key);
    if (!fresh) fail("the key " + base::quoted(key) + " occurs twice in one object");
    (at_stream_level() ? stream_key_ : key_) = std::move(key);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& exception) {
    std::string_view problem = exception.what();  // "[json.exception...] parse error at line 1, column 8: syntax error while parsing ..."
    if (const std::size_t start = problem.find("syntax error "); start != std::string_view::npos) {
      problem.remove_prefix(start);
    } else if (const std::size_t end = problem.find("] "); end != std::string_view::npos) {
      problem.remove_prefix(end + 2);
    }
    throw Error(ErrorCode::corrupt_file, label_ + ": not valid JSON at byte " + std::to_string(position == 0 ? 0 : position - 1 + stepped_over_) + ": " +
                                             printable(problem.substr(0, 200)));
  }

  Json take() { return std::move(document_.root); }

  const char* at;  // past the last byte read
  const char* end_of_text;

 private:
  // Between the elements of a streamed container, rather than inside one of them.
  bool at_stream_level() const { return stream_ != nullptr && element_.open.empty(); }
  Tree& tree() { return stream_ != nullptr ? element_ : document_; }

  bool scalar(Json&& value) {
    if (at_stream_level()) {
      emit(value);
    } else {
      tree().add(std::move(value));
      check_values();
    }
    return true;
  }

  bool start(Json&& container) {
    if (++depth_ > limits_.max_depth) fail("nested deeper than " + std::to_string(limits_.max_depth) + " levels");
    if (stream_ == nullptr && (stream_ = streamed_here()) != nullptr) {
      document_.add(nullptr);
      stream_is_object_ = container.is_object();
      stream_index_ = 0;
      stream_keys_ = KeySet();
      return true;
    }
    Json* added = tree().add(std::move(container));
    tree().open.push_back(added);
    check_values();
    if (stream_ != nullptr && element_.open.size() > kMaxElementDepth) {
      fail("an element of \"" + *stream_ + "\" is nested deeper than " + std::to_string(kMaxElementDepth) + " levels");
    }
    return true;
  }

  bool end() {
    --depth_;
    if (at_stream_level()) {
      stream_ = nullptr;
    } else {
      tree().open.pop_back();
      if (stream_ == nullptr) {
        if (!paths_.empty()) paths_.pop_back();
      } else if (element_.open.empty()) {
        emit(element_.root);
        element_ = Tree();
        if (!stream_is_object_ && read_number_ != nullptr && depth_ + 1 < limits_.max_depth) read_pairs();
      }
    }
    return true;
  }

  // Which of `streamed` the container that starts now is; null when it belongs to the document, whose open containers' paths are kept here.
  const std::string* streamed_here() {
    if (streamed_.empty()) return nullptr;
    std::string path;
    if (!document_.open.empty()) {
      path = paths_.back() + "/";
      for (const char c : document_.open.back()->is_object() ? key_ : std::string("-")) {
        path += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
      }
    }
    for (const std::string& streamed : streamed_) {
      if (streamed == path) return &streamed;
    }
    paths_.push_back(std::move(path));
    return nullptr;
  }

  void emit(const Json& value) {
    JsonStreamElement element{*stream_, stream_index_++, std::nullopt, &value};
    if (stream_is_object_) element.key = stream_key_;
    sink_(element);
  }

  // The elements that follow one of a streamed array, as long as they are plain pairs: at a fifth of what nlohmann takes. The comma before each goes with
  // it, so that what is left is again what may follow an element.
  void read_pairs() {
    Json pair = Json::array({"", 0.0});
    auto& text = pair[0].get_ref<std::string&>();
    auto& number = pair[1].get_ref<Json::number_float_t&>();
    for (PlainPair plain = read_plain_pair(at, end_of_text); plain.end != nullptr; plain = read_plain_pair(at, end_of_text)) {
      text.assign(plain.text);
      number = read_number_(plain.number);
      stepped_over_ += static_cast<std::size_t>(plain.end - at);
      at = plain.end;
      emit(pair);
    }
  }

  void check_values() {
    if (stream_ == nullptr) {
      if (document_.values > limits_.max_values) fail("more than " + std::to_string(limits_.max_values) + " values");
    } else if (element_.values > kMaxElementValues) {
      fail("an element of \"" + *stream_ + "\" has more than " + std::to_string(kMaxElementValues) + " values");
    }
  }

  [[noreturn]] void fail(const std::string& problem) const {
    const auto read = static_cast<std::size_t>(at - text_.data());
    throw Error(ErrorCode::corrupt_file, label_ + ": not acceptable JSON at byte " + std::to_string(read == 0 ? 0 : read - 1) + ": " + problem);
  }

  std::string_view text_;
  const std::string& label_;
  const std::vector<std::string>& streamed_;
  const JsonStreamSink& sink_;
  JsonLimits limits_;
  JsonNumberReader read_number_;
  int depth_ = 0;
  std::size_t stepped_over_ = 0;  // bytes that nlohmann has not seen
  std::string key_;               // the last one read in the document or in an element
  Tree document_;
  std::vector<std::string> paths_;
  const std::string* stream_ = nullptr;  // not null inside a streamed container
  bool stream_is_object_ = false;
  std::size_t stream_index_ = 0;
  KeySet stream_keys_;
  std::string stream_key_;
  Tree element_;
};

}  // namespace

Json parse_json_streaming(std::string_view text, const std::string& label, const std::vector<std::string>& streamed, const JsonStreamSink& sink,
                          JsonLimits limits, JsonNumberReader read_number) {
  const auto refuse = [&](const std::string& problem) { throw Error(ErrorCode::corrupt_file, label + ": " + problem); };
  if (text.size() > limits.max_bytes) {
    refuse("the JSON has " + std::to_string(text.size()) + " bytes, the limit is " + std::to_string(limits.max_bytes));
  }
  if (text.empty()) refuse("the file is empty, expected JSON");
  // The library takes a NUL byte for the end of the text, so what follows one would go unread.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) refuse("not valid JSON at byte " + std::to_string(nul) + ": a NUL byte");
  if (const std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    refuse("not valid JSON at byte " + std::to_string(bad) + ": invalid UTF-8");
  }
  SaxHandler handler(text, label, streamed, sink, limits, read_number);
  Json::sax_parse(SharedIterator(&handler.at), SharedIterator(&handler.end_of_text), &handler);
  return handler.take();
}

Json parse_json(std::string_view text, const std::string& label, JsonLimits limits) { return parse_json_streaming(text, label, {}, {}, limits); }

Json read_json_file(const std::filesystem::path& path, JsonLimits limits) {
  const std::string text = read_file(path, limits.max_bytes);
  const std::string label = display(path);
  reject_impostor(text, label);
  return parse_json(text, label, limits);
}

}  // namespace berth::base
