/// Measures the linked kernels of one target on the problems of suites, in turns with the peers. Prints a line of JSON
/// for each event; halconv_bench/ (Python) runs it and shows them.
///
///     {"event": "context", ...}   once, first: the peers, the memory, how many rows will follow
///     {"event": "start", ...}     before each row
///     {"event": "row", ...}       row_json.h
///     {"event": "error", ...}     in place of a row: results disagree, or the kernel fails
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "agreement.h"
#include "bandwidth.h"
#include "cache_eviction.h"
#include "kernel_library.h"
#include "measurement.h"
#include "peer.h"
#include "row_json.h"

namespace halconv::bench {
namespace {

const std::map<std::string, Operation> kOperationNames = {{"forward", Operation::kForward},
                                                          {"backward_input", Operation::kBackwardInput},
                                                          {"backward_filter", Operation::kBackwardFilter}};

const std::map<std::string, Accuracy> kAccuracyNames = {
    {"strict", Accuracy::kStrict}, {"standard", Accuracy::kStandard}, {"fast", Accuracy::kFast}};

struct Options {
  std::vector<std::string> suites, operations = {"forward", "backward_input", "backward_filter"};
  std::string target, dtype = "f32", layers, accuracy = "standard";
  int threads = 1;
  int64_t batch = 0;
  std::vector<std::string> peers, libraries;
  Effort effort;
  bool list = false;
};

Options parse_options(CLI::App *app, int argc, char **argv) {
  Options options;
  app->add_option("--suite", options.suites, "Files of problems, one a line in benchdnn's notation")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option("--ops", options.operations, "What to measure")
      ->check(CLI::IsMember({"forward", "backward_input", "backward_filter"}));
  app->add_option("--target", options.target, "CPU target")->required();
  app->add_option("--dtype", options.dtype, "Element type of halconv's tensors")->check([](const std::string &name) {
    return find_dtype(name) == nullptr ? "--dtype is " + name + ", expected one of " + dtype_names() : std::string();
  });
  app->add_option("--layers", options.layers, "Regular expression that the problems' names have to match");
  app->add_option("--accuracy", options.accuracy, "What halconv is asked for: strict, standard or fast")
      ->check(CLI::IsMember({"strict", "standard", "fast"}));
  app->add_option("--threads", options.threads, "Number of threads")->check(CLI::PositiveNumber);
  app->add_option("--batch", options.batch, "Batch size in place of the suite's")->check(CLI::PositiveNumber);
  app->add_option("--peers", options.peers, "Peers to compare with, of those that are built in; all")->expected(0, 9);
  app->add_option("--libraries", options.libraries, "KERNEL.so of kernels that autoschedulers made");
  app->add_flag("--list", options.list, "Only prints what would be measured, as events \"start\"");
  app->add_option("--precision", options.effort.precision, "Width of the ratios' 95 % interval to reach, relative")
      ->check(CLI::PositiveNumber);
  app->add_option("--seconds", options.effort.seconds, "The longest to try that for each row")
      ->check(CLI::PositiveNumber);
  app->parse(argc, argv);
  return options;
}

std::vector<SuiteEntry> read_suites(const Options &options) {
  const std::regex layers(options.layers);
  std::vector<SuiteEntry> entries;
  for (const std::string &path : options.suites) {
    std::ifstream file(path);
    SuiteResult suite = parse_suite(file);
    if (suite.error_line != 0) {
      throw CLI::ValidationError(path + ":" + std::to_string(suite.error_line) + ":" +
                                 std::to_string(suite.error.column) + ": " + suite.error.message);
    }
    std::copy_if(suite.entries.begin(), suite.entries.end(), std::back_inserter(entries),
                 [&](const SuiteEntry &entry) { return std::regex_search(entry.name, layers); });
  }
  if (options.batch > 0) {
    for (SuiteEntry &entry : entries) entry.problem.batch = options.batch;
  }
  return entries;
}

/// Those asked for, of those built in.
std::vector<Peer> select_peers(const CLI::App &app, const Options &options) {
  std::vector<Peer> selected = peers();
  if (app.count("--peers") == 0) return selected;
  std::erase_if(selected, [&](const Peer &peer) {
    return std::find(options.peers.begin(), options.peers.end(), peer.name) == options.peers.end();
  });
  return selected;
}

void print(const std::string &event, nlohmann::json line) {
  line["event"] = event;
  std::cout << line << std::endl;
}

void print_context(const Options &options, const std::vector<Peer> &chosen, const std::vector<Bandwidth> &bandwidths,
                   size_t rows) {
  nlohmann::json levels = nlohmann::json::array();
  for (const Bandwidth &b : bandwidths) {
    levels.push_back({{"level", b.level}, {"bytes", b.bytes}, {"read", b.read}, {"write", b.write}});
  }
  nlohmann::json names = nlohmann::json::array();
  for (const Peer &peer : chosen) names.push_back(peer.name);
  const CacheSizes caches = cache_sizes();
  print("context", {{"target", options.target},
                    {"dtype", options.dtype},
                    {"threads", options.threads},
                    {"accuracy", options.accuracy},
                    {"peers", names},
                    {"rows", rows},
                    {"bandwidths", levels},
                    {"caches", {caches.l1, caches.l2, caches.l3}},
                    {"eviction_bytes", eviction_bytes()}});
}

nlohmann::json describe(const SuiteEntry &entry, const std::string &operation) {
  return {{"operation", operation}, {"problem", to_string(entry.problem)}, {"layer", entry.name}};
}

/// Returns whether there is a row.
bool measure_row(const SuiteEntry &entry, const std::string &operation, const std::vector<Peer> &chosen,
                 const std::vector<Bandwidth> &bandwidths, const Options &options) {
  const nlohmann::json about = describe(entry, operation);
  print("start", about);
  try {
    const Dtype dtype = static_cast<Dtype>(find_dtype(options.dtype)->value);
    const Tensors tensors = make_integer_tensors(entry.problem, kOperationNames.at(operation), dtype);
    const Case c{kOperationNames.at(operation),       entry.problem, options.target, options.threads, &tensors,
                 kAccuracyNames.at(options.accuracy), dtype};
    nlohmann::json row = to_json(c, entry, measure(c, chosen, bandwidths, options.effort));
    row["operation"] = operation;
    print("row", std::move(row));
    return true;
  } catch (const std::exception &error) {
    nlohmann::json line = about;
    line["message"] = error.what();
    print("error", std::move(line));
    return false;
  }
}

int run(const CLI::App &app, const Options &options) {
  const std::vector<SuiteEntry> entries = read_suites(options);
  if (options.list) {
    for (const SuiteEntry &entry : entries) {
      for (const std::string &operation : options.operations) print("start", describe(entry, operation));
    }
    return 0;
  }
  for (const std::string &library : options.libraries) load_kernel(library);
  const std::vector<Peer> chosen = select_peers(app, options);
  const std::vector<Bandwidth> bandwidths = measure_bandwidths(options.target, options.threads);
  print_context(options, chosen, bandwidths, entries.size() * options.operations.size());
  bool all = true;
  for (const SuiteEntry &entry : entries) {
    for (const std::string &operation : options.operations)
      all &= measure_row(entry, operation, chosen, bandwidths, options);
  }
  return all ? 0 : 1;
}

}  // namespace
}  // namespace halconv::bench

int main(int argc, char **argv) {
  CLI::App app("Measures halconv's kernels of one CPU target in turns with other libraries");
  try {
    const halconv::bench::Options options = halconv::bench::parse_options(&app, argc, argv);
    return halconv::bench::run(app, options);
  } catch (const CLI::ParseError &error) {
    return app.exit(error);
  }
}
