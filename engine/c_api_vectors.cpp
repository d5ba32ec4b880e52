// The vectors of include/berth/berth.h beyond one FP32 embedding a row.
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/c_api_support.hpp"
#include "engine/quantize_output.hpp"

using namespace berth::engine::c_api;  // NOLINT: they were made for this file

struct berth_vectors : HandleOf<HandleKind::vectors> {
  std::vector<float> dense;  // [rows, size]
  std::size_t size = 0;
  std::size_t rows = 0;
  std::optional<berth::engine::SparseVectors> sparse;
  std::optional<berth::engine::TokenValues> multi;
};

namespace {

berth::engine::RunOptions run_options(const berth_vector_options& options) {
  berth::engine::RunOptions run{.max_length = options.max_length, .batch_tokens = options.batch_tokens, .truncate_dim = options.truncate_dim};
  run.query = options.query != 0;
  read_normalize(options.normalize, run);
  read_long_text(options.long_text, options.stride, run);
  read_prompt(options.prompt_name, options.prompt, run);
  return run;
}

void require_finite(const berth::kernels::KernelTable& kernels, std::span<const float> values, const char* name) {
  if (kernels.all_finite(values.data(), values.size())) return;
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  throw berth::base::Error(berth::base::ErrorCode::non_finite, std::string(name) + ": value " + std::to_string(bad - values.begin()) + " is NaN or infinite");
}

}  // namespace

extern "C" {

uint32_t berth_model_vector_kinds(const berth_model* model) { return alive(model) ? model->model->vector_kinds() : 0; }
uint32_t berth_model_default_vector_kind(const berth_model* model) { return alive(model) ? model->model->default_vector_kind() : 0; }

berth_status berth_encode_vectors(const berth_model* model, const berth_input* inputs, size_t count, const berth_vector_options* options,
                                  berth_vectors** vectors, berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(vectors != nullptr, "vectors is NULL");
    const berth_vector_options given = read_options(options, "berth_vector_options");
    const std::uint32_t kinds = given.kinds == 0 ? model->model->default_vector_kind() : given.kinds;
    require((kinds & ~std::uint32_t{BERTH_DENSE | BERTH_SPARSE | BERTH_MULTI}) == 0, "kinds names a berth_vector_kind that does not exist");
    const berth::engine::RunOptions run = ::run_options(given);
    auto handle = std::make_unique<berth_vectors>();
    handle->rows = count;
    berth::engine::VectorRequest request;
    if ((kinds & BERTH_DENSE) != 0) {
      handle->size = model->model->embedding_size(run);
      handle->dense.resize(std::max<std::size_t>(1, count * handle->size));
      request.dense = handle->dense.data();
    }
    if ((kinds & BERTH_SPARSE) != 0) request.sparse = &handle->sparse.emplace();
    if ((kinds & BERTH_MULTI) != 0) request.multi = &handle->multi.emplace();
    request.max_active_dims = given.max_active_dims;
    model->model->encode_vectors(checked, run, request, rows);
    *vectors = handle.release();
  });
}

const float* berth_vectors_dense(const berth_vectors* vectors, size_t index, size_t* size) {
  const bool there = alive(vectors) && !vectors->dense.empty() && index < vectors->rows;
  if (size != nullptr) *size = there ? vectors->size : 0;
  return there ? vectors->dense.data() + index * vectors->size : nullptr;
}

const berth_sparse_value* berth_vectors_sparse(const berth_vectors* vectors, size_t index, size_t* count) {
  if (count != nullptr) *count = 0;
  if (!alive(vectors) || !vectors->sparse || index >= vectors->rows) return nullptr;
  const auto& first = vectors->sparse->first;
  if (count != nullptr) *count = first[index + 1] - first[index];
  return vectors->sparse->values.data() + first[index];
}

const float* berth_vectors_multi(const berth_vectors* vectors, size_t index, size_t* count, size_t* size) {
  const bool there = alive(vectors) && vectors->multi && index < vectors->rows;
  if (count != nullptr) *count = there ? vectors->multi->first_token[index + 1] - vectors->multi->first_token[index] : 0;
  if (size != nullptr) *size = there ? vectors->multi->size : 0;
  return there ? vectors->multi->values.data() + vectors->multi->first_token[index] * vectors->multi->size : nullptr;
}

berth_status berth_max_similarity(const berth_model* model, const float* query, size_t query_vectors, const float* document, size_t document_vectors,
                                  size_t size, float* score) {
  return guarded(model, [&] {
    require(query != nullptr || query_vectors * size == 0, "query is NULL");
    require(document != nullptr || document_vectors * size == 0, "document is NULL");
    require(size > 0, "size is 0");
    require(score != nullptr, "score is NULL");
    const berth::base::FloatingPointScope scope;
    const berth::kernels::KernelTable& kernels = model->model->compute().kernels;
    const std::span<const float> of_query{query, query_vectors * size}, of_document{document, document_vectors * size};
    require_finite(kernels, of_query, "query");
    require_finite(kernels, of_document, "document");
    *score = berth::engine::max_similarity(kernels, of_query, of_document, size);
    require_finite(kernels, {score, 1}, "score");  // products may overflow
  });
}

berth_status berth_rerank_late(const berth_model* model, const berth_input* query, const berth_input* texts, size_t count, const berth_vector_options* options,
                               float* scores, berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, texts, count);
    require(query != nullptr, "query is NULL");
    require(scores != nullptr || count == 0, "scores is NULL");
    model->model->rerank_late(*query, checked, ::run_options(read_options(options, "berth_vector_options")), scores, rows);
  });
}

berth_status berth_vectors_free(berth_vectors* vectors) { return release(vectors); }

berth_status berth_embedding_size(const berth_model* model, const berth_run_options* options, size_t* size) {
  return guarded(model, [&] {
    require(size != nullptr, "size is NULL");
    const berth::engine::RunOptions run = berth::engine::c_api::run_options(read_options(options, "berth_run_options"));
    model->model->check_prompt(run);
    *size = model->model->embedding_size(run);
  });
}

size_t berth_quantized_size(berth_output_type type, size_t dimensions) { return berth::engine::quantized_size(type, dimensions).value_or(0); }

berth_status berth_find_ranges(const float* embeddings, size_t count, size_t dimensions, int widen, float* ranges) {
  return guarded([&] {
    require(embeddings != nullptr || count == 0, "embeddings is NULL");
    require(ranges != nullptr, "ranges is NULL");
    berth::engine::find_ranges(embeddings, count, dimensions, widen != 0, ranges);
  });
}

berth_status berth_quantize(const float* embeddings, size_t count, size_t dimensions, berth_output_type type, const float* ranges, void* out) {
  return guarded([&] {
    require(embeddings != nullptr || count == 0, "embeddings is NULL");
    require(out != nullptr || count == 0, "out is NULL");
    berth::engine::quantize_embeddings(embeddings, count, dimensions, type, ranges, out);
  });
}

}  // extern "C"
