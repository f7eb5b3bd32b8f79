/// The Python module halconv._halconv: halconv's C ABI over NumPy arrays. halconv/__init__.py gives it TensorFlow's
/// signatures.
///
/// Arrays are read where they lie, results are new arrays, and the interpreter lock is released while a kernel runs.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "halconv/halconv.h"

namespace nb = nanobind;

namespace halconv::python {
namespace {

using Shape = std::array<int64_t, 4>;
using Array = nb::ndarray<nb::ro>;
using Result = nb::ndarray<nb::numpy>;

/// A caller's array and the argument's name.
struct NamedArray {
  const char *name;
  const Array &array;
};

[[noreturn]] void raise(PyObject *exception, const std::string &message) {
  PyErr_SetString(exception, message.c_str());
  throw nb::python_error();
}

void raise_unless_ok(const halconv_status &status) {
  switch (status.code) {
    case HALCONV_OK:
      return;
    case HALCONV_INVALID_ARGUMENT:
    case HALCONV_NOT_FOUND:
      raise(PyExc_ValueError, status.message);
    case HALCONV_UNIMPLEMENTED:
      raise(PyExc_NotImplementedError, status.message);
    default:
      raise(PyExc_RuntimeError, status.message);
  }
}

/// The dtypes as arrays have them. NumPy has no bf16 of its own: halconv/__init__.py passes its bits.
constexpr std::pair<halconv_dtype, nb::dlpack::dtype> kDtypes[] = {
    {HALCONV_FLOAT32, {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 32, 1}},
    {HALCONV_FLOAT64, {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 64, 1}},
    {HALCONV_FLOAT16, {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 16, 1}},
    {HALCONV_BFLOAT16, {static_cast<uint8_t>(nb::dlpack::dtype_code::UInt), 16, 1}},
    {HALCONV_INT32, {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 32, 1}},
};

/// A tensor description for the C ABI, which reads inputs only: the pointer loses its const there.
halconv_tensor describe(const void *data, const std::vector<int64_t> &shape, halconv_dtype dtype) {
  halconv_tensor tensor{const_cast<void *>(data), dtype, HALCONV_HOST, static_cast<int32_t>(shape.size()), {}};
  std::copy(shape.begin(), shape.end(), tensor.shape);
  return tensor;
}

/// Describes a caller's array of four dimensions, or raises ValueError if the kernels could not read it as it lies.
halconv_tensor describe_input(const NamedArray &argument) {
  const auto &[name, array] = argument;
  const auto fail = [&](const std::string &found, const char *expected) {
    raise(PyExc_ValueError, std::string(name) + " " + found + ", expected " + expected);
  };
  if (array.device_type() != nb::device::cpu::value) fail("is not in host memory", "a NumPy array");
  const auto *const dtype = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                         [&](const auto &known) { return known.second == array.dtype(); });
  if (dtype == std::end(kDtypes)) fail("has another dtype", "float32, float64, float16, bfloat16 or int32");
  std::vector<int64_t> shape(array.ndim());
  int64_t dense = 1;
  for (size_t i = array.ndim(); i-- > 0;) {
    shape[i] = static_cast<int64_t>(array.shape(i));
    if (array.size() > 0 && shape[i] > 1 && array.stride(i) != dense) fail("is not contiguous", "a dense array");
    dense *= shape[i];
  }
  return describe(array.data(), shape, dtype->first);
}

/// Memory of a new result, aligned for whole vectors.
Result allocate(const Shape &shape, nb::dlpack::dtype dtype) {
  constexpr std::align_val_t kAlignment{64};
  size_t bytes = dtype.bits / 8, extents[4];
  for (size_t i = 0; i < 4; ++i) bytes *= extents[i] = static_cast<size_t>(shape[i]);
  void *const data = ::operator new(bytes, kAlignment);
  nb::capsule owner(data, [](void *memory) noexcept { ::operator delete(memory, kAlignment); });
  return Result(data, 4, extents, owner, nullptr, dtype);
}

halconv_accuracy accuracy_of(const std::string &name) {
  if (name == "standard") return HALCONV_ACCURACY_STANDARD;
  if (name == "strict") return HALCONV_ACCURACY_STRICT;
  if (name == "fast") return HALCONV_ACCURACY_FAST;
  raise(PyExc_ValueError, "accuracy is \"" + name + "\", expected strict, standard or fast");
}

/// How a call runs.
struct Execution {
  std::optional<std::string> target;
  halconv_accuracy accuracy = HALCONV_ACCURACY_STANDARD;
  int32_t threads = 0;

