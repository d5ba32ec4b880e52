#include "loaders/setfit.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "loaders/pickle.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

constexpr const char* kHeadFile = "model_head.pkl";
constexpr std::size_t kMaxHeadBytes = 256U << 20;
constexpr std::size_t kMaxLabels = 10000;
constexpr std::size_t kMaxWeights = std::size_t{1} << 24;
constexpr std::array<std::string_view, 4> kBinaryNewton = {"1.2.", "1.3.", "1.4.", "1.5."};  // scikit-learn's releases in which newton-cholesky is binary

// Numbers of an array in C order.
struct Matrix {
  std::size_t rows = 1;  // 1 for a vector
  std::size_t columns = 0;
  std::vector<double> values;
};

class HeadReader {
 public:
  HeadReader(const Pickle& pickle, std::string label) : pickle_(pickle), label_(std::move(label)) {}

  SetFitHead read() const {
    const PickleValue& root = pickle_.root();
    const std::string name = class_of(root);
    SetFitHead head;
    if (name == "LogisticRegression") {
      read_single(root, head);
    } else if (name == "OneVsRestClassifier" || name == "MultiOutputClassifier") {
      read_several(root, name, head);
    } else {
      refuse("the head is " + (name.empty() ? std::string("no object of a class") : "a " + base::quoted(name)) +
             ", which is not supported; supported: LogisticRegression, and OneVsRestClassifier and MultiOutputClassifier of it");
    }
    for (const std::string& one : head.labels)
      if (base::find_invalid_utf8(one) != std::string_view::npos) corrupt("class " + base::quoted(one) + " of the head is no text of Unicode");
    for (const std::vector<float>* values : {&head.weight, &head.bias})
      for (const float value : *values)
        if (!std::isfinite(value)) throw Error(ErrorCode::non_finite, label_ + ": the head has NaN or infinite weights");
    return head;
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const { throw Error(ErrorCode::unsupported, label_ + ": " + problem); }
  [[noreturn]] void corrupt(const std::string& problem) const { throw Error(ErrorCode::corrupt_file, label_ + ": " + problem); }

  // The name of scikit-learn's class, whichever module of its had it then; of others with their module.
  std::string class_of(const PickleValue& object) const {
    const PickleValue* made_by = object.kind == PickleKind::call ? pickle_.item(object, 0) : nullptr;
    if (made_by == nullptr || made_by->kind != PickleKind::global) return "";
    const std::string name(made_by->name.substr(0, 200));
    return made_by->text.starts_with("sklearn.") ? name : std::string(made_by->text.substr(0, 200)) + "." + name;
  }

  std::string text_of(const PickleValue& object, const char* name, const char* otherwise) const {
    const PickleValue* value = pickle_.attribute(object, name);
    return value == nullptr || value->kind != PickleKind::text ? otherwise : std::string(value->text.substr(0, 200));
  }

  const PickleValue& array_of(const PickleValue& object, const char* name) const {
    const PickleValue* array = pickle_.attribute(object, name);
    if (array == nullptr || array->kind != PickleKind::array)
      corrupt("the head has no array " + base::quoted(name) + ": it was not trained, or not saved by joblib.dump");
    return *array;
  }

  std::string type_of(const PickleValue& array) const {
    const PickleValue* state = pickle_.item(*pickle_.item(array, 0), 2);  // the dtype's
    const PickleValue* order = state == nullptr ? nullptr : pickle_.item(*state, 1);
    if (order != nullptr && order->text == ">") refuse("the head's numbers have their bytes in big-endian order; berth reads little-endian ones");
    return std::string(array.name.substr(0, 20));
  }

  Matrix matrix(const PickleValue& object, const char* name) const {
    const PickleValue& array = array_of(object, name);
    const PickleValue& shape = *pickle_.item(array, 1);
    Matrix result;
    const auto dimension = [&](std::size_t i) { return static_cast<std::size_t>(pickle_.item(shape, i)->integer); };
    if (shape.items.size() == 2) result.rows = dimension(0);
    if (shape.items.size() == 1 || shape.items.size() == 2) result.columns = dimension(shape.items.size() - 1);
    const std::string type = type_of(array);
    const std::size_t size = type == "f8" ? 8 : type == "f4" ? 4 : 0;
    // A pickle may go on to change the shape behind the array.
    const auto elements = base::checked_mul(result.rows, result.columns);
    if (size == 0 || !elements || *elements == 0 || *elements > kMaxWeights || *elements * size != array.text.size())
      corrupt("the head's " + base::quoted(name) + " is no matrix of floats: type " + base::quoted(type) + ", " + std::to_string(shape.items.size()) +
              " dimensions");
    const bool by_columns = array.integer != 0;
    for (std::size_t r = 0; r < result.rows; ++r) {
      for (std::size_t c = 0; c < result.columns; ++c) {
        const char* from = array.text.data() + (by_columns ? c * result.rows + r : r * result.columns + c) * size;
        double value = 0;
        float single = 0;
        if (size == 8) {
          std::memcpy(&value, from, 8);
        } else {
          std::memcpy(&single, from, 4);
          value = static_cast<double>(single);
        }
        result.values.push_back(value);
      }
    }
    return result;
  }

  // The names of an array's classes: numbers as numbers, text of UCS-4 or as Python's objects.
  std::vector<std::string> classes(const PickleValue& object) const {
    const PickleValue& array = array_of(object, "classes_");
    const std::string type = type_of(array);
    std::vector<std::string> names;
    if (type.starts_with("O")) {  // numpy's own pickle of it, whose state ends with the list
      const PickleValue* state = pickle_.item(*pickle_.item(array, 2), 2);
      const PickleValue* list = state == nullptr ? nullptr : pickle_.item(*state, 4);
      for (std::size_t i = 0; list != nullptr && i < std::min(list->items.size(), kMaxLabels); ++i) {
        const PickleValue& one = *pickle_.item(*list, i);
        if (one.kind != PickleKind::text || one.text.size() > 10000) corrupt("the head's classes are no strings");
        names.emplace_back(one.text);
      }
      return names;
    }
    const PickleValue& shape = *pickle_.item(array, 1);
    const auto count = shape.items.size() == 1 ? static_cast<std::size_t>(pickle_.item(shape, 0)->integer) : 0;
    if (count == 0 || count > kMaxLabels) corrupt("the head's \"classes_\" is no list of 1 to " + std::to_string(kMaxLabels));
    const std::size_t size = array.text.size() / count;
    for (std::size_t i = 0; i < count; ++i) names.push_back(class_name(type, array.text.substr(i * size, size)));
    return names;
  }

  std::string class_name(const std::string& type, std::string_view bytes) const {
    if (type == "i8" && bytes.size() == 8) {
      std::int64_t value = 0;
      std::memcpy(&value, bytes.data(), 8);
      return std::to_string(value);
    }
    if (type == "i4" && bytes.size() == 4) {
      std::int32_t value = 0;
      std::memcpy(&value, bytes.data(), 4);
      return std::to_string(value);
    }
    if (type == "b1" && bytes.size() == 1) return bytes.front() == 0 ? "False" : "True";
    if (!type.starts_with("U")) corrupt("the head's classes are of type " + base::quoted(type) + ", neither integers nor text");
    std::string name;
    for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
      char32_t code_point = 0;
      std::memcpy(&code_point, bytes.data() + at, 4);
      if (code_point == 0) break;
      base::append_utf8(name, code_point);
    }
    return name;
  }

