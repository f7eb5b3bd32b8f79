/// conv2d and its gradients as plain loops in double precision, and how far a computation in a dtype may lie from them.
/// Elements are floats, or doubles that hold elements of any dtype.
///
/// Tensors are dense and row-major: input and output NHWC, filter HWIO (with groups: [r, s, c / g, k]).
#ifndef HALCONV_REFERENCE_H_
#define HALCONV_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "halconv/conv2d_problem.h"

namespace halconv::reference {

/// The sums of one tensor, element by element in its memory order.
struct Sums {
  std::vector<double> value;
  std::vector<double> magnitude;  ///< the sum of the absolute values of the same products
  std::vector<int64_t> products;  ///< how many products each sum has; those with the padding's zeros do not count
};

namespace detail {

/// Calls visit(input_pixel, tap, output_pixel) for every product of pixels that lies inside the input. Pixels count
/// n * height * width + row * width + column, taps r * filter_width + s.
template <typename Visit>
void for_each_tap(const Conv2dProblem &p, Visit visit) {
  for (int64_t r = 0; r < p.filter_height; ++r) {
    for (int64_t s = 0; s < p.filter_width; ++s) {
      for (int64_t n = 0; n < p.batch; ++n) {
        for (int64_t y = 0; y < p.out_height; ++y) {
          const int64_t h = p.stride_height * y + p.dilation_height * r - p.pad_top;
          if (h < 0 || h >= p.in_height) continue;
          for (int64_t x = 0; x < p.out_width; ++x) {
            const int64_t w = p.stride_width * x + p.dilation_width * s - p.pad_left;
            if (w < 0 || w >= p.in_width) continue;
            visit((n * p.in_height + h) * p.in_width + w, r * p.filter_width + s,
                  (n * p.out_height + y) * p.out_width + x);
          }
        }
      }
    }
  }
}

inline Sums zeros(int64_t elements) {
  const auto size = static_cast<size_t>(elements);
  return {std::vector<double>(size), std::vector<double>(size), std::vector<int64_t>(size)};
}

/// Adds a * b[i] to the i-th of `count` sums from `first` on.
template <typename Element>
void add_products(Sums *sums, int64_t first, int64_t count, double a, const Element *b) {
  double *const value = sums->value.data() + first, *const magnitude = sums->magnitude.data() + first;
  int64_t *const products = sums->products.data() + first;
  for (int64_t i = 0; i < count; ++i) {
    const double product = a * static_cast<double>(b[i]);
    value[i] += product;
    magnitude[i] += std::abs(product);
    ++products[i];
  }
}

/// Adds the sum of a[i] * b[i] over `count` elements to the sum at `index`.
template <typename Element>
void add_inner_product(Sums *sums, int64_t index, int64_t count, const Element *a, const Element *b) {
  double value = 0, magnitude = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double product = static_cast<double>(a[i]) * static_cast<double>(b[i]);
    value += product;
    magnitude += std::abs(product);
  }
  const auto element = static_cast<size_t>(index);
  sums->value[element] += value;
  sums->magnitude[element] += magnitude;
  sums->products[element] += count;
}

/// Calls visit(input_element, filter_element, output_element) at the start of each run of out_channels / groups
/// consecutive filter and output elements that meet one input element.
template <typename Visit>
void for_each_channel_run(const Conv2dProblem &p, Visit visit) {
  const int64_t in_channels = p.in_channels / p.groups, out_channels = p.out_channels / p.groups;
  for_each_tap(p, [&](int64_t input_pixel, int64_t tap, int64_t output_pixel) {
    for (int64_t g = 0; g < p.groups; ++g) {
      for (int64_t c = 0; c < in_channels; ++c) {
        visit(input_pixel * p.in_channels + g * in_channels + c,
              (tap * in_channels + c) * p.out_channels + g * out_channels,
              output_pixel * p.out_channels + g * out_channels);
      }
    }
  });
}

}  // namespace detail

