// Which modules of sentence-transformers a directory lists, in which order: modules.json, and router_config.json where a Router sends queries elsewhere.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace berth::loaders {

inline constexpr std::string_view kPylateDense = "pylate.models.Dense.Dense";

// One line of modules.json, or one module of a route.
struct Module {
  std::string type;  // the whole Python path
  std::string kind;  // its last component
  std::string path;
  std::filesystem::path folder;
  std::string file;   // that names it
  std::string field;  // of the type there: "[0].type"

  std::string place() const { return file + ": field \"" + field + "\""; }  // for messages
};

struct ModuleLists {
  std::vector<Module> documents;  // what every text runs through that is not said to be a query; not empty, and of types that berth has
  std::vector<Module> queries;    // what queries run through; empty: the same
};

// Reads `directory`, which has a modules.json. A Router is taken as the first module only, with the routes "query" and "document"; modules behind it
// belong to both. base::Error: corrupt_file, unsupported, not_found.
ModuleLists read_module_lists(const std::filesystem::path& directory);

}  // namespace berth::loaders
