/// The numbers of the loop nest for a handful of result channels on a CPU.
#ifndef HALCONV_SCHEDULES_FEW_CHANNELS_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_FEW_CHANNELS_CPU_PARAMETERS_H_

#include "cpu_machine.h"
#include "direct_cpu_parameters.h"

namespace halconv::schedules {

struct FewChannelsCpuParameters {
  int vectors = 1, rows = 1;  ///< register tile: vectors of columns times rows, of each result channel
  int tiles_per_task = 1;     ///< rows of tiles that one task computes, from a copy of what they read of the image
};

/// The tile that takes least time for the whole result, what lies beyond it included.
FewChannelsCpuParameters estimate_few_channels_cpu_parameters(const CpuMachine &machine, const DirectShape &shape);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_FEW_CHANNELS_CPU_PARAMETERS_H_
