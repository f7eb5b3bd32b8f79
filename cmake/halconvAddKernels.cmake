#[=[
Compiles convolution kernels ahead of time into static libraries.

  halconv_add_kernels(<name> TARGETS <target>... [SUITE <file>...] [OPS <op>...] [BATCH <n>] [TABLES <directory>]
                      [DTYPES <dtype>...] [GENERIC_DTYPES <dtype>...] [DATA_FORMATS <format>...])

Makes, for each target, a static library <name>_<target> with the generic kernels and one kernel for each problem of the
suites and operation, and an interface library <name> that links them all. A program that links them beside
halconv::runtime finds the kernels by itself.

  TARGETS  x86_64, avx2, avx512, avx512_bf16 (bf16 only), cuda, opencl, or native: the best CPU target with f32 kernels
           that this machine can run
  SUITE    files of problems in benchdnn's notation, one a line; without it only the generic kernels are made. <file>:nchw
           makes kernels for NCHW images
  OPS      forward, forward_fused, backward_input, backward_filter; default: all
  DTYPES   element types of all kernels: f32, f64, f16, bf16, i32 (forward only); default: f32
  GENERIC_DTYPES  element types besides, of the generic kernels only; default: none
  DATA_FORMATS  layouts of images of the generic kernels of DTYPES: nhwc, nchw; default: nhwc
  BATCH    takes the place of the problems' batch sizes
  TABLES   folder of tuned schedules, <target>.txt for each target; default: those that come with halconv. Where it has
           <micro-architecture>/<target>.txt for this machine's CPU (znver5, say), that one; kernels for another CPU take
           its folder for TABLES

Target properties of <name>_<target>: HALCONV_KERNELS, the names of its kernels, and HALCONV_KERNEL_DIR, the folder with
<kernel>.o and, where HALCONV_EMIT_ASSEMBLY is on, <kernel>.s (CPUs) or <kernel>.stmt and .device_code, PTX or OpenCL C (GPUs).
HALCONV_KERNEL_FEATURES adds Halide target features, e.g. asan, to every kernel.
]=]
cmake_minimum_required(VERSION 3.28...4.0)

