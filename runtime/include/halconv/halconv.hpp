/// The C++20 API of halconv, header-only over the C ABI in halconv/halconv.h.
///
///     std::vector<float> x(1 * 56 * 56 * 64), w(3 * 3 * 64 * 64), y(1 * 56 * 56 * 64);
///     halconv::Status status =
///         halconv::conv2d({x.data(), {1, 56, 56, 64}}, {w.data(), {3, 3, 64, 64}},
///                         {.padding = halconv::Padding::kSame}, {y.data(), {1, 56, 56, 64}});
///
/// Functions are TensorFlow's; tensors are dense and row-major, input and output NHWC or NCHW, filter HWIO. Errors are
/// values.
#ifndef HALCONV_HALCONV_HPP_
#define HALCONV_HALCONV_HPP_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "halconv/halconv.h"

namespace halconv {

/// How a call ended.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(const halconv_status &status) : code_(status.code), message_(status.message) {}  // NOLINT: same thing in C

  bool ok() const { return code_ == HALCONV_OK; }
  halconv_status_code code() const { return code_; }
  /// Empty when ok(), else it names the argument, its value and what was expected.
  const std::string &message() const { return message_; }

 private:
  halconv_status_code code_ = HALCONV_OK;
  std::string message_;
};

/// A value, or why there is none.
template <typename Value>
class [[nodiscard]] Result {
 public:
  Result(Value value) : value_(std::move(value)) {}      // NOLINT: `return value;`
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: `return status;`

  bool ok() const { return value_.has_value(); }
  const Status &status() const { return status_; }
  Value &operator*() & { return *value_; }
  const Value &operator*() const & { return *value_; }
  Value &&operator*() && { return *std::move(value_); }
  Value *operator->() { return &*value_; }
  const Value *operator->() const { return &*value_; }

 private:
  std::optional<Value> value_;
  Status status_;
};

/// Elements per dimension, outermost first.
using Shape = std::array<int64_t, 4>;

enum class Device { kHost = HALCONV_HOST, kCuda = HALCONV_CUDA, kOpenCl = HALCONV_OPENCL };

enum class Dtype {
  kFloat32 = HALCONV_FLOAT32,
  kFloat64 = HALCONV_FLOAT64,
  kFloat16 = HALCONV_FLOAT16,
  kBfloat16 = HALCONV_BFLOAT16,
  kInt32 = HALCONV_INT32
};

namespace detail {

template <typename Element>
inline constexpr Dtype kDtypeOf = Dtype{};  // declared for the types below only
template <>
inline constexpr Dtype kDtypeOf<float> = Dtype::kFloat32;
template <>
inline constexpr Dtype kDtypeOf<double> = Dtype::kFloat64;
template <>
inline constexpr Dtype kDtypeOf<int32_t> = Dtype::kInt32;

template <typename Element>
concept HasDtype = std::same_as<Element, float> || std::same_as<Element, double> || std::same_as<Element, int32_t>;

}  // namespace detail

/// A tensor that somebody else owns: an address on the host, a CUdeviceptr, or a cl_mem. `Void` is void, or const void
/// for one that is only read. C++20 has no types for the 16-bit floats: their memory comes as a pointer to void.
template <typename Void>
struct BasicTensorView {
  Void *data = nullptr;
  Shape shape{};
  Device device = Device::kHost;
  Dtype dtype = Dtype::kFloat32;

  BasicTensorView() = default;
  template <detail::HasDtype Element>
  BasicTensorView(Element *elements, const Shape &extents, Device where = Device::kHost)
      : data(elements), shape(extents), device(where), dtype(detail::kDtypeOf<Element>) {}
  template <detail::HasDtype Element>
  BasicTensorView(const Element *elements, const Shape &extents,
                  Device where = Device::kHost) requires std::is_const_v<Void>
      : data(elements), shape(extents), device(where), dtype(detail::kDtypeOf<Element>) {}
  /// Of no elements.
  BasicTensorView(std::nullptr_t, const Shape &extents, Device where = Device::kHost) : shape(extents), device(where) {}
  BasicTensorView(Void *memory, const Shape &extents, Dtype type, Device where = Device::kHost)
      : data(memory), shape(extents), device(where), dtype(type) {}

