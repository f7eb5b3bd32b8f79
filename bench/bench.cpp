/// Measures the linked kernels on the problems of suites, each against the FMA peak measured beside it.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cpu_model.h"
#include "measurement.h"

namespace halconv::bench {
namespace {

const std::map<std::string, Operation> kOperationNames = {{"forward", Operation::kForward},
                                                          {"backward_input", Operation::kBackwardInput},
                                                          {"backward_filter", Operation::kBackwardFilter}};

struct Options {
  std::vector<std::string> suites, operations = {"forward", "backward_input", "backward_filter"}, targets;
  std::vector<int> threads = {1};
  int64_t batch = 0;
  double seconds = 0.5;
  std::string output;
};

Options parse_options(CLI::App *app, int argc, char **argv) {
  Options options;
  app->add_option("--suite", options.suites, "Files of problems, one a line in benchdnn's notation")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option("--ops", options.operations, "What to measure")
      ->check(CLI::IsMember({"forward", "backward_input", "backward_filter"}));
  app->add_option("--targets", options.targets, "CPU targets; all that are linked and run here");
  app->add_option("--threads", options.threads, "Numbers of threads")->delimiter(',')->check(CLI::PositiveNumber);
  app->add_option("--batch", options.batch, "Batch size in place of the suite's")->check(CLI::PositiveNumber);
  app->add_option("--seconds", options.seconds, "How long to measure each row")->check(CLI::PositiveNumber);
  app->add_option("--out", options.output, "JSON file, in Google Benchmark's schema");
  app->parse(argc, argv);
  if (options.targets.empty()) {
    for (const TargetSupport &target : targets()) {
      const bool cpu = target.name != "cuda" && target.name != "opencl";
      if (cpu && target.unavailable_reason.empty()) options.targets.push_back(target.name);
    }
  }
  return options;
}

std::vector<SuiteEntry> read_suites(const Options &options) {
  std::vector<SuiteEntry> entries;
  for (const std::string &path : options.suites) {
    std::ifstream file(path);
    SuiteResult suite = parse_suite(file);
    if (suite.error_line != 0) {
      throw CLI::ValidationError(path + ":" + std::to_string(suite.error_line) + ":" +
                                 std::to_string(suite.error.column) + ": " + suite.error.message);
    }
    entries.insert(entries.end(), suite.entries.begin(), suite.entries.end());
  }
  if (options.batch > 0) {
    for (SuiteEntry &entry : entries) entry.problem.batch = options.batch;
  }
  return entries;
}

nlohmann::json context() {
  const std::time_t now = std::time(nullptr);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S%z", std::localtime(&now));
  return {{"date", date},
          {"executable", "halconv_bench"},
          {"num_cpus", std::thread::hardware_concurrency()},
          {"cpu_model", cpu_model()},
          {"library_version", std::to_string(HALCONV_VERSION_MAJOR) + "." + std::to_string(HALCONV_VERSION_MINOR)}};
}

nlohmann::json to_json(const Request &request, const Measurement &m) {
  const std::string name = m.kernel + "/threads:" + std::to_string(request.threads);
  return {{"name", name},
          {"run_name", name},
          {"run_type", "iteration"},
          {"repetitions", 1},
          {"threads", request.threads},
          {"iterations", m.rounds},
          {"real_time", m.plan_seconds * 1e9},
          {"cpu_time", m.plan_seconds * 1e9},
          {"time_unit", "ns"},
          {"label", request.entry.name},
          {"problem", to_string(request.entry.problem)},
          {"target", request.target},
          {"gflops", m.gflops},
          {"peak_share", m.peak_share},
          {"best_peak_share", m.best_peak_share},
          {"one_shot_over_plan", m.one_shot_seconds / m.plan_seconds},
          {"spread", m.spread}};
}

void print_header() {
  std::printf("%9s %7s %7s %8s %7s  %s\n", "GFLOP/s", "peak", "best", "one-shot", "spread", "kernel / threads");
}

void print_row(const Request &request, const Measurement &m) {
  std::printf("%9.1f %6.1f%% %6.1f%% %7.2fx %6.1f%%  %s / %d  %s\n", m.gflops, 100 * m.peak_share,
              100 * m.best_peak_share, m.one_shot_seconds / m.plan_seconds, 100 * m.spread, m.kernel.c_str(),
              request.threads, request.entry.name.c_str());
  std::fflush(stdout);
}

int run(const Options &options) {
  const std::vector<SuiteEntry> entries = read_suites(options);
  nlohmann::json rows = nlohmann::json::array();
  int errors = 0, left_out = 0;
  std::printf("%s\n", cpu_model().c_str());
  print_header();
  for (const SuiteEntry &entry : entries) {
    if (entry.problem.groups != 1) {
      ++left_out;
      continue;
    }
    for (const std::string &operation : options.operations) {
      for (const std::string &target : options.targets) {
        for (const int threads : options.threads) {
          const Request request{kOperationNames.at(operation), entry, target, threads, options.seconds};
          const Result<Measurement> measurement = measure(request);
          if (!measurement.ok()) {
            std::fprintf(stderr, "%s %s on %s: %s\n", operation.c_str(), to_string(entry.problem).c_str(),
                         target.c_str(), measurement.status().message().c_str());
            ++errors;
            continue;
          }
          print_row(request, *measurement);
          rows.push_back(to_json(request, *measurement));
        }
      }
    }
  }
  if (left_out > 0) std::printf("%d problems with groups left out: the kernels have one group\n", left_out);
  if (!options.output.empty()) {
    std::ofstream file(options.output);
    file << nlohmann::json{{"context", context()}, {"benchmarks", rows}}.dump(2) << "\n";
    if (!file) {
      std::fprintf(stderr, "cannot write %s\n", options.output.c_str());
      return 1;
    }
  }
  return errors == 0 ? 0 : 1;
}

}  // namespace
}  // namespace halconv::bench

int main(int argc, char **argv) {
  CLI::App app("Measures halconv's kernels: rate, share of the FMA peak, one-shot against plan");
  try {
    return halconv::bench::run(halconv::bench::parse_options(&app, argc, argv));
  } catch (const CLI::ParseError &error) {
    return app.exit(error);
  }
}
