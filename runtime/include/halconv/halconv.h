/// The C ABI of halconv: TensorFlow's conv2d family over ahead-of-time compiled Halide kernels.
///
/// Tensors are dense and row-major in TensorFlow's layouts: input and output NHWC `[n, h, w, c]` or NCHW `[n, c, h,
/// w]`, filter HWIO `[r, s, c, k]`. Every call returns a `halconv_status` by value; none prints, aborts or throws. A
/// message names the argument, its value and what was expected. After an error nothing has been written to the output,
/// unless the error came from the kernel itself (HALCONV_RESOURCE_EXHAUSTED, HALCONV_INTERNAL).
///
/// Semantics: TensorFlow's tf.nn.conv2d, conv2d_backprop_input, conv2d_backprop_filter and conv2d_transpose, its errors
/// included: where TensorFlow checks the same condition, code and first words are its own, as is the order of checks.
/// Extents may be zero: a result without elements is left alone, and sums without terms are zero.
#ifndef HALCONV_HALCONV_H_
#define HALCONV_HALCONV_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HALCONV_API __attribute__((visibility("default")))
#else
#define HALCONV_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define HALCONV_VERSION_MAJOR 0
#define HALCONV_VERSION_MINOR 1
#define HALCONV_VERSION_PATCH 0

/// Highest rank a tensor description can carry; every conv2d tensor has rank 4.
#define HALCONV_MAX_RANK 8
#define HALCONV_MESSAGE_SIZE 1024

/// The canonical codes that TensorFlow's errors use, with the same numbers.
typedef enum halconv_status_code {
  HALCONV_OK = 0,
  HALCONV_INVALID_ARGUMENT = 3,
  HALCONV_NOT_FOUND = 5,
  HALCONV_RESOURCE_EXHAUSTED = 8,
  HALCONV_UNIMPLEMENTED = 12,
  HALCONV_INTERNAL = 13,
  HALCONV_UNAVAILABLE = 14
} halconv_status_code;

/// `message` is empty when `code` is HALCONV_OK.
typedef struct halconv_status {
  halconv_status_code code;
  char message[HALCONV_MESSAGE_SIZE];
} halconv_status;

typedef enum halconv_dtype {
  HALCONV_FLOAT32 = 0,
  HALCONV_FLOAT64 = 1,
  HALCONV_FLOAT16 = 2,   ///< IEEE 754 binary16, summed in float32
  HALCONV_BFLOAT16 = 3,  ///< the upper half of a float32, summed in float32
  HALCONV_INT32 = 4      ///< forward only; sums wrap around
} halconv_dtype;

/// Where `halconv_tensor::data` lives.
typedef enum halconv_device {
  HALCONV_HOST = 0,   ///< an address of this process
  HALCONV_CUDA = 1,   ///< a CUdeviceptr, a multiple of 16, of the context that is current on the thread
  HALCONV_OPENCL = 2  ///< a cl_mem of the context that halconv_opencl_context returns
} halconv_device;

/// A dense row-major tensor that the caller owns; halconv never keeps the pointer beyond the call.
typedef struct halconv_tensor {
  void *data;
  halconv_dtype dtype;
  halconv_device device;
  int32_t rank;
  int64_t shape[HALCONV_MAX_RANK];  ///< elements per dimension, outermost first
} halconv_tensor;

typedef enum halconv_padding {
  HALCONV_VALID = 0,
  HALCONV_SAME = 1,  ///< what is left over goes to the bottom and right
  HALCONV_EXPLICIT = 2
} halconv_padding;

/// Writes the type that TensorFlow's string names: "VALID", "SAME" or "EXPLICIT".
HALCONV_API halconv_status halconv_parse_padding(const char *text, halconv_padding *padding);

/// How an image lies in memory. Its shape lists its extents in this order; filters are HWIO `[r, s, c, k]` in both.
typedef enum halconv_data_format {
  HALCONV_NHWC = 0,  ///< [n, h, w, c]
  HALCONV_NCHW = 1   ///< [n, c, h, w]
} halconv_data_format;

/// Writes the format that TensorFlow's string names: "NHWC" or "NCHW".
HALCONV_API halconv_status halconv_parse_data_format(const char *text, halconv_data_format *data_format);

/// What TensorFlow takes as a list of integers: a shape, or the values of an attribute.
typedef struct halconv_int_list {
  int32_t count;  ///< how many there are; the first HALCONV_MAX_RANK of them are held
  int64_t values[HALCONV_MAX_RANK];
} halconv_int_list;

