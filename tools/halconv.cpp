/// halconv: what the linked kernel libraries hold, which kernel would run, whether it is right and how fast it is.
#include "halconv/halconv.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/targets.h"
#include "run_problem.h"

namespace halconv::tools {
namespace {

using Json = nlohmann::ordered_json;

const std::map<std::string, PlannedOperation> kOperationsByName = {
    {"forward", PlannedOperation::kForward},
    {"forward_fused", PlannedOperation::kForwardFused},
    {"backward_input", PlannedOperation::kBackwardInput},
    {"backward_filter", PlannedOperation::kBackwardFilter}};

const std::map<std::string, DataFormat> kDataFormatsByName = {{"nhwc", DataFormat::kNhwc}, {"nchw", DataFormat::kNchw}};

struct Options {
  bool json = false;
  std::string problem;
  std::vector<std::string> operations{"forward", "backward_input", "backward_filter"};
  std::optional<std::string> data_format;
  std::vector<std::string> epilogue{"bias", "residual", "relu"};
  Execution execution;

  DataFormat selected_data_format() const { return kDataFormatsByName.at(data_format.value_or("nhwc")); }

  EpilogueParts selected_epilogue() const {
    const auto has = [&](const char *part) {
      return std::find(epilogue.begin(), epilogue.end(), part) != epilogue.end();
    };
    return {has("bias"), has("residual"),
            has("relu6")  ? Activation::kRelu6
            : has("relu") ? Activation::kRelu
                          : Activation::kNone};
  }
};

void print_json(const Json &json) { std::printf("%s\n", json.dump(2).c_str()); }

/// Always 1, the exit code of a failure.
int fail(const std::string &message) {
  std::fprintf(stderr, "halconv: %s\n", message.c_str());
  return 1;
}

Result<SuiteEntry> parse(const std::string &problem) {
  ParseResult<SuiteEntry> entry = parse_suite_entry(problem);
  if (entry.value) return *entry.value;
  halconv_status status{HALCONV_INVALID_ARGUMENT, ""};
  std::snprintf(status.message, sizeof status.message, "PROBLEM:%zu: %s", entry.error.column,
                entry.error.message.c_str());
  return Status(status);
}

/// Kernels of the operations, the data format and the target asked for, those that reorder an operation's filter
/// included.
bool is_listed(const KernelInfo &kernel, const Options &options) {
  if (options.execution.target && kernel.target != *options.execution.target) return false;
  if (options.data_format && kernel.data_format != *options.data_format) return false;
  return std::any_of(options.operations.begin(), options.operations.end(), [&](const std::string &operation) {
    return kernel.operation.starts_with("conv2d_" + operation) || kernel.operation == "reorder_filter_" + operation;
  });
}

int list(const Options &options) {
  if (options.execution.target && find_target(*options.execution.target) == nullptr) {
    return fail("--target is \"" + *options.execution.target + "\", expected one of " + target_names());
  }
  Json targets_json = Json::array(), kernels_json = Json::array();
  for (const auto &[name, reason] : targets()) {
    targets_json.push_back({{"name", name}, {"available", reason.empty()}, {"unavailable_reason", reason}});
    if (!options.json && !reason.empty())
      std::printf("# target %s cannot run here: %s\n", name.c_str(), reason.c_str());
  }
  for (const KernelInfo &kernel : kernels()) {
    if (!is_listed(kernel, options)) continue;
    kernels_json.push_back({{"name", kernel.name},
                            {"operation", kernel.operation},
                            {"problem", kernel.problem},
                            {"dtype", kernel.dtype},
                            {"data_format", kernel.data_format},
                            {"target", kernel.target},
                            {"runnable", kernel.is_runnable}});
    if (!options.json) std::printf("%s\n", kernel.name.c_str());
  }
  if (options.json) print_json({{"targets", targets_json}, {"kernels", kernels_json}});
  return 0;
}

Result<std::string> explain_operation(PlannedOperation operation, const Options &options) {
  const TensorFormat format{.data_format = options.selected_data_format()};
  switch (operation) {
    case PlannedOperation::kForwardFused:
      return explain_fused(options.problem, options.execution, format);
    case PlannedOperation::kForward:
      return halconv::explain(Operation::kForward, options.problem, options.execution, format);
    case PlannedOperation::kBackwardInput:
      return halconv::explain(Operation::kBackwardInput, options.problem, options.execution, format);
    case PlannedOperation::kBackwardFilter:
      break;
  }
  return halconv::explain(Operation::kBackwardFilter, options.problem, options.execution, format);
}

int explain(const Options &options) {
  Json explanations = Json::array();
  for (const std::string &operation : options.operations) {
    const Result<std::string> text = explain_operation(kOperationsByName.at(operation), options);
    if (!text.ok()) return fail(text.status().message());
    Json candidates = Json::array();
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
      const size_t colon = line.find(": ");
      const std::string verdict = line.substr(colon + 2);
      candidates.push_back({{"kernel", line.substr(0, colon)}, {"chosen", verdict == "chosen"}, {"reason", verdict}});
    }
    explanations.push_back({{"operation", operation}, {"candidates", candidates}});
    if (!options.json) std::printf("%s\n%s", operation.c_str(), text->c_str());
  }
  if (options.json) print_json(explanations);
  return 0;
}

int run(const Options &options) {
  const Result<SuiteEntry> entry = parse(options.problem);
  if (!entry.ok()) return fail(entry.status().message());
  const double giga_flops = entry->problem.flops() / 1e9;
  bool all_right = true;
  Json reports = Json::array();
  for (const std::string &operation : options.operations) {
    const Result<RunReport> report =
        run_problem({kOperationsByName.at(operation), entry->problem, options.selected_data_format(),
                     options.selected_epilogue(), options.execution});
    if (!report.ok()) return fail(operation + ": " + report.status().message());
    all_right &= report->is_right();
    const double rate = giga_flops / report->best_milliseconds * 1e3;
    reports.push_back({{"operation", operation},
                       {"kernel", report->kernel},
                       {"right", report->is_right()},
                       {"max_error", report->max_error},
                       {"error_of_bound", report->error_of_bound},
                       {"runs", report->runs},
                       {"best_milliseconds", report->best_milliseconds},
                       {"median_milliseconds", report->median_milliseconds},
                       {"gflops", rate}});
    if (options.json) continue;
    std::printf(
        "%s\n  %s, max error %.3g, %.3g of the bound\n  best %.3f ms, median %.3f ms of %d runs, %.1f GFLOP/s\n",
        report->kernel.c_str(), report->is_right() ? "right" : "WRONG", report->max_error, report->error_of_bound,
        report->best_milliseconds, report->median_milliseconds, report->runs, rate);
  }
  if (options.json) print_json(reports);
  return all_right ? 0 : fail("a result differs from the reference by more than rounding can explain");
}

int problem(const Options &options) {
  const Result<SuiteEntry> entry = parse(options.problem);
  if (!entry.ok()) return fail(entry.status().message());
  const Conv2dProblem &p = entry->problem;
  const Json json = {{"problem", to_string(p)},
                     {"name", entry->name},
                     {"repeat", entry->repeat},
                     {"groups", p.groups},
                     {"input", {p.batch, p.in_height, p.in_width, p.in_channels}},
                     {"filter", {p.filter_height, p.filter_width, p.in_channels / p.groups, p.out_channels}},
                     {"output", {p.batch, p.out_height, p.out_width, p.out_channels}},
                     {"strides", {p.stride_height, p.stride_width}},
                     {"dilations", {p.dilation_height, p.dilation_width}},
                     {"paddings", {{p.pad_top, p.pad_bottom()}, {p.pad_left, p.pad_right()}}},
                     {"flops", p.flops()},
                     {"flops_inside", p.flops_inside()}};
  if (options.json) {
    print_json(json);
    return 0;
  }
  for (const auto &[key, value] : json.items()) {
    std::printf("%-14s%s\n", key.c_str(), value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  return 0;
}

int main(int argc, char **argv) {
  CLI::App app{"TensorFlow's conv2d and its gradients, compiled ahead of time."};
  app.require_subcommand(1);
  Options options;
  int result = 0;
  const auto command = [&](const char *name, const char *description, int (*function)(const Options &)) {
    CLI::App *const subcommand = app.add_subcommand(name, description);
    subcommand->add_flag("--json", options.json, "Print JSON");
    subcommand->callback([&result, &options, function] { result = function(options); });
    return subcommand;
  };
  const auto add_problem = [&](CLI::App *subcommand) {
    subcommand->add_option("PROBLEM", options.problem, "A line in benchdnn's notation, e.g. ic64ih56oc64oh56kh3ph1")
        ->required();
  };
  const auto add_selection = [&](CLI::App *subcommand) {
    subcommand
        ->add_option("--op", options.operations,
                     "Only this operation; may be repeated (default: all but forward_fused)")
        ->check(CLI::IsMember(kOperationsByName));
    subcommand->add_option("--data-format", options.data_format, "Layout of images (default: nhwc; list: all)")
        ->check(CLI::IsMember(kDataFormatsByName));
    subcommand->add_option("--target", options.execution.target, "Only this target: " + target_names());
  };

  add_selection(command("list", "List the kernels of the linked libraries, in the order they are tried", list));
  CLI::App *const explain_command = command("explain", "Say which kernel would run, and why not the others", explain);
  add_problem(explain_command);
  add_selection(explain_command);
  CLI::App *const run_command = command("run", "Check the kernel against plain loops and time it", run);
  add_problem(run_command);
  add_selection(run_command);
  run_command
      ->add_option("--epilogue", options.epilogue, "What forward_fused does: some of bias, residual, relu, relu6")
      ->delimiter(',')
      ->check(CLI::IsMember({"bias", "residual", "relu", "relu6"}))
      ->capture_default_str();
  run_command->add_option("--kernel", options.execution.kernel, "Run this kernel");
  run_command->add_option("--threads", options.execution.threads, "At most so many CPU threads (default: all cores)")
      ->check(CLI::NonNegativeNumber);
  add_problem(command("problem", "Print the problem as parsed, its shapes and FLOPs", problem));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 1;
  }
  return result;
}

}  // namespace
}  // namespace halconv::tools

int main(int argc, char **argv) {
  try {
    return halconv::tools::main(argc, argv);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "halconv: %s\n", error.what());
    return 1;
  }
}
