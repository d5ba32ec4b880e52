// berth verify: a model's results beside stored ones, such as another machine, precision or program gave them.
//
// A line has what berth classify, encode and tag take (text, text and text_pair, or ids) and any of
//   "embedding": [numbers]            as berth encode prints it
//   "token_embeddings": [[numbers]]   as berth encode --tokens does
//   "labels": [{"label", "score"}]    as berth classify does, all labels or some; with --raw-scores logits
//   "logits": [numbers], [[numbers]]  of a sequence, in the order of the labels; of every token, as berth tag --raw-scores prints them
//   "tokens": number                  how many the model runs on
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include <nlohmann/json.hpp>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/metrics.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

constexpr Fields kFields{.keeps_line = true};
constexpr double kDefaultTolerance = 1e-4;

struct VerifyCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;  // only how to write
  std::string against;
  std::optional<double> tolerance, min_cosine;
  bool raw_scores = false;
  std::size_t differences = 5;
};

// One kind of result of one line: what is stored and what the model gives.
struct Found {
  std::string where;
  const char* kind = "";
  double absolute = 0, relative = 0;  // the largest difference, and it over the largest stored value
  double scale = 0;                   // the largest stored value
  std::optional<double> cosine;       // of more than one value
  bool beyond = false;
};

struct Totals {
  std::size_t rows = 0, beyond = 0;
  std::array<std::size_t, 5> compared{};  // as kKinds
  double absolute = 0, relative = 0, min_cosine = 1, cosines = 0;
  std::size_t cosine_count = 0;
  std::vector<Found> worst;
};
constexpr std::array<const char*, 5> kKinds = {"embedding", "token_embeddings", "labels", "logits", "tokens"};

// The stored values of a line.
class Stored {
 public:
  explicit Stored(const Record& record) : where_(record.where) {
    if (record.line.empty()) throw DataError(where_ + ": expected a JSON object with stored results");
    json_ = base::parse_json(record.line, where_, {.max_bytes = LineReader::kMaxLineBytes + 1});
    if (std::none_of(kKinds.begin(), kKinds.end() - 1, [&](const char* kind) { return has(kind); }))
      throw DataError(where_ + R"(: has none of "embedding", "token_embeddings", "labels" and "logits")");
  }

  bool has(const char* kind) const {
    const auto found = json_.find(kind);
    return found != json_.end() && !found->is_null();
  }
  const base::Json& operator[](const char* kind) const { return json_.at(kind); }
  bool nested(const char* kind) const { return json_.at(kind).is_array() && !json_.at(kind).empty() && json_.at(kind).front().is_array(); }

  // The numbers of an array, or of an array of arrays.
  std::vector<float> numbers(const char* kind) const {
    std::vector<float> values;
    if (!json_.at(kind).is_array()) fail(kind, "expected an array of numbers", json_.at(kind));
    for (const base::Json& element : json_.at(kind)) {
      if (element.is_array() == nested(kind) && element.is_array())
        for (const base::Json& inner : element) append(kind, inner, values);
      else
        append(kind, element, values);
    }
    return values;
  }

  // The stored scores, and the indices of their labels.
  std::vector<float> scores(const Model& model, std::vector<std::size_t>& indices) const {
    std::vector<float> values;
    if (!json_.at("labels").is_array()) fail("labels", "expected an array of objects", json_.at("labels"));
    for (const base::Json& element : json_.at("labels")) {
      if (!element.is_object() || !element.contains("label") || !element["label"].is_string() || !element.contains("score"))
        fail("labels", R"(expected objects with "label" and "score")", element);
      std::size_t index = 0;
      while (index < model.num_labels() && model.label(index) != element["label"].get_ref<const std::string&>()) ++index;
      if (index == model.num_labels()) fail("labels", "the model has no such label", element["label"]);
      indices.push_back(index);
      append("labels", element["score"], values);
    }
    return values;
  }

