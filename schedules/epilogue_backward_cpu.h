/// The schedule of epilogue_backward for CPUs.
#ifndef HALCONV_SCHEDULES_EPILOGUE_BACKWARD_CPU_H_
#define HALCONV_SCHEDULES_EPILOGUE_BACKWARD_CPU_H_

#include "kernel_schedule.h"

namespace halconv::schedules {

void schedule_epilogue_backward_cpu(const KernelKey &key, Halide::Func masked, Halide::Func bias_gradient,
                                    const generators::BiasGradient &gradient);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_EPILOGUE_BACKWARD_CPU_H_
