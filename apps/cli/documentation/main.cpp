// berth_documentation DIRECTORY: writes the man pages and completions of berth there. Run by the build; not installed.
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "apps/cli/documentation/tables.hpp"

namespace {

void write(const std::filesystem::path& folder, const std::vector<berth::cli::documentation::Page>& pages) {
  for (const auto& page : pages) {
    const auto path = folder / page.path;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file << page.text;
    if (!file.flush()) throw std::runtime_error(path.string() + " cannot be written");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: berth_documentation DIRECTORY\n";
    return 2;
  }
  try {
    const auto tables = berth::cli::documentation::read_tables();
    write(argv[1], man_pages(tables));
    write(argv[1], completions(tables));
  } catch (const std::exception& error) {
    std::cerr << "berth_documentation: " << error.what() << '\n';
    return 1;
  }
}
