/// A tensor as a kernel of some target takes it.
#ifndef HALCONV_RUNTIME_KERNEL_TENSOR_H_
#define HALCONV_RUNTIME_KERNEL_TENSOR_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "HalideRuntime.h"
#include "call_context.h"
#include "halconv/conv2d_problem.h"
#include "halconv/targets.h"
#include "status.h"

namespace halconv::runtime {

/// Elements per dimension, Halide's order: innermost first.
template <size_t rank>
using Extents = std::array<int64_t, rank>;

inline Extents<4> input_extents(const Conv2dProblem &p) { return {p.in_channels, p.in_width, p.in_height, p.batch}; }
inline Extents<4> output_extents(const Conv2dProblem &p) {
  return {p.out_channels, p.out_width, p.out_height, p.batch};
}

/// The most dimensions of a tensor, a filter in blocks, and one that addresses a part of it.
inline constexpr size_t kMaxDimensions = 7;

/// Halide's name of a dtype.
halide_type_t halide_type(halconv_dtype dtype);
/// How kernels of the target see the elements of a dtype.
halide_type_t stored_type(const TargetInfo &target, halconv_dtype dtype);

/// A dense tensor in the memory of a kernel's target: a caller's tensor where it already is there, else a copy on
/// the device or scratch, freed with the object. `context` must outlive it.
class KernelTensor {
 public:
  KernelTensor(CallContext *context, const TargetInfo &target) : context_(context), target_(target) {}
  ~KernelTensor();
  KernelTensor(const KernelTensor &) = delete;
  KernelTensor &operator=(const KernelTensor &) = delete;

  /// A dense shape without memory, the first dimension innermost. As an argument of a kernel it turns the call into a
  /// bounds query: the kernel computes nothing and writes the shape it wants into the buffer.
  template <size_t rank>
  void describe(const Extents<rank> &extents, halide_type_t type) {
    static constexpr size_t kOrder[] = {0, 1, 2, 3, 4, 5};
    describe(extents.data(), kOrder, rank, type);
  }
  /// The same of an image (c, x, y, n) in the data format.
  void describe_image(const Extents<4> &extents, halide_type_t type, halconv_data_format data_format);
  /// Views a tensor of rank 4 as (channels of a group, ..., groups), of rank 5.
  void split_groups(int64_t groups);
  /// The caller's tensor, to be read: a filter HWIO, or an image in the data format, as (c, x, y, n).
  Status bind_input(const halconv_tensor &tensor, halconv_data_format data_format = HALCONV_NHWC);
  /// The caller's tensor, to be written as a whole, then published.
  Status bind_output(const halconv_tensor &tensor, halconv_data_format data_format = HALCONV_NHWC);
  /// Scratch.
  template <size_t rank>
  Status allocate(const Extents<rank> &extents, halide_type_t type) {
    describe(extents, type);
    return allocate();
  }
  /// Scratch for an image (c, x, y, n) in the data format.
  Status allocate_image(const Extents<4> &extents, halide_type_t type, halconv_data_format data_format) {
    describe_image(extents, type, data_format);
    return allocate();
  }
  Status fill_with_zeros();
  /// Scratch with the shape and elements of `source`. Memory that it already has is written again.
  Status copy(KernelTensor *source);
  /// Copies what kernels wrote to where the caller wants it, if that is elsewhere.
  Status publish();

  bool has_memory() const { return memory_ != Memory::kNone; }
  halide_buffer_t *buffer() { return &buffer_; }
  CallContext *context() const { return context_; }
  const TargetInfo &target() const { return target_; }
  /// The address or device address of the first element is a multiple of kBlockAlignment.
  bool is_aligned() const;

 private:
  enum class Memory { kNone, kCallers, kWrapped, kScratch, kDevice };

  void describe(const int64_t *extents, const size_t *order, size_t rank, halide_type_t type);
  Status wrap(const halconv_tensor &tensor);
  Status allocate();
  Status checked(int code, const char *what) const;
  Status upload(uint8_t *source);

  CallContext *const context_;
  const TargetInfo &target_;
  Memory memory_ = Memory::kNone;
  uint8_t *host_ = nullptr;  ///< the caller's memory, if the tensor is on the host
  halide_buffer_t buffer_{};
  std::array<halide_dimension_t, kMaxDimensions> dimensions_{};
};

/// A tensor's memory as another shape of its elements, of more than there are where strides are 0; kernels' argument.
class StridedView {
 public:
  StridedView() = default;
  StridedView(const StridedView &) = delete;
  StridedView &operator=(const StridedView &) = delete;

  template <size_t rank>
  halide_buffer_t *open(KernelTensor *tensor, const Extents<rank> &extents, const Extents<rank> &strides) {
    for (size_t i = 0; i < rank; ++i) {
      dimensions_[i] = {0, static_cast<int32_t>(extents[i]), static_cast<int32_t>(strides[i])};
    }
    view_ = *tensor->buffer();
    view_.dimensions = static_cast<int32_t>(rank);
    view_.dim = dimensions_.data();
    return &view_;
  }

 private:
  std::array<halide_dimension_t, kMaxDimensions> dimensions_{};
  halide_buffer_t view_{};
};

/// Part of a tensor along its dimensions: element (i0, i1, ...) is the tensor's at `offset + sum of stride * i`.
struct Slice {
  int64_t offset = 0;  ///< elements from the tensor's first
  std::array<halide_dimension_t, kMaxDimensions> dimensions{};
};

/// A slice as a kernel's argument. OpenCL has no views at arbitrary offsets: there a slice that does not start at the
/// tensor's first element is copied to and from dense scratch.
class SliceView {
 public:
  SliceView(KernelTensor *tensor, const Slice &slice);

  SliceView(const SliceView &) = delete;
  SliceView &operator=(const SliceView &) = delete;

  Status open_input();
  Status open_output();
  /// Makes what a kernel wrote into the view visible in the tensor.
  Status publish();

  halide_buffer_t *buffer() { return is_staged_ ? staged_.buffer() : &view_; }

 private:
  Status stage();
  Status copy(halide_buffer_t *source, halide_buffer_t *destination);

  KernelTensor *const tensor_;
  Slice slice_;
  bool is_staged_;
  halide_buffer_t view_;
  KernelTensor staged_;
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_KERNEL_TENSOR_H_
