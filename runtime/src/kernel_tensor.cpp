#include "kernel_tensor.h"

#include <cstring>
#include <string>

#include "HalideRuntimeCuda.h"
#include "HalideRuntimeOpenCL.h"
#include "gpu_driver.h"
#include "halconv/data_format.h"
#include "halconv/dtype.h"

namespace halconv::runtime {

halide_type_t halide_type(halconv_dtype dtype) {
  const auto bits = static_cast<uint8_t>(8 * find_dtype(dtype)->bytes);
  switch (dtype) {
    case HALCONV_FLOAT32:
    case HALCONV_FLOAT64:
    case HALCONV_FLOAT16:
      break;
    case HALCONV_BFLOAT16:
      return {halide_type_bfloat, bits, 1};
    case HALCONV_INT32:
      return {halide_type_int, bits, 1};
  }
  return {halide_type_float, bits, 1};
}

halide_type_t stored_type(const TargetInfo &target, halconv_dtype dtype) {
  const halide_type_t type = halide_type(dtype);
  return takes_bits(target.kind, find_dtype(dtype)->name) ? halide_type_t{halide_type_uint, type.bits, 1} : type;
}

KernelTensor::~KernelTensor() {
  switch (memory_) {
    case Memory::kNone:
    case Memory::kCallers:
      break;
    case Memory::kWrapped:
      if (target_.kind == TargetKind::kCuda) {
        halide_cuda_detach_device_ptr(context_, &buffer_);
      } else {
        halide_opencl_detach_cl_mem(context_, &buffer_);
      }
      break;
    case Memory::kScratch:
      context_->deallocate(buffer_.host);
      break;
    case Memory::kDevice:
      halide_device_free(context_, &buffer_);
      break;
  }
}

/// `order` lists the dimensions, innermost first.
void KernelTensor::describe(const int64_t *extents, const size_t *order, size_t rank, halide_type_t type) {
  int64_t stride = 1;
  for (size_t i = 0; i < rank; ++i) {
    const int64_t extent = extents[order[i]];
    dimensions_[order[i]] = {0, static_cast<int32_t>(extent), static_cast<int32_t>(stride)};
    stride *= extent;
  }
  buffer_.type = type;
  buffer_.dimensions = static_cast<int32_t>(rank);
  buffer_.dim = dimensions_.data();
}

void KernelTensor::describe_image(const Extents<4> &extents, halide_type_t type, halconv_data_format data_format) {
  static constexpr size_t kNhwc[] = {0, 1, 2, 3}, kNchw[] = {1, 2, 0, 3};
  describe(extents.data(), data_format == HALCONV_NCHW ? kNchw : kNhwc, extents.size(), type);
}

void KernelTensor::split_groups(int64_t groups) {
  dimensions_[0].extent /= static_cast<int32_t>(groups);
  dimensions_[4] = {0, static_cast<int32_t>(groups), dimensions_[0].extent * dimensions_[0].stride};
  buffer_.dimensions = 5;
}

Status KernelTensor::checked(int code, const char *what) const {
  if (code == halide_error_code_success) return ok_status();
  return context_->status(code, std::string(what) + " for target " + std::string(target_.name));
}

Status KernelTensor::wrap(const halconv_tensor &tensor) {
  const auto handle = reinterpret_cast<uint64_t>(tensor.data);
  HALCONV_RETURN_IF_ERROR(checked(target_.kind == TargetKind::kCuda
                                      ? halide_cuda_wrap_device_ptr(context_, &buffer_, handle)
                                      : halide_opencl_wrap_cl_mem(context_, &buffer_, handle),
                                  "wrapping device memory"));
  memory_ = Memory::kWrapped;
  return ok_status();
}

Status KernelTensor::allocate() {
  if (target_.kind == TargetKind::kCpu) {
    buffer_.host = static_cast<uint8_t *>(context_->allocate(buffer_.size_in_bytes()));
    if (buffer_.host == nullptr) {
      return errors::out_of_memory(std::to_string(buffer_.size_in_bytes()) + " bytes of scratch");
    }
    memory_ = Memory::kScratch;
    return ok_status();
  }
  HALCONV_RETURN_IF_ERROR(
      checked(halide_device_malloc(context_, &buffer_, device_interface(target_.kind)), "allocating device memory"));
  memory_ = Memory::kDevice;
  return ok_status();
}

Status KernelTensor::bind_input(const halconv_tensor &tensor, halconv_data_format data_format) {
  HALCONV_RETURN_IF_ERROR(bind_output(tensor, data_format));
  return memory_ == Memory::kDevice ? upload(host_) : ok_status();
}

// Kernels of GPUs see no host memory: they would demand of it the alignment that they need of the device's.
Status KernelTensor::upload(uint8_t *source) {
  buffer_.host = source;
  buffer_.set_host_dirty();
  const int code = halide_copy_to_device(context_, &buffer_, device_interface(target_.kind));
  buffer_.host = nullptr;
  return checked(code, "copying to the device");
}

Status KernelTensor::fill_with_zeros() {
  const size_t bytes = buffer_.size_in_bytes();
  if (target_.kind == TargetKind::kCpu) {
    std::memset(buffer_.host, 0, bytes);
    return ok_status();
  }
  void *const zeros = context_->allocate(bytes);
  if (zeros == nullptr) return errors::out_of_memory(std::to_string(bytes) + " bytes of zeros");
  std::memset(zeros, 0, bytes);
  const Status status = upload(static_cast<uint8_t *>(zeros));
  context_->deallocate(zeros);
  return status;
}

Status KernelTensor::copy(KernelTensor *source) {
  buffer_.type = source->buffer_.type;
  buffer_.dimensions = source->buffer_.dimensions;
  dimensions_ = source->dimensions_;
  buffer_.dim = dimensions_.data();
  if (!has_memory()) HALCONV_RETURN_IF_ERROR(allocate());
  const halide_device_interface_t *const interface =
      target_.kind == TargetKind::kCpu ? nullptr : device_interface(target_.kind);
  return checked(halide_buffer_copy(context_, &source->buffer_, interface, &buffer_), "copying a tensor");
}

Status KernelTensor::bind_output(const halconv_tensor &tensor, halconv_data_format data_format) {
  const DataFormatInfo &format = *find_data_format(data_format);
  describe_image(
      {tensor.shape[format.channels], tensor.shape[format.width], tensor.shape[format.height], tensor.shape[0]},
      stored_type(target_, tensor.dtype), data_format);
  if (tensor.device != HALCONV_HOST) return wrap(tensor);
  host_ = static_cast<uint8_t *>(tensor.data);
  if (target_.kind != TargetKind::kCpu) return allocate();
  buffer_.host = host_;
  memory_ = Memory::kCallers;
  return ok_status();
}

Status KernelTensor::publish() {
  if (memory_ != Memory::kDevice || host_ == nullptr) return ok_status();
  buffer_.host = host_;
  buffer_.set_device_dirty();
  const int code = halide_copy_to_host(context_, &buffer_);
  buffer_.host = nullptr;
  return checked(code, "copying to the host");
}

bool KernelTensor::is_aligned() const {
  switch (target_.kind) {
    case TargetKind::kCpu:
      return reinterpret_cast<uintptr_t>(buffer_.host) % kBlockAlignment == 0;
    case TargetKind::kCuda:
      return buffer_.device % kBlockAlignment == 0;
    case TargetKind::kOpenCl:  // a handle; devices align what they allocate for their widest vector
      break;
  }
  return true;
}

SliceView::SliceView(KernelTensor *tensor, const Slice &slice)
    : tensor_(tensor),
      slice_(slice),
      is_staged_(tensor->target().kind == TargetKind::kOpenCl && slice.offset != 0),
      view_(*tensor->buffer()),
      staged_(tensor->context(), tensor->target()) {
  view_.dimensions = tensor->buffer()->dimensions;
  view_.dim = slice_.dimensions.data();
  if (is_staged_) return;
  const int64_t offset_bytes = slice.offset * view_.type.bytes();
  if (view_.host != nullptr) view_.host += offset_bytes;
  if (view_.device != 0) view_.device += static_cast<uint64_t>(offset_bytes);
}

Status SliceView::stage() {
  Extents<6> extents{};
  for (size_t i = 0; i < extents.size(); ++i) extents[i] = slice_.dimensions[i].extent;
  if (view_.dimensions == 6) return staged_.allocate(extents, view_.type);
  return staged_.allocate(Extents<5>{extents[0], extents[1], extents[2], extents[3], extents[4]}, view_.type);
}

/// One more dimension, of elements one apart, starts at 0 in the tensor and at the slice's offset in the scratch, where
/// it has a single element, which makes Halide address the tensor's elements from that offset on.
Status SliceView::copy(halide_buffer_t *source, halide_buffer_t *destination) {
  CallContext *const context = tensor_->context();
  const auto offset = static_cast<int32_t>(slice_.offset);
  halide_buffer_t &staged = *staged_.buffer();
  const int rank = view_.dimensions++;
  staged.dimensions = view_.dimensions;
  view_.dim[rank] = {0, offset + 1, 1};
  staged.dim[rank] = {offset, 1, 1};
  const int code = halide_buffer_copy(context, source, device_interface(tensor_->target().kind), destination);
  view_.dimensions = staged.dimensions = rank;
  if (code == halide_error_code_success) return ok_status();
  return context->status(code, "copying a part of a tensor for target " + std::string(tensor_->target().name));
}

Status SliceView::open_input() {
  if (!is_staged_) return ok_status();
  HALCONV_RETURN_IF_ERROR(stage());
  return copy(&view_, staged_.buffer());
}

Status SliceView::open_output() { return is_staged_ ? stage() : ok_status(); }

Status SliceView::publish() { return is_staged_ ? copy(staged_.buffer(), &view_) : ok_status(); }

}  // namespace halconv::runtime
