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
#include "halconv/halconv.h"

namespace nb = nanobind;

namespace halconv::python {
namespace {

using Shape = std::vector<int64_t>;
using Result = nb::ndarray<nb::numpy, float>;

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

std::string to_text(const Shape &shape) {
  std::string text = "[";
  for (int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// A tensor description for the C ABI, which reads inputs only: the pointer loses its const there.
halconv_tensor describe(const void *data, const Shape &shape) {
  halconv_tensor tensor{
      const_cast<void *>(data), HALCONV_FLOAT32, HALCONV_HOST, static_cast<int32_t>(shape.size()), {}};
  std::copy(shape.begin(), shape.end(), tensor.shape);
  return tensor;
}

/// Describes a caller's array, or raises ValueError if the kernels could not read it as it lies.
halconv_tensor describe_input(const char *name, const nb::ndarray<nb::ro> &array) {
  const auto fail = [&](const std::string &found, const char *expected) {
    raise(PyExc_ValueError, std::string(name) + " " + found + ", expected " + expected);
  };
  if (array.device_type() != nb::device::cpu::value) fail("is not in host memory", "a NumPy array");
  if (array.dtype() != nb::dtype<float>()) fail("has another dtype", "float32");
  if (array.ndim() != 4) fail("has rank " + std::to_string(array.ndim()), "4");
  Shape shape(4);
  int64_t dense = 1;
  for (size_t i = 4; i-- > 0;) {
    shape[i] = static_cast<int64_t>(array.shape(i));
    if (shape[i] > 1 && array.stride(i) != dense) fail("is not contiguous", "numpy.ascontiguousarray of it");
    dense *= shape[i];
  }
  return describe(array.data(), shape);
}

/// Memory of a new result, aligned for whole vectors.
Result allocate(const char *name, const Shape &shape) {
  constexpr std::align_val_t kAlignment{64};
  const bool valid = shape.size() == 4 && *std::min_element(shape.begin(), shape.end()) > 0;
  const std::optional<int64_t> elements =
      valid ? checked_elements({shape[0], shape[1], shape[2], shape[3]}) : std::nullopt;
  if (!elements) {
    raise(PyExc_ValueError, std::string(name) + " is " + to_text(shape) +
                                ", expected 4 positive sizes with a product of at most " +
                                std::to_string(kMaxElements));
  }
  void *const data = ::operator new(static_cast<size_t>(*elements) * sizeof(float), kAlignment);
  nb::capsule owner(data, [](void *memory) noexcept { ::operator delete(memory, kAlignment); });
  const std::vector<size_t> extents(shape.begin(), shape.end());
  return Result(data, extents.size(), extents.data(), owner);
}

halconv_execution execution(const std::optional<std::string> &target, int32_t threads) {
  halconv_execution result{};
  result.target = target ? target->c_str() : nullptr;
  result.threads = threads;
  return result;
}

halconv_conv2d_attributes attributes(const std::array<int64_t, 2> &strides, const std::array<int64_t, 2> &dilations,
                                     const std::string &padding,
                                     const std::array<std::array<int64_t, 2>, 2> &explicit_paddings) {
  halconv_conv2d_attributes result{};
  result.padding = padding == "SAME" ? HALCONV_SAME : padding == "VALID" ? HALCONV_VALID : HALCONV_EXPLICIT;
  for (size_t i = 0; i < 2; ++i) {
    result.strides[i] = strides[i];
    result.dilations[i] = dilations[i];
    for (size_t j = 0; j < 2; ++j) result.explicit_paddings[i][j] = explicit_paddings[i][j];
  }
  return result;
}

/// What all functions of the C ABI that compute look like.
using Function = halconv_status (*)(const halconv_tensor *, const halconv_tensor *, const halconv_conv2d_attributes *,
                                    const halconv_execution *, halconv_tensor *);

void define(nb::module_ &module, const char *name, Function function, const char *first_name, const char *second_name,
            const char *shape_name) {
  module.def(
      name,
      [=](const nb::ndarray<nb::ro> &first, const nb::ndarray<nb::ro> &second, const Shape &shape,
          const halconv_conv2d_attributes &attributes, const std::optional<std::string> &target, int32_t threads) {
        const halconv_tensor inputs[] = {describe_input(first_name, first), describe_input(second_name, second)};
        Result result = allocate(shape_name, shape);
        halconv_tensor output = describe(result.data(), shape);
        const halconv_execution how = execution(target, threads);
        halconv_status status;
        {
          nb::gil_scoped_release released;
          status = function(&inputs[0], &inputs[1], &attributes, &how, &output);
        }
        raise_unless_ok(status);
        return result;
      },
      nb::arg(first_name), nb::arg(second_name), nb::arg(shape_name), nb::arg("attributes"),
      nb::arg("target") = nb::none(), nb::arg("threads") = 0);
}

using Paddings = std::array<std::array<int64_t, 2>, 2>;

std::tuple<Shape, Paddings> conv2d_output_shape(const Shape &input_shape, const Shape &filter_shape,
                                                const halconv_conv2d_attributes &attributes) {
  for (const auto &[name, shape] : {std::pair("input", &input_shape), std::pair("filter", &filter_shape)}) {
    if (shape->size() != 4) {
      raise(PyExc_ValueError, std::string(name) + " has rank " + std::to_string(shape->size()) + ", expected 4");
    }
  }
  Shape output_shape(4);
  int64_t paddings[2][2];
  raise_unless_ok(
      halconv_conv2d_output_shape(input_shape.data(), filter_shape.data(), &attributes, output_shape.data(), paddings));
  return {output_shape, Paddings{{{paddings[0][0], paddings[0][1]}, {paddings[1][0], paddings[1][1]}}}};
}

halconv_operation operation_of(const std::string &name) {
  constexpr std::pair<const char *, halconv_operation> kOperations[] = {{"forward", HALCONV_FORWARD},
                                                                        {"backward_input", HALCONV_BACKWARD_INPUT},
                                                                        {"backward_filter", HALCONV_BACKWARD_FILTER}};
  for (const auto &[known, operation] : kOperations) {
    if (name == known) return operation;
  }
  raise(PyExc_ValueError, "operation is \"" + name + "\", expected forward, backward_input or backward_filter");
}

std::string explain(const std::string &operation, const std::string &problem,
                    const std::optional<std::string> &target) {
  const halconv_operation which = operation_of(operation);
  const halconv_execution how = execution(target, 0);
  size_t needed = 0;
  raise_unless_ok(halconv_explain(which, problem.c_str(), &how, HALCONV_HOST, nullptr, 0, &needed));
  std::string text(needed, '\0');
  raise_unless_ok(halconv_explain(which, problem.c_str(), &how, HALCONV_HOST, text.data(), text.size(), nullptr));
  text.resize(needed - 1);  // the terminator
  return text;
}

std::string kernel_for(const std::string &operation, const std::string &problem,
                       const std::optional<std::string> &target) {
  const halconv_execution how = execution(target, 0);
  halconv_plan *plan = nullptr;
  raise_unless_ok(halconv_plan_create(operation_of(operation), problem.c_str(), &how, HALCONV_HOST, &plan));
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
      .def("__init__",
           [](halconv_conv2d_attributes *self, const std::array<int64_t, 2> &strides,
              const std::array<int64_t, 2> &dilations, const std::string &padding, const Paddings &explicit_paddings) {
             new (self) halconv_conv2d_attributes(attributes(strides, dilations, padding, explicit_paddings));
           });
  nb::class_<halconv_kernel_info>(module, "Kernel", "A row of the kernel table.")
      .def_ro("name", &halconv_kernel_info::name)
      .def_ro("operation", &halconv_kernel_info::operation)
      .def_ro("problem", &halconv_kernel_info::problem)
      .def_ro("dtype", &halconv_kernel_info::dtype)
      .def_ro("target", &halconv_kernel_info::target)
      .def_prop_ro("runnable", [](const halconv_kernel_info &kernel) { return kernel.runnable != 0; })
      .def("__repr__", [](const halconv_kernel_info &kernel) { return "<Kernel " + std::string(kernel.name) + ">"; });
  define_problem(module);

  define(module, "conv2d", halconv_conv2d, "input", "filters", "output_shape");
  define(module, "conv2d_backprop_input", halconv_conv2d_backprop_input, "filter", "out_backprop", "input_sizes");
  define(module, "conv2d_backprop_filter", halconv_conv2d_backprop_filter, "input", "out_backprop", "filter_sizes");
  define(module, "conv2d_transpose", halconv_conv2d_transpose, "input", "filters", "output_shape");
  define(module, "conv2d_backprop_input_autodiff", halconv_conv2d_backprop_input_autodiff, "filter", "out_backprop",
         "input_sizes");
  define(module, "conv2d_backprop_filter_autodiff", halconv_conv2d_backprop_filter_autodiff, "input", "out_backprop",
         "filter_sizes");
  module.def("conv2d_output_shape", &conv2d_output_shape, nb::arg("input_shape"), nb::arg("filter_shape"),
             nb::arg("attributes"));
  module.def("explain", &explain, nb::arg("operation"), nb::arg("problem"), nb::arg("target") = nb::none());
  module.def("kernel_for", &kernel_for, nb::arg("operation"), nb::arg("problem"), nb::arg("target") = nb::none());
  module.def("kernels", &kernels);
  module.def("targets", &targets);
}

}  // namespace halconv::python