  // Those that know two classes only, so that more are one against the rest: in scikit-learn 1.2 to 1.5, newton-cholesky, too.
  bool solver_is_binary(const PickleValue& object) const {
    const std::string solver = text_of(object, "solver", "lbfgs");
    if (solver != "newton-cholesky") return solver == "liblinear";
    const std::string version = text_of(object, "_sklearn_version", "");
    return std::any_of(kBinaryNewton.begin(), kBinaryNewton.end(), [&](std::string_view release) { return version.starts_with(release); });
  }

  // One classifier over all classes.
  void read_single(const PickleValue& object, SetFitHead& head) const {
    head.labels = classes(object);
    const Matrix weight = matrix(object, "coef_");
    const Matrix bias = matrix(object, "intercept_");
    const std::size_t count = head.labels.size();
    const std::string way = text_of(object, "multi_class", "auto");
    const bool binary = count == 2 && weight.rows == 1;
    if (!binary && (weight.rows != count || count < 2))
      corrupt("the head's \"coef_\" has " + std::to_string(weight.rows) + " rows for " + std::to_string(count) + " classes");
    check_bias(weight, bias);
    // scikit-learn's predict_proba is a softmax only for these.
    if (!binary && (way == "ovr" || way == "warn" || solver_is_binary(object)))
      refuse(
          "the head's scores are of one class against the rest, normalised by their sum, which is not supported; supported: multinomial ones, "
          "LogisticRegression's default");
    head.features = weight.columns;
    if (binary) {  // softmax(0, x) is (1 - sigmoid(x), sigmoid(x)); where both have weights they are opposite
      const bool opposite = way == "multinomial";
      for (const double value : weight.values) head.weight.push_back(opposite ? static_cast<float>(-value) : 0.0F);
      head.bias.push_back(opposite ? static_cast<float>(-bias.values[0]) : 0.0F);
    }
    for (const double value : weight.values) head.weight.push_back(static_cast<float>(value));
    for (const double value : bias.values) head.bias.push_back(static_cast<float>(value));
  }