/// TensorFlow's attributes of a convolution. Strides and dilations are {1, {s}} for height and width alike, {2,
/// {height, width}} or {4, {1, height, width, 1}}, in HALCONV_NCHW {4, {1, 1, height, width}}.
typedef struct halconv_conv2d_attributes {
  halconv_int_list strides;    ///< > 0
  halconv_int_list dilations;  ///< > 0; 1 is a dense filter
  halconv_padding padding;
  /// {8, {0, 0, top, bottom, left, right, 0, 0}}, in HALCONV_NCHW {8, {0, 0, 0, 0, top, bottom, left, right}}, >= 0,
  /// for HALCONV_EXPLICIT; {0} for the others.
  halconv_int_list explicit_paddings;
  /// Of input and output, whose shapes below are given as HALCONV_NHWC has them.
  halconv_data_format data_format;
} halconv_conv2d_attributes;

/// Scratch memory. `allocate` returns `size` bytes at `alignment` (a power of two) or NULL; both are called from any
/// thread that runs a task of the call.
typedef struct halconv_allocator {
  void *context;
  void *(*allocate)(void *context, size_t size, size_t alignment);
  void (*deallocate)(void *context, void *pointer, size_t size, size_t alignment);
} halconv_allocator;

/// `parallel_for` calls `task(task_context, i)` once for each i in [0, count), in any order and on any threads, and
/// returns when all have returned. A thread that runs the same i in every loop finds its data in its caches.
typedef struct halconv_thread_pool {
  void *context;
  void (*parallel_for)(void *context, int32_t count, void (*task)(void *task_context, int32_t index),
                       void *task_context);
} halconv_thread_pool;

/// Which algorithms may compute the result. Dtypes besides float32 have the direct sum alone.
typedef enum halconv_accuracy {
  /// The direct sum, or Winograd's algorithm on tiles of 2x2 pixels where that is faster. Integers whose direct sums
  /// are exact with a few bits to spare stay exact; the largest error of a tensor is no larger than that of a loop that
  /// sums in sequence. An error is relative to the largest elements of the operands, as README.md's section on accuracy
  /// states it; Inf and NaN spread over their tile, in the filter's gradient over all of it.
  HALCONV_ACCURACY_STANDARD = 0,
  /// The direct sum alone: each element is within gamma_n of the sum of the absolute values of its n products, Inf and
  /// NaN are where the products have them.
  HALCONV_ACCURACY_STRICT = 1,
  /// Also Winograd's algorithm on tiles of 4x4 pixels, with larger errors, integers' included.
  HALCONV_ACCURACY_FAST = 2
} halconv_accuracy;

/// How a call runs; on tensors of a device it returns when the work is in the stream or queue, on host tensors when the
/// result is there. A null pointer or a zeroed struct means the defaults.
typedef struct halconv_execution {
  /// "x86_64", "avx2", "avx512", "avx512_bf16", "cuda", "opencl"; NULL takes the environment variable HALCONV_TARGET,
  /// and without it the best target that this machine and the tensors' device allow.
  const char *target;
  /// Runs this kernel (a name that halconv_kernel_info returns) or fails; NULL takes the first applicable one.
  const char *kernel;
  int32_t threads;                     ///< upper limit of CPU threads; 0: one per core that the process may use
  const halconv_thread_pool *pool;     ///< NULL: halconv's own
  const halconv_allocator *allocator;  ///< NULL: halconv's caching allocator
  void *stream;                        ///< a CUstream for cuda kernels on device tensors; NULL: the default stream
  halconv_accuracy accuracy;
  /// For plans and halconv_explain. Nonzero: every run brings another filter, so that the time to convert it counts
  /// when the kernel is chosen; 0: halconv_plan_prepare_filter converts it once. In calls without a plan it always
  /// counts.
  int32_t filter_changes;
} halconv_execution;

/// The operations that have plans.
typedef enum halconv_operation {
  HALCONV_FORWARD = 0,
  HALCONV_BACKWARD_INPUT = 1,
  HALCONV_BACKWARD_FILTER = 2,
  HALCONV_FORWARD_FUSED = 3
} halconv_operation;