  [[noreturn]] void fail(const char* kind, const std::string& problem, const base::Json& got) const {
    throw DataError(where_ + ": field \"" + kind + "\": " + problem + ", got " + base::describe(got));
  }
  void check_size(const char* kind, std::size_t stored, std::size_t given) const {
    if (stored != given)
      throw DataError(where_ + ": field \"" + kind + "\": has " + std::to_string(stored) + " values, the model gives " + std::to_string(given));
  }
  const std::string& where() const { return where_; }

 private:
  void append(const char* kind, const base::Json& value, std::vector<float>& values) const {
    if (!value.is_number() || !std::isfinite(value.get<float>())) fail(kind, "expected numbers", value);
    values.push_back(value.get<float>());
  }

  std::string where_;
  base::Json json_;
};

class Verifier {
 public:
  Verifier(const Model& model, const VerifyCommand& options) : model_(model), options_(options) {
    run_options_.max_length = options.limits.max_length;
    run_options_.batch_tokens = options.limits.batch_tokens;
    tags_ = nlohmann::json::parse(model.info()).at("task") == "token-classification";
  }

  Totals& totals() { return totals_; }

  void operator()(std::span<const Record> records) {
    std::vector<Stored> stored(records.begin(), records.end());
    std::vector<Found> found;
    std::vector<Row> rows;
    const auto any = [&](const char* kind) { return std::any_of(stored.begin(), stored.end(), [&](const Stored& line) { return line.has(kind); }); };
    const auto inputs = inputs_of(records);
    if (any("token_embeddings")) {
      const TokenEmbeddings given = model_.encode_tokens(inputs, run_options_);
      rows = given.embeddings().rows;
      compare_all("token_embeddings", stored, found, [&](std::size_t i) { return given[i]; });
      compare_all("embedding", stored, found, [&](std::size_t i) { return given.embeddings()[i]; });
    } else if (any("embedding")) {
      const Matrix given = model_.encode(inputs, run_options_);
      rows = given.rows;
      compare_all("embedding", stored, found, [&](std::size_t i) { return given[i]; });
    }
    if (any("labels") || (any("logits") && !tags_)) verify_classes(inputs, stored, found, rows);
    if (any("logits") && tags_) {
      TagOptions tag_options;
      tag_options.max_length = options_.limits.max_length;
      tag_options.batch_tokens = options_.limits.batch_tokens;
      tag_options.raw_scores = true;
      const Findings given = model_.tag(inputs, tag_options);
      rows = given.rows();
      compare_all("logits", stored, found, [&](std::size_t i) { return given.logits(i); });
    }
    for (std::size_t i = 0; i < stored.size(); ++i) compare_tokens(stored[i], rows[i], found);
    add(found, records.size());
  }

 private:
  void verify_classes(std::span<const Input> inputs, const std::vector<Stored>& stored, std::vector<Found>& found, std::vector<Row>& rows) const {
    RunOptions raw = run_options_;
    raw.raw_scores = true;
    const Matrix logits = model_.classify(inputs, raw);
    const Matrix scores = options_.raw_scores ? logits : model_.classify(inputs, run_options_);
    rows = logits.rows;
    compare_all("logits", stored, found, [&](std::size_t i) { return logits[i]; });
    for (std::size_t i = 0; i < stored.size(); ++i) {
      if (!stored[i].has("labels")) continue;
      std::vector<std::size_t> indices;
      const auto expected = stored[i].scores(model_, indices);
      std::vector<float> given;
      for (const std::size_t index : indices) given.push_back(scores[i][index]);
      compare("labels", stored[i], expected, given, found);
    }
  }

  template <class Given>
  void compare_all(const char* kind, const std::vector<Stored>& stored, std::vector<Found>& found, const Given& given) const {
    for (std::size_t i = 0; i < stored.size(); ++i)
      if (stored[i].has(kind)) compare(kind, stored[i], stored[i].numbers(kind), given(i), found);
  }

