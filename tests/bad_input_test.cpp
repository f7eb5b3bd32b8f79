/// What callers get wrong: each function gives a code and a message that names argument, value and expectation, writes
/// nothing, and does the next call right.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "convolution.h"
#include "counting_allocator.h"
#include "halconv/halconv.h"

namespace halconv::testing {
namespace {

using Function = halconv_status (*)(const halconv_tensor *, const halconv_tensor *, const halconv_conv2d_attributes *,
                                    const halconv_execution *, halconv_tensor *);

/// One of TensorFlow's functions with the names that its arguments have.
struct Entry {
  const char *name;
  Function function;
  halconv_operation operation;
  const char *first, *second, *result;
};

void PrintTo(const Entry &entry, std::ostream *out) { *out << entry.name; }

/// The fused function without an epilogue, which is conv2d; runtime_epilogue_test.cpp spoils the epilogue.
halconv_status fused_conv2d(const halconv_tensor *input, const halconv_tensor *filter,
                            const halconv_conv2d_attributes *attributes, const halconv_execution *execution,
                            halconv_tensor *output) {
  return halconv_fused_conv2d(input, filter, attributes, nullptr, execution, output);
}

const Entry kEntries[] = {
    {"conv2d", &halconv_conv2d, HALCONV_FORWARD, "input", "filter", "output"},
    {"fused_conv2d", &fused_conv2d, HALCONV_FORWARD, "input", "filter", "output"},
    {"backprop_input", &halconv_conv2d_backprop_input, HALCONV_BACKWARD_INPUT, "filter", "out_backprop",
     "input_backprop"},
    {"backprop_filter", &halconv_conv2d_backprop_filter, HALCONV_BACKWARD_FILTER, "input", "out_backprop",
     "filter_backprop"},
    {"backprop_input_autodiff", &halconv_conv2d_backprop_input_autodiff, HALCONV_BACKWARD_INPUT, "filter",
     "out_backprop", "input_backprop"},
    {"backprop_filter_autodiff", &halconv_conv2d_backprop_filter_autodiff, HALCONV_BACKWARD_FILTER, "input",
     "out_backprop", "filter_backprop"},
};

/// The arguments of a call, right until a test spoils them.
struct Arguments {
  halconv_tensor first, second, result;
  halconv_conv2d_attributes attributes;
  halconv_execution execution{};
  const halconv_tensor *first_argument = &first, *second_argument = &second;
  halconv_tensor *result_argument = &result;
  const halconv_conv2d_attributes *attributes_argument = &attributes;
};

struct Expectation {
  halconv_status_code code;
  std::vector<std::string> message;  ///< parts that the message has
};

::testing::AssertionResult fails_as(const halconv_status &status, const Expectation &expectation) {
  if (status.code != expectation.code) {
    return ::testing::AssertionFailure() << "code " << status.code << ", expected " << expectation.code << ": "
                                         << status.message;
  }
  const std::string message = status.message;
  for (const std::string &part : expectation.message) {
    if (message.find(part) == std::string::npos) {
      return ::testing::AssertionFailure() << "\"" << part << "\" is not in \"" << message << "\"";
    }
  }
  return ::testing::AssertionSuccess();
}

class BadInputTest : public ::testing::TestWithParam<Entry> {
 protected:
  BadInputTest()
      : problem_(parse_problem("mb2ic3ih6iw5oc4oh3ow5kh3kw2sh2sw1ph1pw0dh0dw0")),
        convolution_(GetParam().operation, problem_, Fill::kExactIntegers, Guard::kAfter) {}

  /// Calls with arguments that `spoil` changed, then with right ones.
  void expect_failure(const std::function<void(Arguments *)> &spoil, const Expectation &expectation) {
    GuardedTensor result = convolution_.make_result();
    const GuardedTensor untouched = convolution_.make_result();
    Arguments spoiled = arguments(&result);
    spoil(&spoiled);
    EXPECT_TRUE(fails_as(call(spoiled), expectation));
    EXPECT_TRUE(same_bits(result, untouched)) << "written by a call that failed";
    EXPECT_TRUE(ok(call(arguments(&result))));
    EXPECT_TRUE(convolution_.is_exact(result)) << "by the call after the one that failed";
  }

