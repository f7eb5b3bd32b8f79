/// oneDNN, on the tensors as they are and in the layouts that it likes best.
#include <omp.h>

#include <array>
#include <chrono>
#include <limits>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "../peer.h"

namespace halconv::bench {
namespace {

using dnnl::memory;

enum class Reorders {
  kCounted,    ///< from and to the plain layouts, in every call
  kNotCounted  ///< inputs are reordered beforehand, the result afterwards
};

/// Which tensors oneDNN may lay out as it likes; the others are plain.
struct Layouts {
  bool any_images, any_filter;
};

constexpr Layouts kLayouts[] = {{false, false}, {false, true}, {true, true}};

memory::desc plain_images(int64_t n, int64_t h, int64_t w, int64_t c) {
  return {{n, c, h, w}, memory::data_type::f32, memory::format_tag::nhwc};
}

memory::desc plain_filter(const Conv2dProblem &p) {
  const int64_t in = p.in_channels / p.groups, out = p.out_channels / p.groups;
  if (p.groups == 1) {
    return {{out, in, p.filter_height, p.filter_width}, memory::data_type::f32, memory::format_tag::hwio};
  }
  return {{p.groups, out, in, p.filter_height, p.filter_width}, memory::data_type::f32, memory::format_tag::hwigo};
}

memory::desc any_layout(const memory::desc &plain) {
  return {plain.get_dims(), plain.get_data_type(), memory::format_tag::any};
}

const dnnl::engine &engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

/// The primitive of an operation, and the layouts that it wants. oneDNN's src, weights and dst are halconv's input,
/// filter and output.
struct Primitive {
  dnnl::primitive primitive;
  memory::desc input, filter, output;
  std::string implementation;
};

Primitive create_primitive(const Case &c, const Layouts &layouts) {
  const Conv2dProblem &p = c.problem;
  memory::desc input = plain_images(p.batch, p.in_height, p.in_width, p.in_channels), filter = plain_filter(p);
  memory::desc output = plain_images(p.batch, p.out_height, p.out_width, p.out_channels);
  if (layouts.any_images) {
    input = any_layout(input);
    output = any_layout(output);
  }
  if (layouts.any_filter) filter = any_layout(filter);
  const memory::dims strides{p.stride_height, p.stride_width};
  const memory::dims dilations{p.dilation_height - 1, p.dilation_width - 1};
  const memory::dims top_left{p.pad_top, p.pad_left}, bottom_right{p.pad_bottom(), p.pad_right()};
  constexpr auto kAlgorithm = dnnl::algorithm::convolution_auto;
  const auto forward = [&](dnnl::prop_kind kind) {
    return dnnl::convolution_forward::primitive_desc(engine(), kind, kAlgorithm, input, filter, output, strides,
                                                     dilations, top_left, bottom_right);
  };
  switch (c.operation) {
    case Operation::kForward: {
      const auto description = forward(dnnl::prop_kind::forward_inference);
      return {dnnl::convolution_forward(description), description.src_desc(), description.weights_desc(),
              description.dst_desc(), description.impl_info_str()};
    }
    case Operation::kBackwardInput: {
      const dnnl::convolution_backward_data::primitive_desc description(engine(), kAlgorithm, input, filter, output,
                                                                        strides, dilations, top_left, bottom_right,
                                                                        forward(dnnl::prop_kind::forward_training));
      return {dnnl::convolution_backward_data(description), description.diff_src_desc(), description.weights_desc(),
              description.diff_dst_desc(), description.impl_info_str()};
    }
    case Operation::kBackwardFilter:
      break;
  }
  const dnnl::convolution_backward_weights::primitive_desc description(engine(), kAlgorithm, input, filter, output,
                                                                       strides, dilations, top_left, bottom_right,
                                                                       forward(dnnl::prop_kind::forward_training));
  return {dnnl::convolution_backward_weights(description), description.src_desc(), description.diff_weights_desc(),
          description.diff_dst_desc(), description.impl_info_str()};
}

/// One tensor in the plain layout and in the primitive's, which may be the same.
class Tensor {
 public:
  Tensor(const memory::desc &plain, const memory::desc &wanted, float *data) : plain_(plain, engine(), data) {
    inner_ = plain == wanted ? plain_ : memory(wanted, engine());
    if (plain == wanted) return;
    to_inner_.emplace(plain_, inner_);
    to_plain_.emplace(inner_, plain_);
  }

  const memory &inner() const { return inner_; }
  bool is_plain() const { return !to_inner_; }
  void reorder_to_inner(const dnnl::stream &stream) {
    if (to_inner_) to_inner_->execute(stream, plain_, inner_);
  }
  void reorder_to_plain(const dnnl::stream &stream) {
    if (to_plain_) to_plain_->execute(stream, inner_, plain_);
  }

