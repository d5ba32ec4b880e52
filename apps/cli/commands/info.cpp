// berth info: what this machine offers, and what a model directory holds.
#include <memory>

#include <nlohmann/json.hpp>

#include "apps/cli/commands.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

using Json = nlohmann::ordered_json;

struct InfoCommand {
  ModelOptions model;
  TextOptions text;  // only how to write
};

// {"version", "isa", "isas": [{"name","usable","reason"}], "threads", "default_models": {name: directory}, "model": {...} when one was named}
Json collect(const InfoCommand& options) {
  Json info = {{"version", berth_version()}};
  info.update(Json::parse(system_info()));
  Json& defaults = info["default_models"] = Json::object();
  for (const char* name : {"sentiment", "emotion", "intent"})
    if (const auto directory = find_default_model(name)) defaults[name] = *directory;
  if (options.model.directory.empty()) return info;
  const Model model = load_model(options.model, "");
  Json described = {{"directory", options.model.directory}};
  described.update(Json::parse(model.info()));
  for (const char* key : {"isa", "threads"})  // what the model runs with, options included
    if (described.contains(key)) info[key] = described[key];
  info["model"] = std::move(described);
  return info;
}

std::string value_text(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string for_people(const Json& info, int columns) {
  const auto field = [&](std::string_view name, const std::string& value) { return pad_right(name, 24) + one_line(value, columns - 24) + "\n"; };
  std::string out = field("berth", value_text(info.at("version")));
  out += field("instruction set", value_text(info.value("isa", Json())));
  for (const Json& isa : info.value("isas", Json::array())) {
    const std::string name = value_text(isa.value("name", Json()));
    const std::string reason = isa.contains("reason") && isa["reason"].is_string() ? isa["reason"].get<std::string>() : "";
    out += field("  " + name, isa.value("usable", false) ? (reason.empty() ? "usable" : "usable: " + reason) : "not used: " + reason);
  }
  out += field("threads", value_text(info.value("threads", Json())));
  for (const auto& [name, directory] : info.at("default_models").items()) out += field("default model " + name, value_text(directory));
  if (!info.contains("model")) return out;
  out += "\n";
  for (const auto& [name, value] : info["model"].items()) out += field(name, value_text(value));
  return out;
}

void run(const InfoCommand& options) {
  const std::string info = base::dump(collect(options));
  Output output(options.text.json, options.text.table);
  output.write(output.people() ? for_people(Json::parse(info), output.columns()) : info + "\n");
  output.flush();
}

}  // namespace

void add_info(CommandLine& line) {
  Command command = line.add_command("info", "Describe this machine, and a model with --model");
  const auto options = std::make_shared<InfoCommand>();
  add_model_options(command, options->model, "");
  add_output_options(command, options->text);
  command.callback([&line, command, options] {
    refuse_arguments(line, command);
    line.run = [=] { run(*options); };
  });
}

}  // namespace berth::cli
