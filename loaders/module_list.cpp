#include "loaders/module_list.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/problems.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::JsonObject;

constexpr std::size_t kMaxModules = 64;

Module make_module(const JsonObject& object, const char* type_field, const fs::path& root, std::string path, const std::string& path_field) {
  Module module;
  module.file = object.label();
  module.field = object.field(type_field);
  module.type = object.string(type_field);
  module.kind = module.type.substr(module.type.rfind('.') + 1);  // npos + 1 is 0
  module.folder = path.empty() || path == "." ? root : base::join_checked(root, path, object.label() + ": field " + base::quoted(path_field));
  module.path = std::move(path);
  return module;
}

bool is_router(const Module& module) { return module.type.starts_with("sentence_transformers.") && (module.kind == "Router" || module.kind == "Asym"); }

// The class that models with stored adapters (loaders/adapters.hpp) bring along: a Transformer that may be told which of them to run with.
bool is_adapted_transformer(const Module& module) {
  const fs::path file = module.folder / "config.json";
  if (module.type != "custom_st.Transformer" || !base::file_exists(file)) return false;
  const base::Json config = base::read_json_file(file);
  return config.is_object() && config.contains("lora_adaptations") && config["lora_adaptations"].is_array();
}

// Only the library's own classes are known by name: one of another package may do anything.
void check_types(const std::vector<Module>& modules, const std::string& label, bool in_route) {
  constexpr std::array kKnown = {
      "Transformer",     "MLMTransformer",       "Pooling", "Dense", "LayerNorm", "Normalize", "Dropout", "SpladePooling", "MultiVectorMask",
      "StaticEmbedding", "SparseStaticEmbedding"};
  base::Problems unknown;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    const Module& module = modules[i];
    const bool ours = module.type.starts_with("sentence_transformers.");
    if (ours && std::find(kKnown.begin(), kKnown.end(), module.kind) != kKnown.end()) continue;
    if (module.type == kPylateDense || (i == 0 && !in_route && (is_router(module) || is_adapted_transformer(module)))) continue;
    unknown.add("field " + base::quoted(module.field, 200) + ": berth does not have the module " + base::quoted(module.type, 200) +
                "; it has Transformer, MLMTransformer, Pooling, Dense, LayerNorm, Normalize, Dropout, SpladePooling, MultiVectorMask, StaticEmbedding and "
                "SparseStaticEmbedding of sentence_transformers, a Router of these as the first module, and Dense of pylate");
  }
  unknown.throw_if_any(ErrorCode::unsupported, label);
}

std::vector<Module> read_modules(const fs::path& directory) {
  const fs::path file = directory / "modules.json";
  const std::string label = base::display(file);
  const base::Json document = base::read_json_file(file);
  if (!document.is_array()) throw Error(ErrorCode::corrupt_file, label + ": expected an array of modules, got " + base::describe(document));
  if (document.empty()) throw Error(ErrorCode::corrupt_file, label + ": lists no modules");
  if (document.size() > kMaxModules) {
    throw Error(ErrorCode::corrupt_file, label + ": " + std::to_string(document.size()) + " modules, the limit is " + std::to_string(kMaxModules));
  }
  std::vector<Module> modules;
  for (std::size_t i = 0; i < document.size(); ++i) {
    const JsonObject object(document[i], label, "[" + std::to_string(i) + "]");
    modules.push_back(make_module(object, "type", directory, object.string("path"), object.field("path")));
  }
  check_types(modules, label, false);
  return modules;
}

// The modules of one route, whose ids are their folders' names; "" is the Router's own folder.
std::vector<Module> read_route(const JsonObject& config, const fs::path& folder, const std::string& router_path, const char* name) {
  const JsonObject structure = config.object("structure"), types = config.object("types");
  const base::Json* list = structure.find(name);
  if (list == nullptr) {
    throw Error(ErrorCode::unsupported,
                config.label() + ": field \"structure\": berth runs the routes \"query\" and \"document\", and there is none of name " + base::quoted(name));
  }
  if (!list->is_array() || list->empty() || list->size() > kMaxModules)
    structure.fail(name, "expected a list of 1 to " + std::to_string(kMaxModules) + " modules");
  std::vector<Module> modules;
  for (const base::Json& id : *list) {
    if (!id.is_string()) structure.fail(name, "expected names of modules");
    const std::string text = id.get<std::string>();
    Module module = make_module(types, text.c_str(), folder, text, structure.field(name));
    const bool nested = !router_path.empty() && router_path != ".";
    module.path = nested ? router_path + "/" + text : text;
    modules.push_back(std::move(module));
  }
  check_types(modules, config.label(), true);
  return modules;
}

bool same_modules(const std::vector<Module>& a, const std::vector<Module>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Module& x, const Module& y) { return x.path == y.path && x.type == y.type; });
}

ModuleLists read_router(const Module& router) {
  const fs::path own = router.folder / "router_config.json";
  const fs::path file = base::file_exists(own) ? own : router.folder / "config.json";  // as the class was called Asym
  const base::Json document = base::read_json_file(file);
  const JsonObject config(document, base::display(file));
  if (config.has("parameters")) {
    const JsonObject parameters = config.object("parameters");
    if (parameters.has("route_mappings") && !parameters.object("route_mappings").json().empty()) {
      throw Error(ErrorCode::unsupported,
                  config.label() + ": field \"parameters.route_mappings\": berth chooses between the routes \"query\" and \"document\" by name alone");
    }
  }
  for (const auto& [name, list] : config.object("structure").json().items())
    if (name != "query" && name != "document") {
      throw Error(ErrorCode::unsupported,
                  config.label() + ": field \"structure\": berth runs the routes \"query\" and \"document\", and there is " + base::quoted(name, 200));
    }
  ModuleLists lists{read_route(config, router.folder, router.path, "document"), read_route(config, router.folder, router.path, "query")};
  if (same_modules(lists.documents, lists.queries)) lists.queries.clear();
  return lists;
}

}  // namespace

ModuleLists read_module_lists(const fs::path& directory) {
  std::vector<Module> modules = read_modules(directory);
  if (!is_router(modules.front())) return {std::move(modules), {}};
  ModuleLists lists = read_router(modules.front());
  for (std::vector<Module>* list : {&lists.documents, &lists.queries})
    if (!list->empty()) list->insert(list->end(), modules.begin() + 1, modules.end());
  return lists;
}

}  // namespace berth::loaders
