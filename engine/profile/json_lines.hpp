// In which line of a JSON text each of its values begins.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace berth::engine {

// By path: "labels.crisis.examples[3]"; "" is the document. Paths of more than 1024 bytes are left out. `text` is JSON that has been parsed without an error.
using JsonLines = std::unordered_map<std::string, std::size_t>;
JsonLines lines_of_json(std::string_view text);

}  // namespace berth::engine