  halconv_execution to_c() const {
    halconv_execution result{};
    result.target = target ? target->c_str() : nullptr;
    result.threads = threads;
    result.accuracy = accuracy;
    return result;
  }
};

halconv_int_list int_list(const std::vector<int64_t> &values) {
  halconv_int_list list{static_cast<int32_t>(values.size()), {}};
  std::copy_n(values.begin(), std::min<size_t>(values.size(), HALCONV_MAX_RANK), list.values);
  return list;
}

halconv_int_list shape_of(const Array &array) {
  return int_list(std::vector<int64_t>(array.shape_ptr(), array.shape_ptr() + array.ndim()));
}

halconv_conv2d_attributes attributes(const std::vector<int64_t> &strides, const std::vector<int64_t> &dilations,
                                     const std::string &padding, const std::vector<int64_t> &explicit_paddings,
                                     const std::string &data_format) {
  halconv_conv2d_attributes result{int_list(strides), int_list(dilations), {}, int_list(explicit_paddings), {}};
  raise_unless_ok(halconv_parse_padding(padding.c_str(), &result.padding));
  raise_unless_ok(halconv_parse_data_format(data_format.c_str(), &result.data_format));
  return result;
}

/// What all functions of the C ABI that compute look like.
using Function = halconv_status (*)(const halconv_tensor *, const halconv_tensor *, const halconv_conv2d_attributes *,
                                    const halconv_execution *, halconv_tensor *);

Result compute(Function function, const NamedArray &first, const NamedArray &second, const Shape &result_shape,
               const halconv_conv2d_attributes &attributes, const Execution &execution) {
  const halconv_tensor inputs[] = {describe_input(first), describe_input(second)};
  Result result = allocate(result_shape, first.array.dtype());
  halconv_tensor output = describe(result.data(), {result_shape.begin(), result_shape.end()}, inputs[0].dtype);
  const halconv_execution how = execution.to_c();
  halconv_status status;
  {
    nb::gil_scoped_release released;
    status = function(&inputs[0], &inputs[1], &attributes, &how, &output);
  }
  raise_unless_ok(status);
  return result;
}

/// Where a fused convolution's output is kept between.
struct Activation {
  halconv_activation activation = HALCONV_NO_ACTIVATION;
  double lower = 0, upper = 0;
};

halconv_activation activation_of(const std::string &name) {
  constexpr std::pair<const char *, halconv_activation> kActivations[] = {
      {"none", HALCONV_NO_ACTIVATION}, {"relu", HALCONV_RELU}, {"relu6", HALCONV_RELU6}, {"clamp", HALCONV_CLAMP}};
  for (const auto &[known, activation] : kActivations) {
    if (name == known) return activation;
  }
  raise(PyExc_ValueError, "activation is \"" + name + "\", expected None, relu, relu6 or (lower, upper)");
}

Result fused_conv2d(const Array &input, const Array &filters, const std::optional<Array> &bias,
                    const std::optional<Array> &residual, const Activation &activation,
                    const halconv_conv2d_attributes &attributes, const Execution &execution) {
  const halconv_int_list shapes[] = {shape_of(input), shape_of(filters)};
  Shape shape;
  int64_t paddings[2][2];
  raise_unless_ok(halconv_conv2d_output_shape(&shapes[0], &shapes[1], &attributes, shape.data(), paddings));
  const halconv_tensor inputs[] = {describe_input({"input", input}), describe_input({"filters", filters})};
  halconv_tensor addends[2]{};
  if (bias) addends[0] = describe_input({"bias", *bias});
  if (residual) addends[1] = describe_input({"residual", *residual});
  const halconv_epilogue epilogue{bias ? &addends[0] : nullptr, residual ? &addends[1] : nullptr, activation.activation,
                                  activation.lower, activation.upper};
  Result result = allocate(shape, input.dtype());
  halconv_tensor output = describe(result.data(), {shape.begin(), shape.end()}, inputs[0].dtype);
  const halconv_execution how = execution.to_c();
  halconv_status status;
  {
    nb::gil_scoped_release released;
    status = halconv_fused_conv2d(&inputs[0], &inputs[1], &attributes, &epilogue, &how, &output);
  }
  raise_unless_ok(status);
  return result;
}

/// float32 on the host.
halconv_tensor_format format_of(const std::string &data_format) {
  halconv_tensor_format format{};
  raise_unless_ok(halconv_parse_data_format(data_format.c_str(), &format.data_format));
  return format;
}

/// The masked gradient and, as [1, 1, 1, k], the bias's.
std::tuple<Result, Result> fused_conv2d_backprop_epilogue(const Array &output, const Array &out_backprop,
                                                          const Activation &activation, const std::string &data_format,
                                                          const Execution &execution) {
  const halconv_tensor inputs[] = {describe_input({"output", output}), describe_input({"out_backprop", out_backprop})};
  const halconv_tensor &gradient = inputs[1];
  if (gradient.rank != 4) raise(PyExc_ValueError, "out_backprop must be 4-dimensional");
  const DataFormatInfo &format = *find_data_format(format_of(data_format).data_format);
  const std::vector<int64_t> shape(gradient.shape, gradient.shape + 4);
  const int64_t channels = shape[static_cast<size_t>(format.channels)];
  Result masked = allocate({shape[0], shape[1], shape[2], shape[3]}, out_backprop.dtype());
  Result bias = allocate({1, 1, 1, channels}, out_backprop.dtype());
  halconv_tensor results[] = {describe(masked.data(), shape, gradient.dtype),
                              describe(bias.data(), {channels}, gradient.dtype)};
  const halconv_epilogue epilogue{nullptr, nullptr, activation.activation, activation.lower, activation.upper};
  const halconv_execution how = execution.to_c();
  halconv_status status;
  {
    nb::gil_scoped_release released;
    status = halconv_fused_conv2d_backprop_epilogue(&inputs[0], &gradient, &epilogue, format.value, &how, &results[0],
                                                    &results[1]);
  }
  raise_unless_ok(status);
  return {masked, bias};
}

using Paddings = std::array<std::array<int64_t, 2>, 2>;

std::tuple<Shape, Paddings> conv2d_output_shape(const std::vector<int64_t> &input_shape,
                                                const std::vector<int64_t> &filter_shape,
                                                const halconv_conv2d_attributes &attributes) {
  const halconv_int_list input = int_list(input_shape), filter = int_list(filter_shape);
  Shape shape;
  int64_t paddings[2][2];
  raise_unless_ok(halconv_conv2d_output_shape(&input, &filter, &attributes, shape.data(), paddings));
  return {shape, Paddings{{{paddings[0][0], paddings[0][1]}, {paddings[1][0], paddings[1][1]}}}};
}

void define_forward(nb::module_ &module) {
  module.def(
      "conv2d",
      [](const Array &input, const Array &filters, const halconv_conv2d_attributes &attributes,
         const Execution &execution) {
        const halconv_int_list shapes[] = {shape_of(input), shape_of(filters)};
        Shape shape;
        int64_t paddings[2][2];
        raise_unless_ok(halconv_conv2d_output_shape(&shapes[0], &shapes[1], &attributes, shape.data(), paddings));
        return compute(halconv_conv2d, {"input", input}, {"filters", filters}, shape, attributes, execution);
      },
      nb::arg("input"), nb::arg("filters"), nb::arg("attributes"), nb::arg("execution"));
}

/// `result` of (filter, out_backprop), or of (input, filters) for the transpose, whose input is the out_backprop.
void define_input_gradient(nb::module_ &module, const char *name, Function function, bool is_transpose) {
  module.def(
      name,
      [=](const std::vector<int64_t> &input_sizes, const Array &filter, const Array &out_backprop,
          const halconv_conv2d_attributes &attributes, const Execution &execution) {
        const halconv_int_list sizes = int_list(input_sizes), shapes[] = {shape_of(filter), shape_of(out_backprop)};
        Shape shape;
        raise_unless_ok(halconv_conv2d_input_shape(&sizes, &shapes[0], &shapes[1], &attributes, shape.data()));
        const NamedArray weights{is_transpose ? "filters" : "filter", filter};
        const NamedArray gradient{is_transpose ? "input" : "out_backprop", out_backprop};
        return is_transpose ? compute(function, gradient, weights, shape, attributes, execution)
                            : compute(function, weights, gradient, shape, attributes, execution);
      },
      nb::arg("input_sizes"), nb::arg("filter"), nb::arg("out_backprop"), nb::arg("attributes"), nb::arg("execution"));
}

void define_filter_gradient(nb::module_ &module, const char *name, Function function) {
  module.def(
      name,
      [=](const Array &input, const std::vector<int64_t> &filter_sizes, const Array &out_backprop,
          const halconv_conv2d_attributes &attributes, const Execution &execution) {
        const halconv_int_list sizes = int_list(filter_sizes), shapes[] = {shape_of(input), shape_of(out_backprop)};
        Shape shape;
        raise_unless_ok(halconv_conv2d_filter_shape(&shapes[0], &sizes, &shapes[1], &attributes, shape.data()));
        return compute(function, {"input", input}, {"out_backprop", out_backprop}, shape, attributes, execution);
      },
      nb::arg("input"), nb::arg("filter_sizes"), nb::arg("out_backprop"), nb::arg("attributes"), nb::arg("execution"));
}

halconv_operation operation_of(const std::string &name) {
  constexpr std::pair<const char *, halconv_operation> kOperations[] = {{"forward", HALCONV_FORWARD},
                                                                        {"forward_fused", HALCONV_FORWARD_FUSED},
                                                                        {"backward_input", HALCONV_BACKWARD_INPUT},
                                                                        {"backward_filter", HALCONV_BACKWARD_FILTER}};
  for (const auto &[known, operation] : kOperations) {
    if (name == known) return operation;
  }
  raise(PyExc_ValueError,
        "operation is \"" + name + "\", expected forward, forward_fused, backward_input or backward_filter");
}

std::string explain(const std::string &operation, const std::string &problem, const std::optional<std::string> &target,
                    const std::string &accuracy, const std::string &data_format) {
  const halconv_operation which = operation_of(operation);
  const halconv_tensor_format format = format_of(data_format);
  const halconv_execution how = Execution{target, accuracy_of(accuracy)}.to_c();
  size_t needed = 0;
  raise_unless_ok(halconv_explain(which, problem.c_str(), &format, &how, nullptr, 0, &needed));
  std::string text(needed, '\0');
  raise_unless_ok(halconv_explain(which, problem.c_str(), &format, &how, text.data(), text.size(), nullptr));
  text.resize(needed - 1);  // the terminator
  return text;
}

std::string kernel_for(const std::string &operation, const std::string &problem,
                       const std::optional<std::string> &target, const std::string &accuracy,
                       const std::string &data_format) {
  const halconv_tensor_format format = format_of(data_format);
  const halconv_execution how = Execution{target, accuracy_of(accuracy)}.to_c();
  halconv_plan *plan = nullptr;
  raise_unless_ok(halconv_plan_create(operation_of(operation), problem.c_str(), &format, &how, &plan));
  const std::unique_ptr<halconv_plan, decltype(&halconv_plan_destroy)> owner(plan, halconv_plan_destroy);
  return halconv_plan_kernel(plan);
}

std::vector<halconv_kernel_info> kernels() {
  std::vector<halconv_kernel_info> result(static_cast<size_t>(halconv_kernel_count()));
  for (size_t i = 0; i < result.size(); ++i) raise_unless_ok(halconv_kernel(static_cast<int32_t>(i), &result[i]));
  return result;
}

nb::dict targets() {
  nb::dict result;
  for (int32_t i = 0; i < halconv_target_count(); ++i) {
    const char *name = nullptr;
    char reason[HALCONV_MESSAGE_SIZE];
    raise_unless_ok(halconv_target(i, &name, reason, sizeof(reason)));
    result[name] = reason;
  }
  return result;
}

std::vector<SuiteEntry> parse_suite_file(const std::string &path) {
  std::ifstream file(path);
  if (!file) raise(PyExc_FileNotFoundError, path);
  SuiteResult suite = parse_suite(file);
  if (suite.error_line != 0) {
    raise(PyExc_ValueError, path + ":" + std::to_string(suite.error_line) + ":" + std::to_string(suite.error.column) +
                                ": " + suite.error.message);
  }
  return std::move(suite.entries);
}

void define_problem(nb::module_ &module) {
  nb::class_<Conv2dProblem>(module, "Conv2dProblem", "A convolution's shape; str() is its name in benchdnn's notation.")
      .def(nb::init<>())
      .def_rw("groups", &Conv2dProblem::groups)
      .def_rw("batch", &Conv2dProblem::batch)
      .def_rw("in_channels", &Conv2dProblem::in_channels)
      .def_rw("in_height", &Conv2dProblem::in_height)
      .def_rw("in_width", &Conv2dProblem::in_width)
      .def_rw("out_channels", &Conv2dProblem::out_channels)
      .def_rw("out_height", &Conv2dProblem::out_height)
      .def_rw("out_width", &Conv2dProblem::out_width)
      .def_rw("filter_height", &Conv2dProblem::filter_height)
      .def_rw("filter_width", &Conv2dProblem::filter_width)
      .def_rw("stride_height", &Conv2dProblem::stride_height)
      .def_rw("stride_width", &Conv2dProblem::stride_width)
      .def_rw("pad_top", &Conv2dProblem::pad_top)
      .def_rw("pad_left", &Conv2dProblem::pad_left)
      .def_rw("dilation_height", &Conv2dProblem::dilation_height)
      .def_rw("dilation_width", &Conv2dProblem::dilation_width)
      .def_prop_ro("pad_bottom", &Conv2dProblem::pad_bottom)
      .def_prop_ro("pad_right", &Conv2dProblem::pad_right)
      .def("flops", &Conv2dProblem::flops)
      .def("__str__", [](const Conv2dProblem &problem) { return to_string(problem); });
  nb::class_<SuiteEntry>(module, "SuiteEntry", "A line of a suite.")
      .def_ro("problem", &SuiteEntry::problem)
      .def_ro("name", &SuiteEntry::name)
      .def_ro("repeat", &SuiteEntry::repeat);
  module.def("parse_suite", &parse_suite_file, nb::arg("path"));
}

}  // namespace