/// output[n, p, q, k] = sum_{r, s, c} input[n, stride_h p + dilation_h r - top, stride_w q + dilation_w s - left, c]
///                                    * filter[r, s, c, k], zeros outside the input.
/// Shapes: input [n, h, w, c], filter [r, s, c, k], output as halconv_conv2d_output_shape says.
HALCONV_API halconv_status halconv_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                          const halconv_conv2d_attributes *attributes,
                                          const halconv_execution *execution, halconv_tensor *output);

/// Where a fused convolution's output is kept between.
typedef enum halconv_activation {
  HALCONV_NO_ACTIVATION = 0,
  HALCONV_RELU = 1,   ///< 0 and infinity
  HALCONV_RELU6 = 2,  ///< 0 and 6
  HALCONV_CLAMP = 3   ///< `lower` and `upper`
} halconv_activation;

/// What a fused convolution does with its sums before it stores them. A null pointer or a zeroed struct means nothing.
typedef struct halconv_epilogue {
  const halconv_tensor *bias;      ///< [k], added to every pixel; NULL: none
  const halconv_tensor *residual;  ///< of the output's shape; NULL: none. It may not overlap the output.
  halconv_activation activation;
  double lower, upper;  ///< HALCONV_CLAMP's, lower <= upper, in the type that kernels sum the dtype in
} halconv_epilogue;

/// output = min(max(conv2d(input, filter) + bias + residual, lower), upper), each element computed by one kernel in the
/// type that its dtype is summed in, rounded to the dtype once and stored once. NaN stays NaN. All tensors have one
/// dtype and one device. Shapes as halconv_conv2d's. Its errors are those of halconv_conv2d, and besides bias or
/// residual of another shape, an unknown activation, and bounds that are NaN, in the wrong order or, for int32, without
/// an integer between them. Source: TensorFlow's _FusedConv2D (tensorflow/core/ops/nn_ops.cc), with BiasAdd, Add, Relu
/// and Relu6.
HALCONV_API halconv_status halconv_fused_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                                const halconv_conv2d_attributes *attributes,
                                                const halconv_epilogue *epilogue, const halconv_execution *execution,
                                                halconv_tensor *output);

/// The gradient through halconv_fused_conv2d's epilogue, in one pass over `out_backprop`. Where `output`, the forward
/// result, lies strictly between the activation's bounds, or at an infinite upper one, masked_out_backprop is
/// out_backprop, elsewhere 0, also where the output is NaN, as TensorFlow's ReluGrad and Relu6Grad have it; without an
/// activation it is out_backprop everywhere, and `output` may be NULL. It is the gradient of the residual, and what
/// halconv_conv2d_backprop_input and halconv_conv2d_backprop_filter take for `out_backprop`: that is why it is a tensor
/// of its own. bias_backprop[k] is its sum over all other dimensions, TensorFlow's BiasAddGrad, the same on any number
/// of threads; NULL if it is not wanted. Of `epilogue` only activation, lower and upper count. Shapes: output,
/// out_backprop and masked_out_backprop [n, p, q, k], in the data format, bias_backprop [k]; results overlap nothing.
/// Not for int32.
/// Source: tensorflow/core/kernels/relu_op_functor.h and bias_op.cc.
HALCONV_API halconv_status halconv_fused_conv2d_backprop_epilogue(
    const halconv_tensor *output, const halconv_tensor *out_backprop, const halconv_epilogue *epilogue,
    halconv_data_format data_format, const halconv_execution *execution, halconv_tensor *masked_out_backprop,
    halconv_tensor *bias_backprop);

/// The gradient of halconv_conv2d with respect to its input; `input_backprop`'s shape is the forward input's.
HALCONV_API halconv_status halconv_conv2d_backprop_input(const halconv_tensor *filter,
                                                         const halconv_tensor *out_backprop,
                                                         const halconv_conv2d_attributes *attributes,
                                                         const halconv_execution *execution,
                                                         halconv_tensor *input_backprop);

/// The gradient of halconv_conv2d with respect to its filter; `filter_backprop`'s shape is the forward filter's.
HALCONV_API halconv_status halconv_conv2d_backprop_filter(const halconv_tensor *input,
                                                          const halconv_tensor *out_backprop,
                                                          const halconv_conv2d_attributes *attributes,
                                                          const halconv_execution *execution,
                                                          halconv_tensor *filter_backprop);