  void compare(const char* kind, const Stored& stored, std::span<const float> expected, std::span<const float> given, std::vector<Found>& found) const {
    stored.check_size(kind, expected.size(), given.size());
    Found result{.where = stored.where(), .kind = kind, .cosine = {}};
    for (const float value : given)
      if (!std::isfinite(value)) throw DataError(stored.where() + ": the result is not finite");
    for (const float value : expected) result.scale = std::max(result.scale, std::abs(static_cast<double>(value)));
    result.absolute = largest_difference(expected, given);
    result.relative = result.absolute == 0.0 ? 0.0 : result.absolute / std::max(result.scale, 1e-30);
    if (expected.size() > 1) result.cosine = result.absolute == 0.0 ? 1.0 : cosine(expected, given);
    const bool by_tolerance = options_.tolerance || !options_.min_cosine;
    result.beyond = (by_tolerance && result.absolute > options_.tolerance.value_or(kDefaultTolerance) * std::max(1.0, result.scale)) ||
                    (options_.min_cosine && result.cosine && *result.cosine < *options_.min_cosine);
    found.push_back(std::move(result));
  }

  void compare_tokens(const Stored& stored, const Row& row, std::vector<Found>& found) const {
    if (!stored.has("tokens")) return;
    const base::Json& tokens = stored["tokens"];
    if (!tokens.is_number_unsigned()) stored.fail("tokens", "expected a whole number", tokens);
    Found result{.where = stored.where(), .kind = "tokens", .cosine = {}};
    result.scale = tokens.get<double>();
    result.absolute = std::abs(result.scale - row.tokens);
    result.relative = result.absolute == 0.0 ? 0.0 : result.absolute / std::max(result.scale, 1.0);
    result.beyond = result.absolute != 0.0;
    found.push_back(std::move(result));
  }

  void add(std::vector<Found>& found, std::size_t rows) {
    totals_.rows += rows;
    for (Found& each : found) {
      for (std::size_t kind = 0; kind < kKinds.size(); ++kind) totals_.compared[kind] += std::string_view(kKinds[kind]) == each.kind ? 1 : 0;
      totals_.beyond += each.beyond ? 1 : 0;
      const bool values = std::string_view(each.kind) != "tokens";
      if (values) {
        totals_.absolute = std::max(totals_.absolute, each.absolute);
        totals_.relative = std::max(totals_.relative, each.relative);
      }
      if (each.cosine) {
        totals_.min_cosine = std::min(totals_.min_cosine, *each.cosine);
        totals_.cosines += *each.cosine;
        ++totals_.cosine_count;
      }
      if (each.absolute > 0.0) totals_.worst.push_back(std::move(each));
    }
    const auto measure = [](const Found& each) { return each.absolute / std::max(1.0, each.scale); };
    std::stable_sort(totals_.worst.begin(), totals_.worst.end(),
                     [&](const Found& a, const Found& b) { return a.beyond != b.beyond ? a.beyond : measure(a) > measure(b); });
    if (totals_.worst.size() > options_.differences)
      totals_.worst.erase(totals_.worst.begin() + static_cast<std::ptrdiff_t>(options_.differences), totals_.worst.end());
  }

  const Model& model_;
  const VerifyCommand& options_;
  RunOptions run_options_;
  bool tags_ = false;
  Totals totals_;
};

