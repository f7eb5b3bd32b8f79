# Tests of the planning tool `kernel_list`, in the folder `work`: the kernels it lists, and what bad input gets.
cmake_minimum_required(VERSION 3.28)
file(REMOVE_RECURSE ${work})

# Runs the tool on a suite of that text and checks the exit status and that its output matches every pattern after it.
function(expect status suite_text options)
  file(WRITE ${work}/suite.txt "${suite_text}")
  execute_process(COMMAND ${kernel_list} kernels ${options} suite.txt WORKING_DIRECTORY ${work}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL status)
    message(SEND_ERROR "${options}, suite \"${suite_text}\": exit status ${result}, expected ${status}:\n${output}")
  endif()
  foreach(pattern IN LISTS ARGN)
    if(NOT output MATCHES "${pattern}")
      message(SEND_ERROR "${options}, suite \"${suite_text}\": \"${pattern}\" is not in:\n${output}")
    endif()
  endforeach()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(avx2 --targets avx2)
# A kernel for each problem and operation, the generic ones, the gradients by differentiation, the reorders: one spelling each.
expect(0 "mb1ic8oc4ih7kh3\ng1mb1_ic8ih7_oc4oh5kh3\n" "${avx2}"
  "^avx2 conv2d_forward__g1mb1_ic8oc4_ih7oh5kh3sh1ph0__f32__avx2 conv2d_forward x86-64-linux[^ ]* f32 g1mb1_ic8oc4_ih7oh5kh3sh1ph0 nhwc\n"
  "\navx2 conv2d_backward_input__generic__f32__avx2 conv2d_backward_input x86-64-linux[^ ]* f32 generic nhwc\n"
  "\navx2 conv2d_backward_filter_autodiff__generic__f32__avx2 conv2d_backward_filter_autodiff x86-64-linux[^ ]* f32 generic nhwc\n"
  "\navx2 reorder_filter_forward__generic__f32__avx2 ")
# 4 x (specialised + generic + generic depthwise), the epilogue's gradient, 2 by differentiation, 2 reorders.
string(REGEX MATCHALL "\n" lines "${output}")
list(LENGTH lines count)
if(NOT count EQUAL 17)
  message(SEND_ERROR "${count} kernels, expected 17:\n${output}")
endif()
# Integers have no gradients, and dtypes besides no kernels of problems.
expect(0 "mb1ic8oc4ih7kh3" "${avx2};--dtypes;f16,i32;--generic-dtypes;f64"
  "conv2d_forward__generic__f64__avx2 conv2d_forward x86-64-linux[^ ]* f64 generic nhwc\n"
  "conv2d_backward_input__g1mb1_ic8oc4_ih7oh5kh3sh1ph0__f16__avx2" "conv2d_forward__g1mb1_ic8oc4_ih7oh5kh3sh1ph0__i32__avx2")
foreach(absent IN ITEMS "ph0__f64" "__f32__" "backward[^ ]*__i32" autodiff)
  if(output MATCHES ${absent})
    message(SEND_ERROR "\"${absent}\" is in:\n${output}")
  endif()
endforeach()
expect(0 "mb1ic8oc4ih7kh3" "${avx2};--batch;16;--ops;forward" "^avx2 conv2d_forward__g1mb16_ic8oc4_")
# Fused kernels read the filter as the others do, and can stand alone.
expect(0 "mb1ic16oc16ih7kh3" "${avx2};--ops;forward_fused" "^avx2 conv2d_forward_fused__g1mb1_ic16oc16_"
  "\navx2 conv2d_forward_fused_winograd2__g1mb1" "\navx2 epilogue_backward__generic__f32__avx2 epilogue_backward [^ ]* f32 generic nhwc\n"
  "\navx2 reorder_filter_forward__generic" "\navx2 reorder_filter_forward_winograd4__generic")
expect(0 "g4mb1ic8oc4ih7kh3n\"grouped\"" "${avx2}" "^avx2 conv2d_forward__g4mb1_ic8oc4_ih7oh5kh3sh1ph0__f32__avx2 ")
expect(0 "g8mb1ic8oc16ih7kh3" "${avx2}" "^avx2 conv2d_forward_depthwise__g8mb1_ic8oc16_ih7oh5kh3sh1ph0__f32__avx2 ")
# NCHW: generic kernels of the dtypes that have all, and those of a suite that is for it; no reorders of filters, which
# lie in one layout.
expect(0 "mb1ic16oc16ih7kh3" "${avx2};--data-formats;nhwc,nchw;--generic-dtypes;f64;suite.txt:nchw"
  "conv2d_forward__g1mb1_ic16oc16_ih7oh5kh3sh1ph0__f32__nchw__avx2 conv2d_forward x86-64-linux[^ ]* f32 [^ ]* nchw\n"
  "conv2d_backward_filter_depthwise__generic__f32__nchw__avx2 " "conv2d_forward_fused_depthwise__generic__f32__nchw__avx2 "
  "conv2d_backward_input_winograd4__[^ ]*__f32__nchw__avx2 " "conv2d_backward_filter_winograd2__[^ ]*__f32__nchw__avx2 "
  "conv2d_backward_input_autodiff__generic__f32__nchw__avx2 "
  "epilogue_backward__generic__f32__nchw__avx2 " "conv2d_forward__generic__f32__avx2 ")
