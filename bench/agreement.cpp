#include "agreement.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "element.h"

namespace halconv::bench {
namespace {

/// Products in the longest sum of the operation.
int64_t longest_sum(const Conv2dProblem &p, Operation operation) {
  switch (operation) {
    case Operation::kForward:
      return p.in_channels / p.groups * p.filter_height * p.filter_width;
    case Operation::kBackwardInput:
      return p.out_channels / p.groups * p.filter_height * p.filter_width;
    case Operation::kBackwardFilter:
      break;
  }
  return p.batch * p.out_height * p.out_width;
}

/// Where a tap of an output row (column) lies in the input; -1 outside.
int64_t source(int64_t out, int64_t tap, int64_t stride, int64_t dilation, int64_t pad, int64_t extent) {
  const int64_t in = stride * out + dilation * tap - pad;
  return in >= 0 && in < extent ? in : -1;
}

/// The sums of products of single elements, by the definition.
class Definition {
 public:
  explicit Definition(const Case &c) : case_(c), p_(c.problem) {}

  double element(int64_t index) const {
    switch (case_.operation) {
      case Operation::kForward:
        return output_element(index);
      case Operation::kBackwardInput:
        return input_element(index);
      case Operation::kBackwardFilter:
        break;
    }
    return filter_element(index);
  }

 private:
  double input(int64_t n, int64_t y, int64_t x, int64_t c) const {
    return static_cast<double>(
        case_.tensors->input[static_cast<size_t>(((n * p_.in_height + y) * p_.in_width + x) * p_.in_channels + c)]);
  }
  double output(int64_t n, int64_t y, int64_t x, int64_t k) const {
    return static_cast<double>(
        case_.tensors->output[static_cast<size_t>(((n * p_.out_height + y) * p_.out_width + x) * p_.out_channels + k)]);
  }
  /// `c` counts within the group of `k`.
  double filter(int64_t r, int64_t s, int64_t c, int64_t k) const {
    const int64_t channels = p_.in_channels / p_.groups;
    return static_cast<double>(
        case_.tensors->filter[static_cast<size_t>(((r * p_.filter_width + s) * channels + c) * p_.out_channels + k)]);
  }
  int64_t row(int64_t out, int64_t tap) const {
    return source(out, tap, p_.stride_height, p_.dilation_height, p_.pad_top, p_.in_height);
  }
  int64_t column(int64_t out, int64_t tap) const {
    return source(out, tap, p_.stride_width, p_.dilation_width, p_.pad_left, p_.in_width);
  }
  int64_t group_of_output(int64_t k) const { return k / (p_.out_channels / p_.groups); }

  double output_element(int64_t index) const {
    const int64_t k = index % p_.out_channels, pixel = index / p_.out_channels;
    const int64_t q = pixel % p_.out_width, p = pixel / p_.out_width % p_.out_height;
    const int64_t n = pixel / p_.out_width / p_.out_height, channels = p_.in_channels / p_.groups;
    double sum = 0;
    for (int64_t r = 0; r < p_.filter_height; ++r) {
      for (int64_t s = 0; s < p_.filter_width; ++s) {
        const int64_t y = row(p, r), x = column(q, s);
        if (y < 0 || x < 0) continue;
        for (int64_t c = 0; c < channels; ++c) {
          sum += input(n, y, x, group_of_output(k) * channels + c) * filter(r, s, c, k);
        }
      }
    }
    return sum;
  }

  double input_element(int64_t index) const {
    const int64_t channel = index % p_.in_channels, pixel = index / p_.in_channels;
    const int64_t x = pixel % p_.in_width, y = pixel / p_.in_width % p_.in_height;
    const int64_t n = pixel / p_.in_width / p_.in_height;
    const int64_t channels = p_.in_channels / p_.groups, outputs = p_.out_channels / p_.groups;
    const int64_t group = channel / channels, c = channel % channels;
    double sum = 0;
    for (int64_t r = 0; r < p_.filter_height; ++r) {
      const int64_t p = strided_origin(y, r, p_.stride_height, p_.dilation_height, p_.pad_top, p_.out_height);
      for (int64_t s = 0; s < p_.filter_width; ++s) {
        const int64_t q = strided_origin(x, s, p_.stride_width, p_.dilation_width, p_.pad_left, p_.out_width);
        if (p < 0 || q < 0) continue;
        for (int64_t k = group * outputs; k < (group + 1) * outputs; ++k)
          sum += output(n, p, q, k) * filter(r, s, c, k);
      }
    }
    return sum;
  }

