/// The schedule of epilogue_backward for GPUs.
#ifndef HALCONV_SCHEDULES_EPILOGUE_BACKWARD_GPU_H_
#define HALCONV_SCHEDULES_EPILOGUE_BACKWARD_GPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

void schedule_epilogue_backward_gpu(const KernelKey &key, Halide::Func masked, Halide::Func bias_gradient,
                                    const generators::BiasGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_EPILOGUE_BACKWARD_GPU_H_
