/// A kernel's name: its C symbol, its object file, its row in the kernel table, its test and its bench row.
///
///     name      = operation [ "_" algorithm ] "__" ( problem | "generic" ) "__" dtype [ "__" data_format ] "__"
///                 target
///     operation = "conv2d_forward" | "conv2d_forward_fused" | "conv2d_backward_input" | "conv2d_backward_filter"
///               | "epilogue_backward" | "reorder_filter_forward" | "reorder_filter_backward_input"
///     algorithm = a lower-case letter, then lower-case letters and digits; without one the kernel is the direct sum
///     problem   = benchdnn notation as to_string(Conv2dProblem) spells it
///     dtype     = a name of kDtypes
///     data_format = a name of kDataFormats but "nhwc", which is not spelled
///     target    = a name of kTargets
///
///     conv2d_forward__g1mb1_ic64oc64_ih56oh56kh3sh1ph1__f32__avx2
///     conv2d_forward__generic__f32__nchw__cuda
///     conv2d_backward_input_autodiff__generic__f32__x86_64
#ifndef HALCONV_KERNEL_NAME_H_
#define HALCONV_KERNEL_NAME_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "halconv/conv2d_problem.h"
#include "halconv/data_format.h"
#include "halconv/dtype.h"
#include "halconv/targets.h"

namespace halconv {

inline constexpr std::string_view kForward = "conv2d_forward";
/// With the epilogue: bias, residual and clamp, in the same pass.
inline constexpr std::string_view kForwardFused = "conv2d_forward_fused";
inline constexpr std::string_view kBackwardInput = "conv2d_backward_input";
inline constexpr std::string_view kBackwardFilter = "conv2d_backward_filter";
/// The gradient through the epilogue.
inline constexpr std::string_view kEpilogueBackward = "epilogue_backward";
/// Conversions of an HWIO filter into the blocked layout that kernels of the direction read.
inline constexpr std::string_view kReorderFilterForward = "reorder_filter_forward";
inline constexpr std::string_view kReorderFilterBackwardInput = "reorder_filter_backward_input";
/// One that begins with another comes before it, as names are read from left to right.
inline constexpr std::string_view kOperations[] = {kForwardFused,
                                                   kForward,
                                                   kBackwardInput,
                                                   kBackwardFilter,
                                                   kEpilogueBackward,
                                                   kReorderFilterForward,
                                                   kReorderFilterBackwardInput};

/// Whether the operation computes conv2d's output, with the epilogue or without.
inline bool is_forward(std::string_view operation) { return operation == kForward || operation == kForwardFused; }

/// The algorithm that differentiates the forward one.
inline constexpr std::string_view kAutodiff = "autodiff";

/// For problems whose groups have one input channel each.
inline constexpr std::string_view kDepthwise = "depthwise";

/// The direct sum for single calls: the kernel reads the filter as TensorFlow has it and packs each block where it
/// needs it.
inline constexpr std::string_view kPlainFilter = "plainfilter";

/// What a kernel computes, for which problem, on which target.
struct KernelName {
  std::string operation;                 ///< one of kOperations
  std::string algorithm;                 ///< "": the direct sum of products
  std::optional<Conv2dProblem> problem;  ///< nothing: any problem
  std::string dtype = "f32";
  std::string target;
  halconv_data_format data_format = HALCONV_NHWC;

  friend bool operator==(const KernelName &, const KernelName &) = default;

  /// The name of the generator that makes the kernel: operation and algorithm.
  std::string generator() const { return algorithm.empty() ? operation : operation + "_" + algorithm; }
};

inline std::string to_string(const KernelName &kernel) {
  std::string text =
      kernel.generator() + "__" + (kernel.problem ? to_string(*kernel.problem) : "generic") + "__" + kernel.dtype;
  if (kernel.data_format != HALCONV_NHWC) text.append("__").append(find_data_format(kernel.data_format)->name);
  return text + "__" + kernel.target;
}

namespace detail {

/// Reads a kernel's name from left to right.
class KernelNameParser {
 public:
  explicit KernelNameParser(std::string_view text) : text_(text) {}

