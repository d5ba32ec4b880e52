#include "apps/cli/documentation/tables.hpp"

#include <CLI/CLI.hpp>

#include "apps/cli/commands.hpp"

namespace berth::cli::documentation {
namespace {

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> choices_of(const std::string& value) {
  if (value.find('|') == std::string::npos) return {};
  return CLI::detail::split(value, '|');
}

OptionEntry entry_of(const CLI::Option& option) {
  OptionEntry entry;
  entry.names = names_of(option);
  if (option.get_items_expected_max() > 0) entry.value = option.get_type_name();
  entry.choices = choices_of(entry.value);
  entry.description = option.get_description();
  for (const CLI::Option* other : option.get_excludes())
    for (const std::string& name : names_of(*other)) entry.excludes.push_back(name);
  entry.required = option.get_required();
  return entry;
}

CommandEntry entry_of(const CLI::App& app) {
  CommandEntry entry;
  entry.name = app.get_name();
  entry.description = app.get_description();
  for (const CLI::Option* option : app.get_options()) entry.options.push_back(entry_of(*option));
  entry.texts = app.get_option_no_throw("--input") != nullptr;
  return entry;
}

}  // namespace

Tables read_tables() {
  CommandLine line;
  describe(line);
  Tables tables;
  tables.program = entry_of(line.app());
  tables.footer = CLI::detail::split(line.app().get_footer(), '\n');
  for (const CLI::App* command : line.app().get_subcommands({})) tables.commands.push_back(entry_of(*command));
  return tables;
}

std::string join(const std::vector<std::string>& parts, const std::string& between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

std::string escaped(const std::string& text, const std::string& characters, const std::string& escape) {
  std::string out;
  for (const char c : text) {
    if (characters.find(c) != std::string::npos) out += escape;
    out += c;
  }
  return out;
}

}  // namespace berth::cli::documentation