  int64_t elements() const { return shape[0] * shape[1] * shape[2] * shape[3]; }

  /// A view to write through is one to read through.
  operator BasicTensorView<const void>() const  // NOLINT
      requires(!std::is_const_v<Void>) {
    return {data, shape, dtype, device};
  }
};
using TensorView = BasicTensorView<void>;
using ConstTensorView = BasicTensorView<const void>;

/// How images lie in memory, and the order of the extents in their shapes; filters are HWIO [r, s, c, k] in both.
enum class DataFormat {
  kNhwc = HALCONV_NHWC,  ///< [n, h, w, c]
  kNchw = HALCONV_NCHW   ///< [n, c, h, w]
};

/// What a problem in benchdnn's notation leaves open about its tensors.
struct TensorFormat {
  Dtype dtype = Dtype::kFloat32;
  Device device = Device::kHost;
  DataFormat data_format = DataFormat::kNhwc;
};

enum class Padding {
  kValid = HALCONV_VALID,
  kSame = HALCONV_SAME,  ///< what is left over goes to the bottom and right
  kExplicit = HALCONV_EXPLICIT
};

/// What TensorFlow takes as an integer or a list of them. Of more than HALCONV_MAX_RANK values only the count is kept.
class IntList {
 public:
  IntList() = default;
  IntList(int64_t value) : IntList({value}) {}                                                           // NOLINT
  IntList(std::initializer_list<int64_t> values) : IntList(std::span(values.begin(), values.size())) {}  // NOLINT
  template <size_t size>
  IntList(const std::array<int64_t, size> &values) : IntList(std::span<const int64_t>(values)) {}  // NOLINT
  explicit IntList(std::span<const int64_t> values) {
    list_.count = static_cast<int32_t>(values.size());
    std::copy_n(values.begin(), std::min<size_t>(values.size(), HALCONV_MAX_RANK), list_.values);
  }

  const halconv_int_list &to_c() const { return list_; }

 private:
  halconv_int_list list_{};
};

/// TensorFlow's attributes. Strides and dilations: one for height and width alike, {height, width} or {1, height,
/// width, 1}, which is {1, 1, height, width} in kNchw.
struct Conv2dAttributes {
  IntList strides = 1;    ///< > 0
  IntList dilations = 1;  ///< > 0; 1 is a dense filter
  Padding padding = Padding::kValid;
  /// {0, 0, top, bottom, left, right, 0, 0}, in kNchw {0, 0, 0, 0, top, bottom, left, right}, for kExplicit, else
  /// empty.
  IntList explicit_paddings{};
  DataFormat data_format = DataFormat::kNhwc;  ///< of input and output, whose shapes are given below as kNhwc's
};

/// Which algorithms may compute the result; halconv_accuracy says what each promises.
enum class Accuracy {
  kStandard = HALCONV_ACCURACY_STANDARD,
  kStrict = HALCONV_ACCURACY_STRICT,
  kFast = HALCONV_ACCURACY_FAST
};

/// How a call runs.
struct Execution {
  std::optional<std::string> target{};        ///< "avx2", ...; nothing: HALCONV_TARGET of the environment, or the best
  std::optional<std::string> kernel{};        ///< runs this kernel or fails
  int32_t threads = 0;                        ///< upper limit of CPU threads; 0: one per core that the process may use
  const halconv_thread_pool *pool = nullptr;  ///< nothing: halconv's own
  const halconv_allocator *allocator = nullptr;  ///< nothing: halconv's caching allocator
  void *stream = nullptr;                        ///< a CUstream; nothing: the default stream
  Accuracy accuracy = Accuracy::kStandard;
  bool filter_changes = false;  ///< for plans and explain: converting the filter counts when the kernel is chosen
};

