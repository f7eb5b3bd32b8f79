/// A request to dispatch, from the C ABI's description of a problem.
#ifndef HALCONV_RUNTIME_PROBLEM_REQUEST_H_
#define HALCONV_RUNTIME_PROBLEM_REQUEST_H_

#include "dispatch.h"
#include "status.h"

namespace halconv::runtime {

/// Parses one line of benchdnn notation.
Status parse_request(int32_t operation, const char *problem, const halconv_tensor_format *format,
                     KernelRequest *request);

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_PROBLEM_REQUEST_H_
