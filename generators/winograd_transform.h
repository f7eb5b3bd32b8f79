/// Winograd's minimal filtering as matrices of numbers, without Halide: the generators multiply by them, and tests
/// derive bounds on rounding errors from them.
#ifndef HALCONV_GENERATORS_WINOGRAD_TRANSFORM_H_
#define HALCONV_GENERATORS_WINOGRAD_TRANSFORM_H_

#include <cmath>
#include <cstddef>
#include <vector>

namespace halconv::generators {

/// A matrix, row by row.
using Matrix = std::vector<std::vector<double>>;

/// Which of the two matrices holds the factors 1 / N_i of Lagrange's interpolation: the one that is applied less often.
enum class LagrangeFactors { kInFilter, kInOutput };

/// F(outputs, taps): `outputs` consecutive sums y_i = sum over j < taps of g_j d_(i+j), from size = outputs + taps - 1
/// multiplications, where the sums take outputs * taps:
///
///     y = output ((filter g) .* (input d)),        in Lavin's notation Y = A^T ((G g) .* (B^T d))
///
/// Made by the algorithm of Toom and Cook: both factors are evaluated at size - 1 points p_i and at infinity. With
/// N_i = product over l != i of (p_i - p_l):
///     output(i, j) = p_j^i, and 1 at (outputs - 1, infinity)
///     filter(i, j) = p_i^j / N_i, and 1 at (infinity, taps - 1)
///     input(i, j)  = the coefficient of x^j in the product over l != i of (x - p_l); for infinity over all l
/// Points are 0 and pairs of opposite numbers, so that each pair of rows of `filter` and `input`, and each pair of
/// columns of `output`, differs in signs alone. Size 4 takes 0, 1, -1: all numbers are halves, and small integers pass
/// without rounding. Size 6 takes 0, +-sqrt(1/2), +-sqrt(2), whose rounding errors are a fifth of those of 0, +-1, +-2
/// (measured on 3x3 layers of 128 channels).
/// Sources: A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, 2015; B. Barabasz, A. Anderson,
/// K. M. Soodhalter and D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
/// Networks, 2018 (the construction is their algorithm 1; the choice of points is their section 7's subject).
class WinogradTransform {
 public:
  /// `outputs` + `taps` is 5 or 7.
  WinogradTransform(int outputs, int taps, LagrangeFactors factors) : outputs_(outputs), taps_(taps) {
    const std::vector<double> points =
        size() == 4 ? std::vector<double>{0, 1, -1}
                    : std::vector<double>{0, std::sqrt(0.5), -std::sqrt(0.5), std::sqrt(2.0), -std::sqrt(2.0)};
    const std::vector<double> filter_scale = scales(points, factors == LagrangeFactors::kInFilter);
    const std::vector<double> output_scale = scales(points, factors == LagrangeFactors::kInOutput);
    output_.assign(static_cast<size_t>(outputs), std::vector<double>(points.size() + 1));
    for (size_t i = 0; i < points.size(); ++i) {
      input_.push_back(polynomial_without(points, i));
      filter_.emplace_back();
      for (int j = 0; j < taps; ++j) filter_[i].push_back(std::pow(points[i], j) * filter_scale[i]);
      for (size_t j = 0; j < output_.size(); ++j) {
        output_[j][i] = std::pow(points[i], static_cast<double>(j)) * output_scale[i];
      }
    }
    input_.push_back(polynomial_without(points, points.size()));
    filter_.emplace_back(static_cast<size_t>(taps));
    filter_.back().back() = 1;
    output_.back().back() = 1;
  }

  int outputs() const { return outputs_; }
  int taps() const { return taps_; }
  int size() const { return outputs_ + taps_ - 1; }  ///< points, infinity included
  const Matrix &input() const { return input_; }     ///< B^T, size x size
  const Matrix &filter() const { return filter_; }   ///< G, size x taps
  const Matrix &output() const { return output_; }   ///< A^T, outputs x size

 private:
  /// 1 / N_i, or 1 where the other matrix has it.
  static std::vector<double> scales(const std::vector<double> &points, bool scaled) {
    std::vector<double> result;
    for (const double point : points) {
      double product = 1;
      for (const double other : points) {
        if (other != point) product *= point - other;
      }
      result.push_back(scaled ? 1 / product : 1.0);
    }
    return result;
  }

  /// The coefficients, lowest first, of the product of (x - p) over all points but the `left_out`-th.
  static std::vector<double> polynomial_without(const std::vector<double> &points, size_t left_out) {
    std::vector<double> coefficients(points.size() + 1);
    coefficients[0] = 1;
    for (size_t i = 0; i < points.size(); ++i) {
      if (i == left_out) continue;
      for (size_t j = points.size(); j > 0; --j) coefficients[j] = coefficients[j - 1] - points[i] * coefficients[j];
      coefficients[0] *= -points[i];
    }
    return coefficients;
  }

  int outputs_, taps_;
  Matrix input_, filter_, output_;
};

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_WINOGRAD_TRANSFORM_H_
