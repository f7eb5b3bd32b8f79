/// halconv_schedule_space: the numbers that kernels' schedules run with, and those worth trying.
///
///     halconv_schedule_space [--table FILE] [--candidates] KERNEL...
///
/// Prints a line of JSON for each kernel: {"kernel": ..., "numbers": {name: value, ...}, "candidates": [{...}, ...]},
/// with empty numbers for a kernel whose schedule has none. FILE holds tuned rows of the kernels' target; without it
/// the numbers are the heuristic's. Returns 0, or 1 after an error, with a message on standard error.
#include "schedule_space.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "element_type.h"
#include "halconv/kernel_name.h"
#include "halconv/long_rows.h"

namespace halconv {
namespace {

schedules::KernelKey key_of(const std::string &kernel, const std::string &table) {
  const ParseResult<KernelName> name = parse_kernel_name(kernel);
  if (!name.value) {
    throw std::runtime_error(kernel + ":" + std::to_string(name.error.column) + ": " + name.error.message);
  }
  const Halide::Target target(std::string(find_target(name.value->target)->halide_target));
  schedules::KernelKey key;
  KernelName scheduled = *name.value;
  if (scheduled.operation == kForwardFused) scheduled.operation = kForward;  // it runs with forward's numbers
  key.operation = scheduled.generator();
  key.listed = name.value->problem;
  if (key.listed) key.problem = as_computed(*key.listed, !target.has_gpu_feature(), name.value->data_format);
  key.element = generators::element_type(name.value->dtype);
  key.target = target;
  key.table = table;
  return key;
}

nlohmann::ordered_json to_json(const schedules::ScheduleNumbers &numbers) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto &[name, value] : numbers) object[name] = value;
  return object;
}

void print(const std::string &kernel, const std::string &table, bool with_candidates) {
  const schedules::KernelKey key = key_of(kernel, table);
  nlohmann::ordered_json line = {{"kernel", kernel}, {"numbers", to_json(schedules::schedule_numbers(key))}};
  if (with_candidates) {
    line["candidates"] = nlohmann::ordered_json::array();
    for (const schedules::ScheduleNumbers &numbers : schedules::schedule_space(key)) {
      line["candidates"].push_back(to_json(numbers));
    }
  }
  std::cout << line << '\n';
}

}  // namespace
}  // namespace halconv

int main(int argc, char **argv) {
  CLI::App app("The numbers that kernels' schedules run with, and those worth trying");
  std::vector<std::string> kernels;
  std::string table;
  bool with_candidates = false;
  app.add_option("kernels", kernels, "Names of kernels")->required();
  app.add_option("--table", table, "File of tuned rows")->check(CLI::ExistingFile);
  app.add_flag("--candidates", with_candidates, "Also those worth trying");
  try {
    app.parse(argc, argv);
    for (const std::string &kernel : kernels) halconv::print(kernel, table, with_candidates);
    return 0;
  } catch (const CLI::ParseError &error) {
    return app.exit(error);
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
