// Completions for bash, zsh and fish: commands, options, and values where the tables say what they are.
#include "apps/cli/documentation/tables.hpp"

namespace berth::cli::documentation {
namespace {

std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

bool is_long(const std::string& name) { return name.starts_with("--"); }

std::string all_names(const std::vector<OptionEntry>& options) {
  std::string out;
  for (const OptionEntry& option : options) out += (out.empty() ? "" : " ") + join(option.names, " ");
  return out;
}

// One case of a word before the cursor: what may follow it. Nothing is offered for numbers and texts.
std::string bash_value(const OptionEntry& option) {
  std::string out = "        " + join(option.names, " | ") + ") ";
  if (option.value == "FILE") return out + "_berth_paths -f ;;\n";
  if (option.value == "DIR") return out + "_berth_paths -d ;;\n";
  return out + "_berth_words " + in_quotes(join(option.choices, " ")) + " ;;\n";
}

std::string bash_command(const CommandEntry& command) {
  std::string out = "    " + command.name + ")\n      case $previous in\n";
  for (const OptionEntry& option : command.options)
    if (!option.value.empty()) out += bash_value(option);
  return out + "        *) [[ $current != -* ]] || _berth_words " + in_quotes(all_names(command.options)) + " ;;\n      esac\n      ;;\n";
}

Page bash(const Tables& tables) {
  std::string text = R"(# bash completion of berth

_berth_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }
_berth_paths() {
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

_berth() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  COMPREPLY=()
  # "--option=value" is three words to bash.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  ((COMP_CWORD > 1)) || command=
  local word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == -- ]]; then return; fi
  done
  case $command in
)";
  std::string commands;
  for (const CommandEntry& command : tables.commands) {
    commands += command.name + " ";
    text += bash_command(command);
  }
  text += "    '') _berth_words " + in_quotes(commands + all_names(tables.program.options)) + " ;;\n  esac\n}\n\ncomplete -F _berth berth\n";
  return {"berth.bash", text};
}

std::string zsh_text(const std::string& text) { return escaped(text, "[]:\\", "\\"); }

// '(-m --model)'{-m+,--model=}'[description]:DIR:_files -/'
std::string zsh_option(const OptionEntry& option) {
  std::vector<std::string> excluded = option.names, names;
  excluded.insert(excluded.end(), option.excludes.begin(), option.excludes.end());
  for (const std::string& name : option.names) names.push_back(option.value.empty() ? name : name + (is_long(name) ? "=" : "+"));
  std::string rest = "[" + zsh_text(option.description) + "]";
  if (!option.value.empty()) {
    rest += ":" + zsh_text(option.choices.empty() ? option.value : "value") + ":";
    if (option.value == "FILE") rest += "_files";
    if (option.value == "DIR") rest += "_files -/";
    if (!option.choices.empty()) rest += "(" + join(option.choices, " ") + ")";
    if (rest.back() == ':') rest += " ";
  }
  const std::string group = in_quotes("(" + join(excluded, " ") + ")");
  return group + (names.size() == 1 ? names[0] : "{" + join(names, ",") + "}") + in_quotes(rest);
}

std::string zsh_arguments(const CommandEntry& command, const std::string& indent) {
  std::string out;
  for (const OptionEntry& option : command.options) out += " \\\n" + indent + zsh_option(option);
  return out;
}

Page zsh(const Tables& tables) {
  std::string text = "#compdef berth\n\n_berth() {\n  local curcontext=$curcontext state line\n  local -a commands=(\n";
  for (const CommandEntry& command : tables.commands)
    text += "    " + in_quotes(escaped(command.name, ":\\", "\\") + ":" + escaped(command.description, ":\\", "\\")) + "\n";
  text += "  )\n  _arguments -C" + zsh_arguments(tables.program, "    ") + " \\\n    '1:command:->command' '*::argument:->arguments'\n";
  text += "  case $state in\n    command) _describe command commands ;;\n    arguments)\n      case $words[1] in\n";
  for (const CommandEntry& command : tables.commands)
    text += "        " + command.name + ")\n          _arguments -s -S" + zsh_arguments(command, "            ") +
            (command.texts ? " \\\n            '*:text: '" : "") + "\n          ;;\n";
  text += "      esac\n      ;;\n  esac\n}\n\n_berth \"$@\"\n";
  return {"_berth", text};
}

std::string fish_option(const OptionEntry& option, const std::string& condition) {
  std::string out = "complete -c berth -n " + in_quotes(condition);
  for (const std::string& name : option.names) out += is_long(name) ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.value == "FILE")
    out += " -r -F";
  else if (option.value == "DIR")
    out += " -x -a '(__fish_complete_directories)'";
  else if (!option.choices.empty())
    out += " -x -a " + in_quotes(join(option.choices, " "));
  else if (!option.value.empty())
    out += " -x";
  return out + " -d " + in_quotes(escaped(option.description, "\\", "\\")) + "\n";
}

Page fish(const Tables& tables) {
  std::string text = "# fish completion of berth\ncomplete -c berth -f\n";
  for (const OptionEntry& option : tables.program.options) text += fish_option(option, "__fish_use_subcommand");
  for (const CommandEntry& command : tables.commands) {
    text += "complete -c berth -n __fish_use_subcommand -a " + command.name + " -d " + in_quotes(command.description) + "\n";
    for (const OptionEntry& option : command.options) text += fish_option(option, "__fish_seen_subcommand_from " + command.name);
  }
  return {"berth.fish", text};
}

}  // namespace

std::vector<Page> completions(const Tables& tables) { return {bash(tables), zsh(tables), fish(tables)}; }

}  // namespace berth::cli::documentation
