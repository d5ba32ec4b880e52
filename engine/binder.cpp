#include "engine/binder.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace berth::engine {

using base::ErrorCode;

const loaders::TensorView* Binder::find(std::vector<std::string> names, const std::vector<std::uint64_t>& shape) {
  const std::string& first = names.front();
  for (const std::string& name : names) {
    const loaders::TensorView* tensor = tensors_.find(name);
    if (tensor == nullptr) continue;
    if (tensor->shape != shape) {
      problems_.add("tensor \"" + name + "\" has shape " + loaders::shape_text(tensor->shape) + ", expected " + loaders::shape_text(shape));
      return nullptr;
    }
    if (!float_type(tensor->dtype)) {
      problems_.add("tensor \"" + name + "\" has type " + tensor->dtype_name + ", expected F32, F16 or BF16");
      stored_as_integers_ = true;
      return nullptr;
    }
    parameters_ += static_cast<std::size_t>(tensor->elements());
    return tensor;
  }
  problems_.add("tensor \"" + first + "\" " + loaders::shape_text(shape) + " is missing");
  return nullptr;
}

const loaders::TensorView* Binder::part(const loaders::TensorView& whole, std::size_t first, std::size_t rows) {
  const bool by_rows = whole.strides.empty();
  const std::size_t row = by_rows ? static_cast<std::size_t>(whole.elements() / whole.shape[0]) : static_cast<std::size_t>(whole.strides[0]);
  const std::size_t row_bytes = row * value_bytes(*float_type(whole.dtype));
  parts_.push_back(whole);
  parts_.back().shape[0] = rows;
  parts_.back().data = whole.data.subspan(first * row_bytes, by_rows ? rows * row_bytes : std::dynamic_extent);
  loaders::TensorView& result = parts_.back();
  if (whole.added != nullptr)
    result.added = std::make_shared<const loaders::LowRank>(loaders::LowRank{*part(whole.added->b, first, rows), whole.added->a, whole.added->scale});
  return &result;
}

void Binder::grouped(Linear& to, const std::array<std::string, 3>& names, std::size_t shared, std::size_t out, std::size_t in, Precision precision, bool bias) {
  MatrixJob job{.to = &to, .source = {.weights = {}, .biases = {}, .out = out, .in = in, .precision = precision}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t parts = i == 0 ? shared : 1;
    const loaders::TensorView* weight = find({names[i] + ".weight"}, {parts * out, in});
    const loaders::TensorView* added = bias ? find({names[i] + ".bias"}, {parts * out}) : nullptr;
    for (std::size_t p = 0; p < parts; ++p) {
      if (weight != nullptr) job.source.weights.push_back(part(*weight, p * out, out));
      if (added != nullptr) job.source.biases.push_back(part(*added, p * out, out));
    }
  }
  matrices_.push_back(std::move(job));
}

void Binder::stacked(std::vector<Linear>& to, std::size_t count, const std::string& name, std::size_t out, std::size_t in, Precision precision, bool transposed,
                     const Norm* norm) {
  const std::size_t rows = transposed ? in : out;
  const std::size_t columns = transposed ? out : in;
  const loaders::TensorView* whole = find({name}, {count * rows, columns});
  if (whole == nullptr) return;
  refuse_adapter(name, "a stack, whose parts berth adds nothing to");
  to.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const loaders::TensorView* one = part(*whole, i * rows, rows);
    if (transposed && whole->added == nullptr) {
      loaders::TensorView& turned = parts_.back();
      const std::vector<std::uint64_t> strides = turned.strides.empty() ? std::vector<std::uint64_t>{columns, 1} : turned.strides;
      turned.shape = {columns, rows};
      turned.strides = {strides[1], strides[0]};
    }
    matrices_.push_back({.to = &to[i], .source = {.weights = {one}, .biases = {}, .out = out, .in = in, .precision = precision}, .norm = norm});
  }
}

void Binder::interleaved(Linear& to, const std::string& name, const std::string& query_bias, const std::string& value_bias, std::size_t heads, std::size_t size,
                         std::size_t in, Precision precision) {
  const std::size_t all = heads * size;
  MatrixJob job{.to = &to, .source = {.weights = {}, .biases = {}, .out = size, .in = in, .precision = precision}};
  if (const loaders::TensorView* whole = find({name + ".weight"}, {3 * all, in})) {
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t head = 0; head < heads; ++head) job.source.weights.push_back(part(*whole, (3 * head + i) * size, size));
  }
  job.source.biases = {find({query_bias}, {all}), nullptr, find({value_bias}, {all})};
  matrices_.push_back(std::move(job));
}

void Binder::pack_vector(const VectorJob& job) {
  *job.to = Vector(static_cast<std::size_t>(job.tensor->elements()));
  reader_.copy(*job.tensor, job.to->data());
  if (job.plus != 0.0F)
    for (std::size_t i = 0; i < job.to->size(); ++i) (*job.to)[i] += job.plus;
  bytes_ += job.to->size() * sizeof(float);
}

