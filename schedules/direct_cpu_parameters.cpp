#include "direct_cpu_parameters.h"

#include <algorithm>

#include "halconv/backward_input_phase.h"
#include "halconv/kernel_name.h"
#include "tuned_table.h"

namespace halconv::schedules {
namespace {

/// The longest axis of backward_input's phases, and the most taps of any.
BackwardInputPhase largest_phase(const std::vector<BackwardInputPhase> &phases) {
  BackwardInputPhase largest = phases.front();
  for (const BackwardInputPhase &phase : phases) largest.taps = std::max(largest.taps, phase.taps);
  return largest;
}

DirectShape backward_input_shape(const Conv2dProblem &p, bool copied) {
  const BackwardInputPhase rows =
      largest_phase(backward_input_phases(p.in_height, p.filter_height, p.stride_height, p.dilation_height, p.pad_top));
  const BackwardInputPhase columns =
      largest_phase(backward_input_phases(p.in_width, p.filter_width, p.stride_width, p.dilation_width, p.pad_left));
  const bool in_place = !copied && p.filter_height == 1 && p.filter_width == 1 && rows.rows <= p.out_height &&
                        columns.rows <= p.out_width;
  return {p.out_channels / p.groups,
          p.in_channels / p.groups,
          rows.rows,
          columns.rows,
          rows.taps,
          columns.taps,
          1,
          1,
          p.batch * p.groups,
          in_place};
}

}  // namespace

DirectShape direct_shape(const KernelKey &key) {
  const Conv2dProblem &p = *key.problem;
  if (key.operation == kBackwardInput) return backward_input_shape(p, key.copies_image());
  return {p.in_channels / p.groups,
          p.out_channels / p.groups,
          p.out_height,
          p.out_width,
          p.filter_height,
          p.filter_width,
          p.stride_height,
          p.stride_width,
          p.batch * p.groups,
          !key.copies_image() && !p.is_padded()};
}

bool fetches_blocks(const KernelKey &key) { return key.problem && key.problem->groups == 1; }

bool fetches_image_rows(const KernelKey &key) {
  if (!key.problem || key.is_planar()) return false;
  const Conv2dProblem &p = *key.problem;
  return p.groups == 1 && p.batch == 1 && p.filter_height == 1 && p.filter_width == 1 && p.stride_height == 1 &&
         p.stride_width == 1 && !p.is_padded();
}

DirectCpuParameters direct_cpu_parameters(const KernelKey &key) {
  DirectCpuParameters p = estimate_direct_cpu_parameters(key);
  if (key.packs_filter) {
    // Each task packs its part of the filter: no two may need the same one.
    p.rows_per_task = static_cast<int>(direct_shape(key).rows);
    p.blocks_per_task = 1;
    p.prefetch = p.next_rows = 0;  // the products read what was packed, from L2
    return p;
  }
  std::optional<TunedRow> row = find_tuned_row(key);
  if (!row) return p;
  constexpr int kMost = 1 << 16;
  const int most_columns = key.problem ? static_cast<int>(std::min<int64_t>(direct_shape(key).columns, kMost)) : kMost;
  const int most_rows = key.problem ? static_cast<int>(std::min<int64_t>(direct_shape(key).rows, kMost)) : kMost;
  row->read("vectors", 1, 16, &p.vectors);
  row->read("width", 1, most_columns, &p.width);
  row->read("height", 1, most_rows, &p.height);
  row->read("unroll", 1, 16, &p.unroll);
  row->read("rows_per_task", 1, kMost, &p.rows_per_task);
  row->read("blocks_per_task", 1, kMost, &p.blocks_per_task);
  row->read("prefetch", 0, kMost, &p.prefetch);
  row->read("next_block", 0, fetches_blocks(key) ? 1 : 0, &p.next_block);
  row->read("next_rows", 0, fetches_image_rows(key) ? 1 : 0, &p.next_rows);
  row->check_all_read();
  if (const int tile = p.vectors * p.width * p.height; tile > 64) {
    row->fail("vectors * width * height is " + std::to_string(tile) + ", expected at most 64");
  }
  if (key.problem && direct_shape(key).reduced_channels % p.unroll != 0) {
    row->fail("unroll is " + std::to_string(p.unroll) + ", expected a divisor of the " +
              std::to_string(direct_shape(key).reduced_channels) + " channels summed over");
  }
  if (p.rows_per_task < p.height) {
    row->fail("rows_per_task is " + std::to_string(p.rows_per_task) + ", expected at least the height, " +
              std::to_string(p.height));
  }
  return p;
}

}  // namespace halconv::schedules
