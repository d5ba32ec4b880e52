#include "apps/cli/settings.hpp"

#include <algorithm>
#include <cstdlib>

#include <CLI/CLI.hpp>

#include "apps/cli/errors.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

void set(CLI::Option& option, const std::vector<std::string>& values, const std::string& from) {
  try {
    for (const std::string& value : values) option.add_result(value);
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    throw UsageError(from + ": " + error.what());
  }
}

bool is_switch(const CLI::Option& option) { return option.get_expected_max() == 0 || option.get_type_name() == "true|false"; }

// A value as the command line has it. What it could not have is refused: null would be the word "null", and as a key let everybody in.
std::string text_of(const base::Json& value, const CLI::Option& option, const std::string& from) {
  if (value.is_string()) return value.get<std::string>();
  if (is_switch(option) ? value.is_boolean() : value.is_number()) return value.dump();
  throw UsageError(from + ": expected a string or " + (is_switch(option) ? "a boolean" : "a number") + ", got " + base::describe(value));
}

bool is_settable(const CLI::Option& option) { return option.count() == 0 && !option.get_lnames().empty() && option.get_lnames().front() != "help"; }

void apply_variable(CLI::Option& option, const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): there is one thread yet
  if (value != nullptr && *value != '\0') set(option, {value}, name);
}

}  // namespace

void apply_environment(CLI::App& app, const std::string& prefix, const std::vector<std::string>& except) {
  for (CLI::Option* option : app.get_options()) {
    if (!is_settable(*option)) continue;
    std::string name = option->get_lnames().front();
    if (std::find(except.begin(), except.end(), name) != except.end()) continue;
    for (char& c : name) c = c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    apply_variable(*option, prefix + name);
  }
}

void apply_environment(CLI::App& app, const std::vector<std::pair<std::string, std::string>>& names) {
  for (const auto& [variable, name] : names)
    if (CLI::Option* option = app.get_option_no_throw(name); option != nullptr && is_settable(*option)) apply_variable(*option, variable);
}

void apply_file(CLI::App& app, const std::string& path) {
  base::Json settings;
  try {
    settings = base::read_json_file(path);
  } catch (const base::Error& error) {
    throw UsageError(error.what());
  }
  if (!settings.is_object()) throw UsageError(path + ": expected an object of options, got " + base::describe(settings));
  for (const auto& [key, value] : settings.items()) {
    std::string name = key;
    std::replace(name.begin(), name.end(), '_', '-');
    CLI::Option* option = app.get_option_no_throw("--" + name);
    if (option == nullptr || name == "config" || name == "help") throw UsageError(path + ": there is no option " + base::quoted(key));
    const std::string from = path + ": " + base::quoted(key);
    std::vector<std::string> values;
    if (value.is_array()) {
      if (value.empty()) throw UsageError(from + ": expected a value or several, got an empty array; without the option nothing is set");
      for (const base::Json& each : value) values.push_back(text_of(each, *option, from));
    } else {
      values.push_back(text_of(value, *option, from));
    }
    if (is_settable(*option)) set(*option, values, from);
  }
}

std::vector<std::pair<std::string, std::string>> describe_settings(const CLI::App& app, const std::vector<std::string>& secret) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() == 0 || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    const bool hidden = std::find(secret.begin(), secret.end(), name) != secret.end();
    for (const std::string& value : option->results()) settings.emplace_back(name, hidden ? "***" : value);
  }
  return settings;
}

}  // namespace berth::cli
