// What the files behind include/berth/berth.h share: handles, and the border that nothing throws past.
#pragma once

#include <berth/berth.h>

#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "base/error.hpp"
#include "engine/handles.hpp"
#include "engine/inputs.hpp"
#include "engine/model.hpp"
#include "tokenizer/tokenizer.hpp"

struct berth_tokenizer : berth::engine::c_api::HandleOf<berth::engine::c_api::HandleKind::tokenizer> {
  const berth::tokenizer::Tokenizer* tokenizer = nullptr;
  std::unique_ptr<const berth::tokenizer::Tokenizer> owned;  // null when a model owns it
};

struct berth_model : berth::engine::c_api::HandleOf<berth::engine::c_api::HandleKind::model> {
  std::unique_ptr<const berth::engine::Model> model;
  berth_tokenizer tokenizer;
};

namespace berth::engine::c_api {

template <class Body>
berth_status guarded(Body&& body) noexcept {
  try {
    body();
    return BERTH_OK;
  } catch (const base::Error& error) {
    return fail(static_cast<berth_status>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(BERTH_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return fail(BERTH_INTERNAL, error.what());
  } catch (...) {
    return fail(BERTH_INTERNAL, "unknown error");
  }
}

// The same for a call that uses a handle.
template <class Type, class Body>
berth_status guarded(const Type* handle, Body&& body) noexcept {
  return guarded([&] {
    const Use<Type> use(handle);
    body();
  });
}

void require(bool condition, const char* message);

// The caller's options, whatever version of the struct it was compiled with: fields it does not have keep their defaults, and fields that are not
// known here may be there as long as they are 0.
template <class Options>
Options read_options(const Options* options, const char* name) {
  Options result{};
  if (options == nullptr) return result;
  if (options->size < sizeof(options->size) || options->size > 4096)
    throw base::Error(base::ErrorCode::invalid_argument, std::string(name) + ".size must be sizeof(" + name + "), got " + std::to_string(options->size));
  for (std::size_t i = sizeof(Options); i < options->size; ++i)
    if (reinterpret_cast<const unsigned char*>(options)[i] != 0)
      throw base::Error(base::ErrorCode::unsupported, std::string(name) + " of " + std::to_string(options->size) + " bytes asks for something that berth " +
                                                          berth_version() + " does not know");
  __builtin_memcpy(&result, options, options->size < sizeof(Options) ? options->size : sizeof(Options));
  return result;
}

void read_long_text(const char* long_text, std::size_t stride, RunOptions& run);
void read_normalize(std::int32_t normalize, RunOptions& run);
void read_prompt(const char* prompt_name, const berth_string& prompt, RunOptions& run);

inline RunOptions run_options(const berth_run_options& options) {
  RunOptions run{.max_length = options.max_length, .batch_tokens = options.batch_tokens, .truncate_dim = options.truncate_dim};
  run.query = options.query != 0;
  read_normalize(options.normalize, run);
  read_long_text(options.long_text, options.stride, run);
  if (options.window_scores != nullptr) run.window_scores = window_scores_by_name(options.window_scores);
  read_prompt(options.prompt_name, options.prompt, run);
  return run;
}

std::span<const berth_input> checked_inputs(const berth_model* model, const berth_input* inputs, std::size_t count);

}  // namespace berth::engine::c_api
