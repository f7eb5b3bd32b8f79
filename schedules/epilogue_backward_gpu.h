/// The schedule of epilogue_backward for GPUs.
#ifndef HALCONV_SCHEDULES_EPILOGUE_BACKWARD_GPU_H_
#define HALCONV_SCHEDULES_EPILOGUE_BACKWARD_GPU_H_

#include "epilogue.h"

namespace halconv::schedules {

void schedule_epilogue_backward_gpu(Halide::Func masked, Halide::Func bias_gradient,
                                    const generators::BiasGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_EPILOGUE_BACKWARD_GPU_H_