/// output = conv2d(input, filter).
template <typename Element>
Sums forward(const Conv2dProblem &p, const Element *input, const Element *filter) {
  Sums output = detail::zeros(p.output_elements().value());
  detail::for_each_channel_run(p, [&](int64_t input_element, int64_t filter_element, int64_t output_element) {
    detail::add_products(&output, output_element, p.out_channels / p.groups, static_cast<double>(input[input_element]),
                         filter + filter_element);
  });
  return output;
}

/// The gradient with respect to the input.
template <typename Element>
Sums backward_input(const Conv2dProblem &p, const Element *filter, const Element *out_backprop) {
  Sums input_backprop = detail::zeros(p.input_elements().value());
  detail::for_each_channel_run(p, [&](int64_t input_element, int64_t filter_element, int64_t output_element) {
    detail::add_inner_product(&input_backprop, input_element, p.out_channels / p.groups, filter + filter_element,
                              out_backprop + output_element);
  });
  return input_backprop;
}

/// The gradient with respect to the filter.
template <typename Element>
Sums backward_filter(const Conv2dProblem &p, const Element *input, const Element *out_backprop) {
  Sums filter_backprop = detail::zeros(p.filter_elements().value());
  detail::for_each_channel_run(p, [&](int64_t input_element, int64_t filter_element, int64_t output_element) {
    detail::add_products(&filter_backprop, filter_element, p.out_channels / p.groups,
                         static_cast<double>(input[input_element]), out_backprop + output_element);
  });
  return filter_backprop;
}

/// What the fused epilogue makes of conv2d's sums: sum + bias + residual, the addends as products with 1, from `lower`
/// to `upper`. `bias` counts the channels, which are innermost, and both may be empty.
inline Sums fused(Sums sums, const std::vector<double> &bias, const std::vector<double> &residual, double lower,
                  double upper) {
  const auto add = [](double addend, size_t element, Sums *to) {
    to->value[element] += addend;
    to->magnitude[element] += std::abs(addend);
    ++to->products[element];
  };
  for (size_t i = 0; i < sums.value.size(); ++i) {
    if (!bias.empty()) add(bias[i % bias.size()], i, &sums);
    if (!residual.empty()) add(residual[i], i, &sums);
    sums.value[i] = std::min(std::max(sums.value[i], lower), upper);
  }
  return sums;
}

inline constexpr double kFloatRoundoff = std::numeric_limits<float>::epsilon() / 2.0;

/// How far a sum of `products` products in arithmetic of that unit roundoff may lie from the double sum here, in
/// whatever order and with or without fused multiply-add: gamma_n(u) * sum |a| |b| with gamma_n(u) = n u / (1 - n u),
/// since each product passes through at most n roundings, its own and n - 1 of sums. The second term covers the
/// rounding of `value` and `magnitude`. Holds where no product underflows. Source: N. J. Higham, Accuracy and Stability
/// of Numerical Algorithms, 2nd ed., section 3.1 and equation (3.5).
inline double error_bound(int64_t products, double magnitude, double unit_roundoff = kFloatRoundoff) {
  const auto gamma = [n = static_cast<double>(products)](double u) { return n * u / (1 - n * u); };
  constexpr double kDoubleRoundoff = std::numeric_limits<double>::epsilon() / 2.0;
  if (static_cast<double>(products) * unit_roundoff >= 1) return std::numeric_limits<double>::infinity();
  return (gamma(unit_roundoff) + 2 * gamma(kDoubleRoundoff)) * magnitude;
}

/// The bound for element `index`.
inline double error_bound(const Sums &sums, size_t index, double unit_roundoff = kFloatRoundoff) {
  return error_bound(sums.products[index], sums.magnitude[index], unit_roundoff);
}

}  // namespace halconv::reference

#endif  // HALCONV_REFERENCE_H_