/// Where a fused convolution's output is kept between.
enum class Activation {
  kNone = HALCONV_NO_ACTIVATION,
  kRelu = HALCONV_RELU,    ///< 0 and infinity
  kRelu6 = HALCONV_RELU6,  ///< 0 and 6
  kClamp = HALCONV_CLAMP   ///< the epilogue's `lower` and `upper`
};

/// What a fused convolution does with its sums before it stores them.
struct Epilogue {
  std::optional<ConstTensorView> bias{};      ///< of shape {k}; the view's other extents do not count
  std::optional<ConstTensorView> residual{};  ///< of the output's shape, and apart from it
  Activation activation = Activation::kNone;
  double lower = 0, upper = 0;  ///< kClamp's
};

enum class Operation {
  kForward = HALCONV_FORWARD,
  kBackwardInput = HALCONV_BACKWARD_INPUT,
  kBackwardFilter = HALCONV_BACKWARD_FILTER
};

namespace detail {

inline halconv_tensor_format to_c(const TensorFormat &format) {
  return {static_cast<halconv_dtype>(format.dtype), static_cast<halconv_device>(format.device),
          static_cast<halconv_data_format>(format.data_format)};
}

template <typename Void>
halconv_tensor to_c(const BasicTensorView<Void> &view) {
  halconv_tensor tensor{};
  tensor.data = const_cast<void *>(view.data);  // inputs go through pointers to const halconv_tensor
  tensor.dtype = static_cast<halconv_dtype>(view.dtype);
  tensor.device = static_cast<halconv_device>(view.device);
  tensor.rank = 4;
  std::copy(view.shape.begin(), view.shape.end(), tensor.shape);
  return tensor;
}

inline halconv_conv2d_attributes to_c(const Conv2dAttributes &attributes) {
  return {attributes.strides.to_c(), attributes.dilations.to_c(), static_cast<halconv_padding>(attributes.padding),
          attributes.explicit_paddings.to_c(), static_cast<halconv_data_format>(attributes.data_format)};
}

inline halconv_execution to_c(const Execution &execution) {
  return {execution.target ? execution.target->c_str() : nullptr,
          execution.kernel ? execution.kernel->c_str() : nullptr,
          execution.threads,
          execution.pool,
          execution.allocator,
          execution.stream,
          static_cast<halconv_accuracy>(execution.accuracy),
          execution.filter_changes};
}

/// `view`, of shape {k}.
template <typename Void>
halconv_tensor channels_to_c(const BasicTensorView<Void> &view) {
  halconv_tensor tensor = to_c(view);
  tensor.rank = 1;
  return tensor;
}

/// An epilogue with the descriptions that it points to.
class CEpilogue {
 public:
  explicit CEpilogue(const Epilogue &epilogue)
      : bias_(channels_to_c(epilogue.bias.value_or(ConstTensorView{}))),
        residual_(to_c(epilogue.residual.value_or(ConstTensorView{}))),
        epilogue_{epilogue.bias ? &bias_ : nullptr, epilogue.residual ? &residual_ : nullptr,
                  static_cast<halconv_activation>(epilogue.activation), epilogue.lower, epilogue.upper} {}
  CEpilogue(const CEpilogue &) = delete;
  CEpilogue &operator=(const CEpilogue &) = delete;

  const halconv_epilogue *get() const { return &epilogue_; }

