# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# replay_vasp.py stands in for VASP, whose output it writes for a toy potential (vasp_make.py); VASP itself was never run.

# vasp_test(name labels timeout [more arguments]): a script with the tool and a directory of its own
function(vasp_test name labels timeout)
  add_test(NAME codes_${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/${name}.py $<TARGET_FILE:code_tool>
    ${CMAKE_CURRENT_BINARY_DIR}/${name} ${ARGN})
  set_tests_properties(codes_${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77)
endfunction()
vasp_test(vasp_format system 120)
vasp_test(vasp_write system 120)
vasp_test(vasp_label system 120)
vasp_test(vasp_peer peer 900)
add_test(NAME codes_vasp_write_peer COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/vasp_write.py $<TARGET_FILE:code_tool>
  ${CMAKE_CURRENT_BINARY_DIR}/vasp_write_peer peer)
set_tests_properties(codes_vasp_write_peer PROPERTIES LABELS peer TIMEOUT 300 SKIP_RETURN_CODE 77)
