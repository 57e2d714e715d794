# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# OUT/lib.js and lib.css from the locked npm packages. Without npm, network or success they are empty, and the report has its SVG
# plots alone: a build never fails for this. To try again: remove OUT.
file(MAKE_DIRECTORY ${OUT})
set(ok FALSE)
if(USE AND NODE AND NPM)
  file(COPY ${WEB}/package.json ${WEB}/package-lock.json ${WEB}/bundle.mjs DESTINATION ${OUT})
  execute_process(COMMAND ${NPM} ci --omit=dev --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000
    --fetch-timeout=30000 WORKING_DIRECTORY ${OUT} RESULT_VARIABLE rc OUTPUT_VARIABLE said ERROR_VARIABLE said TIMEOUT 120)
  if(rc EQUAL 0)
    execute_process(COMMAND ${NODE} bundle.mjs WORKING_DIRECTORY ${OUT} RESULT_VARIABLE rc OUTPUT_VARIABLE said ERROR_VARIABLE said)
  endif()
  if(rc EQUAL 0)
    set(ok TRUE)
  else()
    message(STATUS "no uPlot and 3Dmol (npm: ${rc}); the report has its SVG plots")
  endif()
endif()
if(NOT ok)
  file(WRITE ${OUT}/lib.js "")
  file(WRITE ${OUT}/lib.css "")
endif()