/// The transpose of halconv_conv2d: input [n, p, q, k], filter [r, s, c, k] (TensorFlow's [height, width,
/// output_channels, in_channels]), output [n, h, w, c]. `output`'s shape is TensorFlow's `output_shape` and is checked
/// by running the forward formula back.
HALCONV_API halconv_status halconv_conv2d_transpose(const halconv_tensor *input, const halconv_tensor *filter,
                                                    const halconv_conv2d_attributes *attributes,
                                                    const halconv_execution *execution, halconv_tensor *output);

/// TensorFlow's depthwise_conv2d: output[n, p, q, c * multiplier + m] is the sum above over r and s alone, of
/// input[.., .., .., c] * filter[r, s, c, m]. It is halconv_conv2d with a group for each input channel, whose filter
/// [r, s, 1, c * multiplier] has the same bytes. Shapes: input [n, h, w, c], filter [r, s, c, multiplier], output [n,
/// p, q, c
/// * multiplier].
HALCONV_API halconv_status halconv_depthwise_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                                    const halconv_conv2d_attributes *attributes,
                                                    const halconv_execution *execution, halconv_tensor *output);

/// halconv_fused_conv2d for halconv_depthwise_conv2d; the epilogue's k is c * multiplier.
HALCONV_API halconv_status halconv_fused_depthwise_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                                                          const halconv_conv2d_attributes *attributes,
                                                          const halconv_epilogue *epilogue,
                                                          const halconv_execution *execution, halconv_tensor *output);

/// The gradient of halconv_depthwise_conv2d with respect to its input.
HALCONV_API halconv_status halconv_depthwise_conv2d_backprop_input(const halconv_tensor *filter,
                                                                   const halconv_tensor *out_backprop,
                                                                   const halconv_conv2d_attributes *attributes,
                                                                   const halconv_execution *execution,
                                                                   halconv_tensor *input_backprop);

/// The gradient of halconv_depthwise_conv2d with respect to its filter.
HALCONV_API halconv_status halconv_depthwise_conv2d_backprop_filter(const halconv_tensor *input,
                                                                    const halconv_tensor *out_backprop,
                                                                    const halconv_conv2d_attributes *attributes,
                                                                    const halconv_execution *execution,
                                                                    halconv_tensor *filter_backprop);

/// The gradients by reverse-mode differentiation of the forward algorithm (Halide's propagate_adjoints): an oracle and
/// a teaching aid, slower than the functions above. CPU targets only.
HALCONV_API halconv_status halconv_conv2d_backprop_input_autodiff(const halconv_tensor *filter,
                                                                  const halconv_tensor *out_backprop,
                                                                  const halconv_conv2d_attributes *attributes,
                                                                  const halconv_execution *execution,
                                                                  halconv_tensor *input_backprop);
HALCONV_API halconv_status halconv_conv2d_backprop_filter_autodiff(const halconv_tensor *input,
                                                                   const halconv_tensor *out_backprop,
                                                                   const halconv_conv2d_attributes *attributes,
                                                                   const halconv_execution *execution,
                                                                   halconv_tensor *filter_backprop);

/// Writes the output shape [n, p, q, k] of halconv_conv2d and the four resolved paddings {{top, bottom}, {left,
/// right}}. An input smaller than the filter's reach can have an output without rows: TensorFlow's division truncates.
/// Source: TensorFlow's GetWindowedOutputSizeVerbose (tensorflow/core/framework/kernel_shape_util.cc).
HALCONV_API halconv_status halconv_conv2d_output_shape(const halconv_int_list *input_shape,
                                                       const halconv_int_list *filter_shape,
                                                       const halconv_conv2d_attributes *attributes,
                                                       int64_t output_shape[4], int64_t paddings[2][2]);

/// Writes the shape [n, h, w, c] of halconv_conv2d_backprop_input's result. `input_sizes` has these 4 values, which are
/// checked by running the forward formula back, or 2: height and width, with the batch of out_backprop and the channels
/// of the filter.
HALCONV_API halconv_status halconv_conv2d_input_shape(const halconv_int_list *input_sizes,
                                                      const halconv_int_list *filter_shape,
                                                      const halconv_int_list *out_backprop_shape,
                                                      const halconv_conv2d_attributes *attributes,
                                                      int64_t input_shape[4]);

/// Writes the shape [r, s, c, k] of halconv_conv2d_backprop_filter's result: `filter_sizes`, checked.
HALCONV_API halconv_status halconv_conv2d_filter_shape(const halconv_int_list *input_shape,
                                                       const halconv_int_list *filter_sizes,
                                                       const halconv_int_list *out_backprop_shape,
                                                       const halconv_conv2d_attributes *attributes,
                                                       int64_t filter_shape[4]);