// Of an INT8 product's inputs, and of the values that the next product reads.
void Binder::choose_factors(std::size_t index) {
  MatrixJob& job = matrices_[index];
  if (job.source.precision != Precision::int8 || job.norm == nullptr || !job.norm->present()) return;
  job.to->input_factors = input_factors(reader_, *job.norm, job.source);
  job.factors.columns = inverse(job.to->input_factors);
  if (index + 1 == matrices_.size() || matrices_[index + 1].values.count == 0) return;
  MatrixJob& reads = matrices_[index + 1];
  const Vector values = value_factors(reader_, *job.norm, job.source, reads.source, reads.values);
  if (values.size() == 0) return;
  reads.factors.columns = Vector(reads.source.in);
  for (std::size_t i = 0; i < reads.source.in; ++i) reads.factors.columns[i] = 1.0F / values[reads.values.value_of(i)];
  const std::size_t outputs = job.source.out * job.source.weights.size();
  job.factors.rows = Vector(outputs);
  std::fill_n(job.factors.rows.data(), outputs - values.size(), 1.0F);
  std::copy_n(values.data(), values.size(), job.factors.rows.data() + outputs - values.size());
}

void Binder::pack_matrix(const MatrixJob& job) {
  pack(reader_, job.source, job.factors, *job.to);
  bytes_ += job.to->weight_bytes() + (job.to->bias.size() + job.to->input_factors.size()) * sizeof(float);
  for (const loaders::TensorView* tensor : job.source.weights) tensors_.release(tensor->data);  // no more than one is resident in both forms
}

// Looks through a table a few megabytes at a time, letting go of its pages: only rows that texts touch come back.
void Binder::check_table(const TableJob& job) {
  constexpr std::size_t kPartBytes = std::size_t{4} << 20;
  const std::size_t part = std::max<std::size_t>(1, kPartBytes / job.to->row_bytes);
  loaders::TensorView alone = *job.tensor;
  alone.added = nullptr;
  const loaders::TensorView* stored = &alone;
  for (std::size_t row = 0; row < job.to->rows; row += part) {
    const std::size_t rows = std::min(part, job.to->rows - row);
    reader_.for_each(std::span(&stored, 1), row, rows, job.columns, [](const RowChunk&, float*, std::uint16_t*, std::size_t) noexcept {});
    tensors_.release(job.tensor->data.subspan(row * job.to->row_bytes, rows * job.to->row_bytes));
  }
}

void Binder::whole_table(TableView& to, const std::string& name, std::size_t rows, std::size_t columns) {
  const loaders::TensorView* tensor = find({name}, {rows, columns});
  if (tensor != nullptr && !tensor->strides.empty())
    problems_.add("tensor \"" + name + "\" is stored by columns; berth reads the rows of a table where they lie");
  tables_.push_back({&to, tensor, columns});
}

void Binder::convolution(Linear& to, const std::string& name, std::size_t size, std::size_t width, std::size_t groups) {
  convolutions_.push_back({&to, find({name + ".weight"}, {size, size / groups, width}), size, width, groups});
  vectors_.push_back({&to.bias, find({name + ".bias"}, {size})});
}

void Binder::pack_convolution(const ConvolutionJob& job) {
  Linear& linear = *job.to;
  linear.in = job.width * job.size;
  linear.out = job.size;
  linear.f32 = kernels::PackedF32(linear.out, linear.in, reader_.compute().kernels);
  bytes_ += linear.weight_bytes();
  Vector stored(static_cast<std::size_t>(job.weight->elements()));
  reader_.copy(*job.weight, stored.data());
  const std::size_t group_size = job.size / job.groups;
  std::vector<float> row(linear.in);
  for (std::size_t out = 0; out < job.size; ++out) {
    std::fill(row.begin(), row.end(), 0.0F);  // channels of other groups
    const float* from = stored.data() + out * group_size * job.width;
    for (std::size_t c = 0; c < group_size; ++c)
      for (std::size_t j = 0; j < job.width; ++j) row[j * job.size + out / group_size * group_size + c] = from[c * job.width + j];
    linear.f32.set_rows(out, 1, row.data());
  }
}

std::pair<std::size_t, std::size_t> Binder::finish(const std::string& what) {
  problems_.throw_if_any(stored_as_integers_ ? ErrorCode::unsupported : ErrorCode::corrupt_file, what);
  for (const VectorJob& job : vectors_) pack_vector(job);  // first: norms tell how large the inputs of matrices are
  for (std::size_t i = 0; i < matrices_.size(); ++i) {
    choose_factors(i);
    pack_matrix(matrices_[i]);
  }
  for (const ConvolutionJob& job : convolutions_) pack_convolution(job);
  for (const TableJob& job : tables_) {
    const kernels::TableType type = *float_type(job.tensor->dtype);
    *job.to = {job.tensor->data.data(), type, static_cast<std::size_t>(job.tensor->shape[0]), job.columns * value_bytes(type)};
    bytes_ += job.tensor->data.size();
    if (job.tensor->added != nullptr) {
      job.to->added = std::make_shared<const LowRankRows>(reader_.compute(), *job.tensor->added);
      bytes_ += job.to->added->bytes();
    }
    check_table(job);
  }
  tensors_.check_whole();
  return {parameters_, bytes_};
}

}  // namespace berth::engine
