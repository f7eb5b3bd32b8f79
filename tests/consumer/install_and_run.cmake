# Installs the build folder `build`, then configures, builds and runs this project, which knows only the installed prefix.
set(work ${build}/tests/consumer)
file(REMOVE_RECURSE ${work})
set(fatal COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix OUTPUT_QUIET ${fatal})
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -G ${generator} -D CMAKE_MAKE_PROGRAM=${make}
          -D CMAKE_PREFIX_PATH=${work}/prefix -D CMAKE_BUILD_TYPE=Release
  ${fatal})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${work}/build ${fatal})
foreach(target IN ITEMS x86_64 avx2)
  execute_process(COMMAND ${work}/build/consumer ${target} ${fatal})
endforeach()
