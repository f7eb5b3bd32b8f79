# Compiles the planning tool now, while configuring: halconv_add_kernels asks it which kernels there are.
if(HALCONV_HOST_TOOLS)
  halconv_borrow_host_tool(halconv_kernel_list)
  set(HALCONV_KERNEL_LIST ${PROJECT_BINARY_DIR}/halconv_kernel_list CACHE INTERNAL "The planning tool")
  return()
endif()

set(sources ${PROJECT_SOURCE_DIR}/tools/kernel_list.cpp ${PROJECT_SOURCE_DIR}/tools/micro_architecture.cpp)
set(headers ${PROJECT_SOURCE_DIR}/runtime/include)
set(inputs ${sources} ${PROJECT_SOURCE_DIR}/tools/micro_architecture.h
           ${headers}/halconv/conv2d_problem.h ${headers}/halconv/data_format.h ${headers}/halconv/dtype.h ${headers}/halconv/halconv.h
           ${headers}/halconv/kernel_name.h ${headers}/halconv/targets.h ${headers}/halconv/winograd.h)
set(HALCONV_KERNEL_LIST ${PROJECT_BINARY_DIR}/halconv_kernel_list CACHE INTERNAL "The planning tool")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${inputs})

set(up_to_date TRUE)
foreach(input IN LISTS inputs)
  if(NOT EXISTS ${HALCONV_KERNEL_LIST} OR ${input} IS_NEWER_THAN ${HALCONV_KERNEL_LIST})
    set(up_to_date FALSE)
  endif()
endforeach()
if(NOT up_to_date)
  message(STATUS "Compiling halconv_kernel_list")
  try_compile(compiled SOURCES ${sources} NO_CACHE
    CMAKE_FLAGS -DINCLUDE_DIRECTORIES=${headers}
    CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    OUTPUT_VARIABLE output
    COPY_FILE ${HALCONV_KERNEL_LIST})
  if(NOT compiled)
    message(FATAL_ERROR "halconv_kernel_list does not compile:\n${output}")
  endif()
endif()
