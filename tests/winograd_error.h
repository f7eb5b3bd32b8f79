/// How far a result of Winograd's algorithm may lie from the sums it stands for.
///
/// The algorithm computes Y = A^T [sum over n of (G g G^T) .* (B^T d B)] A (winograd_transform.h). Every product of an
/// element of d and one of g reaches Y through at most
///     N = 2 (b + 3) + 2 (g + 3) + n + 2 (a + 3)
/// roundings, where a, b and g are the most elements other than zero in a row of A^T, B^T and G: a one-dimensional
/// transform rounds its coefficient and the product with it, each twice if the compiler takes out a common factor, and
/// a - 1 sums; the sum over n rounds each product and n - 1 sums. So, element by element,
///     |error| <= gamma_N |A^T| [sum over n of (|G| |g| |G^T|) .* (|B^T| |d| |B|)] |A|,  gamma_N = N u / (1 - N u),
/// which is what the tests ask for, and with norms, the largest sums of absolute values in a row,
///     |error| <= gamma_N (|A^T| |G| |B^T|)^2 n max|g| max|d|:
/// relative to the largest elements, where the direct sum's bound is relative to the products of the element itself.
/// Holds where nothing overflows or underflows. Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms,
/// 2nd ed., sections 3.1 and 3.5; B. Barabasz et al., Error Analysis and Improving the Accuracy of Winograd Convolution
/// for Deep Neural Networks, 2018, theorem 2.
#ifndef HALCONV_TESTS_WINOGRAD_ERROR_H_
#define HALCONV_TESTS_WINOGRAD_ERROR_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/halconv.h"
#include "halconv/winograd.h"
#include "reference.h"
#include "winograd_transform.h"

namespace halconv::reference {

/// The arithmetic of one algorithm for one operation and problem.
class WinogradError {
 public:
  WinogradError(halconv_operation operation, std::string_view algorithm, const Conv2dProblem &problem)
      : operation_(operation),
        problem_(operation == HALCONV_BACKWARD_INPUT ? transposed(problem) : problem),
        tile_(tile_of(algorithm)),
        transform_(operation == HALCONV_BACKWARD_FILTER
                       ? generators::WinogradTransform(3, tile_of(algorithm), generators::LagrangeFactors::kInOutput)
                       : generators::WinogradTransform(tile_of(algorithm), 3, generators::LagrangeFactors::kInFilter)) {
  }

  /// n: channels that are summed over, or for the filter's gradient tiles.
  int64_t sums() const {
    return operation_ == HALCONV_BACKWARD_FILTER ? problem_.batch * tile_rows() * tile_columns() : problem_.in_channels;
  }

  /// N.
  int64_t roundings() const {
    return 2 * (most_in_a_row(transform_.input()) + most_in_a_row(transform_.filter()) +
                most_in_a_row(transform_.output()) + 9) +
           sums();
  }

  /// (|A^T| |G| |B^T|)^2.
  double growth() const {
    const double norms = norm(transform_.input()) * norm(transform_.filter()) * norm(transform_.output());
    return norms * norms;
  }

  /// The norm-wise bound for operands whose elements are at most `a` and `b`.
  double bound(double a, double b) const {
    return error_bound(roundings(), growth() * static_cast<double>(sums()) * a * b);
  }

  /// Integers pass tiles of 2x2 without rounding where this many of their products may be summed without: all that
  /// occurs are multiples of 1/4 (two factors of 1/2) no larger than growth() * sums() products.
  int64_t exact_products() const { return static_cast<int64_t>(4 * growth()) * sums(); }

  /// The bound for each element of the result, in its memory order. `a` and `b` are the operands in the operation's
  /// order, floats or doubles that hold floats.
  template <typename Element>
  std::vector<double> bounds(const Element *a, const Element *b) const {
    std::vector<double> result = operation_ == HALCONV_FORWARD          ? convolution(a, b)
                                 : operation_ == HALCONV_BACKWARD_INPUT ? convolution(b, transposed(a).data())
                                                                        : filter_gradient(a, b);
    for (double &magnitude : result) magnitude = error_bound(roundings(), magnitude);
    return result;
  }

 private:
  using Matrix = generators::Matrix;

  static int tile_of(std::string_view algorithm) { return algorithm == kWinograd2 ? 2 : 4; }

