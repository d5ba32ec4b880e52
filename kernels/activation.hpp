// The activation functions of the encoders berth runs, by their Hugging Face meaning.
#pragma once

namespace berth::kernels {

enum class Activation : unsigned char {
  none,
  relu,
  relu6,       // min(max(x, 0), 6)
  leaky_relu,  // max(x, 0.01 x)
  gelu,        // "gelu": x * Phi(x), by erf
  gelu_tanh,   // "gelu_new", "gelu_pytorch_tanh", "gelu_fast": the tanh approximation (Hendrycks & Gimpel 2016)
  quick_gelu,  // x * sigmoid(1.702 x)
  silu,        // x * sigmoid(x)
  mish,        // x * tanh(log(1 + e^x))
  tanh,
  sigmoid,
};

}  // namespace berth::kernels
