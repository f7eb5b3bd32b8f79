/// Tests of the problem notation, of suites and of kernel names.
#include <gtest/gtest.h>

#include <cstdint>
#include <sstream>
#include <string>

#include "halconv/conv2d_problem.h"
#include "halconv/kernel_name.h"
#include "halconv/long_rows.h"

namespace halconv {
namespace {

Conv2dProblem parsed(const std::string &line) {
  const ParseResult<SuiteEntry> result = parse_suite_entry(line);
  EXPECT_TRUE(result.value) << line << ":" << result.error.column << ": " << result.error.message;
  return result.value.value_or(SuiteEntry{}).problem;
}

TEST(ParseProblem, ReadsEveryField) {
  const Conv2dProblem p = parsed("g2mb3_ic4ih9iw11_oc6oh5ow6_kh3kw2_sh2sw2_ph1pw0_dh1dw3");
  EXPECT_EQ(p.groups, 2);
  EXPECT_EQ(p.batch, 3);
  EXPECT_EQ(p.in_channels, 4);
  EXPECT_EQ(p.in_height, 9);
  EXPECT_EQ(p.in_width, 11);
  EXPECT_EQ(p.out_channels, 6);
  EXPECT_EQ(p.out_height, 5);
  EXPECT_EQ(p.out_width, 6);
  EXPECT_EQ(p.filter_height, 3);
  EXPECT_EQ(p.filter_width, 2);
  EXPECT_EQ(p.stride_height, 2);
  EXPECT_EQ(p.stride_width, 2);
  EXPECT_EQ(p.pad_top, 1);
  EXPECT_EQ(p.pad_left, 0);
  EXPECT_EQ(p.dilation_height, 2);
  EXPECT_EQ(p.dilation_width, 4);
}

TEST(ParseProblem, TakesNameAndRepeatCount) {
  struct Case {
    std::string line, name;
    int64_t repeat;
  };
  const Case cases[] = {
      {R"(ic1oc1ih1kh1_n"net:layer*3")", "net:layer", 3},
      {R"(ic1oc1ih1kh1n"net:layer")", "net:layer", 1},
      {R"(ic1oc1ih1kh1nlayer*2)", "layer", 2},
      {R"(ic1oc1ih1kh1n"a*b")", "a*b", 1},
      {R"(ic1oc1ih1kh1n"layer*0")", "layer*0", 1},
      {R"(ic1oc1ih1kh1)", "", 1},
  };
  for (const Case &c : cases) {
    const ParseResult<SuiteEntry> result = parse_suite_entry(c.line);
    ASSERT_TRUE(result.value) << c.line << ": " << result.error.message;
    EXPECT_EQ(result.value->name, c.name) << c.line;
    EXPECT_EQ(result.value->repeat, c.repeat) << c.line;
  }
}

TEST(ParseProblem, FillsInWhatIsMissing) {
  struct Case {
    std::string line, canonical;
  };
  const Case cases[] = {
      // Batch 2, one group, stride 1, no padding, dense filter, square.
      {"ic8oc4ih7kh3", "g1mb2_ic8oc4_ih7oh5kh3sh1ph0"},
      // The output follows from the padding ...
      {"mb1ic8oc4ih7kh3ph1sh2", "g1mb1_ic8oc4_ih7oh4kh3sh2ph1"},
      // ... and the padding from the output; the odd row of zeros goes to the bottom.
      {"mb1ic8oc4ih7oh7kh3", "g1mb1_ic8oc4_ih7oh7kh3sh1ph1"},
      {"mb1ic8oc4ih8oh4kh3sh2", "g1mb1_ic8oc4_ih8oh4kh3sh2ph0"},
      // No output needs padding where the input has rows to spare.
      {"mb1ic8oc4ih9oh4kh1sh2", "g1mb1_ic8oc4_ih9oh4kh1sh2ph0"},
      {"mb1ic8oc4ih9kh3dh1ph2", "g1mb1_ic8oc4_ih9oh9kh3sh1ph2dh1"},
      // Sizes of the width default to the height's, its stride and padding to 1 and 0.
      {"mb1ic8oc4ih7kh3kw1sh2ph1", "g1mb1_ic8oc4_ih7iw7oh4ow7kh3kw1sh2sw1ph1pw0"},
      {"mb1ic8oc4ih7oh7kh3ph1pw0", "g1mb1_ic8oc4_ih7oh7kh3sh1ph1"},
      // Without height: one row.
      {"mb1ic8oc4iw9kw3pw1", "g1mb1_ic8oc4_ih1iw9oh1ow9kh1kw3sh1sw1ph0pw1"},
      {"mb1ic8oc4iw9kw3pw1sw2dw1ph0", "g1mb1_ic8oc4_ih1iw9oh1ow4kh1kw3sh1sw2ph0pw1dh0dw1"},
      // One plane, whatever its stride and dilation.
      {"mb1ic8id1ih7oc4od1oh7kd1kh3pd0ph1", "g1mb1_ic8oc4_ih7oh7kh3sh1ph1"},
      {"mb1ic8id1ih7oc4kd1kh3sd2dd1ph1", "g1mb1_ic8oc4_ih7oh7kh3sh1ph1"},
  };
  for (const Case &c : cases) EXPECT_EQ(to_string(parsed(c.line)), c.canonical) << c.line;
}

TEST(ParseProblem, CanonicalSpellingReadsBackAsItself) {
  for (const char *const line :
       {"mb1ic64ih56oc64kh3ph1", "g32mb1ic32oc32ih112kh3ph1sh2", "mb2ic3ih5iw6oc7kh1kw3", "mb1ic3ih8oc5kh3dh1dw0",
        "mb1ic3ih8oc5kh3dh2", "mb7ic1ih9oc1kh2sh3sw1kw2", "mb1ic4iw10oc4kw3", "mb1ic4ih4oc4oh9kh3ph1"}) {
    const Conv2dProblem problem = parsed(line);
    EXPECT_EQ(parsed(to_string(problem)), problem) << line;
  }
}

TEST(ParseProblem, ErrorsSayWhereAndWhatWasExpected) {
  struct Case {
    std::string line;
    size_t column;
    std::string message;
  };
  const Case cases[] = {
      {"ic8ox4ih7kh3", 4, "unknown field \"ox\""},
      {"ic8 oc4ih7kh3", 4, "unknown field \" o\""},
      {"icoc4ih7kh3", 3, "no number after \"ic\""},
      {"ic8oc4ih7kh", 12, "no number after \"kh\""},
      {"ic8oc4ih-7kh3", 9, "the value of \"ih\" is -7, expected 0 to 2147483647"},
      {"ic8oc4ih2147483648kh3", 9, "the value of \"ih\" is 2147483648, expected 0 to 2147483647"},
      {"ic8oc4ih99999999999999999999kh3", 9, "the value of \"ih\" is 99999999999999999999, expected 0 to"},
      {"ic8oc4ih7ih8kh3", 10, "\"ih\" is given twice"},
      {"oc4ih7kh3", 10, "\"ic\" is missing, expected a positive number"},
      {"ic8ih7kh3", 10, "\"oc\" is missing"},
      {"ic8oc4kh3", 10, "\"ih\" is missing"},
      {"ic8oc4ih7", 10, "\"kh\" is missing"},
      {"ic0oc4ih7kh3", 1, "\"ic\" is 0, expected a positive number"},
      {"ic8oc4ih7kh3sh0", 13, "\"sh\" is 0, expected a positive number"},
      {"g0ic8oc4ih7kh3", 15, "g is 0, expected 1 to"},
      {"mb0ic8oc4ih7kh3", 16, "mb is 0, expected 1 to"},
      {"g3ic8oc6ih7kh3", 15, "g is 3, expected a divisor of ic 8 and of oc 6"},
      {"ic8oc4ih2kh5ph1", 10, "the filter reaches over 5, expected at most the padded input's 4"},
      {"ic8oc4ih7iw2kh3kw3pw0", 16, "the filter reaches over 3"},
      {"ic8oc4ih7kh2147483647dh9", 10, "(\"kh\" - 1) * (\"dh\" + 1) exceeds 2147483647"},
      {"ic8oc4ih7oh2000000000kh1sh2ph0", 31, "(oh - 1) * sh + (kh - 1) * (dh + 1) exceeds 2147483647 rows"},
      {"mb1ic65536oc1ih256kh1", 22, "input has more than 2147483647 elements"},
      {"mb1ic65536oc65536ih1kh1", 24, "filter has more than 2147483647 elements"},
      {"mb1ic1oc65536ih256kh1", 22, "output has more than 2147483647 elements"},
      {"ic8id2ih7oc4kd1kh3", 4, "\"id\" is 2, expected 1: convolutions over three dimensions have no kernels"},
      {"ic8id1ih7oc4kd1kh3pd1", 19, "\"pd\" is 1, expected 0"},
      {"ic8oc4ih7kh3n\"name", 14, "the name has no closing quote"},
      {"ic8oc4ih7kh3n\"name\"x", 20, "text after the name, expected the line's end"},
      {"", 1, "\"ic\" is missing"},
  };
  for (const Case &c : cases) {
    const ParseResult<SuiteEntry> result = parse_suite_entry(c.line);
    ASSERT_FALSE(result.value) << c.line;
    EXPECT_EQ(result.error.column, c.column) << c.line << ": " << result.error.message;
    EXPECT_NE(result.error.message.find(c.message), std::string::npos) << c.line << ": " << result.error.message;
  }
}

TEST(ParseSuite, SkipsCommentsAndBlankLines) {
  std::istringstream text(
      "# a comment\n\n   \n"
      "ic1oc1ih1kh1_n\"a # b*2\"  # comment\r\n"
      "  mb5ic1oc1ih1kh1\n");
  const SuiteResult suite = parse_suite(text);
  ASSERT_EQ(suite.error_line, 0) << suite.error.message;
  ASSERT_EQ(suite.entries.size(), 2);
  EXPECT_EQ(suite.entries[0].name, "a # b");
  EXPECT_EQ(suite.entries[0].repeat, 2);
  EXPECT_EQ(suite.entries[1].problem.batch, 5);
}

TEST(ParseSuite, ErrorsCarryLineAndColumn) {
  std::istringstream text("# a comment\nic1oc1ih1kh1\n  ic1oc1ih1kx1\n");
  const SuiteResult suite = parse_suite(text);
  EXPECT_EQ(suite.error_line, 3);
  EXPECT_EQ(suite.error.column, 12);
  EXPECT_NE(suite.error.message.find("unknown field \"kx\""), std::string::npos) << suite.error.message;
}

TEST(Conv2dProblem, PaddingAtTheEndFollowsFromTheOutput) {
  const Conv2dProblem asymmetric = parsed("mb1ic16oc32ih15oh8kh4sh2ph1");
  EXPECT_EQ(asymmetric.pad_bottom(), 2);
  EXPECT_EQ(asymmetric.pad_right(), 2);
  EXPECT_TRUE(asymmetric.is_padded());
  const Conv2dProblem spare_row = parsed("mb1ic1oc1ih28oh14kh1sh2ph0");
  EXPECT_EQ(spare_row.pad_bottom(), -1);
  EXPECT_FALSE(spare_row.is_padded());
}

TEST(Conv2dProblem, CountsOperations) {
  EXPECT_EQ(parsed("mb2ic3oc5ih4kh3ph1").flops(), 2.0 * 2 * 5 * 3 * 16 * 9);
  EXPECT_EQ(parsed("g5mb1ic10oc5ih4kh3ph1").flops(), 2.0 * 5 * 2 * 16 * 9);
  // Of 4 rows with 3 taps each, the first and the last have one tap in the padding.
  EXPECT_EQ(parsed("mb2ic3oc5ih4kh3ph1").flops_inside(), 2.0 * 2 * 5 * 3 * 10 * 10);
  EXPECT_EQ(parsed("mb1ic1oc1ih4kh3").flops_inside(), parsed("mb1ic1oc1ih4kh3").flops());
  // Taps of rows 0, 2 and 4 (dilation 2), two rows of zeros above: two, two and three of them inside.
  EXPECT_EQ(parsed("mb1ic1oc1ih5oh3kh3dh1ph2iw1kw1pw0").flops_inside(), 2.0 * 7);
  EXPECT_EQ(parsed("mb1ic1oc1ih1oh2kh1sh9ph5").flops_inside(), 0.0);
}

std::string with_long_rows(const std::string &line) { return to_string(with_long_rows(parsed(line))); }

TEST(LongRows, JoinRowsOfAllImagesUntilTheyHave28Columns) {
  EXPECT_EQ(with_long_rows("mb1ic8oc4ih7kh1"), to_string(parsed("mb1ic8oc4ih1iw49kh1")));
  EXPECT_EQ(with_long_rows("mb1ic8oc4ih14kh1"), to_string(parsed("mb1ic8oc4ih7iw28kh1")));
  EXPECT_EQ(with_long_rows("mb16ic8oc4ih7kh1"), to_string(parsed("mb1ic8oc4ih28iw28kh1")));
  EXPECT_EQ(with_long_rows("mb3ic8oc4ih56kh1"), to_string(parsed("mb1ic8oc4ih168iw56kh1")));
}

TEST(LongRows, JoinOtherNumbersWhereNoneDividesTheRows) {
  EXPECT_EQ(with_long_rows("mb1ic8oc4ih13kh1"), to_string(parsed("mb1ic8oc4ih1iw169kh1")));
  EXPECT_EQ(with_long_rows("mb16ic8oc4ih1kh1"), to_string(parsed("mb1ic8oc4ih1iw16kh1")));
  EXPECT_EQ(with_long_rows("mb1ic8oc4ih257iw1kh1kw1"), to_string(parsed("mb1ic8oc4ih257iw1kh1kw1")));
}

TEST(LongRows, AreForPixelsWithoutNeighbours) {
  for (const char *line :
       {"mb2ic8oc4ih7kh3ph1", "mb2ic8oc4ih14oh7kh1sh2", "mb2ic8oc4ih7oh9kh1ph1", "mb2ic8oc4ih7oh6kh1"}) {
    EXPECT_EQ(with_long_rows(line), to_string(parsed(line)));
  }
}

TEST(CheckedElements, NoticesOverflow) {
  EXPECT_EQ(checked_elements({2, 3, 4}), 24);
  EXPECT_EQ(checked_elements({kMaxElements}), kMaxElements);
  EXPECT_FALSE(checked_elements({kMaxElements, 2}));
  EXPECT_FALSE(checked_elements({int64_t{1} << 62, int64_t{1} << 62}));
  EXPECT_EQ(checked_elements({int64_t{1} << 62, int64_t{1} << 62, 0}), 0);
}

TEST(KernelName, ReadsBackAsItself) {
  for (const char *const text :
       {"conv2d_forward__g1mb1_ic64oc64_ih56oh56kh3sh1ph1__f32__avx2", "conv2d_backward_input__generic__f32__x86_64",
        "conv2d_backward_input_autodiff__generic__f32__avx512", "reorder_filter_backward_input__generic__f32__cuda",
        "conv2d_backward_filter_winograd2__g1mb1_ic8oc8_ih8oh8kh3sh1ph1__f32__opencl",
        "conv2d_forward_depthwise__generic__f32__nchw__avx2"}) {
    const ParseResult<KernelName> result = parse_kernel_name(text);
    ASSERT_TRUE(result.value) << text << ": " << result.error.message;
    EXPECT_EQ(to_string(*result.value), text);
  }
  const KernelName kernel = *parse_kernel_name("conv2d_backward_input_autodiff__generic__f32__avx2").value;
  EXPECT_EQ(kernel.operation, kBackwardInput);
  EXPECT_EQ(kernel.algorithm, kAutodiff);
  EXPECT_EQ(kernel.generator(), "conv2d_backward_input_autodiff");
  EXPECT_FALSE(kernel.problem);
  EXPECT_EQ(kernel.dtype, "f32");
  EXPECT_EQ(kernel.target, "avx2");
  EXPECT_EQ(kernel.data_format, HALCONV_NHWC);
  EXPECT_EQ(parse_kernel_name("conv2d_forward__generic__f32__nchw__avx2").value->data_format, HALCONV_NCHW);
}

TEST(KernelName, ErrorsSayWhereAndWhatWasExpected) {
  struct Case {
    std::string text;
    size_t column;
    std::string message;
  };
  const Case cases[] = {
      {"", 1, "expected operation[_algorithm]__problem__dtype[__data_format]__target"},
      {"conv2d_forward__generic__f32", 29, "the name ends early"},
      {"conv3d__generic__f32__avx2", 1, "the operation is \"conv3d\", expected one of conv2d_forward"},
      {"conv2d_forward_Fast__generic__f32__avx2", 1, "the operation is \"conv2d_forward_Fast\""},
      {"conv2d_forward__ic8__f32__avx2", 20, "\"oc\" is missing"},
      {"conv2d_forward__mb1ic1oc1ih1kh1__f32__avx2", 17, "expected \"g1mb1_ic1oc1_ih1oh1kh1sh1ph0\""},
      {"conv2d_forward__generic__f80__avx2", 26, "the dtype is \"f80\", expected one of f32, f64"},
      {"conv2d_forward__generic__f32__nhwc__avx2", 31,
       "the data format is \"nhwc\", expected nchw, or nothing for nhwc"},
      {"conv2d_forward__generic__f32__sse", 31, "the target is \"sse\", expected one of cuda, opencl, avx512"},
  };
  for (const Case &c : cases) {
    const ParseResult<KernelName> result = parse_kernel_name(c.text);
    ASSERT_FALSE(result.value) << c.text;
    EXPECT_EQ(result.error.column, c.column) << c.text << ": " << result.error.message;
    EXPECT_NE(result.error.message.find(c.message), std::string::npos) << c.text << ": " << result.error.message;
  }
}

TEST(Targets, AreListedBestFirst) {
  for (size_t i = 1; i < std::size(kTargets); ++i) EXPECT_LT(kTargets[i].rank, kTargets[i - 1].rank);
  EXPECT_EQ(find_target("avx2")->name, "avx2");
  EXPECT_EQ(find_target("avx"), nullptr);
  EXPECT_EQ(missing_cpu_feature(*find_target("x86_64")), "");
}

}  // namespace
}  // namespace halconv
