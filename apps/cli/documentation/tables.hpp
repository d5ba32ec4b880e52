// The command line as plain tables, read from the parser's own: what the man pages and the completions are written from.
#pragma once

#include <string>
#include <vector>

namespace berth::cli::documentation {

struct OptionEntry {
  std::vector<std::string> names;    // "-m", "--model": short ones first
  std::string value;                 // "DIR", "N", "fp32|bf16"; empty: a flag
  std::vector<std::string> choices;  // the values themselves where `value` lists them
  std::string description;
  std::vector<std::string> excludes;  // names of options that cannot go with it
  bool required = false;
};

struct CommandEntry {
  std::string name;
  std::string description;
  std::vector<OptionEntry> options;
  bool texts = false;  // takes texts as arguments
};

struct Tables {
  CommandEntry program;
  std::vector<std::string> footer;  // a paragraph each
  std::vector<CommandEntry> commands;
};

Tables read_tables();

struct Page {
  std::string path;  // below the folder that is written
  std::string text;
};

// man1/berth.1 and man1/berth-COMMAND.1
std::vector<Page> man_pages(const Tables& tables);
// berth.bash, _berth for zsh and berth.fish
std::vector<Page> completions(const Tables& tables);

std::string join(const std::vector<std::string>& parts, const std::string& between);
// `text` with every occurrence of one of `characters` behind `escape`.
std::string escaped(const std::string& text, const std::string& characters, const std::string& escape);

}  // namespace berth::cli::documentation
