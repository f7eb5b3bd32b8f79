/// Measures one kernel that the tuner compiled into a shared library: a process for each, so that a kernel that crashes
/// or hangs takes nothing with it. Checks the kernel against the reference, then obeys standard input line by line and
/// answers each line with one of JSON:
///
///     (at the start)  {"ready": true, "flops": of a call}, or {"wrong": MESSAGE}, or {"failed": MESSAGE}
///     turn            {"seconds": of a call of the kernel's plan, on average over some milliseconds}
///     peak            {"flops": of multiply-adds in registers, a second}
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "agreement.h"
#include "fma_peak.h"
#include "halconv/kernel_name.h"
#include "halconv_contender.h"
#include "kernel_library.h"
#include "reference.h"

namespace halconv::bench {
namespace {

struct Options {
  std::string kernel, expected;
  std::vector<std::string> libraries;
  int threads = 1;
};

Options parse_options(CLI::App *app, int argc, char **argv) {
  Options options;
  app->add_option("--kernel", options.kernel, "The kernel's name")->required();
  app->add_option("--libraries", options.libraries, "KERNEL.so of it and of the kernels that it needs")->required();
  app->add_option("--expected", options.expected, "File that keeps the reference's result from one run to the next")
      ->required();
  app->add_option("--threads", options.threads, "Number of threads")->check(CLI::PositiveNumber);
  app->parse(argc, argv);
  return options;
}

Operation operation_of(const KernelName &name) {
  if (name.operation == kForward) return Operation::kForward;
  return name.operation == kBackwardInput ? Operation::kBackwardInput : Operation::kBackwardFilter;
}

reference::Sums reference_sums(const Case &c) {
  const Tensors &t = *c.tensors;
  switch (c.operation) {
    case Operation::kForward:
      return reference::forward(c.problem, t.input.data(), t.filter.data());
    case Operation::kBackwardInput:
      return reference::backward_input(c.problem, t.filter.data(), t.output.data());
    case Operation::kBackwardFilter:
      break;
  }
  return reference::backward_filter(c.problem, t.input.data(), t.output.data());
}

/// The reference's result, from the file if an earlier process left it there.
Elements expected_result(const Case &c, const std::string &path) {
  Elements expected(static_cast<size_t>(result_elements(c)));
  const auto bytes = static_cast<std::streamsize>(expected.size() * sizeof(float));
  if (std::ifstream file(path, std::ios::binary); file) {
    if (file.read(reinterpret_cast<char *>(expected.data()), bytes)) return expected;
  }
  const reference::Sums sums = reference_sums(c);
  std::copy(sums.value.begin(), sums.value.end(), expected.begin());
  const std::string unfinished = path + ".unfinished";
  std::ofstream(unfinished, std::ios::binary).write(reinterpret_cast<const char *>(expected.data()), bytes);
  std::filesystem::rename(unfinished, path);
  return expected;
}

double seconds_of_a_turn(Contender *contender) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::duration<double> kTurn{2e-3};
  contender->run();  // another process had the caches
  int calls = 0;
  std::chrono::duration<double> elapsed{};
  const auto start = Clock::now();
  do {
    contender->run();
    ++calls;
    elapsed = Clock::now() - start;
  } while (elapsed < kTurn);
  return elapsed.count() / calls;
}

void answer(const nlohmann::json &line) { std::cout << line << std::endl; }

void obey(const Options &options, const KernelName &name) {
  for (const std::string &library : options.libraries) load_kernel(library);
  const Dtype dtype = static_cast<Dtype>(find_dtype(name.dtype)->value);
  const Tensors tensors = make_integer_tensors(*name.problem, operation_of(name), dtype);
  Case c{operation_of(name), *name.problem, name.target, options.threads, &tensors};
  c.dtype = dtype;
  Elements result(static_cast<size_t>(result_elements(c)), std::numeric_limits<float>::quiet_NaN());
  const std::unique_ptr<Contender> contender = make_plan(c, result.data(), options.kernel);
  contender->run();
  contender->store_result();
  check_same(result, options.kernel, expected_result(c, options.expected), "the reference", dtype);
  answer({{"ready", true}, {"flops", c.problem.flops()}});
  for (std::string order; std::getline(std::cin, order);) {
    if (order == "turn") {
      answer({{"seconds", seconds_of_a_turn(contender.get())}});
    } else if (order == "peak") {
      answer({{"flops", measure_fma_peak(name.target, c.dtype, options.threads, 1e-3)}});
    }
  }
}

int run(const Options &options) {
  const ParseResult<KernelName> name = parse_kernel_name(options.kernel);
  if (!name.value || !name.value->problem) {
    throw CLI::ValidationError("--kernel is \"" + options.kernel + "\", expected the name of a specialised kernel");
  }
  try {
    obey(options, *name.value);
    return 0;
  } catch (const Disagreement &error) {
    answer({{"wrong", error.what()}});
  } catch (const std::exception &error) {
    answer({{"failed", error.what()}});
  }
  return 1;
}

}  // namespace
}  // namespace halconv::bench

int main(int argc, char **argv) {
  CLI::App app("Checks and times one kernel of a shared library, turn by turn");
  try {
    return halconv::bench::run(halconv::bench::parse_options(&app, argc, argv));
  } catch (const CLI::ParseError &error) {
    return app.exit(error);
  }
}