  // A classifier of its own for every label.
  void read_several(const PickleValue& object, const std::string& name, SetFitHead& head) const {
    const PickleValue* estimators = pickle_.attribute(object, "estimators_");
    if (estimators == nullptr || estimators->kind != PickleKind::sequence || estimators->items.empty() || estimators->items.size() > kMaxLabels)
      corrupt("the head's \"estimators_\" is no list: it was not trained");
    // Without several labels a text, its scores are normalised by their sum.
    if (name == "OneVsRestClassifier") {
      const PickleValue* binarizer = pickle_.attribute(object, "label_binarizer_");
      if (binarizer == nullptr || !text_of(*binarizer, "y_type_", "").starts_with("multilabel"))
        refuse("the head's scores are of one class against the rest, normalised by their sum, which is not supported; supported: several labels a text");
    }
    head.multi_label = true;
    for (std::size_t i = 0; i < estimators->items.size(); ++i) {
      const PickleValue& one = *pickle_.item(*estimators, i);
      if (class_of(one) != "LogisticRegression")
        refuse("classifier " + std::to_string(i) + " of the head is a " + base::quoted(class_of(one)) + ", expected LogisticRegression");
      const Matrix weight = matrix(one, "coef_");
      const Matrix bias = matrix(one, "intercept_");
      check_bias(weight, bias);
      if (weight.rows != 1 || (head.features != 0 && weight.columns != head.features))
        corrupt("classifier " + std::to_string(i) + " of the head has a \"coef_\" of another shape than [1, " + std::to_string(head.features) + "]");
      if (text_of(one, "multi_class", "auto") == "multinomial")
        refuse("classifier " + std::to_string(i) + " of the head is multinomial, which is not supported for one label");
      head.features = weight.columns;
      if (head.weight.size() + weight.columns > kMaxWeights) corrupt("the head's classifiers have too many weights");
      for (const double value : weight.values) head.weight.push_back(static_cast<float>(value));
      head.bias.push_back(static_cast<float>(bias.values[0]));
      head.labels.push_back(std::to_string(i));
    }
  }

  void check_bias(const Matrix& weight, const Matrix& bias) const {
    if (bias.rows != 1 || bias.columns != weight.rows)
      corrupt("the head's \"intercept_\" has " + std::to_string(bias.values.size()) + " values for " + std::to_string(weight.rows) + " rows of \"coef_\"");
  }

  const Pickle& pickle_;
  const std::string label_;
};

// config_setfit.json: names of the classes, which are numbers then.
void read_config(const fs::path& directory, SetFitHead& head) {
  const fs::path path = directory / "config_setfit.json";
  if (!base::file_exists(path)) return;
  const std::string label = base::display(path);
  const base::Json json = base::parse_json(base::read_file(path, std::size_t{16} << 20), label);
  const base::JsonObject config(json, label);
  head.normalize = config.boolean_or("normalize_embeddings", false);
  const base::Json* labels = config.find("labels");
  if (labels == nullptr) return;
  if (!labels->is_array() || labels->size() > kMaxLabels) config.fail("labels", "expected a list of strings");
  for (const base::Json& name : *labels)
    if (!name.is_string()) config.fail("labels", "expected a list of strings, got " + base::describe(name) + " in it");
  if (head.multi_label && labels->size() != head.labels.size())
    config.fail("labels",
                "expected " + std::to_string(head.labels.size()) + " strings, as many as the head has classifiers, got " + std::to_string(labels->size()));
  for (std::string& name : head.labels) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    if (error != std::errc{} || end != name.data() + name.size()) continue;  // a name of its own
    if (index >= labels->size()) config.fail("labels", "has no name for the head's class " + name);
    name = (*labels)[index].get<std::string>();
  }
}

}  // namespace

SetFitHead parse_setfit_head(std::string_view file, const std::string& label) {
  const std::string_view head = file.substr(0, 512);
  if (!head.starts_with('\x80')) {
    const bool compressed = head.starts_with('x') || head.starts_with("\x1f\x8b") || head.starts_with("BZh") ||
                            head.starts_with(
                                "\xfd"
                                "7zXZ");
    if (compressed) throw Error(ErrorCode::unsupported, label + ": is compressed, which is not supported; save it without: joblib.dump(head, path)");
    base::reject_impostor(head, label);
    throw Error(ErrorCode::corrupt_file, label + ": this is not a pickle");
  }
  const Pickle pickle({reinterpret_cast<const std::byte*>(file.data()), file.size()}, label);
  return HeadReader(pickle, label).read();
}

std::optional<SetFitHead> read_setfit_head(const fs::path& directory) {
  const fs::path path = directory / kHeadFile;
  if (!base::file_exists(path)) return std::nullopt;
  SetFitHead head = parse_setfit_head(base::read_file(path, kMaxHeadBytes), base::display(path));
  read_config(directory, head);
  return head;
}

}  // namespace berth::loaders