  /// The convolution that backward_input is at stride 1: of d_dst with the filter turned by 180 degrees.
  static Conv2dProblem transposed(Conv2dProblem p) {
    std::swap(p.in_channels, p.out_channels);
    std::swap(p.in_height, p.out_height);
    std::swap(p.in_width, p.out_width);
    p.pad_top = 2 - p.pad_top;
    p.pad_left = 2 - p.pad_left;
    return p;
  }

  template <typename Element>
  std::vector<Element> transposed(const Element *filter) const {
    const auto in = static_cast<size_t>(problem_.in_channels), out = static_cast<size_t>(problem_.out_channels);
    std::vector<Element> result(9 * in * out);
    for (size_t tap = 0; tap < 9; ++tap) {
      for (size_t i = 0; i < in; ++i) {
        for (size_t o = 0; o < out; ++o) result[((8 - tap) * in + i) * out + o] = filter[(tap * out + o) * in + i];
      }
    }
    return result;
  }

  int64_t tile_rows() const { return (problem_.out_height + tile_ - 1) / tile_; }
  int64_t tile_columns() const { return (problem_.out_width + tile_ - 1) / tile_; }

  static int64_t most_in_a_row(const Matrix &matrix) {
    int64_t most = 0;
    for (const std::vector<double> &row : matrix) {
      most = std::max<int64_t>(most, std::count_if(row.begin(), row.end(), [](double x) { return x != 0; }));
    }
    return most;
  }

  static double norm(const Matrix &matrix) {
    double largest = 0;
    for (const std::vector<double> &row : matrix) {
      double sum = 0;
      for (double x : row) sum += std::abs(x);
      largest = std::max(largest, sum);
    }
    return largest;
  }

  /// |matrix| |x| |matrix|^T for a square x(row, column) given by `element`, as rows * rows numbers.
  template <typename ElementAt>
  static std::vector<double> transform(const Matrix &matrix, const ElementAt &element) {
    const size_t to = matrix.size(), from = matrix.front().size();
    std::vector<double> result(to * to);
    for (size_t row = 0; row < from; ++row) {
      for (size_t column = 0; column < from; ++column) {
        const double x = std::abs(static_cast<double>(element(row, column)));
        if (x == 0) continue;
        for (size_t i = 0; i < to; ++i) {
          for (size_t j = 0; j < to; ++j) result[i * to + j] += std::abs(matrix[i][row] * matrix[j][column]) * x;
        }
      }
    }
    return result;
  }

  /// Element (row, column) of tile `tile` and channel of a tensor [n, h, w, channels]; 0 outside.
  template <typename Element>
  Element pixel(const Element *tensor, int64_t height, int64_t width, int64_t channels, int64_t top, int64_t left,
                int64_t tile, int64_t channel, size_t row, size_t column) const {
    const int64_t image = tile / (tile_rows() * tile_columns());
    const int64_t y = tile / tile_columns() % tile_rows() * tile_ + static_cast<int64_t>(row) - top;
    const int64_t x = tile % tile_columns() * tile_ + static_cast<int64_t>(column) - left;
    if (y < 0 || y >= height || x < 0 || x >= width) return 0;
    return tensor[((image * height + y) * width + x) * channels + channel];
  }

  /// |B^T| |d| |B| of each tile and channel of the image, [tile][channel][size * size].
  template <typename Element>
  std::vector<std::vector<double>> transformed_image(const Element *image) const {
    const Conv2dProblem &p = problem_;
    std::vector<std::vector<double>> result;
    for (int64_t tile = 0; tile < p.batch * tile_rows() * tile_columns(); ++tile) {
      for (int64_t c = 0; c < p.in_channels; ++c) {
        result.push_back(transform(transform_.input(), [&](size_t row, size_t column) {
          return pixel(image, p.in_height, p.in_width, p.in_channels, p.pad_top, p.pad_left, tile, c, row, column);
        }));
      }
    }
    return result;
  }

