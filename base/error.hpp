// The one exception type that loading and validation throw inside the library.
//
// It never crosses the public boundary: engine/c_api.cpp turns it into a berth_status and a message (include/berth/berth.h),
// and include/berth/berth.hpp turns those back into berth::Error on the caller's side.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace berth::base {

// Same order and values as berth_status; engine/c_api.cpp asserts it.
enum class ErrorCode : int {
  invalid_argument = 1,  // the caller's option or input: message names it and its value
  not_found = 2,         // no such file or directory, or no permission to read it
  corrupt_file = 3,      // a file is not what it claims: message names file, field and value
  unsupported = 4,       // well-formed, but berth does not do this: message lists what it does
  too_long = 5,          // ids given by the caller exceed the model's limit
  non_finite = 6,        // NaN or infinity in weights or results: message names the tensor or the input
  out_of_memory = 7,
  internal = 8,  // a bug in berth
};

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}
  ErrorCode code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
};

// `text` with control characters and bytes that are not UTF-8 written as escapes, so that a message is always one line of valid UTF-8.
std::string printable(std::string_view text);

// `text` in double quotes, control characters escaped and cut after `limit` bytes at a code point: for values from untrusted files.
// (Call it as base::quoted: a std::string argument makes the compiler consider std::quoted as well.)
std::string quoted(std::string_view text, std::size_t limit = 80);

}  // namespace berth::base
