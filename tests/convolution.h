/// One operation on one problem, run through the C ABI and judged by the reference.
#ifndef HALCONV_TESTS_CONVOLUTION_H_
#define HALCONV_TESTS_CONVOLUTION_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "halconv/halconv.h"
#include "halconv/kernel_name.h"
#include "reference.h"
#include "test_tensor.h"
#include "winograd_error.h"

namespace halconv::testing {

/// [n, h, w, c] as a shape of the data format.
inline Shape image_shape(const Shape &nhwc, halconv_data_format data_format) {
  return data_format == HALCONV_NCHW ? Shape{nhwc[0], nhwc[3], nhwc[1], nhwc[2]} : nhwc;
}
/// Where element `i` of a dense NCHW image [n, c, h, w] lies in NHWC.
inline size_t nhwc_index(size_t i, const Shape &nchw) {
  const auto channels = static_cast<size_t>(nchw[1]), pixels = static_cast<size_t>(nchw[2] * nchw[3]);
  const size_t n = i / (channels * pixels), c = i / pixels % channels;
  return (n * pixels + i % pixels) * channels + c;
}

inline Shape input_shape(const Conv2dProblem &p) { return {p.batch, p.in_height, p.in_width, p.in_channels}; }
inline Shape filter_shape(const Conv2dProblem &p) {
  return {p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
}
inline Shape output_shape(const Conv2dProblem &p) { return {p.batch, p.out_height, p.out_width, p.out_channels}; }

/// The problem that `line` states. A line that states none fails the test.
inline Conv2dProblem parse_problem(std::string_view line) {
  const ParseResult<SuiteEntry> entry = parse_suite_entry(line);
  EXPECT_TRUE(entry.value) << line << ":" << entry.error.column << ": " << entry.error.message;
  return entry.value ? entry.value->problem : Conv2dProblem{};
}

inline halconv_operation operation_of(const KernelName &kernel) {
  if (kernel.operation == kForwardFused) return HALCONV_FORWARD_FUSED;
  if (kernel.operation == kForward) return HALCONV_FORWARD;
  return kernel.operation == kBackwardInput ? HALCONV_BACKWARD_INPUT : HALCONV_BACKWARD_FILTER;
}

/// Whether the operation computes conv2d's output.
inline bool is_forward(halconv_operation operation) {
  return operation == HALCONV_FORWARD || operation == HALCONV_FORWARD_FUSED;
}

/// TensorFlow's attributes of the problem. Nothing where rows or columns that a further output would read stay unread:
/// no padding says that.
inline std::optional<halconv_conv2d_attributes> attributes_of(const Conv2dProblem &p,
                                                              halconv_data_format data_format = HALCONV_NHWC) {
  if (-p.pad_bottom() >= p.stride_height || -p.pad_right() >= p.stride_width) return std::nullopt;
  halconv_conv2d_attributes attributes{.strides = {2, {p.stride_height, p.stride_width}},
                                       .dilations = {2, {p.dilation_height, p.dilation_width}},
                                       .padding = HALCONV_EXPLICIT,
                                       .explicit_paddings = {8, {}},
                                       .data_format = data_format};
  int64_t *const sides = attributes.explicit_paddings.values + 2 * find_data_format(data_format)->height;
  sides[0] = p.pad_top;
  sides[1] = std::max<int64_t>(0, p.pad_bottom());
  sides[2] = p.pad_left;
  sides[3] = std::max<int64_t>(0, p.pad_right());
  return attributes;
}

inline ::testing::AssertionResult ok(const halconv_status &status) {
  if (status.code == HALCONV_OK) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "status " << status.code << ": " << status.message;
}

struct PlanDeleter {
  void operator()(halconv_plan *plan) const { halconv_plan_destroy(plan); }
};
using Plan = std::unique_ptr<halconv_plan, PlanDeleter>;

/// A plan, or null after a failure of the test.
inline Plan create_plan(halconv_operation operation, const Conv2dProblem &problem, const halconv_execution &execution,
                        const halconv_tensor_format &format = {}) {
  halconv_plan *plan = nullptr;
  EXPECT_TRUE(ok(halconv_plan_create(operation, to_string(problem).c_str(), &format, &execution, &plan)));
  return Plan(plan);
}

enum class Fill {
  kExactIntegers,
  kReals,
  kNormal,       ///< of mean 0 and variance 1
  kRectified,    ///< normal, in the images of activations the negative ones 0, as a ReLU leaves them
  kBadlyScaled,  ///< reals whose magnitudes span 12 decimal orders
  kNaN,          ///< reals, and a first operand of NaN
  kInfinite      ///< reals, and infinity in the last column of the first operand that is an image
};

/// The epilogue that a fused convolution is tested with. The bounds of HALCONV_CLAMP are near enough that many sums
/// pass each.
struct EpilogueCase {
  bool has_bias, has_residual;
  halconv_activation activation;
};
inline constexpr EpilogueCase kWholeEpilogue = {true, true, HALCONV_CLAMP};

/// The operands of one operation, read-only against a protected page, with the sums that they give. What may be asked
/// of a result depends on the algorithm; without one it is the direct sum. Images lie in the data format; values and
/// sums are listed as those of NHWC.
class Convolution {
 public:
  Convolution(halconv_operation operation, const Conv2dProblem &problem, Fill fill, Guard guard,
              halconv_dtype dtype = HALCONV_FLOAT32, std::string_view algorithm = "",
              const EpilogueCase &epilogue = kWholeEpilogue, halconv_data_format data_format = HALCONV_NHWC)
      : operation_(operation),
        problem_(problem),
        algorithm_(algorithm),
        guard_(guard),
        data_format_(data_format),
        first_(operation == HALCONV_BACKWARD_INPUT ? filter_shape(problem)
                                                   : image_shape(input_shape(problem), data_format),
               guard, dtype),
        second_(is_forward(operation) ? filter_shape(problem) : image_shape(output_shape(problem), data_format), guard,
                dtype) {
    std::mt19937 random(test_seed());
    // Tiles of 4x4 pixels are never exact: any integers will do.
    const int64_t limit = std::max<int64_t>(algorithm == kWinograd4, exact_integer_limit(dtype, longest_sum()));
    EXPECT_GT(limit, 0) << "the sums are too long to be exact";
    for (GuardedTensor *operand : {&first_, &second_}) {
      fill_operand(dtype == HALCONV_INT32 ? Fill::kExactIntegers : fill, limit, operand, random);
      const bool is_activations = operand == &first_ && operation != HALCONV_BACKWARD_INPUT;
      if (fill == Fill::kRectified && is_activations) rectify(operand);
      if (fill == Fill::kNaN && operand == &first_) fill_nan(operand);
      const GuardedTensor *const first_image = operation == HALCONV_BACKWARD_INPUT ? &second_ : &first_;
      if (fill == Fill::kInfinite && operand == first_image) fill_last_column(operand);
      operand->make_read_only();
    }
    if (operation == HALCONV_FORWARD_FUSED) make_epilogue(epilogue, fill, limit, random);
  }

  /// The epilogue as halconv takes it.
  struct EpilogueView {
    explicit EpilogueView(const Convolution &c) {
      if (c.bias_) {
        bias = c.bias_->view();
        bias.rank = 1;
        bias.shape[0] = bias.shape[3];
      }
      if (c.residual_) residual = c.residual_->view();
      view = {c.bias_ ? &bias : nullptr, c.residual_ ? &residual : nullptr, c.activation_, c.lower_, c.upper_};
    }
    EpilogueView(const EpilogueView &) = delete;
    EpilogueView &operator=(const EpilogueView &) = delete;
    halconv_tensor bias{}, residual{};
    halconv_epilogue view{};
  };

  halconv_operation operation() const { return operation_; }
  const Conv2dProblem &problem() const { return problem_; }
  halconv_tensor first() const { return first_.view(); }
  halconv_tensor second() const { return second_.view(); }
  std::vector<double> first_values() const { return values(first_, operation_ != HALCONV_BACKWARD_INPUT); }
  std::vector<double> second_values() const { return values(second_, !is_forward(operation_)); }
  std::vector<double> result_values(const GuardedTensor &result) const {
    return values(result, operation_ != HALCONV_BACKWARD_FILTER);
  }
  halconv_tensor filter() const { return is_forward(operation_) ? second_.view() : first_.view(); }

  /// A result that nobody has written.
  GuardedTensor make_result() const {
    GuardedTensor result(result_shape(), guard_, first_.dtype());
    fill_nan(&result);
    return result;
  }

  halconv_status run(halconv_plan *plan, GuardedTensor *result) const {
    const halconv_tensor a = first(), b = second();
    return run(plan, &a, &b, result);
  }

  /// With the filter that the plan keeps.
  halconv_status run_prepared(halconv_plan *plan, GuardedTensor *result) const {
    const halconv_tensor a = first(), b = second();
    return is_forward(operation_) ? run(plan, &a, nullptr, result) : run(plan, nullptr, &b, result);
  }

  /// By TensorFlow's function, which `attributes_of(problem())` must allow.
  halconv_status run_once(const halconv_execution &execution, GuardedTensor *result,
                          std::string_view algorithm = "") const {
    const halconv_conv2d_attributes attributes = attributes_of(problem_, data_format_).value();
    const halconv_tensor a = first(), b = second();
    halconv_tensor view = result->view();
    if (operation_ == HALCONV_FORWARD_FUSED) {
      const EpilogueView epilogue(*this);
      return halconv_fused_conv2d(&a, &b, &attributes, &epilogue.view, &execution, &view);
    }
    const bool autodiff = algorithm == kAutodiff;
    auto *function = &halconv_conv2d;
    if (operation_ == HALCONV_BACKWARD_INPUT) {
      function = autodiff ? &halconv_conv2d_backprop_input_autodiff : &halconv_conv2d_backprop_input;
    } else if (operation_ == HALCONV_BACKWARD_FILTER) {
      function = autodiff ? &halconv_conv2d_backprop_filter_autodiff : &halconv_conv2d_backprop_filter;
    }
    return function(&a, &b, &attributes, &execution, &view);
  }

  /// The sums, in double precision.
  const reference::Sums &expected() const {
    if (!expected_) {
      const std::vector<double> a = first_values(), b = second_values();
      if (is_forward(operation_)) expected_ = reference::forward(problem_, a.data(), b.data());
      if (operation_ == HALCONV_FORWARD_FUSED) {
        expected_ =
            reference::fused(std::move(*expected_), values(bias_, false), values(residual_, true), lower_, upper_);
      }
      if (operation_ == HALCONV_BACKWARD_INPUT) expected_ = reference::backward_input(problem_, a.data(), b.data());
      if (operation_ == HALCONV_BACKWARD_FILTER) expected_ = reference::backward_filter(problem_, a.data(), b.data());
    }
    return *expected_;
  }

  /// Every element is the sum, rounded once; for operands that make the sums exact.
  ::testing::AssertionResult is_exact(const GuardedTensor &result) const {
    return matches(result, [&](size_t element, double value) {
      return value == rounded(result.dtype(), expected().value[element]);
    });
  }

  /// Every element is within the bound on what the algorithm in the dtype's arithmetic, and storing, may do to the sum.
  ::testing::AssertionResult is_within_error_bound(const GuardedTensor &result) const {
    return matches(result, [&](size_t element, double value) {
      return std::abs(value - expected().value[element]) <= error_bound(element);  // false for NaN
    });
  }

  /// NaN in every element that has products; for operands of NaN.
  ::testing::AssertionResult is_nan(const GuardedTensor &result) const {
    const int64_t addends = bias_.has_value() + residual_.has_value();
    return matches(result, [&](size_t element, double value) {
      return std::isnan(value) || expected().products[element] == addends;
    });
  }

  /// Finite but where an infinite element is part of a product.
  ::testing::AssertionResult is_infinite_where_expected(const GuardedTensor &result) const {
    return matches(result, [&](size_t element, double value) {
      return std::isfinite(value) == std::isfinite(expected().value[element]);
    });
  }

  /// What a failure needs to be seen again.
  std::string repro(std::string_view kernel) const {
    return "reproduce: HALCONV_TEST_SEED=" + std::to_string(test_seed()) + " kernel " + std::string(kernel) +
           " problem " + to_string(problem_) + ", tensors placed \"" + testing::to_string(guard_) + "\"";
  }

 private:
  void make_epilogue(const EpilogueCase &epilogue, Fill fill, int64_t limit, std::mt19937 &random) {
    const halconv_dtype dtype = first_.dtype();
    activation_ = epilogue.activation;
    const double unit = fill == Fill::kExactIntegers || dtype == HALCONV_INT32 ? static_cast<double>(limit) : 1;
    if (activation_ == HALCONV_RELU || activation_ == HALCONV_RELU6) lower_ = 0;
    if (activation_ == HALCONV_RELU6) upper_ = 6;
    if (activation_ == HALCONV_CLAMP) std::tie(lower_, upper_) = std::pair(-unit, 2 * unit);
    if (epilogue.has_bias) bias_.emplace(Shape{1, 1, 1, problem_.out_channels}, guard_, dtype);
    if (epilogue.has_residual) residual_.emplace(result_shape(), guard_, dtype);
    for (std::optional<GuardedTensor> *addend : {&bias_, &residual_}) {
      if (!*addend) continue;
      fill_operand(dtype == HALCONV_INT32 ? Fill::kExactIntegers : fill, limit, &**addend, random);
      (*addend)->make_read_only();
    }
  }

  halconv_status run(halconv_plan *plan, const halconv_tensor *a, const halconv_tensor *b,
                     GuardedTensor *result) const {
    halconv_tensor view = result->view();
    if (operation_ != HALCONV_FORWARD_FUSED) return halconv_plan_run(plan, a, b, &view);
    const EpilogueView epilogue(*this);
    return halconv_plan_run_fused(plan, a, b, &epilogue.view, &view);
  }

  Shape result_shape() const {
    if (is_forward(operation_)) return image_shape(output_shape(problem_), data_format_);
    return operation_ == HALCONV_BACKWARD_INPUT ? image_shape(input_shape(problem_), data_format_)
                                                : filter_shape(problem_);
  }

  bool is_planar(bool is_image) const { return is_image && data_format_ == HALCONV_NCHW; }

  std::vector<double> values(const GuardedTensor &tensor, bool is_image) const {
    std::vector<double> values = tensor.values();
    if (!is_planar(is_image)) return values;
    std::vector<double> nhwc(values.size());
    for (size_t i = 0; i < values.size(); ++i) nhwc[nhwc_index(i, tensor.shape())] = values[i];
    return nhwc;
  }

  std::vector<double> values(const std::optional<GuardedTensor> &tensor, bool is_image) const {
    return tensor ? values(*tensor, is_image) : std::vector<double>{};
  }

  /// Which of the sums element `i` of the result is.
  size_t sum_index(size_t i) const {
    return is_planar(operation_ != HALCONV_BACKWARD_FILTER) ? nhwc_index(i, result_shape()) : i;
  }

  /// In products, as which bias and residual count.
  int64_t longest_sum() const {
    const Conv2dProblem &p = problem_;
    const int64_t addends = operation_ == HALCONV_FORWARD_FUSED ? 2 : 0;
    if (is_winograd(algorithm_)) return winograd_error().exact_products() + addends;
    if (operation_ == HALCONV_BACKWARD_FILTER) return p.batch * p.out_height * p.out_width;
    const int64_t channels = is_forward(operation_) ? p.in_channels : p.out_channels;
    return p.filter_height * p.filter_width * channels / p.groups + addends;
  }

  reference::WinogradError winograd_error() const {
    return reference::WinogradError(is_forward(operation_) ? HALCONV_FORWARD : operation_, algorithm_, problem_);
  }

  void fill_last_column(GuardedTensor *image) const {
    const DataFormatInfo &format = *find_data_format(data_format_);
    const Shape &shape = image->shape();
    size_t step = 1;  // from one column to the next
    for (size_t i = static_cast<size_t>(format.width) + 1; i < shape.size(); ++i) step *= static_cast<size_t>(shape[i]);
    const auto columns = static_cast<size_t>(shape[static_cast<size_t>(format.width)]);
    for (size_t i = 0; i < image->size(); ++i) {
      if (i / step % columns == columns - 1) image->set(i, std::numeric_limits<double>::infinity());
    }
  }

  static void fill_operand(Fill fill, int64_t limit, GuardedTensor *operand, std::mt19937 &random) {
    switch (fill) {
      case Fill::kExactIntegers:
        return fill_integers(operand, limit, random);
      case Fill::kReals:
      case Fill::kNaN:
      case Fill::kInfinite:
        return fill_reals(operand, random);
      case Fill::kNormal:
      case Fill::kRectified:
        return fill_normal(operand, random);
      case Fill::kBadlyScaled:
        return fill_badly_scaled(operand, random);
    }
  }

  /// For an algorithm that is not Winograd's. A dtype with fewer digits than its sums adds their rounding, half a unit
  /// in the last place, to their own error.
  double direct_error_bound(size_t element) const {
    const halconv_dtype dtype = first_.dtype();
    const Format format = format_of(dtype);
    if (dtype == HALCONV_INT32) return 0;
    const double sum_error = reference::error_bound(expected(), element, unit_roundoff(format.sum_digits));
    if (format.digits == format.sum_digits) return sum_error;
    const double largest = std::abs(expected().value[element]) + sum_error;
    const double least_normal = std::ldexp(1, least_exponent(format));
    return sum_error + unit_roundoff(format.digits) * std::max(largest, least_normal);
  }

  double error_bound(size_t element) const {
    if (!is_winograd(algorithm_)) return direct_error_bound(element);
    if (winograd_bounds_.empty()) {
      const std::vector<double> a = first_values(), b = second_values();
      winograd_bounds_ = winograd_error().bounds(a.data(), b.data());
    }
    const double sum_error = winograd_bounds_[element];
    if (operation_ != HALCONV_FORWARD_FUSED) return sum_error;
    return sum_error + reference::error_bound(2, expected().magnitude[element] + sum_error);  // two additions
  }

  /// is_right(sum, value) of all elements.
  template <typename IsRight>
  ::testing::AssertionResult matches(const GuardedTensor &result, IsRight is_right) const {
    size_t wrong = 0, first_wrong = 0;
    for (size_t i = 0; i < result.size(); ++i) {
      if (is_right(sum_index(i), result.at(i))) continue;
      if (wrong++ == 0) first_wrong = i;
    }
    if (wrong == 0) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << wrong << " of " << result.size() << " elements are wrong, the first at "
                                         << coordinates(first_wrong) << ": " << result.at(first_wrong) << ", expected "
                                         << expected().value[sum_index(first_wrong)] << " +- "
                                         << error_bound(sum_index(first_wrong));
  }

  std::string coordinates(size_t element) const {
    const Shape shape = result_shape();
    std::string text;
    for (size_t i = shape.size(); i-- > 0;) {
      const auto extent = static_cast<size_t>(shape[i]);
      text = std::to_string(element % extent) + (text.empty() ? "" : ", ") + text;
      element /= extent;
    }
    return "[" + text + "]";
  }

  halconv_operation operation_;
  Conv2dProblem problem_;
  std::string algorithm_;
  Guard guard_;
  halconv_data_format data_format_;
  GuardedTensor first_, second_;
  std::optional<GuardedTensor> bias_, residual_;
  halconv_activation activation_ = HALCONV_NO_ACTIVATION;
  double lower_ = -std::numeric_limits<double>::infinity(), upper_ = std::numeric_limits<double>::infinity();
  mutable std::optional<reference::Sums> expected_;
  mutable std::vector<double> winograd_bounds_;  ///< empty until they are asked for
};

inline ::testing::AssertionResult same_bits(const GuardedTensor &a, const GuardedTensor &b) {
  const size_t element = a.bytes().size() / a.size();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(a.bytes().data() + i * element, b.bytes().data() + i * element, element) != 0) {
      return ::testing::AssertionFailure() << "element " << i << " differs: " << a.at(i) << " and " << b.at(i);
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_CONVOLUTION_H_