NB_MODULE(_halconv, module) {
  nb::class_<halconv_conv2d_attributes>(module, "Attributes")
      .def("__init__", [](halconv_conv2d_attributes *self, const std::vector<int64_t> &strides,
                          const std::vector<int64_t> &dilations, const std::string &padding,
                          const std::vector<int64_t> &explicit_paddings, const std::string &data_format) {
        new (self) halconv_conv2d_attributes(attributes(strides, dilations, padding, explicit_paddings, data_format));
      });
  nb::class_<Execution>(module, "Execution")
      .def(
          "__init__",
          [](Execution *self, std::optional<std::string> target, int32_t threads, const std::string &accuracy) {
            new (self) Execution{std::move(target), accuracy_of(accuracy), threads};
          },
          nb::arg("target").none(), nb::arg("threads"), nb::arg("accuracy") = "standard");
  nb::class_<Activation>(module, "Activation")
      .def("__init__", [](Activation *self, const std::string &name, double lower, double upper) {
        new (self) Activation{activation_of(name), lower, upper};
      });
  nb::class_<halconv_kernel_info>(module, "Kernel", "A row of the kernel table.")
      .def_ro("name", &halconv_kernel_info::name)
      .def_ro("operation", &halconv_kernel_info::operation)
      .def_ro("problem", &halconv_kernel_info::problem)
      .def_ro("dtype", &halconv_kernel_info::dtype)
      .def_ro("target", &halconv_kernel_info::target)
      .def_ro("data_format", &halconv_kernel_info::data_format)
      .def_prop_ro("runnable", [](const halconv_kernel_info &kernel) { return kernel.runnable != 0; })
      .def("__repr__", [](const halconv_kernel_info &kernel) { return "<Kernel " + std::string(kernel.name) + ">"; });
  define_problem(module);

  define_forward(module);
  module.def("fused_conv2d", &fused_conv2d, nb::arg("input"), nb::arg("filters"), nb::arg("bias").none(),
             nb::arg("residual").none(), nb::arg("activation"), nb::arg("attributes"), nb::arg("execution"));
  module.def("fused_conv2d_backprop_epilogue", &fused_conv2d_backprop_epilogue, nb::arg("output"),
             nb::arg("out_backprop"), nb::arg("activation"), nb::arg("data_format"), nb::arg("execution"));
  define_input_gradient(module, "conv2d_backprop_input", halconv_conv2d_backprop_input, false);
  define_input_gradient(module, "conv2d_transpose", halconv_conv2d_transpose, true);
  define_input_gradient(module, "conv2d_backprop_input_autodiff", halconv_conv2d_backprop_input_autodiff, false);
  define_filter_gradient(module, "conv2d_backprop_filter", halconv_conv2d_backprop_filter);
  define_filter_gradient(module, "conv2d_backprop_filter_autodiff", halconv_conv2d_backprop_filter_autodiff);
  module.def("conv2d_output_shape", &conv2d_output_shape, nb::arg("input_shape"), nb::arg("filter_shape"),
             nb::arg("attributes"));
  module.def("explain", &explain, nb::arg("operation"), nb::arg("problem"), nb::arg("target") = nb::none(),
             nb::arg("accuracy") = "standard", nb::arg("data_format") = "NHWC");
  module.def("kernel_for", &kernel_for, nb::arg("operation"), nb::arg("problem"), nb::arg("target") = nb::none(),
             nb::arg("accuracy") = "standard", nb::arg("data_format") = "NHWC");
  module.def("kernels", &kernels);
  module.def("targets", &targets);
}

}  // namespace halconv::python
