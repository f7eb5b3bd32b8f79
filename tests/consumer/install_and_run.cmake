# Installs the build folder `build`, then configures, builds and runs this project, which knows only the installed prefix.
set(work ${build}/tests/consumer)
file(REMOVE_RECURSE ${work})
set(fatal COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix OUTPUT_QUIET ${fatal})
set(configure ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -G ${generator} -D CMAKE_MAKE_PROGRAM=${make}
    -D CMAKE_PREFIX_PATH=${work}/prefix -D CMAKE_BUILD_TYPE=Release)
execute_process(COMMAND ${configure} -B ${work}/build ${fatal})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${work}/build ${fatal})
foreach(target IN ITEMS x86_64 avx2)
  execute_process(COMMAND ${work}/build/consumer ${target} ${fatal})
endforeach()

# A folder of tables must have those of the targets, for any CPU or for this one.
function(expect_tables folder outcome)
  execute_process(COMMAND ${configure} -B ${work}/build_${folder} -D tables=${work}/${folder}
    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " message "${output}")
  if((outcome STREQUAL taken AND failed) OR (outcome STREQUAL missing AND NOT message MATCHES "TABLES has no [^ ]*/${folder}/"))
    message(SEND_ERROR "TABLES ${folder}: expected to be ${outcome}:\n${output}")
  endif()
endfunction()
expect_tables(nowhere missing)
file(WRITE ${work}/one_target/x86_64.txt "")
expect_tables(one_target missing)
file(WRITE ${work}/any_cpu/x86_64.txt "")
file(WRITE ${work}/any_cpu/avx2.txt "")
expect_tables(any_cpu taken)
foreach(cpu IN ITEMS znver2 znver3 znver4 znver5 icelake-server sapphirerapids emeraldrapids)
  file(WRITE ${work}/these_cpus/${cpu}/x86_64.txt "")
  file(WRITE ${work}/these_cpus/${cpu}/avx2.txt "")
endforeach()
execute_process(COMMAND ${work}/prefix/lib/halconv/halconv_kernel_list tuned-table ${work}/these_cpus avx2
  OUTPUT_VARIABLE table ${fatal})
if(table MATCHES "these_cpus/avx2.txt")
  expect_tables(these_cpus missing)  # this machine's CPU has no name
else()
  expect_tables(these_cpus taken)
endif()