std::string json_line(const Totals& totals) {
  using Json = nlohmann::ordered_json;
  Json compared = Json::object(), differences = Json::array();
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind)
    if (totals.compared[kind] > 0) compared[kKinds[kind]] = totals.compared[kind];
  for (const Found& each : totals.worst) {
    Json line = {{"where", each.where}, {"field", each.kind}, {"absolute", each.absolute}, {"relative", each.relative}};
    if (each.cosine) line["cosine"] = *each.cosine;
    line["beyond"] = each.beyond;
    differences.push_back(std::move(line));
  }
  Json out = {{"rows", totals.rows},
              {"compared", std::move(compared)},
              {"beyond", totals.beyond},
              {"largest_absolute", totals.absolute},
              {"largest_relative", totals.relative}};
  if (totals.cosine_count > 0) out["cosine"] = {{"mean", totals.cosines / static_cast<double>(totals.cosine_count)}, {"min", totals.min_cosine}};
  out["differences"] = std::move(differences);
  return base::dump(out) + "\n";
}

std::string small(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.3g", value);
  return buffer;
}

std::string for_people(const Totals& totals) {
  const auto field = [](std::string_view name, const std::string& value) { return pad_right(name, 20) + value + "\n"; };
  std::string compared;
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind)
    if (totals.compared[kind] > 0)
      compared += (compared.empty() ? "" : ", ") + std::string(kKinds[kind]) + " of " + grouped(static_cast<double>(totals.compared[kind]));
  std::string out = field("rows", grouped(static_cast<double>(totals.rows)) + ": " + compared);
  out += field("largest difference", small(totals.absolute) + " absolute, " + small(totals.relative) + " of a row's largest value");
  if (totals.cosine_count > 0)
    out += field("cosine", "mean " + fixed(totals.cosines / static_cast<double>(totals.cosine_count), 6) + ", least " + fixed(totals.min_cosine, 6));
  out += field("beyond tolerance", grouped(static_cast<double>(totals.beyond)));
  for (const Found& each : totals.worst)
    out += "  " + each.where + ": " + each.kind + ": " + small(each.absolute) + " absolute, " + small(each.relative) + " relative" +
           (each.cosine ? ", cosine " + fixed(*each.cosine, 6) : "") + (each.beyond ? ", beyond tolerance" : "") + "\n";
  return out;
}

void run(const VerifyCommand& options) {
  if (options.against.empty()) throw UsageError("nothing to compare with: --against FILE names a file of JSON lines");
  Source source(options.against, InputFormat::jsonl, kFields);
  const Model model = load_model(options.model, "");
  Output output(options.text.json, options.text.table);
  Verifier verifier(model, options);
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) { verifier(records); });
  const Totals& totals = verifier.totals();
  if (totals.rows == 0) throw DataError(options.against + ": has no rows");
  output.write(output.people() ? for_people(totals) : json_line(totals));
  output.flush();
  if (totals.beyond > 0)
    throw DataError(options.against + ": " + std::to_string(totals.beyond) + " results are beyond the tolerance, the worst at " + totals.worst.front().where);
}

}  // namespace

void add_verify(CommandLine& line) {
  Command command = line.add_command("verify", "Compare a model's results with stored ones; exit status 1 beyond a tolerance");
  const auto options = std::make_shared<VerifyCommand>();
  add_model_options(command, options->model, "");
  add_run_options(command, options->limits);
  command.add_option("--against", options->against, "JSON lines with text or ids, and embedding, token_embeddings, labels or logits; \"-\" for standard input")
      .type_name("FILE");
  command.add_option("--tolerance", options->tolerance, "How far a value may be off, times the largest of its row where that is above 1; default 1e-4")
      .type_name("X")
      .check([](const std::string& text) { return check_between(text, 0, 1e9, ""); });
  command.add_option("--min-cosine", options->min_cosine, "Least cosine of a row with the stored one; without --tolerance the only measure")
      .type_name("X")
      .check(check_fraction);
  command.add_flag("--raw-scores", options->raw_scores, "The stored scores of labels are logits");
  command.add_option("--differences", options->differences, "Rows to show; default 5").type_name("N").check(check_positive);
  add_output_options(command, options->text);
  command.callback([&line, command, options] {
    refuse_arguments(line, command);
    line.run = [=] { run(*options); };
  });
}

}  // namespace berth::cli
