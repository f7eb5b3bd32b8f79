/// The layouts of images: the one list that kernel names, the generators, the build, the runtime and the tests share.
/// Filters are HWIO in all of them.
#ifndef HALCONV_DATA_FORMAT_H_
#define HALCONV_DATA_FORMAT_H_

#include <string>
#include <string_view>

#include "halconv/halconv.h"

namespace halconv {

struct DataFormatInfo {
  std::string_view name;        ///< in a kernel's name
  std::string_view attribute;   ///< TensorFlow's
  halconv_data_format value;    ///< in the C ABI
  int height, width, channels;  ///< which of a shape's extents they are; the batch is the first
};

inline constexpr DataFormatInfo kDataFormats[] = {
    {"nhwc", "NHWC", HALCONV_NHWC, 1, 2, 3},
    {"nchw", "NCHW", HALCONV_NCHW, 2, 3, 1},
};

/// The data format of that name, or null.
constexpr const DataFormatInfo *find_data_format(std::string_view name) {
  for (const DataFormatInfo &format : kDataFormats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

/// The data format of that value of the C ABI, or null.
constexpr const DataFormatInfo *find_data_format(halconv_data_format value) {
  for (const DataFormatInfo &format : kDataFormats) {
    if (format.value == value) return &format;
  }
  return nullptr;
}

/// "nhwc, nchw", for messages.
inline std::string data_format_names() {
  std::string names;
  for (const DataFormatInfo &format : kDataFormats) names.append(names.empty() ? "" : ", ").append(format.name);
  return names;
}

}  // namespace halconv

#endif  // HALCONV_DATA_FORMAT_H_
