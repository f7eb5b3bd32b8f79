/// halconv's own ways to compute a case.
#ifndef HALCONV_BENCH_HALCONV_CONTENDER_H_
#define HALCONV_BENCH_HALCONV_CONTENDER_H_

#include <memory>
#include <optional>
#include <string>

#include "contender.h"

namespace halconv::bench {

/// A plan whose filter is packed beforehand; of the kernel named, or of the one that halconv chooses.
std::unique_ptr<Contender> make_plan(const Case &c, float *result, const std::optional<std::string> &kernel = {});

/// TensorFlow's function, which looks the kernel up and packs the filter in every call.
std::unique_ptr<Contender> make_one_shot(const Case &c, float *result, const std::optional<std::string> &kernel = {});

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_HALCONV_CONTENDER_H_
