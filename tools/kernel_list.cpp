/// halconv_kernel_list: the kernels that a build makes of its suites, and the source files that register them.
///
///     halconv_kernel_list kernels [option]... SUITE...
///       --targets a,b   targets to make kernels for (required)
///       --ops a,b       forward, forward_fused, backward_input, backward_filter (default: all)
///       --dtypes a,b    dtypes of all kernels (default: f32)
///       --generic-dtypes a,b  dtypes besides, of the generic kernels only (default: none)
///       --data-formats a,b  layouts of the generic kernels of --dtypes: nhwc, nchw (default: nhwc)
///       --batch N       takes N for the batch size of every problem
///       --registry DIR  writes DIR/<library>_<target>_registry.cpp
///       --library NAME  the library's name (required with --registry)
///
///       SUITE is a file, whose problems get kernels for NHWC images, or file:nchw.
///
///       Prints a line for each kernel, "target name generator halide-target dtype [problem data-format]", without the
///       last two where the generator takes none. Problems without kernels are named on standard error, with the
///       reason.
///
///     halconv_kernel_list targets      prints "name kind" for each target, best first
///     halconv_kernel_list best-target  prints the best CPU target with f32 kernels that this machine can run
///     halconv_kernel_list tuned-table FOLDER TARGET
///                                      prints which of the tables of tuned rows in FOLDER kernels of the target take
///                                      on this machine: <micro-architecture>/<target>.txt, else <target>.txt
///
/// Returns 0, or 1 after an error, with a message on standard error: SUITE:LINE:COLUMN: what was expected.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "halconv/dtype.h"
#include "halconv/kernel_name.h"
#include "halconv/targets.h"
#include "halconv/winograd.h"
#include "micro_architecture.h"

namespace halconv {
namespace {

struct Options {
  std::vector<std::string> targets;
  std::vector<std::string> operations{"forward", "forward_fused", "backward_input", "backward_filter"};
  std::vector<std::string> dtypes{"f32"};
  std::vector<std::string> generic_dtypes;
  std::vector<std::string> data_formats{"nhwc"};
  std::optional<int64_t> batch;
  std::string registry;
  std::string library;
  std::vector<std::string> suites;
};

std::vector<std::string> split(const std::string &list) {
  std::vector<std::string> items;
  std::istringstream stream(list);
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  return items;
}

int64_t positive_number(const std::string &option, const std::string &text) {
  int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value < 1) {
    throw std::runtime_error(option + " is \"" + text + "\", expected a positive number");
  }
  return value;
}

void check_dtypes(const std::string &option, const std::vector<std::string> &dtypes) {
  for (const std::string &dtype : dtypes) {
    if (find_dtype(dtype) == nullptr) {
      throw std::runtime_error(option + " holds \"" + dtype + "\", expected some of " + dtype_names());
    }
  }
}

Options parse_options(const std::vector<std::string> &arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (!argument.starts_with("--")) {
      options.suites.push_back(argument);
      continue;
    }
    if (i + 1 == arguments.size()) throw std::runtime_error(argument + " needs a value");
    const std::string &value = arguments[++i];
    if (argument == "--targets") {
      options.targets = split(value);
    } else if (argument == "--ops") {
      options.operations = split(value);
    } else if (argument == "--dtypes") {
      options.dtypes = split(value);
    } else if (argument == "--generic-dtypes") {
      options.generic_dtypes = split(value);
    } else if (argument == "--data-formats") {
      options.data_formats = split(value);
    } else if (argument == "--batch") {
      options.batch = positive_number(argument, value);
    } else if (argument == "--registry") {
      options.registry = value;
    } else if (argument == "--library") {
      options.library = value;
    } else {
      throw std::runtime_error("unknown option " + argument);
    }
  }
  if (options.targets.empty()) throw std::runtime_error("--targets is missing, expected some of " + target_names());
  for (const std::string &target : options.targets) {
    if (find_target(target) == nullptr) {
      throw std::runtime_error("--targets holds \"" + target + "\", expected some of " + target_names());
    }
  }
  for (const std::string &operation : options.operations) {
    if (operation != "forward" && operation != "forward_fused" && operation != "backward_input" &&
        operation != "backward_filter") {
      throw std::runtime_error("--ops holds \"" + operation +
                               "\", expected some of forward, forward_fused, backward_input, backward_filter");
    }
  }
  check_dtypes("--dtypes", options.dtypes);
  check_dtypes("--generic-dtypes", options.generic_dtypes);
  for (const std::string &format : options.data_formats) {
    if (find_data_format(format) == nullptr) {
      throw std::runtime_error("--data-formats holds \"" + format + "\", expected some of " + data_format_names());
    }
  }
  if (!options.registry.empty() && options.library.empty()) throw std::runtime_error("--registry needs --library");
  return options;
}