function(halconv_add_kernels name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "BATCH;TABLES" "TARGETS;SUITE;OPS;DTYPES;GENERIC_DTYPES;DATA_FORMATS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "halconv_add_kernels(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_TARGETS)
    message(FATAL_ERROR "halconv_add_kernels(${name}): TARGETS is missing")
  endif()
  if("native" IN_LIST arg_TARGETS)
    execute_process(COMMAND ${HALCONV_KERNEL_LIST} best-target
      OUTPUT_VARIABLE native OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    list(TRANSFORM arg_TARGETS REPLACE "^native$" ${native})
  endif()
  list(REMOVE_DUPLICATES arg_TARGETS)
  set(tables ${HALCONV_TUNED_TABLES})
  if(arg_TABLES)
    cmake_path(ABSOLUTE_PATH arg_TABLES OUTPUT_VARIABLE tables)
  endif()
  foreach(target IN LISTS arg_TARGETS)
    execute_process(COMMAND ${HALCONV_KERNEL_LIST} tuned-table ${tables} ${target}
      OUTPUT_VARIABLE ${target}_table OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    if(arg_TABLES AND NOT EXISTS ${${target}_table})
      message(FATAL_ERROR "halconv_add_kernels(${name}): TABLES has no ${${target}_table}")
    endif()
  endforeach()

  set(directory ${CMAKE_CURRENT_BINARY_DIR}/${name}_kernels)
  set(suites)
  foreach(suite IN LISTS arg_SUITE)
    cmake_path(ABSOLUTE_PATH suite)
    list(APPEND suites ${suite})
    string(REGEX REPLACE ":[a-z]+$" "" file ${suite})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  list(JOIN arg_TARGETS , targets)
  set(options --targets ${targets} --registry ${directory} --library ${name})
  foreach(list IN ITEMS OPS DTYPES GENERIC_DTYPES DATA_FORMATS)
    if(arg_${list})
      string(TOLOWER --${list} option)
      string(REPLACE _ - option ${option})
      list(JOIN arg_${list} , values)
      list(APPEND options ${option} ${values})
    endif()
  endforeach()
  if(NOT "${arg_BATCH}" STREQUAL "")
    list(APPEND options --batch ${arg_BATCH})
  endif()
  execute_process(COMMAND ${HALCONV_KERNEL_LIST} kernels ${options} ${suites}
    OUTPUT_VARIABLE plan ERROR_VARIABLE remarks RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(failed)
    message(FATAL_ERROR "halconv_add_kernels(${name}):\n${remarks}")
  elseif(remarks)
    message(STATUS "halconv_add_kernels(${name}):\n${remarks}")
  endif()

  string(REPLACE "\n" ";" plan "${plan}")
  foreach(line IN LISTS plan)
    string(REPLACE " " ";" kernel ${line})
    list(POP_FRONT kernel target kernel_name generator halide_target dtype problem data_format)
    _halconv_add_kernel(${directory}/${target} ${target} ${kernel_name} ${generator} ${halide_target} ${dtype} "${problem}"
                        "${data_format}" ${${target}_table})
    list(APPEND ${target}_kernels ${kernel_name})
  endforeach()

  add_library(${name} INTERFACE)
  foreach(target IN LISTS arg_TARGETS)
    set(library ${name}_${target})
    list(TRANSFORM ${target}_kernels REPLACE "(.+)" "${directory}/${target}/\\1.o" OUTPUT_VARIABLE objects)
    add_library(${library} STATIC ${directory}/${library}_registry.cpp ${objects})
    target_link_libraries(${library} PUBLIC halconv::runtime halconv::halide_runtime)
    # Nothing refers to the registry: it refers to the kernels, and registers them before main().
    target_link_options(${library} INTERFACE LINKER:-u,halconv_registry_${library})
    set_target_properties(${library} PROPERTIES HALCONV_KERNELS "${${target}_kernels}"
                                                HALCONV_KERNEL_DIR ${directory}/${target})
    target_link_libraries(${name} INTERFACE ${library})
  endforeach()
endfunction()

# The rule for one kernel's object.
function(_halconv_add_kernel directory target kernel_name generator halide_target dtype problem data_format
                             table)
  set(parameters dtype=${dtype})
  set(depends halconv::generate)
  if(problem)
    list(APPEND parameters problem=${problem} data_format=${data_format})
    if(EXISTS ${table})
      list(APPEND parameters table=${table})
      list(APPEND depends ${table})
    endif()
  endif()
  foreach(feature IN LISTS HALCONV_KERNEL_FEATURES)
    string(APPEND halide_target -${feature})
  endforeach()
  set(object ${directory}/${kernel_name}.o)
  set(outputs object)
  set(files ${object})
  set(assemble)
  if(HALCONV_EMIT_ASSEMBLY)
    if(target STREQUAL "cuda" OR target STREQUAL "opencl")
      list(APPEND outputs stmt device_code)
      list(APPEND files ${directory}/${kernel_name}.stmt)
    else()
      # Both at once would have LLVM generate the code twice: a fifth of the time of all kernels.
      set(outputs assembly)
      set(assembly ${directory}/${kernel_name}.s)
      list(APPEND files ${assembly})
      set(assemble COMMAND ${CMAKE_CXX_COMPILER} -c ${assembly} -o ${object})
    endif()
  endif()
  list(JOIN outputs , outputs)
  file(MAKE_DIRECTORY ${directory})
  add_custom_command(
    OUTPUT ${files}
    COMMAND halconv::generate -g ${generator} -f ${kernel_name} -n ${kernel_name} -o ${directory} -e ${outputs}
            target=${halide_target} ${parameters}
    ${assemble}
    DEPENDS ${depends}
    COMMENT "Generating ${kernel_name}"
    VERBATIM)
endfunction()
