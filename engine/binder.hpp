// Finds the tensors of a model, checks them all, then converts and packs them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/problems.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

// Finds tensors by name, remembers every problem, and converts what was found once all of it is known to be right.
class Binder {
 public:
  Binder(const loaders::TensorStore& tensors, const Compute& compute) : tensors_(tensors), kernels_(compute.kernels), low_(compute.low), pool_(compute.pool) {}

  // Several matrices with the same inputs may be stacked into one: `names` gives them in order, each [out, in].
  void linear(Linear& to, std::span<const std::string> names, std::size_t out, std::size_t in, Precision precision, bool bias = true) {
    MatrixJob job{.to = &to, .weights = {}, .biases = {}, .out = out, .in = in, .precision = precision};
    for (const std::string& name : names) {
      job.weights.push_back(find({name + ".weight"}, {out, in}));
      if (bias) job.biases.push_back(find({name + ".bias"}, {out}));
    }
    matrices_.push_back(std::move(job));
  }
  void linear(Linear& to, const std::string& name, std::size_t out, std::size_t in, Precision precision, bool bias = true) {
    linear(to, std::array{name}, out, in, precision, bias);
  }

  // A convolution over rows as a product: output o of row t is the sum over j and c of weight[o, j * in + c] * x[t + j - width / 2, c]. Stored as
  // `name`.weight [out, in / groups, width].
  void convolution(Linear& to, const std::string& name, std::size_t size, std::size_t width, std::size_t groups);

  // Old checkpoints call a norm's tensors gamma and beta.
  void norm(Norm& to, const std::string& name, std::size_t size, bool bias = true) {
    vectors_.push_back({&to.weight, find({name + ".weight", name + ".gamma"}, {size})});
    if (bias) vectors_.push_back({&to.bias, find({name + ".bias", name + ".beta"}, {size})});
  }

  void table(TableView& to, const std::string& name, std::size_t rows, std::size_t columns) {
    tables_.push_back({&to, find({name + ".weight"}, {rows, columns}), columns});
  }

  // A small tensor, copied as FP32. `names` are full and alternatives.
  void values(Vector& to, std::vector<std::string> names, const std::vector<std::uint64_t>& shape) {
    vectors_.push_back({&to, find(std::move(names), shape)});
  }

  // Only checks that a linear layer is there.
  void expect_linear(const std::string& name, std::size_t out, std::size_t in, bool bias) {
    find({name + ".weight"}, {out, in});
    if (bias) find({name + ".bias"}, {out});
  }

  bool has(const std::string& name) const { return tensors_.find(name) != nullptr; }

  // Throws when anything was missing or misshapen; else allocates, converts and packs. Returns {elements, bytes}.
  std::pair<std::size_t, std::size_t> finish(const std::string& what);

 private:
  struct MatrixJob {
    Linear* to;
    std::vector<const loaders::TensorView*> weights;
    std::vector<const loaders::TensorView*> biases;
    std::size_t out;  // of each part
    std::size_t in;
    Precision precision;
  };
  struct VectorJob {
    Vector* to;
    const loaders::TensorView* tensor;
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
  // A stretch of rows of one tensor: packed into `linear` from row `first_output` on, or only checked when it is null.
  struct Chunk {
    const loaders::TensorView* tensor;
    std::size_t first_row;
    std::size_t rows;
    std::size_t columns;
    Linear* linear;
    bool round_to_bf16;  // for BF16 weights that are stored widened
    std::size_t first_output;
  };

  const loaders::TensorView* find(std::vector<std::string> names, const std::vector<std::uint64_t>& shape);
  void allocate_matrices();
  void pack_convolution(const ConvolutionJob& job);
  void copy_vector(Vector& to, std::size_t offset, const loaders::TensorView& tensor);
  void add_chunks(Chunk whole);
  void run_chunks();
  void pack(const Chunk& chunk, float* rows, std::int8_t* low) const noexcept;

  const loaders::TensorStore& tensors_;
  const kernels::KernelTable& kernels_;
  const kernels::LowKernelTable& low_;
  const base::ThreadPool& pool_;
  std::vector<MatrixJob> matrices_;
  std::vector<VectorJob> vectors_;
  std::vector<ConvolutionJob> convolutions_;
  std::vector<TableJob> tables_;
  std::vector<Chunk> chunks_;
  base::Problems problems_;
  bool stored_as_integers_ = false;
  std::size_t parameters_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace berth::engine
