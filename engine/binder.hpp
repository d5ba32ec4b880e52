// Finds the tensors of a model, checks them all, then converts and packs them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/problems.hpp"
#include "engine/outliers.hpp"
#include "engine/packing.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

// Finds tensors by name, remembers every problem, and converts what was found once all of it is known to be right.
class Binder {
 public:
  Binder(const loaders::TensorStore& tensors, const Compute& compute) : tensors_(tensors), reader_(compute) {}

  // Several matrices with the same inputs may be stacked into one: `names` gives them in order, each [out, in].
  void linear(Linear& to, std::span<const std::string> names, std::size_t out, std::size_t in, Precision precision, bool bias = true) {
    MatrixJob job{.to = &to, .source = {.weights = {}, .biases = {}, .out = out, .in = in, .precision = precision}};
    for (const std::string& name : names) {
      const std::string prefix = name.empty() ? name : name + ".";  // a file may hold one layer and nothing else
      job.source.weights.push_back(find({prefix + "weight"}, {out, in}));
      if (bias) job.source.biases.push_back(find({prefix + "bias"}, {out}));
    }
    matrices_.push_back(std::move(job));
  }
  void linear(Linear& to, const std::string& name, std::size_t out, std::size_t in, Precision precision, bool bias = true) {
    linear(to, std::array{name}, out, in, precision, bias);
  }
  // Queries, keys and values under names of their own, [out, in], of which there are `shared` times as many queries.
  void grouped(Linear& to, const std::array<std::string, 3>& names, std::size_t shared, std::size_t out, std::size_t in, Precision precision, bool bias);
  // One matrix [3 heads size, in] that has each head's queries, keys and values behind one another, to all heads' queries, then keys, then values. Of biases
  // there are those of queries and values, [heads size] under names of their own.
  void interleaved(Linear& to, const std::string& name, const std::string& query_bias, const std::string& value_bias, std::size_t heads, std::size_t size,
                   std::size_t in, Precision precision);
  // `count` matrices stacked upon each other in one tensor, as rows [out, in] each or, `transposed`, [in, out]; `norm` as in reads_norm.
  void stacked(std::vector<Linear>& to, std::size_t count, const std::string& name, std::size_t out, std::size_t in, Precision precision, bool transposed,
               const Norm* norm);
  // What quantising may know about the matrix bound last: it reads what `norm` gives, if it is not null.
  void reads_norm(const Norm* norm) { matrices_.back().norm = norm; }
  // And it reads attention's averages of the values that `query_key_value`, bound just before it, gives.
  void reads_values(const ValueHeads& heads) { matrices_.back().values = heads; }

  // A convolution over rows as a product: output o of row t is the sum over j and c of weight[o, j * in + c] * x[t + j - width / 2, c]. Stored as
  // `name`.weight [out, in / groups, width].
  void convolution(Linear& to, const std::string& name, std::size_t size, std::size_t width, std::size_t groups);

  // Old checkpoints call a norm's tensors gamma and beta. `plus` is added to the weights.
  void norm(Norm& to, const std::string& name, std::size_t size, bool bias = true, float plus = 0.0F) {
    vectors_.push_back({&to.weight, find({name + ".weight", name + ".gamma"}, {size}), plus});
    if (bias) vectors_.push_back({&to.bias, find({name + ".bias", name + ".beta"}, {size})});
  }

  void table(TableView& to, const std::string& name, std::size_t rows, std::size_t columns) { whole_table(to, name + ".weight", rows, columns); }
  // By its full name.
  void whole_table(TableView& to, const std::string& name, std::size_t rows, std::size_t columns);

  // A small tensor, copied as FP32. `names` are full and alternatives.
  void values(Vector& to, std::vector<std::string> names, const std::vector<std::uint64_t>& shape) { vectors_.push_back({&to, find(std::move(names), shape)}); }

  // Only checks that a linear layer is there.
  void expect_linear(const std::string& name, std::size_t out, std::size_t in, bool bias) {
    find({name + ".weight"}, {out, in});
    if (bias) find({name + ".bias"}, {out});
  }

  void expect(const std::string& name, const std::vector<std::uint64_t>& shape) { find({name}, shape); }

  // A matrix `of_what` that must be as it is stored.
  void refuse_adapter(const std::string& name, const std::string& of_what) {
    if (const loaders::TensorView* tensor = tensors_.find(name); tensor != nullptr && tensor->added != nullptr)
      problems_.add("tensor \"" + name + "\" has an adapter, and is " + of_what);
  }

  bool has(const std::string& name) const { return tensors_.find(name) != nullptr; }

  // Throws when anything was missing or misshapen; else allocates, converts and packs. Returns {elements, bytes}.
  std::pair<std::size_t, std::size_t> finish(const std::string& what);

 private:
  struct MatrixJob {
    Linear* to;
    LinearSource source;
    const Norm* norm = nullptr;
    ValueHeads values = {};  // of the job before, where it reads them
    WeightFactors factors = {};
  };
  struct VectorJob {
    Vector* to;
    const loaders::TensorView* tensor;
    float plus = 0.0F;
  };
  struct ConvolutionJob {
    Linear* to;
    const loaders::TensorView* weight;
    std::size_t size;
    std::size_t width;
    std::size_t groups;
  };
  struct TableJob {
    TableView* to;
    const loaders::TensorView* tensor;
    std::size_t columns;
  };

  const loaders::TensorView* find(std::vector<std::string> names, const std::vector<std::uint64_t>& shape);
  // Rows [first, first + rows) of a matrix, or values of a vector.
  const loaders::TensorView* part(const loaders::TensorView& whole, std::size_t first, std::size_t rows);
  void pack_vector(const VectorJob& job);
  void choose_factors(std::size_t job);
  void pack_matrix(const MatrixJob& job);
  void pack_convolution(const ConvolutionJob& job);
  void check_table(const TableJob& job);

  const loaders::TensorStore& tensors_;
  TensorRows reader_;
  std::deque<loaders::TensorView> parts_;  // of tensors that are taken apart
  std::vector<MatrixJob> matrices_;
  std::vector<VectorJob> vectors_;
  std::vector<ConvolutionJob> convolutions_;
  std::vector<TableJob> tables_;
  base::Problems problems_;
  bool stored_as_integers_ = false;
  std::size_t parameters_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace berth::engine