 private:
  memory plain_, inner_;
  std::optional<dnnl::reorder> to_inner_, to_plain_;
};

class OneDnnContender : public Contender {
 public:
  OneDnnContender(const Case &c, float *result, const Layouts &layouts, Reorders reorders)
      : reorders_(reorders), stream_(engine()) {
    omp_set_num_threads(c.threads);
    const Conv2dProblem &p = c.problem;
    primitive_ = create_primitive(c, layouts);
    const bool makes_input = c.operation == Operation::kBackwardInput;
    const bool makes_filter = c.operation == Operation::kBackwardFilter;
    const bool makes_output = c.operation == Operation::kForward;
    const auto data = [&](const Elements &operand, bool is_result) {
      return is_result ? result : const_cast<float *>(operand.data());  // oneDNN only reads it
    };
    tensors_[0].emplace(plain_images(p.batch, p.in_height, p.in_width, p.in_channels), primitive_.input,
                        data(c.tensors->input, makes_input));
    tensors_[1].emplace(plain_filter(p), primitive_.filter, data(c.tensors->filter, makes_filter));
    tensors_[2].emplace(plain_images(p.batch, p.out_height, p.out_width, p.out_channels), primitive_.output,
                        data(c.tensors->output, makes_output));
    result_index_ = makes_input ? 0 : makes_filter ? 1 : 2;
    arguments_ = {{makes_input ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, tensors_[0]->inner()},
                  {makes_filter ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, tensors_[1]->inner()},
                  {makes_output ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, tensors_[2]->inner()}};
    if (reorders_ == Reorders::kNotCounted) reorder_operands();
    stream_.wait();
  }

  void run() override {
    if (reorders_ == Reorders::kCounted) reorder_operands();
    primitive_.primitive.execute(stream_, arguments_);
    if (reorders_ == Reorders::kCounted) tensors_[result_index_]->reorder_to_plain(stream_);
    stream_.wait();
  }

  void store_result() override {
    if (reorders_ == Reorders::kNotCounted) tensors_[result_index_]->reorder_to_plain(stream_);
    stream_.wait();
  }

  std::string implementation() const override {
    std::string text = primitive_.implementation;
    for (const std::optional<Tensor> &tensor : tensors_) text += tensor->is_plain() ? " plain" : " blocked";
    return text;
  }

 private:
  void reorder_operands() {
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (i != result_index_) tensors_[i]->reorder_to_inner(stream_);
    }
  }

  Reorders reorders_;
  dnnl::stream stream_;
  Primitive primitive_;
  std::array<std::optional<Tensor>, 3> tensors_;  ///< input, filter, output
  size_t result_index_ = 0;
  std::unordered_map<int, memory> arguments_;
};

/// oneDNN at the instructions of the case's target, and without its cache of primitives: a first call is one.
void configure(const Case &c) {
  static const bool configured = [&] {
    // Everything that an AVX-512 CPU has: f32 uses none of the extensions beyond.
    if (c.target == "avx2") dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
    if (c.target == "x86_64") dnnl::set_max_cpu_isa(dnnl::cpu_isa::sse41);
    dnnl::set_primitive_cache_capacity(0);
    return true;
  }();
  static_cast<void>(configured);
}

double seconds_of_a_call(Contender *contender) {
  using Clock = std::chrono::steady_clock;
  contender->run();
  double least = std::numeric_limits<double>::max();
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    contender->run();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return least;
}

/// The fastest choice of layouts.
MakeContender prepare(const Case &c, Reorders reorders) {
  configure(c);
  std::optional<Layouts> fastest;
  double least = std::numeric_limits<double>::max();
  std::string reason;
  Elements result(static_cast<size_t>(result_elements(c)));
  for (const Layouts &layouts : kLayouts) {
    try {
      OneDnnContender contender(c, result.data(), layouts, reorders);
      const double seconds = seconds_of_a_call(&contender);
      if (seconds >= least) continue;
      least = seconds;
      fastest = layouts;
    } catch (const dnnl::error &error) {
      reason = error.message;
    }
  }
  if (!fastest) throw CannotCompute(reason);
  return [c, layouts = *fastest, reorders](float *place) {
    return std::make_unique<OneDnnContender>(c, place, layouts, reorders);
  };
}

const PeerRegistration registration({
    {"onednn_plain", Counterpart::kOneShot, [](const Case &c) { return prepare(c, Reorders::kCounted); }},
    {"onednn_best", Counterpart::kPlan, [](const Case &c) { return prepare(c, Reorders::kNotCounted); }},
});

}  // namespace
}  // namespace halconv::bench