foreach(absent IN ITEMS "reorder[^\n]*nchw" "f64__nchw")
  if(output MATCHES ${absent})
    message(SEND_ERROR "\"${absent}\" is in:\n${output}")
  endif()
endforeach()
# Winograd's algorithm, with the transforms of its filters, for problems of 16 channels and more, and f32 alone.
expect(0 "mb1ic16oc16ih7kh3\nmb1ic8oc16ih7kh3\nmb1ic16oc16ih7kh3sh2\ng2mb1ic32oc32ih7kh3" "${avx2};--dtypes;f32,f64"
  "\navx2 conv2d_forward_winograd2__g1mb1_ic16oc16_[^ ]*sh1ph0__f32__avx2 conv2d_forward_winograd2 "
  "\navx2 conv2d_backward_filter_winograd4__" "\navx2 reorder_filter_backward_input_winograd4__generic__f32__avx2 ")
# 4 operations and 2 reorders, each for 2 sizes of tiles.
string(REGEX MATCHALL "_winograd[24]__" kernels "${output}")
list(LENGTH kernels count)
if(NOT count EQUAL 12)
  message(SEND_ERROR "${count} kernels by Winograd's algorithm, expected 12:\n${output}")
endif()
expect(0 "mb1ic16oc16ih7kh3" "--targets;x86_64" "^x86_64 conv2d_forward__")
if(output MATCHES winograd)
  message(SEND_ERROR "x86_64 has kernels by Winograd's algorithm:\n${output}")
endif()

expect(1 "# comment\nmb1ic8ox4ih7kh3" "${avx2}" "^suite.txt:2:7: unknown field \"ox\", expected ")
expect(1 "mb1ic8oc4kh3" "${avx2}" "^suite.txt:1:13: \"ih\" is missing, expected a positive number")
expect(1 "" "${avx2};nowhere.txt" "^nowhere.txt: cannot be read")
expect(1 "" "--targets;avx3" "--targets holds \"avx3\", expected some of cuda, opencl, avx512_bf16, avx512, avx2, x86_64")
expect(1 "" "" "--targets is missing")
expect(1 "" "${avx2};--ops;backward" "--ops holds \"backward\", expected some of forward, forward_fused, backward_input, backward_filter")
expect(1 "" "${avx2};--dtypes;f80" "--dtypes holds \"f80\", expected some of f32, f64, f16, bf16, i32")
expect(1 "" "${avx2};--data-formats;chwn" "--data-formats holds \"chwn\", expected some of nhwc, nchw")
expect(1 "" "${avx2};nowhere.txt:nchw" "^nowhere.txt: cannot be read")
expect(1 "" "${avx2};--batch;0" "--batch is \"0\", expected a positive number")
expect(1 "mb1ic8oc4ih7kh3" "${avx2};--batch;2000000000" "input has more than 2147483647 elements")
expect(1 "" "--speed;11" "unknown option --speed")

# The table of this machine's CPU, where there is one; such CPUs as tests have run on have their names.
function(expect_tuned_table path)
  execute_process(COMMAND ${kernel_list} tuned-table tables avx2 WORKING_DIRECTORY ${work}
    RESULT_VARIABLE result OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT result EQUAL 0 OR NOT output MATCHES "^${path}$")
    message(SEND_ERROR "tuned-table: exit status ${result}, \"${output}\", expected \"${path}\"")
  endif()
endfunction()
file(WRITE ${work}/tables/avx2.txt "")
expect_tuned_table(tables/avx2.txt)
foreach(cpu IN ITEMS znver2 znver3 znver4 znver5 icelake-server sapphirerapids emeraldrapids)
  file(WRITE ${work}/tables/${cpu}/avx2.txt "")
endforeach()
file(STRINGS /proc/cpuinfo identity REGEX "^(vendor_id|cpu family)" LIMIT_COUNT 2)
if(identity MATCHES "AuthenticAMD.*: 25")
  expect_tuned_table(tables/znver[34]/avx2.txt)
elseif(identity MATCHES "AuthenticAMD.*: 26")
  expect_tuned_table(tables/znver5/avx2.txt)
else()
  expect_tuned_table("tables/([a-z0-9-]+/)?avx2.txt")
endif()
