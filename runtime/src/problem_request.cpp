#include "problem_request.h"

#include "enum_number.h"
#include "halconv/data_format.h"
#include "halconv/dtype.h"
#include "operation.h"
#include "tensorflow_errors.h"

namespace halconv::runtime {

Status parse_request(int32_t operation, const char *problem, const halconv_tensor_format *format,
                     KernelRequest *request) {
  HALCONV_RETURN_IF_ERROR(operation_name(operation, &request->operation));
  if (problem == nullptr) return errors::null_argument("problem", "one line in benchdnn's notation");
  if (format != nullptr) request->format = *format;
  const auto &[dtype, device, data_format] = request->format;
  if (find_dtype(dtype) == nullptr) return errors::dtype("format->dtype", dtype);
  if (device < HALCONV_HOST || device > HALCONV_OPENCL) return errors::device("format->device", device);
  if (find_given_data_format(data_format) == nullptr) {
    return errors::data_format_value("format->data_format", number_of(data_format));
  }
  const ParseResult<SuiteEntry> entry = parse_suite_entry(problem);
  if (!entry.value) return errors::malformed_problem(problem, entry.error.column, entry.error.message);
  request->problem = entry.value->problem;
  return ok_status();
}

}  // namespace halconv::runtime
