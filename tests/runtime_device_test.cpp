/// Tensors in a GPU's memory: read and written where they are, by one-shot calls and by plans.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/halconv.hpp"
#include "halconv/tensor_functions.hpp"
#include "reference.h"
#include "required_target.h"

namespace halconv {
namespace {

/// What execution->stream may be; for a GPU without one, something that is none.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void *handle() = 0;
  virtual void synchronize() {}
};

/// A GPU through its driver's own functions, as a caller would hold it.
class Gpu {
 public:
  virtual ~Gpu() = default;
  virtual Device device() const = 0;
  virtual float *allocate(size_t bytes) = 0;
  virtual void free(float *memory) = 0;
  virtual void write(float *memory, const float *source, size_t bytes) = 0;
  virtual void read(float *destination, float *memory, size_t bytes) = 0;
  virtual std::unique_ptr<Stream> make_stream() = 0;
};

/// Any function of a driver, called with exactly the types of its signature.
template <typename... Arguments>
void call(void *library, const char *name, Arguments... arguments) {
  const auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
  ASSERT_NE(function, nullptr) << name;
  EXPECT_EQ(function(arguments...), 0) << name;
}

class CudaStream : public Stream {
 public:
  explicit CudaStream(void *driver) : driver_(driver) { call(driver_, "cuStreamCreate", &stream_, 0u); }
  ~CudaStream() override { call(driver_, "cuStreamDestroy_v2", stream_); }
  void *handle() override { return stream_; }
  void synchronize() override { call(driver_, "cuStreamSynchronize", stream_); }

 private:
  void *driver_, *stream_ = nullptr;
};

class NoStream : public Stream {
 public:
  void *handle() override { return this; }
};

class CudaGpu : public Gpu {
 public:
  CudaGpu() : driver_(dlopen("libcuda.so.1", RTLD_NOW)) {
    call(driver_, "cuInit", 0u);
    call(driver_, "cuDevicePrimaryCtxRetain", &context_, 0);
    call(driver_, "cuCtxPushCurrent_v2", context_);
  }
  ~CudaGpu() override {
    void *popped = nullptr;
    call(driver_, "cuCtxPopCurrent_v2", &popped);
    call(driver_, "cuDevicePrimaryCtxRelease_v2", 0);
  }
  Device device() const override { return Device::kCuda; }
  float *allocate(size_t bytes) override {
    uint64_t address = 0;
    call(driver_, "cuMemAlloc_v2", &address, bytes);
    return reinterpret_cast<float *>(address);
  }
  void free(float *memory) override { call(driver_, "cuMemFree_v2", address(memory)); }
  void write(float *memory, const float *source, size_t bytes) override {
    call(driver_, "cuMemcpyHtoD_v2", address(memory), static_cast<const void *>(source), bytes);
  }
  void read(float *destination, float *memory, size_t bytes) override {
    call(driver_, "cuMemcpyDtoH_v2", static_cast<void *>(destination), address(memory), bytes);
  }

  std::unique_ptr<Stream> make_stream() override { return std::make_unique<CudaStream>(driver_); }