/// A problem, and the layout of its images.
struct ListedProblem {
  Conv2dProblem problem;
  halconv_data_format data_format;
};

/// Takes ":nchw" off a suite's argument.
halconv_data_format take_data_format(std::string *suite) {
  const size_t colon = suite->rfind(':');
  const DataFormatInfo *const format =
      colon == std::string::npos ? nullptr : find_data_format(std::string_view(*suite).substr(colon + 1));
  if (format == nullptr) return HALCONV_NHWC;
  suite->resize(colon);
  return format->value;
}

/// The problems of all suites, each once in a layout.
std::vector<ListedProblem> read_problems(const Options &options) {
  std::vector<ListedProblem> problems;
  std::set<std::pair<halconv_data_format, std::string>> seen;
  for (std::string path : options.suites) {
    const halconv_data_format data_format = take_data_format(&path);
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + ": cannot be read");
    SuiteResult suite = parse_suite(file);
    if (suite.error_line != 0) {
      throw std::runtime_error(path + ":" + std::to_string(suite.error_line) + ":" +
                               std::to_string(suite.error.column) + ": " + suite.error.message);
    }
    for (SuiteEntry &entry : suite.entries) {
      Conv2dProblem &problem = entry.problem;
      if (options.batch) problem.batch = *options.batch;
      const std::string text = to_string(problem);
      if (const std::string error = validation_error(problem); !error.empty()) {
        throw std::runtime_error(path + ": " + text + ": " + error);
      }
      if (seen.insert({data_format, text}).second) problems.push_back({problem, data_format});
    }
  }
  return problems;
}

/// Whether backward_input of the problem gets a kernel of its own. The kernel holds a loop nest for each phase of the
/// stride, and Halide's time grows faster than their number: 9 phases take 24 s on a GPU, 16 take 2 s on a CPU, and 256
/// (stride 16) did not end in minutes. Beyond, the generic kernel is the one to take.
bool is_worth_specialising(const Conv2dProblem &p, const TargetInfo &target) {
  const int64_t phases = p.stride_height * p.stride_width;
  return phases <= (target.kind == TargetKind::kCpu ? 16 : 9);
}

/// Whether problems may get kernels by several algorithms: in floats, on CPUs with fused multiply-adds.
bool has_algorithms(const TargetInfo &target, const DtypeInfo &dtype) {
  return dtype.value == HALCONV_FLOAT32 && (target.name == "avx2" || target.name == "avx512");
}

/// Whether the problem gets kernels that pack the filter themselves: of NHWC, with channels enough for a vector on each
/// side, and so few pixels of one image that packing counts. Done before, it takes as long as the products at 7x7, a
/// tenth of their time at 14x14, and nothing that shows at 28x28 (schedules/direct_cpu.cpp).
bool is_worth_packing(const ListedProblem &listed, std::string_view operation, const TargetInfo &target,
                      const DtypeInfo &dtype) {
  constexpr int64_t kLeastChannels = 16, kMostPixels = 14 * 14;
  const Conv2dProblem &p = listed.problem, group = p.group();
  return (operation == kForward || operation == kBackwardInput) && has_algorithms(target, dtype) &&
         listed.data_format == HALCONV_NHWC && group.in_channels >= kLeastChannels &&
         group.out_channels >= kLeastChannels && p.batch == 1 && p.out_height * p.out_width <= kMostPixels;
}

/// Whether the problem gets kernels by Winograd's algorithm: with channels enough for a vector on each side of the
/// products.
bool is_worth_winograd(const Conv2dProblem &p, const TargetInfo &target, const DtypeInfo &dtype) {
  constexpr int64_t kLeastChannels = 16;
  return has_algorithms(target, dtype) && fits_winograd(p) && p.in_channels >= kLeastChannels &&
         p.out_channels >= kLeastChannels;
}

