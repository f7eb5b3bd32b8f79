#include "halconv_contender.h"

#include <algorithm>
#include <utility>

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

/// What a call of halconv takes, bound to the case's tensors.
class HalconvContender : public Contender {
 public:
  HalconvContender(const Case &c, float *result, const std::optional<std::string> &kernel, bool filter_changes)
      : case_(c),
        input_{c.tensors->input.data(), input_shape(c.problem)},
        filter_{c.tensors->filter.data(), filter_shape(c.problem)},
        output_{c.tensors->output.data(), output_shape(c.problem)},
        result_(result) {
    execution_.threads = c.threads;
    execution_.accuracy = c.accuracy;
    execution_.kernel = kernel;
    execution_.filter_changes = filter_changes;
    if (!kernel) execution_.target = c.target;
  }

 protected:
  Plan create_plan() const {
    Result<Plan> plan = Plan::create(case_.operation, to_string(case_.problem), execution_);
    check(plan.status());
    return *std::move(plan);
  }

  TensorView result_view() {
    switch (case_.operation) {
      case Operation::kForward:
        return {result_, output_.shape};
      case Operation::kBackwardInput:
        return {result_, input_.shape};
      case Operation::kBackwardFilter:
        break;
    }
    return {result_, filter_.shape};
  }

  const Case case_;
  Execution execution_;
  const ConstTensorView input_, filter_, output_;

 private:
  float *const result_;
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
