/// The name that this machine's CPU gives itself.
#ifndef HALCONV_BENCH_CPU_MODEL_H_
#define HALCONV_BENCH_CPU_MODEL_H_

#include <algorithm>
#include <fstream>
#include <string>

namespace halconv::bench {

/// The model name in Linux's /proc/cpuinfo, with family and model numbers, since virtual machines hide the name's rest.
inline std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, name = "unknown CPU", family, model;
  const auto value = [&] { return line.substr(std::min(line.size(), line.find(':') + 2)); };
  while (std::getline(file, line) && !line.empty()) {
    if (line.starts_with("model name")) name = value();
    if (line.starts_with("cpu family")) family = value();
    if (line.starts_with("model\t")) model = value();
  }
  return name + " (family " + family + ", model " + model + ")";
}

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_CPU_MODEL_H_
