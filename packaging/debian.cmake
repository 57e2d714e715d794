# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# Run by cpack once the files are staged: what Debian alone wants.
set(root $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX})
message(STATUS "debian.cmake: ${root} of ${CPACK_ALND_SOURCE}")
file(REMOVE ${root}/share/doc/alnd/LICENSE) # copyright names the one of /usr/share/common-licenses
file(COPY ${CPACK_ALND_SOURCE}/changelog DESTINATION ${root}/share/doc/alnd)
execute_process(COMMAND gzip -9nf ${root}/share/doc/alnd/changelog COMMAND_ERROR_IS_FATAL ANY)
file(INSTALL ${CPACK_ALND_SOURCE}/lintian-overrides DESTINATION ${root}/share/lintian/overrides RENAME alnd)