  /// The bounds' sums for a convolution: image [n, h, w, c], filter [r, s, c, k].
  template <typename Element>
  std::vector<double> convolution(const Element *image, const Element *filter) const {
    const Conv2dProblem &p = problem_;
    const auto in = static_cast<size_t>(p.in_channels), out = static_cast<size_t>(p.out_channels);
    const size_t points = static_cast<size_t>(transform_.size() * transform_.size());
    const std::vector<std::vector<double>> d = transformed_image(image);
    std::vector<double> u(points * in * out);  // [point][c][k]
    for (size_t c = 0; c < in; ++c) {
      for (size_t k = 0; k < out; ++k) {
        const std::vector<double> g = transform(
            transform_.filter(), [&](size_t r, size_t s) { return filter[((r * 3 + s) * in + c) * out + k]; });
        for (size_t i = 0; i < points; ++i) u[(i * in + c) * out + k] = g[i];
      }
    }
    std::vector<double> result(static_cast<size_t>(p.output_elements().value()));
    std::vector<double> products(points * out);  // [point][k]
    for (size_t tile = 0; tile < d.size() / in; ++tile) {
      std::fill(products.begin(), products.end(), 0.0);
      for (size_t i = 0; i < points; ++i) {
        for (size_t c = 0; c < in; ++c) {
          const double x = d[tile * in + c][i], *const row = &u[(i * in + c) * out];
          for (size_t k = 0; k < out; ++k) products[i * out + k] += row[k] * x;
        }
      }
      for (size_t k = 0; k < out; ++k) store_tile(static_cast<int64_t>(tile), k, products, &result);
    }
    return result;
  }

  void store_tile(int64_t tile, size_t k, const std::vector<double> &products, std::vector<double> *result) const {
    const Conv2dProblem &p = problem_;
    const auto size = static_cast<size_t>(transform_.size()), out = static_cast<size_t>(p.out_channels);
    const std::vector<double> y = transform(
        transform_.output(), [&](size_t row, size_t column) { return products[(row * size + column) * out + k]; });
    const int64_t image = tile / (tile_rows() * tile_columns());
    const int64_t top = tile / tile_columns() % tile_rows() * tile_, left = tile % tile_columns() * tile_;
    for (int64_t row = 0; row < std::min(tile_, p.out_height - top); ++row) {
      for (int64_t column = 0; column < std::min(tile_, p.out_width - left); ++column) {
        const int64_t position = (image * p.out_height + top + row) * p.out_width + left + column;
        (*result)[static_cast<size_t>(position) * out + k] = y[static_cast<size_t>(row * tile_ + column)];
      }
    }
  }

  /// The bounds' sums for the gradient [r, s, c, k] of the filter.
  template <typename Element>
  std::vector<double> filter_gradient(const Element *image, const Element *d_dst) const {
    const Conv2dProblem &p = problem_;
    const auto in = static_cast<size_t>(p.in_channels), out = static_cast<size_t>(p.out_channels);
    const auto size = static_cast<size_t>(transform_.size());
    const std::vector<std::vector<double>> d = transformed_image(image);
    std::vector<std::vector<double>> g;  // [tile * out + k][point]
    for (int64_t tile = 0; tile < sums(); ++tile) {
      for (int64_t k = 0; k < p.out_channels; ++k) {
        g.push_back(transform(transform_.filter(), [&](size_t row, size_t column) {
          return pixel(d_dst, p.out_height, p.out_width, p.out_channels, 0, 0, tile, k, row, column);
        }));
      }
    }
    std::vector<double> result(9 * in * out);
    std::vector<double> products(size * size);
    for (size_t c = 0; c < in; ++c) {
      for (size_t k = 0; k < out; ++k) {
        std::fill(products.begin(), products.end(), 0.0);
        for (size_t tile = 0; tile < d.size() / in; ++tile) {
          for (size_t i = 0; i < products.size(); ++i) products[i] += d[tile * in + c][i] * g[tile * out + k][i];
        }
        const std::vector<double> y =
            transform(transform_.output(), [&](size_t row, size_t column) { return products[row * size + column]; });
        for (size_t tap = 0; tap < 9; ++tap) result[(tap * in + c) * out + k] = y[tap];
      }
    }
    return result;
  }

  halconv_operation operation_;
  Conv2dProblem problem_;
  int64_t tile_;
  generators::WinogradTransform transform_;
};

}  // namespace halconv::reference

#endif  // HALCONV_TESTS_WINOGRAD_ERROR_H_