/// What a problem in benchdnn's notation leaves open about its tensors. A null pointer or a zeroed struct means float32
/// on the host in HALCONV_NHWC.
typedef struct halconv_tensor_format {
  halconv_dtype dtype;
  halconv_device device;
  halconv_data_format data_format;
} halconv_tensor_format;

/// A kernel looked up once for one operation, shape, format and execution; run many times. Not thread-safe: one plan
/// per thread.
typedef struct halconv_plan halconv_plan;

/// `problem` is one line in benchdnn's notation, e.g. "mb1ic64ih56oc64oh56kh3ph1". `execution` and what it points to
/// are copied except pool, allocator and stream contexts, which must outlive the plan.
HALCONV_API halconv_status halconv_plan_create(halconv_operation operation, const char *problem,
                                               const halconv_tensor_format *format, const halconv_execution *execution,
                                               halconv_plan **plan);

/// Copies the filter into the kernel's own layout and keeps it in the plan, so that halconv_plan_run need not. For
/// HALCONV_BACKWARD_FILTER, whose result is the filter, it is an error.
HALCONV_API halconv_status halconv_plan_prepare_filter(halconv_plan *plan, const halconv_tensor *filter);

/// Runs the plan: forward (input, filter) -> output; backward_input (filter, out_backprop) -> input_backprop;
/// backward_filter (input, out_backprop) -> filter_backprop, the argument order of TensorFlow's functions. After
/// halconv_plan_prepare_filter pass NULL for the filter. From the second run on nothing is allocated.
HALCONV_API halconv_status halconv_plan_run(halconv_plan *plan, const halconv_tensor *first,
                                            const halconv_tensor *second, halconv_tensor *result);

/// Runs a plan of HALCONV_FORWARD_FUSED, which halconv_plan_run runs without an epilogue. Every run may have another
/// one.
HALCONV_API halconv_status halconv_plan_run_fused(halconv_plan *plan, const halconv_tensor *input,
                                                  const halconv_tensor *filter, const halconv_epilogue *epilogue,
                                                  halconv_tensor *output);

/// The name of the kernel that the plan runs; lives as long as the plan.
HALCONV_API const char *halconv_plan_kernel(const halconv_plan *plan);

/// Releases the plan; NULL is ignored.
HALCONV_API void halconv_plan_destroy(halconv_plan *plan);

/// A row of the kernel table. The strings live as long as the process.
typedef struct halconv_kernel_info {
  const char *name;         ///< as kernel_name.h has it, e.g. conv2d_forward__generic__f32__avx2
  const char *operation;    ///< e.g. "conv2d_forward"
  const char *problem;      ///< benchdnn notation, or "generic"
  const char *dtype;        ///< "f32", "f64", "f16", "bf16" or "i32"
  const char *target;       ///< "avx2", ...
  int32_t runnable;         ///< 1 if this machine can run it
  const char *data_format;  ///< "nhwc" or "nchw"
} halconv_kernel_info;

/// How many kernels the linked libraries hold.
HALCONV_API int32_t halconv_kernel_count(void);
HALCONV_API halconv_status halconv_kernel(int32_t index, halconv_kernel_info *info);

/// The targets of the linked libraries, best first.
HALCONV_API int32_t halconv_target_count(void);
/// Writes the name and, in `unavailable_reason`, an empty message or why this machine cannot run it.
HALCONV_API halconv_status halconv_target(int32_t index, const char **name, char *unavailable_reason,
                                          size_t unavailable_reason_size);

/// Writes, one line per candidate in the order tried, the kernel's name and "chosen" or why it was passed over.
/// `text` is cut at `size` bytes and always terminated; `needed` (may be NULL) receives the full length with
/// terminator.
HALCONV_API halconv_status halconv_explain(halconv_operation operation, const char *problem,
                                           const halconv_tensor_format *format, const halconv_execution *execution,
                                           char *text, size_t size, size_t *needed);

/// Writes the cl_context and the in-order cl_command_queue that kernels of the target "opencl" use. Both stay
/// halconv's.
HALCONV_API halconv_status halconv_opencl_context(void **context, void **command_queue);

/// Frees the scratch memory that halconv's own allocator has cached and no call is using.
HALCONV_API void halconv_release_cached_memory(void);

#ifdef __cplusplus
}
#endif

#endif  // HALCONV_HALCONV_H_
