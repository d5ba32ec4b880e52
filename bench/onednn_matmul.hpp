// oneDNN's product as its users are told to run it: weights reordered once into the layout the primitive asks for.
#pragma once

#ifdef BERTH_BENCH_ONEDNN

#include <oneapi/dnnl/dnnl.hpp>

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace berth::bench {

class OnednnMatmul {
 public:
  // weights: [n, k], row-major, of the type of a; c is FP32, but s32 for s8.
  OnednnMatmul(std::size_t rows, std::size_t k, std::size_t n, const void* a, const void* weights, void* c,
               dnnl::memory::data_type type = dnnl::memory::data_type::f32)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    using dnnl::memory;
    const auto m = static_cast<std::int64_t>(rows);
    const auto depth = static_cast<std::int64_t>(k);
    const auto width = static_cast<std::int64_t>(n);
    const memory::desc a_desc({m, depth}, type, memory::format_tag::ab);
    const memory::desc b_any({depth, width}, type, memory::format_tag::any);
    const memory::desc b_given({depth, width}, type, memory::format_tag::ba);
    const memory::desc c_desc({m, width}, type == memory::data_type::s8 ? memory::data_type::s32 : memory::data_type::f32, memory::format_tag::ab);
    const dnnl::matmul::primitive_desc primitive({a_desc, b_any, c_desc}, engine_);
    memory given(b_given, engine_, const_cast<void*>(weights));
    memory packed(primitive.weights_desc(), engine_);
    dnnl::reorder(given, packed).execute(stream_, given, packed);
    stream_.wait();
    matmul_ = dnnl::matmul(primitive);
    arguments_ = {{DNNL_ARG_SRC, memory(a_desc, engine_, const_cast<void*>(a))}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, memory(c_desc, engine_, c)}};
  }
  void run() {
    matmul_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::matmul matmul_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace berth::bench

#endif
