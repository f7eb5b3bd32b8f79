/// The CPU that a program runs on, as compilers call it.
#ifndef HALCONV_TOOLS_MICRO_ARCHITECTURE_H_
#define HALCONV_TOOLS_MICRO_ARCHITECTURE_H_

#include <string_view>

namespace halconv {

/// What GCC's and LLVM's -march call this machine's CPU, by the vendor, family and model that it tells; empty for one
/// that is not listed.
std::string_view micro_architecture();

}  // namespace halconv

#endif  // HALCONV_TOOLS_MICRO_ARCHITECTURE_H_
