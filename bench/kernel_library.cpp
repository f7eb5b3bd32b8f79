#include "kernel_library.h"

#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>

#include "halconv/kernel_registry.h"

namespace halconv::bench {

void load_kernel(const std::string &path) {
  const std::string *const name = new std::string(std::filesystem::path(path).stem());  // the registry keeps the text
  void *const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  void *const argv = dlsym(library, (*name + "_argv").c_str());
  void *const metadata = dlsym(library, (*name + "_metadata").c_str());
  if (argv == nullptr || metadata == nullptr) throw std::runtime_error(path + " does not hold " + *name);
  const halconv_kernel_row row{name->c_str(), reinterpret_cast<decltype(halconv_kernel_row::argv)>(argv),
                               reinterpret_cast<decltype(halconv_kernel_row::metadata)>(metadata)};
  halconv_register_kernels(&row, 1);
}

}  // namespace halconv::bench