 private:
  halconv_tensor bias_, residual_;
  halconv_epilogue epilogue_;
};

using FusedFunction = halconv_status (*)(const halconv_tensor *, const halconv_tensor *,
                                         const halconv_conv2d_attributes *, const halconv_epilogue *,
                                         const halconv_execution *, halconv_tensor *);

inline Status call(FusedFunction function, const ConstTensorView &input, const ConstTensorView &filter,
                   const Conv2dAttributes &attributes, const Epilogue &epilogue, const TensorView &output,
                   const Execution &execution) {
  const halconv_tensor c_input = to_c(input), c_filter = to_c(filter);
  const halconv_conv2d_attributes c_attributes = to_c(attributes);
  const CEpilogue c_epilogue(epilogue);
  const halconv_execution c_execution = to_c(execution);
  halconv_tensor c_output = to_c(output);
  return function(&c_input, &c_filter, &c_attributes, c_epilogue.get(), &c_execution, &c_output);
}

using TensorFunction = halconv_status (*)(const halconv_tensor *, const halconv_tensor *,
                                          const halconv_conv2d_attributes *, const halconv_execution *,
                                          halconv_tensor *);

inline Status call(TensorFunction function, const ConstTensorView &first, const ConstTensorView &second,
                   const Conv2dAttributes &attributes, const TensorView &result, const Execution &execution) {
  const halconv_tensor c_first = to_c(first), c_second = to_c(second);
  const halconv_conv2d_attributes c_attributes = to_c(attributes);
  const halconv_execution c_execution = to_c(execution);
  halconv_tensor c_result = to_c(result);
  return function(&c_first, &c_second, &c_attributes, &c_execution, &c_result);
}

}  // namespace detail

/// input [n, h, w, c], filter [r, s, c, k] -> output [n, p, q, k], shaped as conv2d_output_shape says.
inline Status conv2d(const ConstTensorView &input, const ConstTensorView &filter, const Conv2dAttributes &attributes,
                     const TensorView &output, const Execution &execution = {}) {
  return detail::call(halconv_conv2d, input, filter, attributes, output, execution);
}

/// output = min(max(conv2d(input, filter) + bias + residual, lower), upper) in one pass; halconv_fused_conv2d says it
/// all.
inline Status fused_conv2d(const ConstTensorView &input, const ConstTensorView &filter,
                           const Conv2dAttributes &attributes, const Epilogue &epilogue, const TensorView &output,
                           const Execution &execution = {}) {
  return detail::call(halconv_fused_conv2d, input, filter, attributes, epilogue, output, execution);
}

/// fused_conv2d for depthwise_conv2d; the epilogue's k is c * m.
inline Status fused_depthwise_conv2d(const ConstTensorView &input, const ConstTensorView &filter,
                                     const Conv2dAttributes &attributes, const Epilogue &epilogue,
                                     const TensorView &output, const Execution &execution = {}) {
  return detail::call(halconv_fused_depthwise_conv2d, input, filter, attributes, epilogue, output, execution);
}

/// The gradient through the epilogue, of which only the activation counts: masked_out_backprop, of out_backprop's
/// shape, is the gradient of the residual and what the convolution's gradients take; bias_backprop, if given, of shape
/// {k}, is the bias's. `output` is the forward result.
inline Status fused_conv2d_backprop_epilogue(const ConstTensorView &output, const ConstTensorView &out_backprop,
                                             const Epilogue &epilogue, const TensorView &masked_out_backprop,
                                             const std::optional<TensorView> &bias_backprop,
                                             const Execution &execution = {},
                                             DataFormat data_format = DataFormat::kNhwc) {
  const halconv_tensor c_output = detail::to_c(output), c_out_backprop = detail::to_c(out_backprop);
  const detail::CEpilogue c_epilogue(epilogue);
  const halconv_execution c_execution = detail::to_c(execution);
  halconv_tensor c_masked = detail::to_c(masked_out_backprop);
  halconv_tensor c_bias = detail::channels_to_c(bias_backprop.value_or(TensorView{}));
  return halconv_fused_conv2d_backprop_epilogue(&c_output, &c_out_backprop, c_epilogue.get(),
                                                static_cast<halconv_data_format>(data_format), &c_execution, &c_masked,
                                                bias_backprop ? &c_bias : nullptr);
}

