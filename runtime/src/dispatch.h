/// Which kernel runs a request.
#ifndef HALCONV_RUNTIME_DISPATCH_H_
#define HALCONV_RUNTIME_DISPATCH_H_

#include <string>
#include <string_view>
#include <vector>

#include "execution.h"
#include "halconv/conv2d_problem.h"
#include "kernel_table.h"
#include "status.h"

namespace halconv::runtime {

struct KernelRequest {
  std::string_view operation;  ///< one of kOperations
  std::string_view algorithm;  ///< kAutodiff, or empty: any other that suits the problem and the accuracy
  Conv2dProblem problem;
  halconv_tensor_format format{};  ///< a dtype of kDtypes, where the tensors are, a format of kDataFormats
};

/// A kernel that could serve the request, and why it was passed over: empty for the one that is taken.
struct Candidate {
  const Kernel *kernel;
  std::string rejection;
};

/// The kernels of the request's operation, dtype and data format that are generic or made for its problem, in the order
/// tried: targets best first, specialised before generic, Winograd's algorithm, where the accuracy allows it and it is
/// faster, and depthwise before direct. At most one is taken, the first without an objection. A kernel that
/// `execution.kernel` names is a candidate of its operation whatever else it is for.
std::vector<Candidate> rank_candidates(const KernelRequest &request, const Execution &execution);

/// The candidate that is taken, or why there is none.
Status select_kernel(const KernelRequest &request, const Execution &execution, const Kernel **kernel);

/// The candidates, one a line, each with "chosen" or why not.
std::string explain(const KernelRequest &request, const Execution &execution);

/// A forced target must be known, linked and able to run here.
Status check_target(const Execution &execution);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_DISPATCH_H_
