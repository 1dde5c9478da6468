// The factors of products, for float32 and for bfloat16.
#pragma once

#include <type_traits>

#include "products.h"

// Numbers in rows, and the words of them that products read: the same memory for float32, packed pairs for bfloat16.
template <class Word>
struct Operand {
    Matrix<float> numbers;
    Matrix<Pair> along, across;  // pairs of neighbors in a row, (n, k/2), and in a column, (n/2, k)

    Operand() = default;
    Operand(int64_t rows, int64_t columns) : numbers(rows, columns) {
        if (std::is_same_v<Word, Pair>)
            along = Matrix<Pair>(rows, (columns + 1) / 2), across = Matrix<Pair>((rows + 1) / 2, columns);
    }
    const Matrix<Word>& by_rows() const {
        if constexpr (std::is_same_v<Word, float>)
            return numbers;
        else
            return along;
    }
    const Matrix<Word>& by_columns() const {
        if constexpr (std::is_same_v<Word, float>)
            return numbers;
        else
            return across;
    }
    void pack_along(int64_t rows, int64_t columns) {
        if constexpr (std::is_same_v<Word, Pair>)
            for (int64_t n = 0; n < rows; n++) to_pairs(numbers.row(n), columns, along.row(n));
    }
    void pack_across(int64_t first, int64_t rows, int64_t columns) {  // from an even row on
        if constexpr (std::is_same_v<Word, Pair>)
            for (int64_t n = first; n < rows; n += 2)
                to_pairs(numbers.row(n), n + 1 < rows ? numbers.row(n + 1) : nullptr, columns, across.row(n / 2));
    }
};

// The number of words that `numbers` neighbors take.
template <class Word>
int64_t words(int64_t numbers) {
    return std::is_same_v<Word, float> ? numbers : (numbers + 1) / 2;
}
