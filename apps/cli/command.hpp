// The command line, its commands and their options. They are CLI11's, whose header alone takes eight seconds to compile: only command.cpp and what
// reads options back (settings.cpp, documentation/tables.cpp) include it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace berth::cli {

// What was added to a command; refers to it, and is as good as the command lives. All return itself, for the next property.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& type_name(const std::string& name);
  // Also the type's name: "a|b|c".
  Option& choices(const std::string& choices);
  // What is wrong with a value, in the words after "--option: "; empty: nothing. See option_checks.hpp.
  Option& check(std::function<std::string(const std::string& value)> check);
  // The same, and may change the value.
  Option& transform(std::function<std::string(std::string& value)> change);
  Option& bytes();  // values like 32MB
  Option& required();
  Option& excludes(const Option& other);
  Option& separator(char separator);  // of a list within one value
  Option& repeatable();               // every occurrence adds to the list

 private:
  CLI::Option* option_;
};

class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  // T is one of those that command.cpp lists. `target` keeps its value when the option is not given, and must live until the command line is parsed.
  template <class T>
  Option add_option(const std::string& names, T& target, const std::string& description);
  Option add_flag(const std::string& names, bool& target, const std::string& description);

  // Is called once the command was parsed.
  void callback(std::function<void()> callback);
  bool given(const std::string& option) const;
  std::string name() const;
  std::vector<std::string> remaining() const;  // options that there are not

  CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

class CommandLine {
 public:
  CommandLine();
  ~CommandLine();

  Command add_command(const std::string& name, const std::string& description);
  // Reads the arguments (those after the program's name), which sets `run`. False: there is nothing to run, --help or --version was answered. Throws UsageError.
  bool parse(std::vector<std::string> arguments);

  CLI::App& app() const { return *app_; }

  std::vector<std::string> texts;         // the arguments that are no options; set while parsing
  std::vector<std::string> after_dashes;  // what follows "--": texts, whatever they look like
  std::function<void()> run;              // set while parsing, by the command that was named
  int status = 0;                         // of a run that ended by itself

 private:
  std::unique_ptr<CLI::App> app_;
};

// The texts given as arguments to `command`, in order. CLI11 never sees them: its own lists of strings change some ("[a, b]" would become two).
// Throws UsageError for an unknown option.
std::vector<std::string> text_arguments(const CommandLine& line, const Command& command);
// Throws UsageError when there is any.
void refuse_arguments(const CommandLine& line, const Command& command);

}  // namespace berth::cli