  /// The output row (column) that reads input row `in` by `tap`; -1 where there is none.
  static int64_t strided_origin(int64_t in, int64_t tap, int64_t stride, int64_t dilation, int64_t pad,
                                int64_t extent) {
    const int64_t distance = in + pad - dilation * tap;
    return distance >= 0 && distance % stride == 0 && distance / stride < extent ? distance / stride : -1;
  }

  double filter_element(int64_t index) const {
    const int64_t k = index % p_.out_channels, rest = index / p_.out_channels;
    const int64_t channels = p_.in_channels / p_.groups, c = rest % channels, tap = rest / channels;
    double sum = 0;
    for (int64_t n = 0; n < p_.batch; ++n) {
      for (int64_t p = 0; p < p_.out_height; ++p) {
        const int64_t y = row(p, tap / p_.filter_width);
        for (int64_t q = 0; q < p_.out_width && y >= 0; ++q) {
          const int64_t x = column(q, tap % p_.filter_width);
          if (x >= 0) sum += input(n, y, x, group_of_output(k) * channels + c) * output(n, p, q, k);
        }
      }
    }
    return sum;
  }

  const Case &case_;
  const Conv2dProblem &p_;
};

/// Whether the value is the integer once both are rounded to the dtype. Not by `std::lround`: a NaN differs from
/// everything, as do values beyond an integer's range.
bool rounds_to(Dtype dtype, double value, double integer) {
  const auto rounded = [dtype](double number) { return testing::rounded(static_cast<halconv_dtype>(dtype), number); };
  return std::abs(rounded(value) - rounded(integer)) < 0.5;
}

[[noreturn]] void disagree(const std::string &name, size_t index, float value, const std::string &expectation) {
  throw Disagreement(name + ": element " + std::to_string(index) + " is " + std::to_string(value) + ", expected " +
                     expectation);
}

/// The values in the dtype; nothing for f32, which they are.
Memory convert(const Elements &values, Dtype dtype) {
  if (dtype == Dtype::kFloat32) return {};
  Memory converted(values.size() * static_cast<size_t>(dtype_info(dtype).bytes));
  for (size_t i = 0; i < values.size(); ++i) {
    testing::store(static_cast<halconv_dtype>(dtype), converted.data(), i, static_cast<double>(values[i]));
  }
  return converted;
}

}  // namespace

Tensors make_integer_tensors(const Conv2dProblem &problem, Operation operation, Dtype dtype) {
  constexpr double kExact = 1 << 24;  // floats hold all integers up to it
  constexpr int kEnough = 4;          // few enough bits that algorithms which multiply with fractions stay below 1/2
  const double limit = std::sqrt(kExact / static_cast<double>(longest_sum(problem, operation)));
  if (limit < 1) throw CannotCompute("the sums are too long to be exact in float");
  const int largest = static_cast<int>(std::min<double>(kEnough, limit));
  std::mt19937 generator(1);
  std::uniform_int_distribution<int> integers(-largest, largest);
  const auto make = [&](int64_t elements) {
    Elements values(static_cast<size_t>(elements));
    for (float &value : values) value = static_cast<float>(integers(generator));
    return values;
  };
  Tensors tensors;
  tensors.input = make(problem.input_elements().value());
  tensors.filter = make(problem.filter_elements().value());
  tensors.output = make(problem.output_elements().value());
  tensors.in_dtype = {convert(tensors.input, dtype), convert(tensors.filter, dtype), convert(tensors.output, dtype)};
  return tensors;
}

void check_sample(const Case &c, const Elements &result, const std::string &name) {
  constexpr size_t kSamples = 397;  // a prime: no stride of a layout divides it
  const Definition definition(c);
  const size_t count = std::min(kSamples, result.size());
  for (size_t i = 0; i < count; ++i) {
    const size_t index = i * (result.size() - 1) / std::max<size_t>(1, count - 1);
    const double expected = definition.element(static_cast<int64_t>(index));
    if (!rounds_to(c.dtype, static_cast<double>(result[index]), expected)) {
      disagree(name, index, result[index], std::to_string(expected));
    }
  }
}

void check_same(const Elements &result, const std::string &name, const Elements &expected,
                const std::string &expected_name, Dtype dtype) {
  for (size_t i = 0; i < result.size(); ++i) {
    if (!rounds_to(dtype, static_cast<double>(result[i]), std::round(static_cast<double>(expected[i])))) {
      disagree(name, i, result[i], std::to_string(expected[i]) + ", as " + expected_name + " has it");
    }
  }
}

}  // namespace halconv::bench
