/// What a forward kernel does with a sum before it stores it: nothing, or the fused epilogue. A generator of forward
/// kernels is a template of one of the two classes, whose members are arguments of the kernel.
#ifndef HALCONV_GENERATORS_EPILOGUE_H_
#define HALCONV_GENERATORS_EPILOGUE_H_

#include <cstdint>

#include "Halide.h"
#include "conv2d_algorithm.h"

namespace halconv::generators {

/// clamp(total, lower, upper), and NaN where total is NaN: compilers may take for granted that nothing is, unless
/// Halide tells them by strict_float. It cannot in OpenCL C, where v21 fails on vectors of strict comparisons.
inline Halide::Expr clamp_but_nan(const Halide::Target &target, const Halide::Expr &total, const Halide::Expr &lower,
                                  const Halide::Expr &upper) {
  if (target.has_feature(Halide::Target::OpenCL) && total.type().is_float()) {
    return Halide::select(is_nan_by_bits(total), total, Halide::clamp(total, lower, upper));
  }
  const Halide::Expr not_less = Halide::select(total < lower, lower, total);
  return Halide::strict_float(Halide::select(not_less > upper, upper, not_less));
}

/// clamp(sum + bias + residual, lower, upper) of elements of type `element`, computed in the type that copies of them
/// are kept in, which is that of the bounds; integers' additions wrap around. NaN passes, as through TensorFlow's Relu
/// and Relu6.
inline Halide::Expr fused_epilogue(const Halide::Target &target, Halide::Type element, const Halide::Expr &sum,
                                   const Halide::Expr &bias, const Halide::Expr &residual, const Halide::Expr &lower,
                                   const Halide::Expr &upper) {
  const auto widened = [&](const Halide::Expr &addend) { return Halide::cast(sum.type(), addend); };
  const Halide::Expr total = Halide::cast(copy_type(element), sum + widened(bias) + widened(residual));
  return clamp_but_nan(target, total, lower, upper);
}

/// Whether a forward result leaves the gradient through the clamp that made it, as TensorFlow's ReluGrad and Relu6Grad
/// have it: more than the lower bound and at most `last`, the last number before the upper one, or infinity where there
/// is none. Never NaN.
inline Halide::Expr passes_gradient(const Halide::Target &target, const Halide::Expr &result, const Halide::Expr &lower,
                                    const Halide::Expr &last) {
  const Halide::Expr passes = result > lower && result <= last;
  return target.has_feature(Halide::Target::OpenCL) ? passes : Halide::strict_float(passes);
}

/// A sum over pixels with the stages that a schedule places.
struct BiasGradient {
  Halide::Func sum{"sum"};  ///< (k): zero by its pure definition, accumulated by update 0
  Halide::RDom pixels;      ///< of an image, and the images
};

/// The sum as it is.
class NoEpilogue {
 public:
  void configure(const Halide::Target &, Halide::Type) {}
  Halide::Expr operator()(const Halide::Expr &sum, const Halide::Expr &, const Halide::Expr &, const Halide::Expr &,
                          const Halide::Expr &, const Halide::Expr &) const {
    return sum;
  }
};

/// The arguments of a fused kernel. One without a bias or a residual reads zeros: of the residual, which has dst's
/// extents, from memory that all pixels share, those of NCHW all rows and channels.
class FusedEpilogue {
 public:
  Halide::GeneratorInput<Halide::Buffer<void, 2>> bias{"bias"};          ///< (k, g)
  Halide::GeneratorInput<Halide::Buffer<void, 5>> residual{"residual"};  ///< (k, x, y, n, g)
  Halide::GeneratorInput<Halide::Expr> lower{"lower"}, upper{"upper"};

  /// `element` is the type of the tensors' elements; call from configure().
  void configure(const Halide::Target &target, Halide::Type element) {
    target_ = target;
    element_ = element;
    bias.set_type(stored_type(target, element));
    residual.set_type(stored_type(target, element));
    lower.set_type(copy_type(element));
    upper.set_type(copy_type(element));
  }

  /// The epilogue of channel k of a pixel.
  Halide::Expr operator()(const Halide::Expr &sum, const Halide::Expr &k, const Halide::Expr &x, const Halide::Expr &y,
                          const Halide::Expr &n, const Halide::Expr &g) const {
    return fused_epilogue(target_, element_, sum, elements(bias, element_)(k, g),
                          elements(residual, element_)(k, x, y, n, g), lower, upper);
  }

 private:
  Halide::Target target_;
  Halide::Type element_;
};

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_EPILOGUE_H_