  /// The three tensors in the order of the call.
  struct Role {
    const char *name;
    halconv_tensor Arguments::*tensor;
  };
  std::array<Role, 3> roles() const {
    return {Role{GetParam().first, &Arguments::first}, Role{GetParam().second, &Arguments::second},
            Role{GetParam().result, &Arguments::result}};
  }

  Arguments arguments(GuardedTensor *result) const {
    return {convolution_.first(), convolution_.second(), result->view(), attributes_of(problem_).value()};
  }

  static halconv_status call(const Arguments &a) {
    return GetParam().function(a.first_argument, a.second_argument, a.attributes_argument, &a.execution,
                               a.result_argument);
  }

  Conv2dProblem problem_;
  Convolution convolution_;
};

TEST_P(BadInputTest, NullArguments) {
  expect_failure([](Arguments *a) { a->first_argument = nullptr; },
                 {HALCONV_INVALID_ARGUMENT, {GetParam().first, "null"}});
  expect_failure([](Arguments *a) { a->second_argument = nullptr; },
                 {HALCONV_INVALID_ARGUMENT, {GetParam().second, "null"}});
  expect_failure([](Arguments *a) { a->result_argument = nullptr; },
                 {HALCONV_INVALID_ARGUMENT, {GetParam().result, "null"}});
  expect_failure([](Arguments *a) { a->attributes_argument = nullptr; },
                 {HALCONV_INVALID_ARGUMENT, {"attributes", "null"}});
}

TEST_P(BadInputTest, NullData) {
  for (const Role &role : roles()) {
    expect_failure([&](Arguments *a) { (a->*role.tensor).data = nullptr; },
                   {HALCONV_INVALID_ARGUMENT, {role.name, "data", "null"}});
  }
}

TEST_P(BadInputTest, MisalignedData) {
  for (const Role &role : roles()) {
    const auto shift = [&](Arguments *a) {
      (a->*role.tensor).data = static_cast<std::byte *>((a->*role.tensor).data) + 1;
    };
    expect_failure(shift, {HALCONV_INVALID_ARGUMENT, {role.name, "multiple of 4"}});
  }
}

/// Values that no enumerator has and that the enumerations can hold.
TEST_P(BadInputTest, UnknownEnumerators) {
  for (const Role &role : roles()) {
    expect_failure([&](Arguments *a) { (a->*role.tensor).dtype = static_cast<halconv_dtype>(7); },
                   {HALCONV_INVALID_ARGUMENT, {role.name, "dtype", "7", "f64"}});
    expect_failure([&](Arguments *a) { (a->*role.tensor).dtype = HALCONV_INT32; },
                   {HALCONV_INVALID_ARGUMENT, {role.name, "i32", "one dtype"}});
    expect_failure([&](Arguments *a) { (a->*role.tensor).device = static_cast<halconv_device>(3); },
                   {HALCONV_INVALID_ARGUMENT, {role.name, "device", "3"}});
  }
  expect_failure([](Arguments *a) { a->attributes.padding = static_cast<halconv_padding>(3); },
                 {HALCONV_INVALID_ARGUMENT, {"padding", "3"}});
}

TEST_P(BadInputTest, TensorsOnDifferentDevices) {
  expect_failure([](Arguments *a) { a->second.device = HALCONV_CUDA; },
                 {HALCONV_INVALID_ARGUMENT, {GetParam().first, GetParam().second, "device"}});
}

TEST_P(BadInputTest, Ranks) {
  for (const Role &role : roles()) {
    for (int32_t rank : {-1, 0, 3, 5, 9}) {
      expect_failure([&](Arguments *a) { (a->*role.tensor).rank = rank; },
                     {HALCONV_INVALID_ARGUMENT, {role.name, std::to_string(rank), "4"}});
    }
  }
}

TEST_P(BadInputTest, ExtentsThatAreNegative) {
  for (const Role &role : roles()) {
    for (int dimension = 0; dimension < 4; ++dimension) {
      for (int64_t extent : {int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
        expect_failure([&](Arguments *a) { (a->*role.tensor).shape[dimension] = extent; },
                       {HALCONV_INVALID_ARGUMENT, {std::to_string(extent)}});
      }
    }
  }
}

TEST_P(BadInputTest, ExtentsOfZero) {
  for (const Role &role : roles()) {
    for (int dimension = 0; dimension < 4; ++dimension) {
      const bool has_no_channels = role.name == std::string_view("input") && dimension == 3;
      if (has_no_channels && GetParam().operation == HALCONV_FORWARD) continue;  // zero is a multiple of any depth
      SCOPED_TRACE(std::string(role.name) + " dimension " + std::to_string(dimension));
      expect_failure([&](Arguments *a) { (a->*role.tensor).shape[dimension] = 0; }, {HALCONV_INVALID_ARGUMENT, {}});
    }
  }
}

/// One more or one less than fits: every extent of every tensor takes part in some check.
TEST_P(BadInputTest, ExtentsThatDoNotMatch) {
  const Conv2dProblem &p = problem_;
  for (const Role &role : roles()) {
    for (int dimension = 0; dimension < 4; ++dimension) {
      const std::string_view name = role.name;
      // Under stride 2 an input or a filter of one row more or less can have the same output; of two it cannot.
      const bool is_strided =
          (name.starts_with("input") && dimension == 1) || (name.starts_with("filter") && dimension == 0);
      const int64_t change = is_strided ? p.stride_height : 1;
      for (int64_t sign : {+1, -1}) {
        int64_t wrong = 0;
        const auto spoil = [&](Arguments *a) { wrong = (a->*role.tensor).shape[dimension] += sign * change; };
        SCOPED_TRACE(std::string(role.name) + " dimension " + std::to_string(dimension) + " by " +
                     std::to_string(sign * change));
        expect_failure(spoil, {HALCONV_INVALID_ARGUMENT, {}});
      }
    }
  }
}

TEST_P(BadInputTest, ShapesTooLarge) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  for (const Role &role : roles()) {
    expect_failure([&](Arguments *a) { (a->*role.tensor).shape[0] = kHuge; },
                   {HALCONV_INVALID_ARGUMENT, {std::to_string(kHuge)}});
    const auto all_huge = [&](Arguments *a) {
      for (int i = 0; i < 4; ++i) (a->*role.tensor).shape[i] = kHuge;
    };
    expect_failure(all_huge, {HALCONV_INVALID_ARGUMENT, {role.name, "2147483647"}});
    const auto just_too_many = [&](Arguments *a) {
      const int64_t shape[] = {2, 1024, 1024, 1024};
      std::copy(std::begin(shape), std::end(shape), (a->*role.tensor).shape);
    };
    expect_failure(just_too_many, {HALCONV_INVALID_ARGUMENT, {role.name, "[2, 1024, 1024, 1024]", "2147483647"}});
  }
}

TEST_P(BadInputTest, OverlappingResult) {
  expect_failure([](Arguments *a) { a->result.data = a->first.data; },
                 {HALCONV_INVALID_ARGUMENT, {GetParam().result, GetParam().first, "overlap"}});
  expect_failure([](Arguments *a) { a->result.data = a->second.data; },
                 {HALCONV_INVALID_ARGUMENT, {GetParam().result, GetParam().second, "overlap"}});
  const auto last_element = [](Arguments *a) {
    int64_t elements = 1;
    for (int i = 0; i < 4; ++i) elements *= a->first.shape[i];
    a->result.data = static_cast<float *>(a->first.data) + elements - 1;
  };
  expect_failure(last_element, {HALCONV_INVALID_ARGUMENT, {GetParam().result, GetParam().first, "overlap"}});
}

TEST_P(BadInputTest, StridesDilationsAndPaddings) {
  const std::vector<int64_t> not_positive = {0, -1, std::numeric_limits<int64_t>::min()};
  const std::vector<int64_t> too_large = {int64_t{1} << 31, std::numeric_limits<int64_t>::max()};
  for (int axis : {0, 1}) {
    for (const std::vector<int64_t> *values : {&not_positive, &too_large}) {
      for (int64_t value : *values) {
        expect_failure([&](Arguments *a) { a->attributes.strides.values[axis] = value; },
                       {HALCONV_INVALID_ARGUMENT, {"stride", std::to_string(value)}});
        expect_failure([&](Arguments *a) { a->attributes.dilations.values[axis] = value; },
                       {HALCONV_INVALID_ARGUMENT, {"dilation", std::to_string(value)}});
      }
    }
  }
  for (int side : {2, 3, 4, 5}) {
    for (int64_t value :
         {int64_t{-1}, std::numeric_limits<int64_t>::min(), int64_t{1} << 31, std::numeric_limits<int64_t>::max()}) {
      expect_failure([&](Arguments *a) { a->attributes.explicit_paddings.values[side] = value; },
                     {HALCONV_INVALID_ARGUMENT, {"padding", std::to_string(value)}});
    }
  }
}

TEST_P(BadInputTest, CountsOfAttributes) {
  for (int32_t count : {std::numeric_limits<int32_t>::min(), -1, 0, 3, 5, 9, std::numeric_limits<int32_t>::max()}) {
    const std::string text = std::to_string(count);
    expect_failure([&](Arguments *a) { a->attributes.strides.count = count; },
                   {HALCONV_INVALID_ARGUMENT, {"strides", text}});
    expect_failure([&](Arguments *a) { a->attributes.dilations.count = count; },
                   {HALCONV_INVALID_ARGUMENT, {"dilations", text}});
    expect_failure([&](Arguments *a) { a->attributes.explicit_paddings.count = count; },
                   {HALCONV_INVALID_ARGUMENT, {"explicit_paddings", text}});
  }
}

TEST_P(BadInputTest, FilterFarLargerThanThePaddedInput) {
  const auto dilate = [](Arguments *a) { a->attributes.dilations.values[0] = 5; };  // 11 rows over 6 + 1 + 0
  expect_failure(dilate, {HALCONV_INVALID_ARGUMENT, {}});
  const auto dilate_columns = [](Arguments *a) { a->attributes.dilations.values[1] = 8; };  // 9 columns over 5 + 0 + 1
  expect_failure(dilate_columns, {HALCONV_INVALID_ARGUMENT, {"9", "5"}});
}

TEST_P(BadInputTest, Execution) {
  expect_failure([](Arguments *a) { a->execution.threads = -3; }, {HALCONV_INVALID_ARGUMENT, {"threads", "-3"}});
  expect_failure([](Arguments *a) { a->execution.accuracy = static_cast<halconv_accuracy>(3); },
                 {HALCONV_INVALID_ARGUMENT, {"accuracy", "3", "HALCONV_ACCURACY_STANDARD"}});
  expect_failure([](Arguments *a) { a->execution.target = "avx1024"; },
                 {HALCONV_INVALID_ARGUMENT, {"avx1024", "x86_64"}});
  expect_failure([](Arguments *a) { a->execution.target = ""; }, {HALCONV_INVALID_ARGUMENT, {"target", "x86_64"}});
  expect_failure([](Arguments *a) { a->execution.kernel = "conv2d_sideways__generic__f32__x86_64"; },
                 {HALCONV_NOT_FOUND, {"conv2d_sideways__generic__f32__x86_64"}});
  const char *const other_operation = GetParam().operation == HALCONV_FORWARD
                                          ? "conv2d_backward_filter__generic__f32__x86_64"
                                          : "conv2d_forward__generic__f32__x86_64";
  expect_failure([&](Arguments *a) { a->execution.kernel = other_operation; }, {HALCONV_NOT_FOUND, {other_operation}});
  halconv_allocator allocator = CountingAllocator().view();
  allocator.deallocate = nullptr;
  expect_failure([&](Arguments *a) { a->execution.allocator = &allocator; },
                 {HALCONV_INVALID_ARGUMENT, {"allocator", "deallocate", "null"}});
  const halconv_thread_pool pool{};
  expect_failure([&](Arguments *a) { a->execution.pool = &pool; },
                 {HALCONV_INVALID_ARGUMENT, {"pool", "parallel_for", "null"}});
}

/// Each request for memory of a call fails in turn; the first call that asks for no more than it gets succeeds.
TEST_P(BadInputTest, OutOfMemory) {
  for (int64_t failing = 0;; ++failing) {
    ASSERT_LT(failing, 1000) << "no end of requests";
    CountingAllocator scratch(failing);
    const halconv_allocator allocator = scratch.view();
    GuardedTensor result = convolution_.make_result();
    Arguments spoiled = arguments(&result);
    spoiled.execution.allocator = &allocator;
    const halconv_status status = call(spoiled);
    EXPECT_EQ(scratch.live_blocks(), 0) << "leaked where request " << failing << " fails";
    if (scratch.requests() <= failing) {
      EXPECT_TRUE(ok(status));
      EXPECT_TRUE(convolution_.is_exact(result));
      break;
    }
    EXPECT_TRUE(fails_as(status, {HALCONV_RESOURCE_EXHAUSTED, {"memory"}})) << "request " << failing;
    EXPECT_TRUE(ok(call(arguments(&result))));
    EXPECT_TRUE(convolution_.is_exact(result));
  }
}

INSTANTIATE_TEST_SUITE_P(Functions, BadInputTest, ::testing::ValuesIn(kEntries),
                         [](const auto &entry) { return std::string(entry.param.name); });

/// conv2d_transpose names its arguments as TensorFlow does: `input` is the forward output.
TEST(BadInputTranspose, NamesItsOwnArguments) {
  const Conv2dProblem problem = parse_problem("mb1ic2ih5oc3oh3kh3sh2ph1");
  const Convolution convolution(HALCONV_BACKWARD_INPUT, problem, Fill::kExactIntegers, Guard::kAfter);
  const halconv_conv2d_attributes attributes = attributes_of(problem).value();
  const halconv_tensor filter = convolution.first(), input = convolution.second();
  GuardedTensor result = convolution.make_result();
  halconv_tensor output = result.view();

  halconv_tensor wrong = input;
  wrong.rank = 2;
  EXPECT_TRUE(fails_as(halconv_conv2d_transpose(&wrong, &filter, &attributes, nullptr, &output),
                       {HALCONV_INVALID_ARGUMENT, {"input", "2"}}));
  wrong = input;
  wrong.shape[1] = 4;
  EXPECT_TRUE(fails_as(halconv_conv2d_transpose(&wrong, &filter, &attributes, nullptr, &output),
                       {HALCONV_INVALID_ARGUMENT, {"4", "3"}}));
  EXPECT_TRUE(fails_as(halconv_conv2d_transpose(&input, nullptr, &attributes, nullptr, &output),
                       {HALCONV_INVALID_ARGUMENT, {"filter", "null"}}));
  halconv_tensor inside = output;
  inside.data = input.data;
  EXPECT_TRUE(fails_as(halconv_conv2d_transpose(&input, &filter, &attributes, nullptr, &inside),
                       {HALCONV_INVALID_ARGUMENT, {"output", "input", "overlap"}}));
  EXPECT_TRUE(same_bits(result, convolution.make_result()));
  EXPECT_TRUE(ok(halconv_conv2d_transpose(&input, &filter, &attributes, nullptr, &output)));
  EXPECT_TRUE(convolution.is_exact(result));
}

TEST(BadInputOutputShape, ReportsAndWritesNothing) {
  const halconv_int_list input{4, {1, 4, 4, 2}}, filter{4, {6, 3, 2, 8}};
  halconv_conv2d_attributes attributes{{1, {1}}, {1, {1}}, HALCONV_VALID, {}, HALCONV_NHWC};
  int64_t output[4] = {-7, -7, -7, -7}, paddings[2][2] = {{-7, -7}, {-7, -7}};
  const auto shape = [&](const halconv_int_list *input_shape, const halconv_int_list *filter_shape) {
    return halconv_conv2d_output_shape(input_shape, filter_shape, &attributes, output, paddings);
  };
  EXPECT_TRUE(fails_as(shape(&input, &filter), {HALCONV_INVALID_ARGUMENT, {"4", "6"}}));
  EXPECT_TRUE(fails_as(shape(nullptr, &filter), {HALCONV_INVALID_ARGUMENT, {"input_shape", "null"}}));
  EXPECT_TRUE(fails_as(shape(&input, nullptr), {HALCONV_INVALID_ARGUMENT, {"filter_shape", "null"}}));
  const halconv_int_list other_channels{4, {3, 3, 5, 8}};
  EXPECT_TRUE(fails_as(shape(&input, &other_channels), {HALCONV_INVALID_ARGUMENT, {"2", "5"}}));
  attributes.strides.values[0] = 0;
  EXPECT_TRUE(fails_as(shape(&input, &filter), {HALCONV_INVALID_ARGUMENT, {"stride", "0"}}));
  for (int64_t extent : output) EXPECT_EQ(extent, -7);
  for (const auto &sides : paddings) {
    for (int64_t padding : sides) EXPECT_EQ(padding, -7);
  }
}

class BadPlanTest : public ::testing::Test {
 protected:
  halconv_status create(const char *problem, halconv_operation operation = HALCONV_FORWARD) {
    return halconv_plan_create(operation, problem, nullptr, nullptr, &created_);
  }

