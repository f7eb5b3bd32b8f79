/// Whether contenders compute the same, and what they should.
#ifndef HALCONV_BENCH_AGREEMENT_H_
#define HALCONV_BENCH_AGREEMENT_H_

#include <stdexcept>
#include <string>

#include "contender.h"

namespace halconv::bench {

/// Thrown where a result is wrong; names the element, its value and what was expected.
struct Disagreement : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Random integers, so small that every result is an integer that float sums reach exactly in any order. Each library
/// then gives the same integers, to the bit or, where its algorithm multiplies with fractions, after rounding.
Tensors make_integer_tensors(const Conv2dProblem &problem, Operation operation, Dtype dtype = Dtype::kFloat32);

/// Throws Disagreement unless some hundreds of elements of the result, evenly spread, round to the sums of products
/// that define them. A result of 16 bits has to be what its dtype has nearest to the sum.
void check_sample(const Case &c, const Elements &result, const std::string &name);

/// Throws Disagreement unless all elements of both round to the same integers, and these to the same of the dtype: that
/// of the case, which one of the two may have computed in f32.
void check_same(const Elements &result, const std::string &name, const Elements &expected,
                const std::string &expected_name, Dtype dtype = Dtype::kFloat32);

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_AGREEMENT_H_