/// The kernels of one dtype. Specialised kernels first, as the runtime prefers them.
void add_kernels(const TargetInfo &target, const DtypeInfo &dtype, const Options &options,
                 const std::vector<ListedProblem> &problems, const std::vector<std::string> &data_formats,
                 std::vector<KernelName> *result) {
  const auto add = [&](std::string_view operation, std::string_view algorithm, std::optional<Conv2dProblem> problem,
                       halconv_data_format data_format = HALCONV_NHWC) {
    result->push_back({std::string(operation), std::string(algorithm), problem, std::string(dtype.name),
                       std::string(target.name), data_format});
  };
  const bool has_forward =
      std::find(options.operations.begin(), options.operations.end(), "forward") != options.operations.end();
  for (const std::string &name : options.operations) {
    const std::string operation = "conv2d_" + name;
    if (!is_forward(operation) && !dtype.has_gradients) continue;
    bool has_winograd = false;
    for (const ListedProblem &listed : problems) {
      const auto &[problem, data_format] = listed;
      const bool depthwise = problem.is_depthwise();
      if (operation == kBackwardInput && !depthwise && !is_worth_specialising(problem, target)) {
        std::cerr << to_string(problem) << ": " << operation << " on " << target.name
                  << " is left to the generic kernel, as the stride has too many phases\n";
        continue;
      }
      add(operation, depthwise ? kDepthwise : "", problem, data_format);
      if (is_worth_packing(listed, operation, target, dtype)) add(operation, kPlainFilter, problem);
      if (!is_worth_winograd(problem, target, dtype)) continue;
      for (std::string_view algorithm : {kWinograd2, kWinograd4}) add(operation, algorithm, problem, data_format);
      has_winograd = true;
    }
    for (const std::string &name : data_formats) {
      const halconv_data_format data_format = find_data_format(name)->value;
      add(operation, kDepthwise, std::nullopt, data_format);
      add(operation, "", std::nullopt, data_format);
      const bool has_autodiff =
          !is_forward(operation) && dtype.value == HALCONV_FLOAT32 && target.kind == TargetKind::kCpu;
      if (has_autodiff) add(operation, kAutodiff, std::nullopt, data_format);
      if (operation == kForwardFused && dtype.has_gradients) add(kEpilogueBackward, "", std::nullopt, data_format);
    }
    if (operation == kBackwardFilter || (operation == kForwardFused && has_forward)) continue;
    const std::string_view reorder = operation == kBackwardInput ? kReorderFilterBackwardInput : kReorderFilterForward;
    add(reorder, "", std::nullopt);
    if (!has_winograd) continue;
    for (std::string_view algorithm : {kWinograd2, kWinograd4}) add(reorder, algorithm, std::nullopt);
  }
}

std::vector<KernelName> kernels(const TargetInfo &target, const Options &options,
                                const std::vector<ListedProblem> &problems) {
  std::vector<KernelName> result;
  const auto holds = [](const std::vector<std::string> &dtypes, std::string_view name) {
    return std::find(dtypes.begin(), dtypes.end(), name) != dtypes.end();
  };
  for (const DtypeInfo &dtype : kDtypes) {
    if (!has_kernels(target, dtype.name)) continue;
    if (holds(options.dtypes, dtype.name)) {
      add_kernels(target, dtype, options, problems, options.data_formats, &result);
    } else if (holds(options.generic_dtypes, dtype.name)) {
      add_kernels(target, dtype, options, {}, {"nhwc"}, &result);
    }
  }
  return result;
}

void print_kernel(const KernelName &kernel, const TargetInfo &target) {
  const bool takes_problem = !kernel.operation.starts_with("reorder_filter_");
  std::cout << kernel.target << ' ' << to_string(kernel) << ' ' << kernel.generator() << ' ' << target.halide_target
            << dtype_features(target, kernel.dtype) << kKernelFeatures << ' ' << kernel.dtype;
  if (takes_problem) {
    std::cout << ' ' << (kernel.problem ? to_string(*kernel.problem) : "generic") << ' '
              << find_data_format(kernel.data_format)->name;
  }
  std::cout << '\n';
}