/// The gradient of conv2d with respect to its input, whose shape is input_backprop's.
inline Status conv2d_backprop_input(const ConstTensorView &filter, const ConstTensorView &out_backprop,
                                    const Conv2dAttributes &attributes, const TensorView &input_backprop,
                                    const Execution &execution = {}) {
  return detail::call(halconv_conv2d_backprop_input, filter, out_backprop, attributes, input_backprop, execution);
}

/// The gradient of conv2d with respect to its filter, whose shape is filter_backprop's.
inline Status conv2d_backprop_filter(const ConstTensorView &input, const ConstTensorView &out_backprop,
                                     const Conv2dAttributes &attributes, const TensorView &filter_backprop,
                                     const Execution &execution = {}) {
  return detail::call(halconv_conv2d_backprop_filter, input, out_backprop, attributes, filter_backprop, execution);
}

/// The transpose of conv2d: input [n, p, q, k], filter [r, s, c, k] -> output [n, h, w, c]. output's shape is
/// TensorFlow's `output_shape`, checked by running the forward formula back.
inline Status conv2d_transpose(const ConstTensorView &input, const ConstTensorView &filter,
                               const Conv2dAttributes &attributes, const TensorView &output,
                               const Execution &execution = {}) {
  return detail::call(halconv_conv2d_transpose, input, filter, attributes, output, execution);
}

/// input [n, h, w, c], filter [r, s, c, m] -> output [n, p, q, c * m]: each channel with its own m filters.
inline Status depthwise_conv2d(const ConstTensorView &input, const ConstTensorView &filter,
                               const Conv2dAttributes &attributes, const TensorView &output,
                               const Execution &execution = {}) {
  return detail::call(halconv_depthwise_conv2d, input, filter, attributes, output, execution);
}

/// The gradient of depthwise_conv2d with respect to its input, whose shape is input_backprop's.
inline Status depthwise_conv2d_backprop_input(const ConstTensorView &filter, const ConstTensorView &out_backprop,
                                              const Conv2dAttributes &attributes, const TensorView &input_backprop,
                                              const Execution &execution = {}) {
  return detail::call(halconv_depthwise_conv2d_backprop_input, filter, out_backprop, attributes, input_backprop,
                      execution);
}

/// The gradient of depthwise_conv2d with respect to its filter, whose shape is filter_backprop's.
inline Status depthwise_conv2d_backprop_filter(const ConstTensorView &input, const ConstTensorView &out_backprop,
                                               const Conv2dAttributes &attributes, const TensorView &filter_backprop,
                                               const Execution &execution = {}) {
  return detail::call(halconv_depthwise_conv2d_backprop_filter, input, out_backprop, attributes, filter_backprop,
                      execution);
}

/// conv2d_backprop_input by automatic differentiation of the forward algorithm. Host tensors only.
inline Status conv2d_backprop_input_autodiff(const ConstTensorView &filter, const ConstTensorView &out_backprop,
                                             const Conv2dAttributes &attributes, const TensorView &input_backprop,
                                             const Execution &execution = {}) {
  return detail::call(halconv_conv2d_backprop_input_autodiff, filter, out_backprop, attributes, input_backprop,
                      execution);
}

/// conv2d_backprop_filter by automatic differentiation of the forward algorithm. Host tensors only.
inline Status conv2d_backprop_filter_autodiff(const ConstTensorView &input, const ConstTensorView &out_backprop,
                                              const Conv2dAttributes &attributes, const TensorView &filter_backprop,
                                              const Execution &execution = {}) {
  return detail::call(halconv_conv2d_backprop_filter_autodiff, input, out_backprop, attributes, filter_backprop,
                      execution);
}

struct OutputShape {
  Shape shape{};                                     ///< [n, p, q, k]
  std::array<std::array<int64_t, 2>, 2> paddings{};  ///< {{top, bottom}, {left, right}}, resolved
};