  ParseResult<KernelName> parse() {
    parse_generator(next_part());
    if (ok()) parse_problem(next_part());
    if (ok()) parse_dtype(next_part());
    if (ok()) parse_data_format();
    if (ok()) parse_target(text_.substr(position_));
    if (!ok()) return {std::nullopt, error_};
    return {kernel_, {}};
  }

 private:
  bool ok() const { return error_.message.empty(); }
  void fail(size_t position, std::string message) { error_ = {position + 1, std::move(message)}; }

  static std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

  template <typename Range>
  static std::string listed(const Range &values) {
    std::string text;
    for (std::string_view value : values) text.append(text.empty() ? "" : ", ").append(value);
    return text;
  }

  /// What stands before the next "__", which is skipped.
  std::string_view next_part() {
    part_ = position_;
    const size_t separator = text_.find("__", position_);
    if (separator == std::string_view::npos) {
      fail(text_.size(), "the name ends early, expected operation[_algorithm]__problem__dtype[__data_format]__target");
      return {};
    }
    position_ = separator + 2;
    return text_.substr(part_, separator - part_);
  }

  static bool is_algorithm(std::string_view text) {
    const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
    return !text.empty() && lower(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return lower(c) || (c >= '0' && c <= '9'); });
  }

  void parse_generator(std::string_view part) {
    if (!ok()) return;
    for (std::string_view operation : kOperations) {
      if (!part.starts_with(operation)) continue;
      const std::string_view rest = part.substr(operation.size());
      if (!rest.empty() && (rest.front() != '_' || !is_algorithm(rest.substr(1)))) continue;
      kernel_.operation = operation;
      kernel_.algorithm = rest.substr(rest.empty() ? 0 : 1);
      return;
    }
    fail(part_, "the operation is " + quoted(part) + ", expected one of " + listed(kOperations) +
                    ", optionally with _algorithm");
  }

  void parse_problem(std::string_view part) {
    if (!ok() || part == "generic") return;
    const ParseResult<SuiteEntry> entry = parse_suite_entry(part);
    if (!entry.value) return fail(part_ + entry.error.column - 1, entry.error.message);
    if (const std::string canonical = to_string(entry.value->problem); canonical != part) {
      return fail(part_, "the problem is spelled " + quoted(part) + ", expected " + quoted(canonical));
    }
    kernel_.problem = entry.value->problem;
  }

  void parse_dtype(std::string_view part) {
    if (!ok()) return;
    if (find_dtype(part) == nullptr) {
      return fail(part_, "the dtype is " + quoted(part) + ", expected one of " + dtype_names());
    }
    kernel_.dtype = part;
  }

  /// Skips what stands before a further "__", if there is one.
  void parse_data_format() {
    if (text_.find("__", position_) == std::string_view::npos) return;
    const std::string_view part = next_part();
    const DataFormatInfo *const format = find_data_format(part);
    if (format == nullptr || format->value == HALCONV_NHWC) {
      return fail(part_, "the data format is " + quoted(part) + ", expected nchw, or nothing for nhwc");
    }
    kernel_.data_format = format->value;
  }

  void parse_target(std::string_view part) {
    if (find_target(part) == nullptr) {
      return fail(position_, "the target is " + quoted(part) + ", expected one of " + target_names());
    }
    kernel_.target = part;
  }

  std::string_view text_;
  size_t position_ = 0;  ///< of what is not read yet
  size_t part_ = 0;      ///< of what is being read
  KernelName kernel_;
  ParseError error_;
};

}  // namespace detail

/// Parses the grammar above.
inline ParseResult<KernelName> parse_kernel_name(std::string_view text) {
  return detail::KernelNameParser(text).parse();
}

}  // namespace halconv

#endif  // HALCONV_KERNEL_NAME_H_