 private:
  static uint64_t address(float *memory) { return reinterpret_cast<uint64_t>(memory); }
  void *driver_;
  void *context_ = nullptr;
};

class OpenClGpu : public Gpu {
 public:
  OpenClGpu() : driver_(dlopen("libOpenCL.so.1", RTLD_NOW)) {
    const Status status = halconv_opencl_context(&context_, &queue_);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  Device device() const override { return Device::kOpenCl; }
  float *allocate(size_t bytes) override {
    constexpr uint64_t kReadWrite = 1;
    const auto create =
        reinterpret_cast<void *(*)(void *, uint64_t, size_t, void *, int32_t *)>(dlsym(driver_, "clCreateBuffer"));
    return static_cast<float *>(create(context_, kReadWrite, bytes, nullptr, nullptr));
  }
  void free(float *memory) override { call(driver_, "clReleaseMemObject", static_cast<void *>(memory)); }
  void write(float *memory, const float *source, size_t bytes) override {
    call(driver_, "clEnqueueWriteBuffer", queue_, static_cast<void *>(memory), 1u, size_t{0}, bytes,
         static_cast<const void *>(source), 0u, static_cast<void *>(nullptr), static_cast<void *>(nullptr));
  }
  void read(float *destination, float *memory, size_t bytes) override {
    call(driver_, "clEnqueueReadBuffer", queue_, static_cast<void *>(memory), 1u, size_t{0}, bytes,
         static_cast<void *>(destination), 0u, static_cast<void *>(nullptr), static_cast<void *>(nullptr));
  }

  std::unique_ptr<Stream> make_stream() override { return std::make_unique<NoStream>(); }

 private:
  void *driver_;
  void *context_ = nullptr, *queue_ = nullptr;
};

/// A tensor on the GPU.
class DeviceTensor {
 public:
  DeviceTensor(Gpu *gpu, const HostTensor &source)
      : gpu_(gpu), shape_(source.shape), bytes_(source.data.size() * sizeof(float)), memory_(gpu->allocate(bytes_)) {
    gpu_->write(memory_, source.data.data(), bytes_);
  }
  ~DeviceTensor() { gpu_->free(memory_); }
  DeviceTensor(const DeviceTensor &) = delete;
  DeviceTensor &operator=(const DeviceTensor &) = delete;

  TensorView view() const { return {memory_, shape_, gpu_->device()}; }
  std::vector<float> read() const {
    std::vector<float> values(bytes_ / sizeof(float));
    gpu_->read(values.data(), memory_, bytes_);
    return values;
  }

 private:
  Gpu *gpu_;
  Shape shape_;
  size_t bytes_;
  float *memory_;
};

HostTensor integers(const Shape &shape) {
  static std::mt19937 generator(11);
  HostTensor tensor(shape);
  for (float &element : tensor.data) element = static_cast<float>(static_cast<int>(generator() % 9) - 4);
  return tensor;
}

std::vector<float> as_floats(const reference::Sums &sums) { return {sums.value.begin(), sums.value.end()}; }

class DeviceTest : public ::testing::TestWithParam<const char *> {
 protected:
  void SetUp() override {
    const std::string target = GetParam();
    HALCONV_SKIP_UNLESS_RUNNABLE(target);
    if (target == "cuda") gpu_ = std::make_unique<CudaGpu>();
    if (target == "opencl") gpu_ = std::make_unique<OpenClGpu>();
  }

