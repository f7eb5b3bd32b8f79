/// How generated kernel libraries make their kernels known to the runtime. Applications do not need this header.
#ifndef HALCONV_KERNEL_REGISTRY_H_
#define HALCONV_KERNEL_REGISTRY_H_

#include <stdint.h>

#include "halconv/halconv.h"

#ifdef __cplusplus
extern "C" {
#endif

struct halide_filter_metadata_t;

/// One kernel as Halide's ahead-of-time compiler emits it.
typedef struct halconv_kernel_row {
  const char *name;                                          ///< grammar: halconv/kernel_name.h
  int (*argv)(void **arguments);                             ///< <name>_argv
  const struct halide_filter_metadata_t *(*metadata)(void);  ///< <name>_metadata
} halconv_kernel_row;

/// Adds `count` kernels to the table. `rows` and what it points to must live as long as the process. Callable at any
/// time, constructors included, and from any thread. Of two kernels of one name the first registered stays.
HALCONV_API void halconv_register_kernels(const halconv_kernel_row *rows, int32_t count);

#ifdef __cplusplus
}
#endif

#endif  // HALCONV_KERNEL_REGISTRY_H_
