// exp, tanh, sigmoid and the GELUs on vectors: polynomials without table or branch. tests/kernels/fit_polynomials.py derives the coefficients;
// tests/kernels/math_test.cpp checks the bounds stated here against double precision.
#pragma once

#include "kernels/activation.hpp"
#include "kernels/isa_concepts.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct VectorMath {
  using F32 = typename Isa::F32;

  // e^x, relative error below 1e-7 for x in [-87, 88]; e^-87 (1.6e-38) below that range, e^88 above it.
  // x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 p(r) with p of degree 4.
  static F32 exp(F32 x) {
    x = Isa::max(Isa::set1(-87.0F), Isa::min(Isa::set1(88.0F), x));  // in this order of operands NaN stays NaN
    const F32 n = Isa::round(Isa::mul(x, Isa::set1(1.44269504F)));
    F32 r = Isa::fma(n, Isa::set1(-0.693359375F), x);  // ln 2 in two parts: the first has 9 bits, so its product with n is exact
    r = Isa::fma(n, Isa::set1(2.12194440e-4F), r);
    F32 p = Isa::set1(0.0013933688F);
    p = Isa::fma(p, r, Isa::set1(0.008363205F));
    p = Isa::fma(p, r, Isa::set1(0.041666463F));
    p = Isa::fma(p, r, Isa::set1(0.16666576F));
    p = Isa::fma(p, r, Isa::set1(0.5F));
    p = Isa::add(Isa::fma(p, Isa::mul(r, r), r), Isa::set1(1.0F));
    return Isa::scale_by_power_of_two(p, n);
  }

  // 2^x for x <= 0, relative error below 1e-7 down to 2^-126, which it stays at below. 2^x = 2^n 2^r with |r| <= 1/2; 2^r = 1 + r p(r) with p of
  // degree 5. Cheaper than exp, and as good where the caller has the factor log2 e to spare elsewhere. On several vectors in step.
  template <int count>
  [[gnu::always_inline]] static void exp2_of_nonpositive(F32 (&x)[count]) {
    F32 n[count];
    F32 p[count];
    for (int v = 0; v < count; ++v) x[v] = Isa::max(Isa::set1(-126.0F), x[v]);
    for (int v = 0; v < count; ++v) n[v] = Isa::round(x[v]);
    for (int v = 0; v < count; ++v) x[v] = Isa::sub(x[v], n[v]);
    for (int v = 0; v < count; ++v) p[v] = Isa::fma(Isa::set1(0.00015461506F), x[v], Isa::set1(0.0013390925F));
    for (int v = 0; v < count; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(0.009618057F));
    for (int v = 0; v < count; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(0.05550357F));
    for (int v = 0; v < count; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(0.24022651F));
    for (int v = 0; v < count; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(0.6931472F));
    for (int v = 0; v < count; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(1.0F));
    for (int v = 0; v < count; ++v) x[v] = Isa::scale_by_power_of_two(p[v], n[v]);
  }

  // 2^x for x <= 127 with relative error below 1.1e-4 down to 2^-126, for results that are rounded to BF16; 2^0 is exactly 1. On several vectors in step.
  template <int n>
  [[gnu::always_inline]] static void exp2_low(F32 (&x)[n]) {
    F32 p[n];
    if constexpr (requires(F32 y) { Isa::above_floor(y); }) {
      // 2^x = 2^floor(x) 2^r with 0 <= r < 1; scaling takes the floor itself, and minus infinity to 0.
      F32 r[n];
      for (int v = 0; v < n; ++v) r[v] = Isa::above_floor(x[v]);
      for (int v = 0; v < n; ++v) p[v] = Isa::fma(Isa::set1(0.0770670548F), r[v], Isa::set1(0.22764498F));
      for (int v = 0; v < n; ++v) p[v] = Isa::fma(p[v], r[v], Isa::set1(0.695116818F));
      for (int v = 0; v < n; ++v) p[v] = Isa::fma(p[v], r[v], Isa::set1(1.0F));
      for (int v = 0; v < n; ++v) x[v] = Isa::scale_by_floor(p[v], x[v]);
      return;
    }
    F32 whole[n];
    for (int v = 0; v < n; ++v) x[v] = Isa::max(Isa::set1(-126.0F), x[v]);
    for (int v = 0; v < n; ++v) whole[v] = Isa::round(x[v]);
    for (int v = 0; v < n; ++v) x[v] = Isa::sub(x[v], whole[v]);
    for (int v = 0; v < n; ++v) p[v] = Isa::fma(Isa::set1(0.0550089307F), x[v], Isa::set1(0.242210959F));
    for (int v = 0; v < n; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(0.693282927F));
    for (int v = 0; v < n; ++v) p[v] = Isa::fma(p[v], x[v], Isa::set1(1.0F));
    for (int v = 0; v < n; ++v) x[v] = Isa::scale_by_power_of_two(p[v], whole[v]);
  }

  // 1 / (1 + e^-x), absolute error below 1e-7. Times x (silu, quick_gelu, gelu_tanh): below 1.8e-7 max(1, |x|).
  static F32 sigmoid(F32 x) {
    const F32 one = Isa::set1(1.0F);
    return Isa::div(one, Isa::add(one, exp(Isa::sub(Isa::set1(0.0F), x))));
  }

  // Absolute error below 2e-7: 2 sigmoid(2x) - 1.
  static F32 tanh(F32 x) { return Isa::sub(Isa::div(Isa::set1(2.0F), Isa::add(Isa::set1(1.0F), exp(Isa::mul(x, Isa::set1(-2.0F))))), Isa::set1(1.0F)); }

  // x Phi(x) with Phi the normal distribution function (GELU by erf), absolute error below 7e-7 everywhere.
  // Phi(x) = 1/2 + x p(x^2) for |x| <= 5.5 (p: near-minimax of degree 16 over s = 2 x^2 / 5.5^2 - 1, which keeps the coefficients
  // small), and 0 or 1 outside, where it is within 2e-8 of that.
  // Several vectors in step: one alone is a chain of twenty operations that wait for each other.
  template <int n>
  [[gnu::always_inline]] static void gelu(F32 (&x)[n]) {
    const F32 limit = Isa::set1(5.5F);
    F32 inside[n];
    F32 s[n];
    F32 p[n];
    for (int v = 0; v < n; ++v) inside[v] = Isa::max(Isa::set1(-5.5F), Isa::min(limit, x[v]));
    for (int v = 0; v < n; ++v) s[v] = Isa::fma(Isa::mul(inside[v], inside[v]), Isa::set1(0.0661157F), Isa::set1(-1.0F));
    for (int v = 0; v < n; ++v) p[v] = Isa::fma(Isa::set1(kPhi[16]), s[v], Isa::set1(kPhi[15]));
#pragma GCC unroll 15
    for (int i = 14; i >= 0; --i)
      for (int v = 0; v < n; ++v) p[v] = Isa::fma(p[v], s[v], Isa::set1(kPhi[i]));
    for (int v = 0; v < n; ++v) p[v] = Isa::fma(inside[v], p[v], Isa::set1(0.5F));
    for (int v = 0; v < n; ++v) p[v] = Isa::select_less(limit, x[v], Isa::set1(1.0F), p[v]);
    for (int v = 0; v < n; ++v) p[v] = Isa::select_less(x[v], Isa::set1(-5.5F), Isa::set1(0.0F), p[v]);
    for (int v = 0; v < n; ++v) x[v] = Isa::mul(x[v], p[v]);
  }

  // GELU by erf for results that are rounded to 8 or 16 bits anyway: absolute error below 2e-4 everywhere, at a third of the cost.
  // Phi(x) = 1/2 + x p(x^2) for |x| <= 4 (p: near-minimax of degree 6 over s = 2 x^2 / 4^2 - 1, with p(16) = 1/8 so that large x are exact).
  template <int n>
  [[gnu::always_inline]] static void gelu_low(F32 (&x)[n]) {
    F32 inside[n];
    F32 s[n];
    F32 p[n];
    for (int v = 0; v < n; ++v) inside[v] = Isa::clamp_magnitude(x[v], Isa::set1(4.0F));
    for (int v = 0; v < n; ++v) s[v] = Isa::fma(Isa::mul(inside[v], inside[v]), Isa::set1(0.125F), Isa::set1(-1.0F));
    for (int v = 0; v < n; ++v) p[v] = Isa::fma(Isa::set1(kPhiLow[6]), s[v], Isa::set1(kPhiLow[5]));
    for (int i = 4; i >= 0; --i)
      for (int v = 0; v < n; ++v) p[v] = Isa::fma(p[v], s[v], Isa::set1(kPhiLow[i]));
    for (int v = 0; v < n; ++v) x[v] = Isa::mul(x[v], Isa::fma(inside[v], p[v], Isa::set1(0.5F)));
  }

  // x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3); since (1 + tanh u) / 2 = sigmoid(2u), one exp and one division.
  static F32 gelu_tanh(F32 x) {
    const F32 cubic = Isa::fma(Isa::mul(x, x), Isa::set1(0.044715F), Isa::set1(1.0F));
    return Isa::mul(x, sigmoid(Isa::mul(Isa::mul(x, cubic), Isa::set1(1.5957691216F))));
  }

  // x tanh(log(1 + e^x)) = x n / (n + 2) with n = e^x (e^x + 2); beyond 20 the fraction is 1 in FP32. Error below 2.5e-7 max(1, |x|).
  static F32 mish(F32 x) {
    const F32 e = exp(Isa::min(Isa::set1(20.0F), x));
    const F32 n = Isa::mul(e, Isa::add(e, Isa::set1(2.0F)));
    return Isa::mul(x, Isa::div(n, Isa::add(n, Isa::set1(2.0F))));
  }

  // As activate, where the result goes through 8 or 16 bits; on several vectors in step, since one alone is a chain of a dozen operations that
  // wait for each other, and the processor does not look far enough ahead to fill the gaps.
  template <Activation kind, int n>
  [[gnu::always_inline]] static void activate_low(F32 (&x)[n]) {
    if constexpr (kind == Activation::gelu) {
      gelu_low(x);
    } else {
      for (int v = 0; v < n; ++v) x[v] = activate<kind>(x[v]);
    }
  }

  template <Activation kind, int n>
  [[gnu::always_inline]] static void activate(F32 (&x)[n]) {
    if constexpr (kind == Activation::gelu) {
      gelu(x);
    } else {
      for (int v = 0; v < n; ++v) x[v] = activate<kind>(x[v]);
    }
  }

  template <Activation kind>
  static F32 activate(F32 x) {
    if constexpr (kind == Activation::relu) return Isa::max(Isa::set1(0.0F), x);
    if constexpr (kind == Activation::relu6) return Isa::min(Isa::set1(6.0F), Isa::max(Isa::set1(0.0F), x));
    if constexpr (kind == Activation::leaky_relu) return Isa::max(Isa::mul(x, Isa::set1(0.01F)), x);
    if constexpr (kind == Activation::gelu) {
      F32 one[1] = {x};
      gelu(one);
      return one[0];
    }
    if constexpr (kind == Activation::gelu_tanh) return gelu_tanh(x);
    if constexpr (kind == Activation::quick_gelu) return Isa::mul(x, sigmoid(Isa::mul(x, Isa::set1(1.702F))));
    if constexpr (kind == Activation::silu) return Isa::mul(x, sigmoid(x));
    if constexpr (kind == Activation::mish) return mish(x);
    if constexpr (kind == Activation::tanh) return tanh(x);
    if constexpr (kind == Activation::sigmoid) return sigmoid(x);
    return x;
  }

 private:
  static constexpr float kPhiLow[7] = {0.175970763F, -0.0844245479F, 0.0553951152F, -0.0354760773F, 0.0241478942F, -0.0165345091F, 0.00592136197F};
  static constexpr float kPhi[17] = {0.12855193F,   -0.064172313F,   0.047737334F,   -0.038793795F,  0.03207691F,   -0.026036151F,
                                     0.020307317F,  -0.015062524F,   0.010468637F,   -0.0066506783F, 0.0040741297F, -0.0026587024F,
                                     0.0014074265F, -0.00035675464F, 0.00018391665F, -0.0002856763F, 0.00011808F};
};

// Calls f(std::integral_constant-like tag) with the activation as a compile-time constant, so that loops are specialised outside.
template <Activation kind>
struct ActivationTag {
  static constexpr Activation value = kind;
};
template <class F>
void with_activation(Activation activation, F&& f) {
  switch (activation) {
    case Activation::none: f(ActivationTag<Activation::none>{}); return;
    case Activation::relu: f(ActivationTag<Activation::relu>{}); return;
    case Activation::relu6: f(ActivationTag<Activation::relu6>{}); return;
    case Activation::leaky_relu: f(ActivationTag<Activation::leaky_relu>{}); return;
    case Activation::gelu: f(ActivationTag<Activation::gelu>{}); return;
    case Activation::gelu_tanh: f(ActivationTag<Activation::gelu_tanh>{}); return;
    case Activation::quick_gelu: f(ActivationTag<Activation::quick_gelu>{}); return;
    case Activation::silu: f(ActivationTag<Activation::silu>{}); return;
    case Activation::mish: f(ActivationTag<Activation::mish>{}); return;
    case Activation::tanh: f(ActivationTag<Activation::tanh>{}); return;
    case Activation::sigmoid: f(ActivationTag<Activation::sigmoid>{}); return;
  }
}

}  // namespace berth::kernels
