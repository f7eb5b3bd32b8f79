/// Which kernels read their filter in chunks on a CPU, and the numbers of their loop nest.
#ifndef HALCONV_SCHEDULES_FILTER_CHUNKS_CPU_PARAMETERS_H_
#define HALCONV_SCHEDULES_FILTER_CHUNKS_CPU_PARAMETERS_H_

#include "direct_cpu_parameters.h"

namespace halconv::schedules {

struct FilterChunksCpuParameters {
  DirectCpuParameters tile;  ///< the register tile, and its blocks in a task, as equal for all tasks as they can be
  int chunk;                 ///< channels summed in registers before they are added to the sums in memory
};

/// See reads_filter_in_chunks.
bool reads_filter_in_chunks_cpu(const KernelKey &key);

FilterChunksCpuParameters filter_chunks_cpu_parameters(const KernelKey &key);

}  // namespace halconv::schedules

#endif  // HALCONV_SCHEDULES_FILTER_CHUNKS_CPU_PARAMETERS_H_
