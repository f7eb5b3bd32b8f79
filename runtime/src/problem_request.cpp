#include "problem_request.h"

#include "operation.h"

namespace halconv::runtime {

Status parse_request(halconv_operation operation, const char *problem, halconv_device device, KernelRequest *request) {
  HALCONV_RETURN_IF_ERROR(operation_name(operation, &request->operation));
  if (problem == nullptr) return errors::null_argument("problem", "one line in benchdnn's notation");
  if (device < HALCONV_HOST || device > HALCONV_OPENCL) return errors::device("device", device);
  const ParseResult<SuiteEntry> entry = parse_suite_entry(problem);
  if (!entry.value) return errors::malformed_problem(problem, entry.error.column, entry.error.message);
  request->problem = entry.value->problem;
  request->device = device;
  return ok_status();
}

}  // namespace halconv::runtime