/// The output shape of conv2d and the paddings.
inline Result<OutputShape> conv2d_output_shape(const IntList &input_shape, const IntList &filter_shape,
                                               const Conv2dAttributes &attributes) {
  const halconv_conv2d_attributes c_attributes = detail::to_c(attributes);
  OutputShape output;
  int64_t paddings[2][2];
  const Status status = halconv_conv2d_output_shape(&input_shape.to_c(), &filter_shape.to_c(), &c_attributes,
                                                    output.shape.data(), paddings);
  if (!status.ok()) return status;
  for (size_t axis = 0; axis < 2; ++axis) std::copy_n(paddings[axis], 2, output.paddings[axis].begin());
  return output;
}

/// The shape of conv2d_backprop_input's result: `input_sizes` has its 4 values, or its height and width.
inline Result<Shape> conv2d_input_shape(const IntList &input_sizes, const IntList &filter_shape,
                                        const IntList &out_backprop_shape, const Conv2dAttributes &attributes) {
  const halconv_conv2d_attributes c_attributes = detail::to_c(attributes);
  Shape shape{};
  const Status status = halconv_conv2d_input_shape(&input_sizes.to_c(), &filter_shape.to_c(),
                                                   &out_backprop_shape.to_c(), &c_attributes, shape.data());
  if (!status.ok()) return status;
  return shape;
}

/// The shape of conv2d_backprop_filter's result: `filter_sizes`, checked.
inline Result<Shape> conv2d_filter_shape(const IntList &input_shape, const IntList &filter_sizes,
                                         const IntList &out_backprop_shape, const Conv2dAttributes &attributes) {
  const halconv_conv2d_attributes c_attributes = detail::to_c(attributes);
  Shape shape{};
  const Status status = halconv_conv2d_filter_shape(&input_shape.to_c(), &filter_sizes.to_c(),
                                                    &out_backprop_shape.to_c(), &c_attributes, shape.data());
  if (!status.ok()) return status;
  return shape;
}

/// A kernel looked up once for one operation and problem. One thread at a time.
class Plan {
 public:
  /// `problem` is one line in benchdnn's notation.
  static Result<Plan> create(Operation operation, const std::string &problem, const Execution &execution = {},
                             const TensorFormat &format = {}) {
    return create(static_cast<halconv_operation>(operation), problem, execution, format);
  }

  /// For run_fused.
  static Result<Plan> create_fused(const std::string &problem, const Execution &execution = {},
                                   const TensorFormat &format = {}) {
    return create(HALCONV_FORWARD_FUSED, problem, execution, format);
  }

  /// Packs the filter once; afterwards run without it.
  Status prepare_filter(const ConstTensorView &filter) {
    const halconv_tensor c_filter = detail::to_c(filter);
    return halconv_plan_prepare_filter(plan_.get(), &c_filter);
  }

  /// forward (input, filter) -> output; backward_input (filter, out_backprop) -> input_backprop; backward_filter
  /// (input, out_backprop) -> filter_backprop. The filter is nothing if it is prepared.
  Status run(const std::optional<ConstTensorView> &first, const std::optional<ConstTensorView> &second,
             const TensorView &result) {
    const halconv_tensor c_first = detail::to_c(first.value_or(ConstTensorView{}));
    const halconv_tensor c_second = detail::to_c(second.value_or(ConstTensorView{}));
    halconv_tensor c_result = detail::to_c(result);
    return halconv_plan_run(plan_.get(), first ? &c_first : nullptr, second ? &c_second : nullptr, &c_result);
  }

  /// conv2d with the epilogue, which may be another one in every run. The filter is nothing if it is prepared.
  Status run_fused(const ConstTensorView &input, const std::optional<ConstTensorView> &filter, const Epilogue &epilogue,
                   const TensorView &output) {
    const halconv_tensor c_input = detail::to_c(input);
    const halconv_tensor c_filter = detail::to_c(filter.value_or(ConstTensorView{}));
    const detail::CEpilogue c_epilogue(epilogue);
    halconv_tensor c_output = detail::to_c(output);
    return halconv_plan_run_fused(plan_.get(), &c_input, filter ? &c_filter : nullptr, c_epilogue.get(), &c_output);
  }

