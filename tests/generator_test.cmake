# Tests of the generator program `generate`, in the folder `work`: what a bad problem or tuned table gets.
cmake_minimum_required(VERSION 3.28)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

# Generates a kernel, of conv2d_forward unless another generator is named, from a table of that text; checks that it fails with the message and writes nothing.
function(expect_failure table_text parameters message)
  set(generator conv2d_forward)
  if(ARGN)
    set(generator ${ARGN})
  endif()
  file(WRITE ${work}/table.txt "${table_text}")
  execute_process(
    COMMAND ${generate} -g ${generator} -f kernel -o . -e object target=x86-64-linux-no_runtime-user_context ${parameters}
    WORKING_DIRECTORY ${work} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status EQUAL 0 OR EXISTS ${work}/kernel.o)
    message(SEND_ERROR "${parameters}, table \"${table_text}\": generated a kernel")
  endif()
  string(FIND "${output}" "${message}" found)
  if(found EQUAL -1)
    message(SEND_ERROR "${parameters}, table \"${table_text}\": \"${message}\" is not in:\n${output}")
  endif()
endfunction()

set(problem problem=g1mb1_ic8oc8_ih9oh7kh3sh1ph0)
set(row "conv2d_forward g1mb1_ic8oc8_ih9oh7kh3sh1ph0")
set(tuned ${problem} table=table.txt)

expect_failure("" problem=mb1ic8ox4 "problem=mb1ic8ox4:7: unknown field \"ox\"")
expect_failure("" problem=mb1ic8oc8kh3 "\"ih\" is missing")
expect_failure("" problem=g2mb1ic8oc8ih9kh3 "g is 2, expected ic, and more than 1" conv2d_forward_depthwise)
expect_failure("" problem=mb1ic16oc16ih9kh3sh2 "expected a 3x3 filter, stride 1 and dilation 1 for Winograd's algorithm"
  conv2d_forward_winograd2)
expect_failure("" problem=generic "expected a 3x3 filter" conv2d_backward_input_winograd4)
expect_failure("" "problem=mb1ic16oc16ih9kh3;dtype=f64" "dtype=f64: expected f32" conv2d_backward_filter_winograd2)
expect_failure("" dtype=f64 "dtype=f64: expected f32" reorder_filter_forward_winograd4)
expect_failure("" data_format=chwn "data_format=chwn: expected one of nhwc, nchw")
expect_failure("" "${problem};data_format=nchw" "data_format=nchw: expected nhwc" conv2d_forward_plainfilter)
expect_failure("" problem=generic "problem=generic: expected a shape" conv2d_forward_plainfilter)
expect_failure("" "${problem};dtype=f16" "dtype=f16: expected f32" conv2d_backward_input_plainfilter)
expect_failure("conv2d_backward_filter g1mb1_ic8oc8_ih9oh7kh3sh1ph0 pixel_tasks=4 blocks_per_task=1 vectors=1"
  "${tuned}" "table.txt:1: pixel_tasks is 4 and a task holds 4 x " conv2d_backward_filter)
expect_failure("conv2d_backward_filter g1mb1_ic8oc8_ih9oh7kh3sh1ph0 pixel_tasks=4 rows=0 channels_per_task=8"
  "${tuned}" "table.txt:1: rows is 0 and pixel_tasks is 4, expected 1" conv2d_backward_filter)
expect_failure("" "${problem};table=nowhere.txt" "table=nowhere.txt: cannot be read")
expect_failure("# comment\nconv2d_sideways generic width=1" "${tuned}"
  "table.txt:2: \"conv2d_sideways\", expected an operation")
expect_failure("conv2d_forward" "${tuned}" "table.txt:1: no problem after \"conv2d_forward\"")
expect_failure("conv2d_forward mb1ic8oc8ih9kh3 width=2" "${tuned}"
  "table.txt:1: the problem is spelled \"mb1ic8oc8ih9kh3\", expected \"g1mb1_ic8oc8_ih9oh7kh3sh1ph0\"")
expect_failure("${row}" "${tuned}" "table.txt:1: no numbers after the problem")
expect_failure("${row} width" "${tuned}" "table.txt:1: \"width\", expected name=integer")
expect_failure("${row} width=wide" "${tuned}" "table.txt:1: \"width=wide\", expected name=integer")
expect_failure("${row} width=2 width=3" "${tuned}" "table.txt:1: \"width\" is given twice")
expect_failure("${row} width=2\n${row} width=3" "${tuned}" "table.txt:2: a second row for conv2d_forward")
expect_failure("${row} speed=3" "${tuned}" "table.txt:1: unknown \"speed\", expected one of ")
expect_failure("conv2d_forward_winograd2 g1mb1_ic16oc80_ih8oh8kh3sh1ph1 vectors=4 blocks_per_task=3"
  "problem=mb1ic16oc80ih8kh3ph1;table=table.txt"
  "table.txt:1: blocks_per_task is 3, expected a divisor of 5, the blocks of the result's channels"
  conv2d_forward_winograd2)
expect_failure("${row} width=900" "${tuned}" "table.txt:1: width is 900, expected 1 to ")
