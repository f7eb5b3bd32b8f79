/// One convolution problem, in benchdnn's notation: the key that generators, tables, runtime, tests and bench share.
///
///     g1mb1_ic64oc64_ih56oh56kh3sh1ph1_n"resnet50:res2_3x3*3"
///
/// Source of the notation: oneDNN, tests/benchdnn/doc/driver_conv.md.
#ifndef HALCONV_CONV2D_PROBLEM_H_
#define HALCONV_CONV2D_PROBLEM_H_

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halconv {

/// The most elements a tensor may have: Halide indexes with 32-bit integers.
inline constexpr int64_t kMaxElements = std::numeric_limits<int32_t>::max();

/// The product of non-negative factors, or nothing if it exceeds kMaxElements.
inline std::optional<int64_t> checked_elements(std::initializer_list<int64_t> extents) {
  int64_t product = 1;
  for (int64_t extent : extents) {
    if (extent == 0) return 0;
  }
  for (int64_t extent : extents) {
    if (__builtin_mul_overflow(product, extent, &product) || product > kMaxElements) return std::nullopt;
  }
  return product;
}

/// Where a text stopped making sense; `column` counts from 1.
struct ParseError {
  size_t column = 0;
  std::string message;
};

template <typename Value>
struct ParseResult {
  std::optional<Value> value;
  ParseError error;  ///< meaningful when `value` is empty
};

/// Input [batch, in_height, in_width, in_channels], filter [filter_height, filter_width, in_channels / groups,
/// out_channels], output [batch, out_height, out_width, out_channels]. Dilations are one-based, as TensorFlow's: 1 is a
/// dense filter. The padding at the bottom and right is what the output size implies.
struct Conv2dProblem {
  int64_t groups = 1;
  int64_t batch = 2;  // benchdnn's default
  int64_t in_channels = 0, in_height = 0, in_width = 0;
  int64_t out_channels = 0, out_height = 0, out_width = 0;
  int64_t filter_height = 0, filter_width = 0;
  int64_t stride_height = 1, stride_width = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t dilation_height = 1, dilation_width = 1;

  friend auto operator<=>(const Conv2dProblem &, const Conv2dProblem &) = default;

  /// Each input channel has filters of its own: its group's, as many as the channel multiplier says.
  bool is_depthwise() const { return groups > 1 && groups == in_channels; }

  /// The problem of any one group by itself.
  Conv2dProblem group() const {
    Conv2dProblem group = *this;
    group.groups = 1;
    group.in_channels /= groups;
    group.out_channels /= groups;
    return group;
  }

  /// Rows (columns) of the input that one output row (column) reaches over.
  int64_t effective_filter_height() const { return (filter_height - 1) * dilation_height + 1; }
  int64_t effective_filter_width() const { return (filter_width - 1) * dilation_width + 1; }
  /// Negative when the last rows (columns) of the input reach no output.
  int64_t pad_bottom() const {
    return (out_height - 1) * stride_height + effective_filter_height() - in_height - pad_top;
  }
  int64_t pad_right() const { return (out_width - 1) * stride_width + effective_filter_width() - in_width - pad_left; }
  bool is_padded() const { return pad_top > 0 || pad_left > 0 || pad_bottom() > 0 || pad_right() > 0; }

  std::optional<int64_t> input_elements() const { return checked_elements({batch, in_height, in_width, in_channels}); }
  std::optional<int64_t> filter_elements() const {
    return checked_elements({filter_height, filter_width, in_channels / groups, out_channels});
  }
  std::optional<int64_t> output_elements() const {
    return checked_elements({batch, out_height, out_width, out_channels});
  }

  /// Floating-point operations of any of the three directions, a multiply and an add counting as two and the products
  /// with the padding's zeros counted, as benchdnn counts them.
  double flops() const {
    return 2.0 * static_cast<double>(batch * out_height * out_width) * static_cast<double>(out_channels) *
           static_cast<double>(in_channels / groups) * static_cast<double>(filter_height * filter_width);
  }
  /// The same without the products with the padding's zeros.
  double flops_inside() const {
    const auto inside = [](int64_t out, int64_t in, int64_t filter, int64_t stride, int64_t dilation, int64_t pad) {
      int64_t taps = 0;
      for (int64_t tap = 0; tap < filter; ++tap) {
        const int64_t offset = dilation * tap - pad;  // 0 <= stride * o + offset < in
        const int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
        const int64_t last = in - 1 - offset < 0 ? -1 : (in - 1 - offset) / stride;
        taps += std::max<int64_t>(0, std::min(out - 1, last) - first + 1);
      }
      return static_cast<double>(taps);
    };
    return 2.0 * static_cast<double>(batch) * static_cast<double>(out_channels) *
           static_cast<double>(in_channels / groups) *
           inside(out_height, in_height, filter_height, stride_height, dilation_height, pad_top) *
           inside(out_width, in_width, filter_width, stride_width, dilation_width, pad_left);
  }
};

/// A line of a suite: the problem, its name and how often the network contains it.
struct SuiteEntry {
  Conv2dProblem problem;
  std::string name;
  int64_t repeat = 1;
};

/// The canonical spelling, a valid C identifier suffix: square values once, dilation only where there is one.
inline std::string to_string(const Conv2dProblem &p) {
  std::string text = "g" + std::to_string(p.groups) + "mb" + std::to_string(p.batch) + "_ic" +
                     std::to_string(p.in_channels) + "oc" + std::to_string(p.out_channels) + "_";
  const bool square = p.in_height == p.in_width && p.out_height == p.out_width && p.filter_height == p.filter_width &&
                      p.stride_height == p.stride_width && p.pad_top == p.pad_left &&
                      p.dilation_height == p.dilation_width;
  const auto extent = [&](char kind, int64_t height, int64_t width) {
    text += std::string{kind} + "h" + std::to_string(height);
    if (!square) text += std::string{kind} + "w" + std::to_string(width);
  };
  extent('i', p.in_height, p.in_width);
  extent('o', p.out_height, p.out_width);
  extent('k', p.filter_height, p.filter_width);
  extent('s', p.stride_height, p.stride_width);
  extent('p', p.pad_top, p.pad_left);
  if (p.dilation_height != 1 || p.dilation_width != 1) extent('d', p.dilation_height - 1, p.dilation_width - 1);
  return text;
}

/// What makes a problem impossible for every kernel, or an empty string. Errors name field, value and expectation.
inline std::string validation_error(const Conv2dProblem &p) {
  struct Field {
    const char *name;
    int64_t value, least;
  };
  const Field fields[] = {{"g", p.groups, 1},
                          {"mb", p.batch, 1},
                          {"ic", p.in_channels, 1},
                          {"oc", p.out_channels, 1},
                          {"ih", p.in_height, 1},
                          {"iw", p.in_width, 1},
                          {"oh", p.out_height, 1},
                          {"ow", p.out_width, 1},
                          {"kh", p.filter_height, 1},
                          {"kw", p.filter_width, 1},
                          {"sh", p.stride_height, 1},
                          {"sw", p.stride_width, 1},
                          {"ph", p.pad_top, 0},
                          {"pw", p.pad_left, 0},
                          {"dh", p.dilation_height - 1, 0},
                          {"dw", p.dilation_width - 1, 0}};
  for (const Field &field : fields) {
    if (field.value < field.least || field.value > kMaxElements) {
      return std::string(field.name) + " is " + std::to_string(field.value) + ", expected " +
             std::to_string(field.least) + " to " + std::to_string(kMaxElements);
    }
  }
  if (p.in_channels % p.groups != 0 || p.out_channels % p.groups != 0) {
    return "g is " + std::to_string(p.groups) + ", expected a divisor of ic " + std::to_string(p.in_channels) +
           " and of oc " + std::to_string(p.out_channels);
  }
  const auto reach = [](int64_t out, int64_t stride, int64_t filter, int64_t dilation) {
    int64_t last, span, end;
    return !__builtin_mul_overflow(out - 1, stride, &last) && !__builtin_mul_overflow(filter - 1, dilation, &span) &&
           !__builtin_add_overflow(last, span, &end) && end < kMaxElements;
  };
  if (!reach(p.out_height, p.stride_height, p.filter_height, p.dilation_height)) {
    return "(oh - 1) * sh + (kh - 1) * (dh + 1) exceeds " + std::to_string(kMaxElements) + " rows";
  }
  if (!reach(p.out_width, p.stride_width, p.filter_width, p.dilation_width)) {
    return "(ow - 1) * sw + (kw - 1) * (dw + 1) exceeds " + std::to_string(kMaxElements) + " columns";
  }
  const auto too_large = [](const char *tensor) {
    return std::string(tensor) + " has more than " + std::to_string(kMaxElements) + " elements";
  };
  if (!p.input_elements()) return too_large("input");
  if (!p.filter_elements()) return too_large("filter");
  if (!p.output_elements()) return too_large("output");
  return "";
}

namespace detail {

/// Reads one benchdnn line field by field.
class ProblemParser {
 public:
  explicit ProblemParser(std::string_view text) : text_(text) {}

  ParseResult<SuiteEntry> parse() {
    while (position_ < text_.size() && error_.message.empty()) {
      if (text_[position_] == '_') {
        ++position_;
      } else if (text_[position_] == 'n') {
        parse_name();
      } else {
        parse_field();
      }
    }
    if (error_.message.empty()) deduce();
    if (!error_.message.empty()) return {std::nullopt, error_};
    return {entry_, {}};
  }

 private:
  struct Field {
    std::string_view key;
    std::optional<int64_t> value;
    size_t position;
  };

  Field *field(std::string_view key) {
    for (Field &candidate : fields_) {
      if (candidate.key == key) return &candidate;
    }
    return nullptr;
  }

  /// Of a spatial axis, 'd', 'h' or 'w'.
  Field *field(char kind, char axis) {
    const char key[] = {kind, axis};
    return field(std::string_view(key, 2));
  }

  void fail(size_t position, std::string message) { error_ = {position + 1, std::move(message)}; }

  void parse_field() {
    const size_t start = position_;
    const size_t length = text_[start] == 'g' ? 1 : 2;
    const std::string_view key = text_.substr(start, length);
    Field *const target = field(key);
    if (target == nullptr) {
      return fail(start, "unknown field \"" + std::string(key) +
                             "\", expected g, mb, ic, oc, one of i o k s p d followed by d, h or w, or n\"name\"");
    }
    const char *const first = text_.data() + start + length, *const last = text_.data() + text_.size();
    int64_t value = 0;
    const auto [end, status] = std::from_chars(first, last, value);
    if (status == std::errc::invalid_argument) {
      return fail(start + length, "no number after \"" + std::string(key) + "\"");
    }
    if (status == std::errc::result_out_of_range || value > kMaxElements || value < 0) {
      return fail(start + length, "the value of \"" + std::string(key) + "\" is " + std::string(first, end) +
                                      ", expected 0 to " + std::to_string(kMaxElements));
    }
    if (target->value) return fail(start, "\"" + std::string(key) + "\" is given twice");
    target->value = value;
    target->position = start;
    position_ = static_cast<size_t>(end - text_.data());
  }

  /// n"net:layer*3" or n"name"; benchdnn also takes the name without quotes.
  void parse_name() {
    std::string_view name = text_.substr(position_ + 1);
    if (!name.empty() && name.front() == '"') {
      const size_t close = name.find('"', 1);
      if (close == std::string_view::npos) return fail(position_ + 1, "the name has no closing quote");
      if (close + 1 != name.size()) return fail(position_ + 2 + close, "text after the name, expected the line's end");
      name = name.substr(1, close - 1);
    }
    if (const size_t star = name.rfind('*'); star != std::string_view::npos) {
      const std::string_view count = name.substr(star + 1);
      int64_t repeat = 0;
      const auto [end, status] = std::from_chars(count.data(), count.data() + count.size(), repeat);
      if (status == std::errc() && end == count.data() + count.size() && repeat > 0) {
        entry_.repeat = repeat;
        name = name.substr(0, star);
      }
    }
    entry_.name = name;
    position_ = text_.size();
  }

  bool required(const Field &source, int64_t *value) {
    if (source.value.value_or(0) > 0) {
      *value = *source.value;
      return true;
    }
    fail(source.value ? source.position : text_.size(),
         "\"" + std::string(source.key) + "\" is " + (source.value ? "0" : "missing") + ", expected a positive number");
    return false;
  }

  struct Axis {
    char name;
    int64_t *in, *out, *filter, *stride, *pad, *dilation;
  };

  /// The output follows from the padding, or the padding from the output.
  bool deduce_axis(const Axis &axis) {
    const auto value = [&](char kind) { return field(kind, axis.name)->value; };
    const auto quoted = [&](char kind) { return "\"" + std::string{kind, axis.name} + "\""; };
    if (!value('s')) field('s', axis.name)->value = 1;
    if (!required(*field('i', axis.name), axis.in) || !required(*field('k', axis.name), axis.filter) ||
        !required(*field('s', axis.name), axis.stride)) {
      return false;
    }
    *axis.dilation = value('d').value_or(0) + 1;
    int64_t span = 0;
    if (__builtin_mul_overflow(*axis.filter - 1, *axis.dilation, &span) || span >= kMaxElements) {
      fail(field('k', axis.name)->position,
           "(" + quoted('k') + " - 1) * (" + quoted('d') + " + 1) exceeds " + std::to_string(kMaxElements));
      return false;
    }
    if (value('o').value_or(0) > 0) {
      *axis.out = *value('o');
      // A size out of range is left to validation_error.
      int64_t last = 0;
      if (__builtin_mul_overflow(*axis.out - 1, *axis.stride, &last)) last = 0;
      *axis.pad = value('p').value_or(std::max<int64_t>(0, (last - *axis.in + span + 1) / 2));
      return true;
    }
    *axis.pad = value('p').value_or(0);
    const int64_t room = *axis.in + 2 * *axis.pad - (span + 1);
    if (room < 0) {
      fail(field('k', axis.name)->position,
           "the filter reaches over " + std::to_string(span + 1) + ", expected at most the padded input's " +
               std::to_string(*axis.in + 2 * *axis.pad) + ", or a positive " + quoted('o'));
      return false;
    }
    *axis.out = room / *axis.stride + 1;
    return true;
  }

  /// True if nothing, or nothing but zeros, is given for the axis: the problem has fewer dimensions.
  bool is_absent(char axis) {
    for (char kind : {'i', 'o', 'k', 'd', 'p'}) {
      if (field(kind, axis)->value.value_or(0) != 0) return false;
    }
    return field('s', axis)->value.value_or(1) == 1;
  }

  /// A depth of one plane is the two-dimensional problem, whatever its stride and dilation.
  bool is_planar() {
    if (is_absent('d')) return true;
    const std::pair<char, int64_t> planar[] = {{'i', 1}, {'k', 1}, {'o', 1}, {'p', 0}};
    for (const auto &[kind, expected] : planar) {
      const Field *const depth = field(kind, 'd');
      if (depth->value.value_or(expected) == expected) continue;
      fail(depth->position, "\"" + std::string(depth->key) + "\" is " + std::to_string(*depth->value) + ", expected " +
                                std::to_string(expected) + ": convolutions over three dimensions have no kernels");
      return false;
    }
    return true;
  }

  /// A problem without width is square, one without height has a single row.
  void complete_axes() {
    if (is_absent('w')) {
      for (char kind : {'i', 'o', 'k', 's', 'p', 'd'})
        *field(kind, 'w') = {field(kind, 'w')->key, field(kind, 'h')->value, field(kind, 'h')->position};
    } else if (is_absent('h')) {
      for (char kind : {'i', 'o', 'k'}) field(kind, 'h')->value = 1;
    } else {  // benchdnn demands these; the height's is what a reader expects
      for (char kind : {'i', 'k'}) {
        if (!field(kind, 'w')->value) field(kind, 'w')->value = field(kind, 'h')->value;
      }
    }
  }

  void deduce() {
    Conv2dProblem &p = entry_.problem;
    p.groups = field("g")->value.value_or(1);
    p.batch = field("mb")->value.value_or(p.batch);
    if (!required(*field("ic"), &p.in_channels) || !required(*field("oc"), &p.out_channels) || !is_planar()) return;
    complete_axes();
    const Axis height{'h',        &p.in_height,      &p.out_height, &p.filter_height, &p.stride_height,
                      &p.pad_top, &p.dilation_height};
    const Axis width{'w', &p.in_width, &p.out_width, &p.filter_width, &p.stride_width, &p.pad_left, &p.dilation_width};
    if (!deduce_axis(height) || !deduce_axis(width)) return;
    if (const std::string message = validation_error(p); !message.empty()) fail(text_.size(), message);
  }

  std::string_view text_;
  size_t position_ = 0;
  SuiteEntry entry_;
  ParseError error_;
  Field fields_[22] = {{"g", {}, 0},  {"mb", {}, 0}, {"ic", {}, 0}, {"oc", {}, 0}, {"id", {}, 0}, {"ih", {}, 0},
                       {"iw", {}, 0}, {"od", {}, 0}, {"oh", {}, 0}, {"ow", {}, 0}, {"kd", {}, 0}, {"kh", {}, 0},
                       {"kw", {}, 0}, {"sd", {}, 0}, {"sh", {}, 0}, {"sw", {}, 0}, {"pd", {}, 0}, {"ph", {}, 0},
                       {"pw", {}, 0}, {"dd", {}, 0}, {"dh", {}, 0}, {"dw", {}, 0}};
};

}  // namespace detail

/// Parses one line of benchdnn notation. Rules where a value is missing are benchdnn's (str2desc and sanitize_desc): mb
/// 2, g 1, stride 1, dilation 0; without any width value the problem is square, without any height value it has one
/// row; the output size follows from the padding, or, where only the output is given, the padding from it. Depth may be
/// one plane.
inline ParseResult<SuiteEntry> parse_suite_entry(std::string_view line) { return detail::ProblemParser(line).parse(); }

/// A suite, or the first error in it with the line it is on.
struct SuiteResult {
  std::vector<SuiteEntry> entries;
  size_t error_line = 0;  ///< counts from 1; 0 when there is no error
  ParseError error;
};

/// Parses a suite: one problem a line, blank lines and what follows a '#' outside quotes ignored.
inline SuiteResult parse_suite(std::istream &input) {
  SuiteResult suite;
  std::string line;
  for (size_t number = 1; std::getline(input, line); ++number) {
    bool quoted = false;
    size_t end = line.size();
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '"') quoted = !quoted;
      if (line[i] == '#' && !quoted) {
        end = i;
        break;
      }
    }
    const size_t first = line.find_first_not_of(" \t\r");
    if (first >= end) continue;
    const size_t last = line.find_last_not_of(" \t\r", end - 1);
    ParseResult<SuiteEntry> entry = parse_suite_entry(std::string_view(line).substr(first, last - first + 1));
    if (!entry.value) {
      suite.error_line = number;
      suite.error = std::move(entry.error);
      suite.error.column += first;
      return suite;
    }
    suite.entries.push_back(std::move(*entry.value));
  }
  return suite;
}

}  // namespace halconv

#endif  // HALCONV_CONV2D_PROBLEM_H_