  /// The name of the kernel that runs.
  std::string kernel() const { return halconv_plan_kernel(plan_.get()); }

 private:
  struct Destroy {
    void operator()(halconv_plan *plan) const { halconv_plan_destroy(plan); }
  };
  explicit Plan(halconv_plan *plan) : plan_(plan) {}

  static Result<Plan> create(halconv_operation operation, const std::string &problem, const Execution &execution,
                             const TensorFormat &format) {
    const halconv_execution c_execution = detail::to_c(execution);
    const halconv_tensor_format c_format = detail::to_c(format);
    halconv_plan *plan = nullptr;
    const Status status = halconv_plan_create(operation, problem.c_str(), &c_format, &c_execution, &plan);
    if (!status.ok()) return status;
    return Plan(plan);
  }

  std::unique_ptr<halconv_plan, Destroy> plan_;
};

/// A kernel of the linked libraries.
struct KernelInfo {
  std::string name, operation, problem, dtype, target;
  bool is_runnable = false;
  std::string data_format;  ///< "nhwc" or "nchw"
};

/// All of them, in the order in which they are tried.
inline std::vector<KernelInfo> kernels() {
  std::vector<KernelInfo> kernels;
  halconv_kernel_info info;
  for (int32_t i = 0; halconv_kernel(i, &info).code == HALCONV_OK; ++i) {
    kernels.push_back(
        {info.name, info.operation, info.problem, info.dtype, info.target, info.runnable != 0, info.data_format});
  }
  return kernels;
}

/// A target of the linked libraries; `unavailable_reason` is empty if this machine can run it.
struct TargetSupport {
  std::string name, unavailable_reason;
};

/// All of them, best first.
inline std::vector<TargetSupport> targets() {
  std::vector<TargetSupport> targets;
  const char *name = nullptr;
  char reason[HALCONV_MESSAGE_SIZE];
  for (int32_t i = 0; halconv_target(i, &name, reason, sizeof reason).code == HALCONV_OK; ++i) {
    targets.push_back({name, reason});
  }
  return targets;
}

namespace detail {

inline Result<std::string> explain(halconv_operation operation, const std::string &problem, const Execution &execution,
                                   const TensorFormat &format) {
  const halconv_execution c_execution = to_c(execution);
  const halconv_tensor_format c_format = to_c(format);
  const auto explain_into = [&](char *text, size_t size, size_t *needed) -> Status {
    return halconv_explain(operation, problem.c_str(), &c_format, &c_execution, text, size, needed);
  };
  size_t needed = 0;
  if (const Status status = explain_into(nullptr, 0, &needed); !status.ok()) return status;
  std::string text(needed, '\0');
  if (const Status status = explain_into(text.data(), text.size(), nullptr); !status.ok()) return status;
  text.resize(needed - 1);
  return text;
}

}  // namespace detail

/// One line per candidate kernel in the order tried, with "chosen" or why it was passed over.
inline Result<std::string> explain(Operation operation, const std::string &problem, const Execution &execution = {},
                                   const TensorFormat &format = {}) {
  return detail::explain(static_cast<halconv_operation>(operation), problem, execution, format);
}

/// The same for Plan::create_fused.
inline Result<std::string> explain_fused(const std::string &problem, const Execution &execution = {},
                                         const TensorFormat &format = {}) {
  return detail::explain(HALCONV_FORWARD_FUSED, problem, execution, format);
}

/// Frees the scratch memory that no call is using.
inline void release_cached_memory() { halconv_release_cached_memory(); }

}  // namespace halconv

#endif  // HALCONV_HALCONV_HPP_
