#include "halconv_contender.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "element.h"

namespace halconv::bench {
namespace {

void check(const Status &status) {
  if (!status.ok()) throw CannotCompute(status.message());
}

Shape input_shape(const Conv2dProblem &p) { return {p.batch, p.in_height, p.in_width, p.in_channels}; }
Shape filter_shape(const Conv2dProblem &p) {
  return {p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels};
}
Shape output_shape(const Conv2dProblem &p) { return {p.batch, p.out_height, p.out_width, p.out_channels}; }

Shape result_shape(const Case &c) {
  switch (c.operation) {
    case Operation::kForward:
      return output_shape(c.problem);
    case Operation::kBackwardInput:
      return input_shape(c.problem);
    case Operation::kBackwardFilter:
      break;
  }
  return filter_shape(c.problem);
}

/// Of a dtype that C++ may have no type for.
template <typename View, typename Data>
View view(Data *data, const Shape &shape, Dtype dtype) {
  View view;
  view.data = data;
  view.shape = shape;
  view.dtype = dtype;
  return view;
}

ConstTensorView operand(const Elements &values, const Memory &in_dtype, const Shape &shape, Dtype dtype) {
  if (dtype == Dtype::kFloat32) return {values.data(), shape};
  return view<ConstTensorView>(in_dtype.data(), shape, dtype);
}

/// What a call of halconv takes, bound to the case's tensors.
class HalconvContender : public Contender {
 public:
  HalconvContender(const Case &c, float *result, const std::optional<std::string> &kernel, bool filter_changes)
      : case_(c),
        input_(operand(c.tensors->input, c.tensors->in_dtype.input, input_shape(c.problem), c.dtype)),
        filter_(operand(c.tensors->filter, c.tensors->in_dtype.filter, filter_shape(c.problem), c.dtype)),
        output_(operand(c.tensors->output, c.tensors->in_dtype.output, output_shape(c.problem), c.dtype)),
        stored_result_(result) {
    const int64_t result_bytes = result_elements(c) * dtype_info(c.dtype).bytes;
    if (c.dtype != Dtype::kFloat32) result_in_dtype_.resize(static_cast<size_t>(result_bytes));
    execution_.threads = c.threads;
    execution_.accuracy = c.accuracy;
    execution_.kernel = kernel;
    execution_.filter_changes = filter_changes;
    if (!kernel) execution_.target = c.target;
  }

  void store_result() override {
    if (case_.dtype == Dtype::kFloat32) return;
    for (size_t i = 0; i < static_cast<size_t>(result_elements(case_)); ++i) {
      stored_result_[i] =
          static_cast<float>(testing::load(static_cast<halconv_dtype>(case_.dtype), result_in_dtype_.data(), i));
    }
  }

 protected:
  Plan create_plan() const {
    Result<Plan> plan =
        Plan::create(case_.operation, to_string(case_.problem), execution_, TensorFormat{.dtype = case_.dtype});
    check(plan.status());
    return *std::move(plan);
  }

  TensorView result_view() {
    if (case_.dtype == Dtype::kFloat32) return {stored_result_, result_shape(case_)};
    return view<TensorView>(result_in_dtype_.data(), result_shape(case_), case_.dtype);
  }

  const Case case_;
  Execution execution_;
  const ConstTensorView input_, filter_, output_;

 private:
  float *const stored_result_;
  Memory result_in_dtype_;  ///< empty for f32, which is computed in place
};

class PlanContender : public HalconvContender {
 public:
  PlanContender(const Case &c, float *result, const std::optional<std::string> &kernel, bool prepare)
      : HalconvContender(c, result, kernel, !prepare), plan_(create_plan()) {
    // A kernel that reads the filter as it is has nothing to prepare, and says so.
    if (!prepare || !plan_.prepare_filter(filter_).ok()) filter_of_call_ = filter_;
  }

  void run() override {
    switch (case_.operation) {
      case Operation::kForward:
        return check(plan_.run(input_, filter_of_call_, result_view()));
      case Operation::kBackwardInput:
        return check(plan_.run(filter_of_call_, output_, result_view()));
      case Operation::kBackwardFilter:
        break;
    }
    check(plan_.run(input_, output_, result_view()));
  }
  std::string implementation() const override { return plan_.kernel(); }

 private:
  Plan plan_;
  std::optional<ConstTensorView> filter_of_call_;
};

/// TensorFlow's attributes of the problem. Nothing where rows or columns that a further output would read stay unread:
/// no padding says that.
std::optional<Conv2dAttributes> attributes_of(const Conv2dProblem &p) {
  if (-p.pad_bottom() >= p.stride_height || -p.pad_right() >= p.stride_width) return std::nullopt;
  Conv2dAttributes attributes;
  attributes.strides = {p.stride_height, p.stride_width};
  attributes.dilations = {p.dilation_height, p.dilation_width};
  attributes.padding = Padding::kExplicit;
  attributes.explicit_paddings = {
      0, 0, p.pad_top, std::max<int64_t>(0, p.pad_bottom()), p.pad_left, std::max<int64_t>(0, p.pad_right()), 0, 0};
  return attributes;
}

class OneShotContender : public HalconvContender {
 public:
  OneShotContender(const Case &c, float *result, const std::optional<std::string> &kernel,
                   const Conv2dAttributes &attributes)
      : HalconvContender(c, result, kernel, true), attributes_(attributes) {}

  void run() override {
    switch (case_.operation) {
      case Operation::kForward:
        return check(conv2d(input_, filter_, attributes_, result_view(), execution_));
      case Operation::kBackwardInput:
        return check(conv2d_backprop_input(filter_, output_, attributes_, result_view(), execution_));
      case Operation::kBackwardFilter:
        break;
    }
    check(conv2d_backprop_filter(input_, output_, attributes_, result_view(), execution_));
  }
  std::string implementation() const override { return "one-shot"; }

 private:
  Conv2dAttributes attributes_;
};

}  // namespace

std::unique_ptr<Contender> make_plan(const Case &c, float *result, const std::optional<std::string> &kernel) {
  return std::make_unique<PlanContender>(c, result, kernel, true);
}

std::unique_ptr<Contender> make_one_shot(const Case &c, float *result, const std::optional<std::string> &kernel) {
  const std::optional<Conv2dAttributes> attributes = attributes_of(c.problem);
  if (!attributes) return std::make_unique<PlanContender>(c, result, kernel, false);
  return std::make_unique<OneShotContender>(c, result, kernel, *attributes);
}

}  // namespace halconv::bench