  /// Strides that leave a remainder, so that phases start at odd places of the tensor; more channels than one block.
  const std::string text_ = "g1mb2_ic5oc19_ih9iw8oh4ow3kh3kw2sh2sw3ph1pw1";
  const Conv2dProblem problem_ = parse_suite_entry(text_).value->problem;
  const Shape input_shape_{2, 9, 8, 5}, filter_shape_{3, 2, 5, 19}, output_shape_{2, 4, 3, 19};
  const Conv2dAttributes attributes_{{2, 3}, 1, Padding::kExplicit, {0, 0, 1, 0, 1, 0, 0, 0}};
  const HostTensor input_ = integers(input_shape_), filter_ = integers(filter_shape_),
                   out_backprop_ = integers(output_shape_);
  std::unique_ptr<Gpu> gpu_;
};

TEST_P(DeviceTest, ReadsAndWritesDeviceTensors) {
  const DeviceTensor x(gpu_.get(), input_), w(gpu_.get(), filter_), d(gpu_.get(), out_backprop_);
  const DeviceTensor y(gpu_.get(), HostTensor(output_shape_)), dx(gpu_.get(), HostTensor(input_shape_)),
      dw(gpu_.get(), HostTensor(filter_shape_));
  const Status forward = conv2d(x.view(), w.view(), attributes_, y.view());
  ASSERT_TRUE(forward.ok()) << forward.message();
  EXPECT_EQ(y.read(), as_floats(reference::forward(problem_, input_.data.data(), filter_.data.data())));
  const Status backward_input = conv2d_backprop_input(w.view(), d.view(), attributes_, dx.view());
  ASSERT_TRUE(backward_input.ok()) << backward_input.message();
  EXPECT_EQ(dx.read(), as_floats(reference::backward_input(problem_, filter_.data.data(), out_backprop_.data.data())));
  const Status backward_filter = conv2d_backprop_filter(x.view(), d.view(), attributes_, dw.view());
  ASSERT_TRUE(backward_filter.ok()) << backward_filter.message();
  EXPECT_EQ(dw.read(), as_floats(reference::backward_filter(problem_, input_.data.data(), out_backprop_.data.data())));
  EXPECT_EQ(x.read(), input_.data) << "an input was written";
}

TEST_P(DeviceTest, RunsPlansWithAPreparedFilter) {
  const DeviceTensor x(gpu_.get(), input_), w(gpu_.get(), filter_), y(gpu_.get(), HostTensor(output_shape_));
  Result<Plan> plan = Plan::create(Operation::kForward, text_, {}, {.device = gpu_->device()});
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  const Status prepared = plan->prepare_filter(w.view());
  ASSERT_TRUE(prepared.ok()) << prepared.message();
  for (int i = 0; i < 2; ++i) {
    const Status status = plan->run(x.view(), std::nullopt, y.view());
    ASSERT_TRUE(status.ok()) << status.message();
  }
  EXPECT_EQ(y.read(), as_floats(reference::forward(problem_, input_.data.data(), filter_.data.data())));
}

TEST_P(DeviceTest, FusesTheEpilogueAndItsGradient) {
  const HostTensor bias = integers({1, 1, 1, 19}), residual = integers(output_shape_);
  const DeviceTensor x(gpu_.get(), input_), w(gpu_.get(), filter_), b(gpu_.get(), bias), r(gpu_.get(), residual),
      d(gpu_.get(), out_backprop_), y(gpu_.get(), HostTensor(output_shape_)),
      masked(gpu_.get(), HostTensor(output_shape_)), d_bias(gpu_.get(), HostTensor({1, 1, 1, 19}));
  const auto channels = [](const DeviceTensor &tensor) {
    return TensorView(tensor.view().data, {19}, Dtype::kFloat32, tensor.view().device);
  };
  for (const bool has_residual : {true, false}) {
    Epilogue epilogue{.bias = channels(b), .activation = Activation::kRelu};
    if (has_residual) epilogue.residual = r.view();
    const Status forward = fused_conv2d(x.view(), w.view(), attributes_, epilogue, y.view());
    ASSERT_TRUE(forward.ok()) << forward.message();
    const std::vector<double> addend(residual.data.begin(), residual.data.end());
    const std::vector<float> expected = as_floats(reference::fused(
        reference::forward(problem_, input_.data.data(), filter_.data.data()), {bias.data.begin(), bias.data.end()},
        has_residual ? addend : std::vector<double>{}, 0, std::numeric_limits<double>::infinity()));
    EXPECT_EQ(y.read(), expected);
    const Status gradient =
        fused_conv2d_backprop_epilogue(y.view(), d.view(), epilogue, masked.view(), channels(d_bias));
    ASSERT_TRUE(gradient.ok()) << gradient.message();
    std::vector<float> expected_masked = out_backprop_.data, expected_d_bias(19);
    for (size_t i = 0; i < expected.size(); ++i) {
      if (expected[i] <= 0) expected_masked[i] = 0;
      expected_d_bias[i % 19] += expected_masked[i];
    }
    EXPECT_EQ(masked.read(), expected_masked);
    EXPECT_EQ(d_bias.read(), expected_d_bias);
  }
}

TEST_P(DeviceTest, WritesZerosWhereSumsHaveNoTerms) {
  const auto nothing = [&](const Shape &shape) { return ConstTensorView{nullptr, shape, gpu_->device()}; };
  const DeviceTensor w(gpu_.get(), integers({3, 3, 1, 2}));
  const DeviceTensor y(gpu_.get(), integers({1, 1, 3, 2})), x(gpu_.get(), integers({1, 2, 5, 1}));
  const Conv2dAttributes padded{.padding = Padding::kExplicit, .explicit_paddings = {0, 0, 2, 1, 0, 0, 0, 0}};
  const Status forward = conv2d(nothing({1, 0, 5, 1}), w.view(), padded, y.view());
  ASSERT_TRUE(forward.ok()) << forward.message();
  EXPECT_EQ(y.read(), std::vector<float>(6, 0.0f));
  const Status backward_input = conv2d_backprop_input(w.view(), nothing({1, 0, 3, 2}), {}, x.view());
  ASSERT_TRUE(backward_input.ok()) << backward_input.message();
  EXPECT_EQ(x.read(), std::vector<float>(10, 0.0f));
  const Status backward_filter = conv2d_backprop_filter(nothing({0, 5, 5, 1}), nothing({0, 3, 3, 2}), {}, w.view());
  ASSERT_TRUE(backward_filter.ok()) << backward_filter.message();
  EXPECT_EQ(w.read(), std::vector<float>(18, 0.0f));
}

TEST_P(DeviceTest, RefusesACpuTarget) {
  const DeviceTensor x(gpu_.get(), input_), w(gpu_.get(), filter_), y(gpu_.get(), HostTensor(output_shape_));
  const Status status = conv2d(x.view(), w.view(), attributes_, y.view(), {.target = targets().back().name});
  EXPECT_EQ(status.code(), HALCONV_NOT_FOUND);
  EXPECT_NE(status.message().find("the tensors are on the"), std::string::npos) << status.message();
}

TEST_P(DeviceTest, TakesAStreamForCudaOnly) {
  const DeviceTensor x(gpu_.get(), input_), w(gpu_.get(), filter_), y(gpu_.get(), HostTensor(output_shape_));
  const std::unique_ptr<Stream> stream = gpu_->make_stream();
  const Status status = conv2d(x.view(), w.view(), attributes_, y.view(), {.stream = stream->handle()});
  if (gpu_->device() == Device::kCuda) {
    ASSERT_TRUE(status.ok()) << status.message();
    stream->synchronize();
    EXPECT_EQ(y.read(), as_floats(reference::forward(problem_, input_.data.data(), filter_.data.data())));
  } else {
    EXPECT_EQ(status.code(), HALCONV_INVALID_ARGUMENT);
    EXPECT_NE(status.message().find("execution->stream"), std::string::npos) << status.message();
  }
}

INSTANTIATE_TEST_SUITE_P(Gpus, DeviceTest, ::testing::Values("cuda", "opencl"),
                         [](const auto &target) { return std::string(target.param); });

/// Without a context on the thread the tensors' addresses mean nothing.
TEST(CudaContext, HasToBeCurrent) {
  HALCONV_SKIP_UNLESS_RUNNABLE("cuda");
  alignas(16) float element = 0, result = 0;
  const ConstTensorView x{&element, {1, 1, 1, 1}, Device::kCuda};
  const Status status = conv2d(x, x, {}, {&result, {1, 1, 1, 1}, Device::kCuda});
  EXPECT_EQ(status.code(), HALCONV_INVALID_ARGUMENT);
  EXPECT_NE(status.message().find("no current CUDA context"), std::string::npos) << status.message();
}

TEST(CudaTensor, HasToBeAlignedForVectors) {
  alignas(16) float elements[2] = {}, result = 0;
  const ConstTensorView x{elements + 1, {1, 1, 1, 1}, Device::kCuda};
  const Status status = conv2d(x, x, {}, {&result, {1, 1, 1, 1}, Device::kCuda});
  EXPECT_EQ(status.code(), HALCONV_INVALID_ARGUMENT);
  EXPECT_NE(status.message().find("expected a multiple of 16"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace halconv
