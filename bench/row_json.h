/// The bench program's output: a line of JSON for each event, for the driver in halconv_bench/ to read.
#ifndef HALCONV_BENCH_ROW_JSON_H_
#define HALCONV_BENCH_ROW_JSON_H_

#include <nlohmann/json.hpp>

#include "contender.h"
#include "measurement.h"

namespace halconv::bench {

/// A row: times in seconds, rates in FLOP/s, ratios above 1 where halconv is faster.
nlohmann::json to_json(const Case &c, const SuiteEntry &entry, const Measurement &m);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_ROW_JSON_H_