std::string registry_source(const std::string &anchor, const std::vector<KernelName> &kernels) {
  std::ostringstream source;
  source << "// Written by halconv_kernel_list.\n"
            "#include <cstdint>\n\n"
            "#include \"halconv/kernel_registry.h\"\n\n"
            "extern \"C\" {\n";
  for (const KernelName &kernel : kernels) {
    source << "int " << to_string(kernel) << "_argv(void **);\n"
           << "const struct halide_filter_metadata_t *" << to_string(kernel) << "_metadata();\n";
  }
  source << "\n/// Undefined in the link command, so that the linker takes this file out of its archive.\n"
         << "extern const char " << anchor << ";\nconst char " << anchor << " = 0;\n}\n\n"
         << "namespace {\n\nconst halconv_kernel_row rows[] = {\n";
  for (const KernelName &kernel : kernels) {
    const std::string name = to_string(kernel);
    source << "    {\"" << name << "\",\n     " << name << "_argv,\n     " << name << "_metadata},\n";
  }
  source << "};\n\n"
            "__attribute__((constructor)) void register_kernels() {\n"
            "  halconv_register_kernels(rows, static_cast<int32_t>(sizeof(rows) / sizeof(rows[0])));\n"
            "}\n\n}  // namespace\n";
  return source.str();
}

/// Keeps the file, and its time, where nothing changed: what was built from it stays up to date.
void write_if_different(const std::filesystem::path &path, const std::string &text) {
  if (std::ifstream old(path); old && std::string(std::istreambuf_iterator<char>(old), {}) == text) return;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path);
  if (!(file << text).flush()) throw std::runtime_error(path.string() + ": cannot be written");
}

void list_kernels(const Options &options) {
  const std::vector<ListedProblem> problems = read_problems(options);
  for (const std::string &name : options.targets) {
    const TargetInfo &target = *find_target(name);
    const std::vector<KernelName> plan = kernels(target, options, problems);
    for (const KernelName &kernel : plan) print_kernel(kernel, target);
    if (options.registry.empty()) continue;
    const std::string library = options.library + "_" + name;
    write_if_different(std::filesystem::path(options.registry) / (library + "_registry.cpp"),
                       registry_source("halconv_registry_" + library, plan));
  }
}

void list_targets() {
  for (const TargetInfo &target : kTargets) {
    const char *const kind = target.kind == TargetKind::kCpu    ? "cpu"
                             : target.kind == TargetKind::kCuda ? "cuda"
                                                                : "opencl";
    std::cout << target.name << ' ' << kind << '\n';
  }
}

void print_best_target() {
  for (const TargetInfo &target : kTargets) {
    if (target.kind != TargetKind::kCpu || !has_kernels(target, "f32") || !missing_cpu_feature(target).empty())
      continue;
    std::cout << target.name << '\n';
    return;
  }
}

void print_tuned_table(const std::filesystem::path &folder, const std::string &target) {
  const std::filesystem::path file = target + ".txt", own = folder / micro_architecture() / file;
  std::cout << (std::filesystem::exists(own) ? own : folder / file).string() << '\n';
}

int run(const std::vector<std::string> &arguments) {
  const std::string command = arguments.empty() ? "" : arguments.front();
  if (command == "kernels") {
    list_kernels(parse_options({arguments.begin() + 1, arguments.end()}));
  } else if (command == "targets" && arguments.size() == 1) {
    list_targets();
  } else if (command == "best-target" && arguments.size() == 1) {
    print_best_target();
  } else if (command == "tuned-table" && arguments.size() == 3) {
    print_tuned_table(arguments[1], arguments[2]);
  } else {
    throw std::runtime_error(
        "usage: halconv_kernel_list kernels --targets a,b [--ops a,b] [--dtypes a,b] [--generic-dtypes a,b] "
        "[--data-formats a,b] [--batch N] [--registry DIR --library NAME] SUITE[:nchw]...\n"
        "       halconv_kernel_list targets | best-target | tuned-table FOLDER TARGET");
  }
  return 0;
}

}  // namespace
}  // namespace halconv

int main(int argc, char **argv) {
  try {
    return halconv::run({argv + 1, argv + argc});
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
