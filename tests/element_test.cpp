#include "element.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <random>

namespace halconv::testing {
namespace {

TEST(Element, RoundsToTheNearestEvenNumber) {
  EXPECT_EQ(rounded(HALCONV_BFLOAT16, 1 + std::ldexp(1, -8)), 1);  // half way: to even
  EXPECT_EQ(rounded(HALCONV_BFLOAT16, 1 + 3 * std::ldexp(1, -8)), 1 + std::ldexp(1, -6));
  EXPECT_EQ(rounded(HALCONV_BFLOAT16, 1 + std::ldexp(1.01, -8)), 1 + std::ldexp(1, -7));
  EXPECT_EQ(rounded(HALCONV_FLOAT16, 65519), 65504);
  EXPECT_EQ(rounded(HALCONV_FLOAT16, -65520), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(rounded(HALCONV_FLOAT16, std::ldexp(1, -25)), 0);
  EXPECT_EQ(rounded(HALCONV_FLOAT16, std::ldexp(1.1, -25)), std::ldexp(1, -24));
}

TEST(Element, RoundsToFloatAsTheProcessorDoes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (std::isnan(value)) continue;
    EXPECT_EQ(rounded(HALCONV_FLOAT32, value), static_cast<double>(static_cast<float>(value))) << value;
    const double small = std::ldexp(std::remainder(value, 1), -140);
    EXPECT_EQ(rounded(HALCONV_FLOAT32, small), static_cast<double>(static_cast<float>(small))) << small;
  }
}

TEST(Element, EveryNumberOf16BitsSurvivesStoreAndLoad) {
  for (const halconv_dtype dtype : {HALCONV_FLOAT16, HALCONV_BFLOAT16}) {
    for (uint32_t bits = 0; bits < 1 << 16; ++bits) {
      const std::array<uint16_t, 4> element{static_cast<uint16_t>(bits)};
      const double value = load(dtype, element.data(), 0);
      std::array<uint16_t, 4> stored{};
      store(dtype, stored.data(), 0, value);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(load(dtype, stored.data(), 0))) << bits;
      } else {
        EXPECT_EQ(stored, element) << value;
      }
      if (dtype == HALCONV_BFLOAT16 && !std::isnan(value)) {
        EXPECT_EQ(value, static_cast<double>(std::bit_cast<float>(bits << 16)));
      }
    }
  }
}

}  // namespace
}  // namespace halconv::testing
