// The activations of torchnet/layers/, each with its slope dy/dx below it, in float32 and without branches, so that the
// compiler computes a vector of them at a time. x is the input, y the output, p the parameter of the layer.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "products.h"

inline float from_bits(int32_t bits) {
    float number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

inline int32_t bits_of(float number) {
    int32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return bits;
}

// e^x = scale * (1 + rest), with x = k ln 2 + r, |r| <= ln 2 / 2, scale = 2^k and rest = e^r - 1. It is 0 from below
// -87.7 and infinite from 88.4, where float32 comes to its end.
struct Exponential {
    float scale, rest;

    explicit Exponential(float x) {
        x = x < -88 ? -88 : x;  // comparisons that are false for NaN keep it
        x = x > 89 ? 89 : x;
        const float shifted = x * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to a whole number
        const float k = shifted - 12582912.0f;
        const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;  // ln 2 in two parts: the first product is exact
        scale = from_bits((bits_of(shifted) << 23) + (127 << 23));
        const float tail = 1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f + r * (1 / 5040.0f))));
        rest =
            r + r * r * (0.5f + r * tail);  // the Taylor series; its next term is below half a unit in the last place
    }
    float value() const { return scale * (1 + rest); }
    float minus_one() const { return scale * rest + (scale - 1); }  // for x below 88
};

inline float exponential(float x) { return Exponential(x).value(); }

inline float logistic(float x) { return 1 / (1 + exponential(-x)); }

struct Identity {
    static float forward(float x, float) { return x; }
    static float slope(float, float, float) { return 1; }
};

struct Sigmoid {
    static float forward(float x, float) { return logistic(x); }
    static float slope(float, float y, float) { return y * (1 - y); }
};

struct Tanh {
    static float forward(float x,
                         float) {  // (e^2x - 1) / (e^2x + 1) near zero; elsewhere 1 - 2 / (e^2x + 1) is more exact
        const float size = x < 0 ? -x : x, t = Exponential(size > 20 ? 40 : 2 * size).minus_one();
        const float y = size < 0.5f ? t / (t + 2) : 1 - 2 / (t + 2);
        return x < 0 ? -y : y;
    }
    static float slope(float, float y, float) { return 1 - y * y; }
};

struct ReLU {
    static float forward(float x, float) { return x < 0 ? 0 : x; }
    static float slope(float x, float, float) { return x > 0 ? 1 : 0; }
};

struct LeakyReLU {
    static float forward(float x, float p) { return x > 0 ? x : p * x; }
    static float slope(float x, float, float p) { return x > 0 ? 1 : p; }
};

struct ELU {
    static float forward(float x, float p) { return x > 0 ? x : p * Exponential(x).minus_one(); }
    static float slope(float x, float, float p) { return x > 0 ? 1 : p * exponential(x); }
};

struct SiLU {
    static float forward(float x, float) { return x * logistic(x); }
    static float slope(float x, float y, float) {
        const float s = logistic(x);
        return s + y * (1 - s);
    }
};

struct Softplus {
    static float forward(float x, float p) {  // max(v, 0) + log(1 + e^-|v|), with v = p x
        const float v = p * x, u = exponential(v > 0 ? -v : v);
        const float s = u / (2 + u), q = s * s;  // log(1 + u) = 2 artanh(s), s <= 1/3
        const float series =
            1 + q * (1 / 3.0f + q * (1 / 5.0f + q * (1 / 7.0f + q * (1 / 9.0f + q * (1 / 11.0f + q * (1 / 13.0f))))));
        return v > 20 ? x : ((v > 0 ? v : 0) + 2 * s * series) / p;
    }
    static float slope(float x, float y, float p) { return p * x > 20 ? 1 : -Exponential(-p * y).minus_one(); }
};

struct GELU {
    // erfc(z) = e^(-z²) P(t) with t = 1 / (1 + z/2), for z >= 0. P was fitted by least squares: relative error 5e-8.
    static float cdf(float x) {
        const float z = 0.70710678f * (x < 0 ? -x : x), t = 1 / (1 + 0.5f * z);
        const float fitted =
            t *
            (0.28208236f +
             t * (0.28245384f +
                  t * (0.24247938f +
                       t * (0.20536043f +
                            t * (-0.033399020f +
                                 t * (0.28851515f + t * (-0.49682958f + t * (0.28944610f + t * -0.060108708f))))))));
        const float tail = 0.5f * exponential(-0.5f * x * x) * fitted;
        return x < 0 ? tail : 1 - tail;
    }
    static float forward(float x, float) { return x * cdf(x); }
    static float slope(float x, float, float) { return cdf(x) + x * 0.39894228f * exponential(-0.5f * x * x); }
};

struct GELUTanh {
    static float cdf(float x) { return logistic(1.59576912f * (x + 0.044715f * x * x * x)); }
    static float forward(float x, float) { return x * cdf(x); }
    static float slope(float x, float, float) {
        const float s = cdf(x), bell = x * s * (1 - s);
        return s + 1.59576912f * (bell + 3 * 0.044715f * bell * x * x);
    }
};

// y = f(z) for whole matrices, and below it grad <- grad f'(z), for the activation of each number.
template <class Activation>
void activate(const Matrix<float>& z, Matrix<float>& y, int64_t rows, int64_t columns, float p) {
    for (int64_t n = 0; n < rows; n++) {
        const float* from = z.row(n);
        float* to = y.row(n);
        for (int64_t o = 0; o < columns; o++) to[o] = Activation::forward(from[o], p);
    }
}

template <class Activation>
void times_slope(Matrix<float>& grad, const Matrix<float>& z, const Matrix<float>& y, int64_t rows, int64_t columns,
                 float p) {
    for (int64_t n = 0; n < rows; n++) {
        float* g = grad.row(n);
        const float *x = z.row(n), *of_x = y.row(n);
        for (int64_t o = 0; o < columns; o++) g[o] *= Activation::slope(x[o], of_x[o], p);
    }
}

struct Kind {
    decltype(&activate<Identity>) activate;
    decltype(&times_slope<Identity>) times_slope;
};

template <class... Activations>
std::vector<Kind> kinds() {
    return {{activate<Activations>, times_slope<Activations>}...};
}

// In the order of ACTIVATION_NAMES in description.py.
static const std::vector<Kind> KINDS =
    kinds<Identity, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SiLU, Softplus, GELU, GELUTanh>();
