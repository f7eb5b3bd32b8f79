#include "micro_architecture.h"

#include <cpuid.h>

namespace halconv {
namespace {

struct CpuModels {
  bool is_amd;
  unsigned family, first_model, last_model;
  std::string_view name;
};

/// LLVM's llvm/lib/TargetParser/Host.cpp has them all.
constexpr CpuModels kModels[] = {
    {true, 0x17, 0x30, 0xff, "znver2"},          {true, 0x19, 0x00, 0x0f, "znver3"},
    {true, 0x19, 0x10, 0x1f, "znver4"},          {true, 0x19, 0x20, 0x5f, "znver3"},
    {true, 0x19, 0x60, 0xaf, "znver4"},          {true, 0x1a, 0x00, 0xff, "znver5"},
    {false, 0x06, 0x6a, 0x6c, "icelake-server"}, {false, 0x06, 0x8f, 0x8f, "sapphirerapids"},
    {false, 0x06, 0xcf, 0xcf, "emeraldrapids"},
};

}  // namespace

std::string_view micro_architecture() {
  unsigned signature = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &signature, &ebx, &ecx, &edx) == 0) return "";
  // AMD's Architecture Programmer's Manual, volume 3, CPUID Fn0000_0001: the extended fields count from family 15 on.
  const unsigned base_family = signature >> 8 & 0xf, extended_model = signature >> 12 & 0xf0;
  const unsigned family = base_family == 0xf ? base_family + (signature >> 20 & 0xff) : base_family;
  const unsigned model = (signature >> 4 & 0xf) | extended_model;
  const bool is_amd = __builtin_cpu_is("amd");
  if (!is_amd && !__builtin_cpu_is("intel")) return "";
  for (const CpuModels &models : kModels) {
    if (models.is_amd != is_amd || models.family != family) continue;
    if (models.first_model <= model && model <= models.last_model) return models.name;
  }
  return "";
}

}  // namespace halconv
