# The programs that compile kernels, taken from the build folder HALCONV_HOST_TOOLS, where they have been built before.

# Links `tool`, a path below a build folder, to where this build would have made it.
function(halconv_borrow_host_tool tool)
  if(NOT EXISTS ${HALCONV_HOST_TOOLS}/${tool})
    message(FATAL_ERROR "HALCONV_HOST_TOOLS is \"${HALCONV_HOST_TOOLS}\", expected a build folder of halconv: it has no ${tool}")
  endif()
  cmake_path(SET link ${PROJECT_BINARY_DIR}/${tool})
  cmake_path(GET link PARENT_PATH folder)
  file(MAKE_DIRECTORY ${folder})
  file(CREATE_LINK ${HALCONV_HOST_TOOLS}/${tool} ${link} SYMBOLIC)
endfunction()
