// Products of matrices whose factors lie in the cache, at close to the peak of one core.
//
// A matrix has its rows one after the other, `stride` numbers apart. Strides are odd multiples of a vector: rows that
// were a power of two apart would evict each other from the cache. Columns are filled up with zeros to full vectors and
// rows to full tiles, so that no product has a remainder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int64_t LANES = 16, TILE_ROWS = 6, TILE_VECTORS = 4;  // 24 of 32 registers hold sums
#elif defined(__ARM_NEON)
constexpr int64_t LANES = 4, TILE_ROWS = 6, TILE_VECTORS = 4;
#else
constexpr int64_t LANES = 8, TILE_ROWS = 6, TILE_VECTORS = 2;  // 12 of 16 registers
#endif

// The most words that are summed before their sum is added to that of others: long sums of float32 lose digits. Their
// rows of the second factor stay in the fastest cache.
constexpr int64_t MOST = 200;

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4)));

// Two neighboring bfloat16 numbers in the place of one float: a word of a factor.
struct Pair {
    uint16_t first, second;
};

inline int64_t round_up(int64_t number, int64_t multiple) { return (number + multiple - 1) / multiple * multiple; }

template <class Word>
struct Matrix {
    int64_t stride = 0;
    std::vector<Word> words;

    Matrix() = default;
    Matrix(int64_t rows, int64_t columns)
        : stride(round_up(columns, LANES) | LANES), words((rows + TILE_ROWS) * stride + TILE_ROWS) {}
    Word* row(int64_t i) { return words.data() + i * stride; }
    const Word* row(int64_t i) const { return words.data() + i * stride; }
};

// The first factor of a product, read one word at a time: word (i, k) is at words[i * row_step + k * k_step].
template <class Word>
struct Factor {
    const Word* words;
    int64_t row_step, k_step;
};

template <class Word>
Factor<Word> rows_of(const Matrix<Word>& matrix) {
    return {matrix.row(0), matrix.stride, 1};
}

template <class Word>
Factor<Word> transposed(const Matrix<Word>& matrix) {
    return {matrix.row(0), 1, matrix.stride};
}

// sum + a b, for one word a and a vector of words b.
inline Vector multiply_add(float a, Vector b, Vector sum) { return sum + a * b; }

inline Vector load(const float* words) { return *reinterpret_cast<const Vector*>(words); }

#if defined(__AVX512BF16__)
inline __m512bh load(const Pair* words) { return (__m512bh)_mm512_loadu_si512(words); }

inline Vector multiply_add(Pair a, __m512bh b, Vector sum) {
    int bits;
    std::memcpy(&bits, &a, sizeof bits);
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(bits), b);
}
#endif

// product (+)= a b for one tile.
template <int64_t VECTORS, class Word>
inline void multiply_tile(int64_t ks, Factor<Word> a, const Word* b, int64_t b_stride, float* product, int64_t stride,
                          bool add) {
    Vector sums[TILE_ROWS][VECTORS] = {};
    for (int64_t k = 0; k < ks; k++) {
        decltype(load(b)) of_b[VECTORS];
#pragma GCC unroll 8
        for (int64_t v = 0; v < VECTORS; v++) of_b[v] = load(b + k * b_stride + v * LANES);
#pragma GCC unroll 8
        for (int64_t r = 0; r < TILE_ROWS; r++) {
            const Word of_a = a.words[r * a.row_step + k * a.k_step];
#pragma GCC unroll 8
            for (int64_t v = 0; v < VECTORS; v++) sums[r][v] = multiply_add(of_a, of_b[v], sums[r][v]);
        }
    }
    for (int64_t r = 0; r < TILE_ROWS; r++)
        for (int64_t v = 0; v < VECTORS; v++) {
            float* to = product + r * stride + v * LANES;
            *reinterpret_cast<Vector*>(to) = add ? load(to) + sums[r][v] : sums[r][v];
        }
}

template <int64_t VECTORS, class Word>
inline void multiply_tiles(int64_t rows, int64_t ks, Factor<Word> a, const Word* b, int64_t b_stride, float* product,
                           int64_t stride) {
    const int64_t blocks = (ks + MOST - 1) / MOST, size = (ks + blocks - 1) / blocks;
    for (int64_t k = 0; k < ks; k += size)
        for (int64_t i = 0; i < rows; i += TILE_ROWS)
            multiply_tile<VECTORS, Word>(std::min(size, ks - k),
                                         {a.words + i * a.row_step + k * a.k_step, a.row_step, a.k_step},
                                         b + k * b_stride, b_stride, product + i * stride, stride, k > 0);
}

// product = a b, with `ks` words between them. The order of summation depends on the sizes alone.
template <class Word>
void multiply(int64_t rows, int64_t columns, int64_t ks, Factor<Word> a, const Matrix<Word>& b,
              Matrix<float>& product) {
    int64_t column = 0;
    for (; column + TILE_VECTORS * LANES <= round_up(columns, LANES); column += TILE_VECTORS * LANES)
        multiply_tiles<TILE_VECTORS, Word>(rows, ks, a, b.row(0) + column, b.stride, product.row(0) + column,
                                           product.stride);
    for (; column < columns; column += LANES)
        multiply_tiles<1, Word>(rows, ks, a, b.row(0) + column, b.stride, product.row(0) + column, product.stride);
}

inline uint16_t to_bfloat16(float number) {  // to the nearest, ties to even; NaN stays NaN
    uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return static_cast<uint16_t>(number != number ? 0x7FC0 : rounded);
}

inline uint16_t to_bfloat16(uint8_t pixel) {  // exact
    const float number = pixel;
    uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    return static_cast<uint16_t>(bits >> 16);
}

// The numbers of a row as pairs; an odd one is paired with zero.
template <class Number>
void to_pairs(const Number* numbers, int64_t columns, Pair* pairs) {
    uint16_t* halves = &pairs->first;
    for (int64_t j = 0; j < columns; j++) halves[j] = to_bfloat16(numbers[j]);
    if (columns % 2) halves[columns] = 0;
}

// The numbers of two rows as pairs; the second row may be missing and is zero then.
template <class Number>
void to_pairs(const Number* first, const Number* second, int64_t columns, Pair* pairs) {
    for (int64_t j = 0; j < columns; j++) {
        const uint32_t word = to_bfloat16(first[j]) | (second ? uint32_t{to_bfloat16(second[j])} << 16 : 0);
        std::memcpy(pairs + j, &word, sizeof word);
    }
}
