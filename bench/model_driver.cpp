// berth's side of the comparison with ONNX Runtime: a process that is told on standard input, one JSON object per line, what to load and
// run, and answers each with one line on standard output. ort_driver.cjs speaks the same protocol; driver.py is the other end.
//
//   {"cmd":"load","model":"DIR","precision":"fp32","threads":2}  ->  {"ok":true,"session":0,"load_ms":...,"version":...,"info":{...}}
//   {"cmd":"prepare","session":0,"rows":[[101,...,102],...]}  ->  {"ok":true,"plan":0}
//   {"cmd":"run","plan":0,"seconds":0.4,"min_iterations":2}  ->  {"ok":true,"ns":[...]}, one time per call of encode
//   {"cmd":"states","plan":0}  ->  {"ok":true,"rows":["base64 of float32 [tokens, hidden]",...],"embeddings":"base64 of float32 [rows, hidden]"}
//   {"cmd":"unload"}  ->  {"ok":true}; forgets all sessions and plans
//
// Timed is Model::encode into memory that is there already: everything a user's call does, mean pooling included.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <berth/berth.hpp>
#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// One batch, ready to run. The inputs point into `ids`.
struct Plan {
  berth::Model model;
  std::vector<std::vector<std::int32_t>> ids;
  std::vector<berth::Input> inputs;
  std::vector<float> embeddings;  // [rows, embedding_size]
  std::vector<berth::Row> rows;

  Plan(berth::Model model_, std::vector<std::vector<std::int32_t>> ids_) : model(std::move(model_)), ids(std::move(ids_)) {
    for (const auto& row : ids) inputs.push_back(berth::Input::from_ids(row));
    embeddings.resize(ids.size() * model.embedding_size());
    rows.resize(ids.size());
  }

  void encode() { model.encode(inputs, embeddings, rows); }
};

// RFC 4648, the bytes of the floats as they lie in memory (little-endian).
std::string base64(std::span<const float> values) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto bytes = std::as_bytes(values);
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < count ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[word >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

class Driver {
 public:
  json answer(const json& command) {
    const std::string name = command.at("cmd");
    if (name == "load") return load(command);
    if (name == "prepare") return prepare(command);
    if (name == "run") return run(plan(command), command.at("seconds"), command.at("min_iterations"));
    if (name == "states") return states(plan(command));
    if (name == "unload") return unload();
    throw std::invalid_argument("unknown command " + name);
  }

 private:
  json load(const json& command) {
    berth::LoadOptions options;
    options.precision = command.at("precision");
    options.threads = command.at("threads");
    const auto started = Clock::now();
    sessions_.push_back(berth::Model::load(command.at("model"), options));
    const std::chrono::duration<double, std::milli> elapsed = Clock::now() - started;
    return {{"session", sessions_.size() - 1}, {"load_ms", elapsed.count()}, {"version", berth_version()}, {"info", json::parse(sessions_.back().info())}};
  }

  json prepare(const json& command) {
    plans_.emplace_back(sessions_.at(command.at("session")), command.at("rows").get<std::vector<std::vector<std::int32_t>>>());
    return {{"plan", plans_.size() - 1}};
  }

  Plan& plan(const json& command) { return plans_.at(command.at("plan")); }

  static json run(Plan& plan, double seconds, std::size_t min_iterations) {
    std::vector<std::int64_t> ns;
    const auto started = Clock::now();
    const auto end = started + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    for (auto before = started; ns.size() < min_iterations || before < end;) {
      plan.encode();
      const auto now = Clock::now();
      ns.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(now - before).count());
      before = now;
    }
    return {{"ns", std::move(ns)}};
  }

  static json states(Plan& plan) {
    const berth::TokenEmbeddings tokens = plan.model.encode_tokens(plan.inputs);
    json rows = json::array();
    for (std::size_t row = 0; row < plan.inputs.size(); ++row) rows.push_back(base64(tokens[row]));
    plan.encode();
    return {{"rows", std::move(rows)}, {"embeddings", base64(plan.embeddings)}};
  }

  json unload() {
    plans_.clear();
    sessions_.clear();
    return json::object();
  }

  std::vector<berth::Model> sessions_;
  std::vector<Plan> plans_;
};

}  // namespace

int main() {
  Driver driver;
  for (std::string line; std::getline(std::cin, line);) {
    json reply;
    try {
      reply = driver.answer(json::parse(line));
      reply["ok"] = true;
    } catch (const std::exception& error) {
      reply = {{"ok", false}, {"error", error.what()}};
    }
    std::cout << reply.dump() << '\n' << std::flush;
  }
}