  halconv_plan *const untouched_ = reinterpret_cast<halconv_plan *>(16);
  halconv_plan *created_ = untouched_;
};

TEST_F(BadPlanTest, Create) {
  const char *const good = "mb1ic2ih5oc3kh3ph1";
  EXPECT_TRUE(fails_as(halconv_plan_create(HALCONV_FORWARD, good, nullptr, nullptr, nullptr),
                       {HALCONV_INVALID_ARGUMENT, {"plan", "null"}}));
  EXPECT_TRUE(fails_as(create(nullptr), {HALCONV_INVALID_ARGUMENT, {"problem", "null"}}));
  EXPECT_TRUE(
      fails_as(create(good, std::bit_cast<halconv_operation>(4)), {HALCONV_INVALID_ARGUMENT, {"operation", "4"}}));
  const halconv_tensor_format nowhere = {HALCONV_FLOAT32, static_cast<halconv_device>(3), HALCONV_NHWC};
  EXPECT_TRUE(fails_as(halconv_plan_create(HALCONV_FORWARD, good, &nowhere, nullptr, &created_),
                       {HALCONV_INVALID_ARGUMENT, {"format->device", "3"}}));
  const halconv_tensor_format nothing = {static_cast<halconv_dtype>(7), HALCONV_HOST, HALCONV_NHWC};
  EXPECT_TRUE(fails_as(halconv_plan_create(HALCONV_FORWARD, good, &nothing, nullptr, &created_),
                       {HALCONV_INVALID_ARGUMENT, {"format->dtype", "7", "f64"}}));
  volatile int unknown = 2;  // a constant that the enumeration has no bits for would not compile
  const halconv_tensor_format unordered = {HALCONV_FLOAT32, HALCONV_HOST, static_cast<halconv_data_format>(unknown)};
  EXPECT_TRUE(fails_as(halconv_plan_create(HALCONV_FORWARD, good, &unordered, nullptr, &created_),
                       {HALCONV_INVALID_ARGUMENT, {"format->data_format", "2", "HALCONV_NCHW"}}));
  EXPECT_TRUE(created_ == untouched_ || created_ == nullptr);
}

TEST_F(BadPlanTest, MalformedProblem) {
  EXPECT_TRUE(fails_as(create("mb1ic2zz5"), {HALCONV_INVALID_ARGUMENT, {"mb1ic2zz5", "7", "zz"}}));
  EXPECT_TRUE(fails_as(create(""), {HALCONV_INVALID_ARGUMENT, {"ic"}}));
  EXPECT_TRUE(fails_as(create("mb1ic2ih5oc3kh3sh0"), {HALCONV_INVALID_ARGUMENT, {"sh", "0"}}));
  EXPECT_TRUE(fails_as(create("mb1ic2ih5oc3kh9"), {HALCONV_INVALID_ARGUMENT, {"9", "5"}}));
  EXPECT_TRUE(fails_as(create("mb1ic99999ih99999oc1kh1"), {HALCONV_INVALID_ARGUMENT, {"input", "2147483647"}}));
  EXPECT_TRUE(fails_as(create("mb1ic2ih99999999999999999999oc1kh1"), {HALCONV_INVALID_ARGUMENT, {"ih", "2147483647"}}));
  EXPECT_TRUE(fails_as(create("g2mb1ic2ih5oc5kh3ph1"), {HALCONV_INVALID_ARGUMENT, {"g is 2", "oc 5"}}));
}

TEST_F(BadPlanTest, Run) {
  const Convolution convolution(HALCONV_FORWARD, parse_problem("mb1ic2ih5oc3kh3ph1"), Fill::kExactIntegers,
                                Guard::kAfter);
  const Plan plan = create_plan(HALCONV_FORWARD, convolution.problem(), {});
  ASSERT_TRUE(plan);
  const halconv_tensor input = convolution.first(), filter = convolution.second();
  GuardedTensor result = convolution.make_result();
  halconv_tensor output = result.view();
  const auto fails = [&](const halconv_tensor *first, const halconv_tensor *second, halconv_tensor *out,
                         const std::vector<std::string> &message) {
    EXPECT_TRUE(fails_as(halconv_plan_run(plan.get(), first, second, out), {HALCONV_INVALID_ARGUMENT, message}));
  };
  EXPECT_TRUE(
      fails_as(halconv_plan_run(nullptr, &input, &filter, &output), {HALCONV_INVALID_ARGUMENT, {"plan", "null"}}));
  fails(nullptr, &filter, &output, {"input", "null"});
  fails(&input, nullptr, &output, {"filter", "halconv_plan_prepare_filter"});
  fails(&input, &filter, nullptr, {"output", "null"});
  halconv_tensor wrong = input;
  wrong.shape[1] = 6;
  fails(&wrong, &filter, &output, {"input", "[1, 6, 5, 2]", "[1, 5, 5, 2]"});
  wrong = input;
  wrong.device = HALCONV_CUDA;
  fails(&wrong, &filter, &output, {"input", "device"});
  wrong = output;
  wrong.data = input.data;
  fails(&input, &filter, &wrong, {"output", "input", "overlap"});
  EXPECT_TRUE(
      fails_as(halconv_plan_prepare_filter(plan.get(), nullptr), {HALCONV_INVALID_ARGUMENT, {"filter", "null"}}));
  EXPECT_TRUE(fails_as(halconv_plan_prepare_filter(plan.get(), &input),
                       {HALCONV_INVALID_ARGUMENT, {"filter", "[1, 5, 5, 2]", "[3, 3, 2, 3]"}}));
  EXPECT_TRUE(same_bits(result, convolution.make_result()));
  ASSERT_TRUE(ok(halconv_plan_run(plan.get(), &input, &filter, &output)));
  EXPECT_TRUE(convolution.is_exact(result));
}

TEST_F(BadPlanTest, PreparesNoResult) {
  const Conv2dProblem problem = parse_problem("mb1ic2ih5oc3kh3ph1");
  const Plan plan = create_plan(HALCONV_BACKWARD_FILTER, problem, {});
  ASSERT_TRUE(plan);
  const GuardedTensor filter(filter_shape(problem), Guard::kAfter);
  const halconv_tensor view = filter.view();
  EXPECT_TRUE(fails_as(halconv_plan_prepare_filter(plan.get(), &view), {HALCONV_INVALID_ARGUMENT, {"filter"}}));
}

TEST_F(BadPlanTest, DestroyIgnoresNull) { halconv_plan_destroy(nullptr); }

TEST_F(BadPlanTest, OutOfMemory) {
  for (halconv_operation operation : {HALCONV_FORWARD, HALCONV_BACKWARD_INPUT}) {
    const Convolution convolution(operation, parse_problem("mb2ic5ih7oc9kh3sh2ph1"), Fill::kExactIntegers,
                                  Guard::kAfter);
    const halconv_tensor filter = convolution.filter();
    GuardedTensor result = convolution.make_result();
    const auto whole_life = [&](const halconv_execution &execution) {
      halconv_plan *plan = nullptr;
      halconv_status status =
          halconv_plan_create(operation, to_string(convolution.problem()).c_str(), nullptr, &execution, &plan);
      const Plan owner(plan);
      if (status.code == HALCONV_OK) status = halconv_plan_prepare_filter(plan, &filter);
      if (status.code == HALCONV_OK) status = convolution.run_prepared(plan, &result);
      return status;
    };
    for (int64_t failing = 0;; ++failing) {
      ASSERT_LT(failing, 1000) << "no end of requests";
      CountingAllocator scratch(failing);
      const halconv_allocator allocator = scratch.view();
      halconv_execution execution{};
      execution.allocator = &allocator;
      const halconv_status status = whole_life(execution);
      EXPECT_EQ(scratch.live_blocks(), 0) << "leaked where request " << failing << " fails";
      if (scratch.requests() <= failing) {
        EXPECT_TRUE(ok(status));
        break;
      }
      EXPECT_TRUE(fails_as(status, {HALCONV_RESOURCE_EXHAUSTED, {"memory"}})) << "request " << failing;
      EXPECT_TRUE(ok(whole_life({})));
      EXPECT_TRUE(convolution.is_exact(result));
    }
  }
}

TEST(BadQuery, IndicesOutsideTheTables) {
  halconv_kernel_info info{};
  for (int32_t index : {-1, halconv_kernel_count(), std::numeric_limits<int32_t>::max()}) {
    EXPECT_TRUE(fails_as(halconv_kernel(index, &info), {HALCONV_INVALID_ARGUMENT, {"index", std::to_string(index)}}));
  }
  const char *name = nullptr;
  char reason[8];
  for (int32_t index : {-1, halconv_target_count()}) {
    EXPECT_TRUE(fails_as(halconv_target(index, &name, reason, sizeof reason),
                         {HALCONV_INVALID_ARGUMENT, {"index", std::to_string(index)}}));
  }
  EXPECT_TRUE(fails_as(halconv_kernel(0, nullptr), {HALCONV_INVALID_ARGUMENT, {"info", "null"}}));
}

TEST(BadQuery, ExplainCutsItsText) {
  const char *const problem = "mb1ic2ih5oc3kh3ph1";
  char whole[65536], cut[16];
  std::memset(cut, '#', sizeof cut);
  size_t needed = 0, needed_when_cut = 0;
  ASSERT_TRUE(ok(halconv_explain(HALCONV_FORWARD, problem, nullptr, nullptr, whole, sizeof whole, &needed)));
  EXPECT_EQ(needed, std::strlen(whole) + 1);
  ASSERT_TRUE(ok(halconv_explain(HALCONV_FORWARD, problem, nullptr, nullptr, cut, 8, &needed_when_cut)));
  EXPECT_EQ(needed_when_cut, needed);
  EXPECT_EQ(std::string(cut), std::string(whole, 7));
  EXPECT_EQ(cut[8], '#');
  EXPECT_TRUE(ok(halconv_explain(HALCONV_FORWARD, problem, nullptr, nullptr, nullptr, 0, &needed)));
  EXPECT_TRUE(fails_as(halconv_explain(HALCONV_FORWARD, "nonsense", nullptr, nullptr, cut, 8, nullptr),
                       {HALCONV_INVALID_ARGUMENT, {"nonsense"}}));
}

}  // namespace
}  // namespace halconv::testing
