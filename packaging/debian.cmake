# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
#
# Run by cpack when the files are staged: what Debian alone wants.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr)
file(REMOVE ${root}/share/doc/alnd/LICENSE) # copyright names the one of /usr/share/common-licenses
file(COPY ${CPACK_ALND_SOURCE}/changelog DESTINATION ${root}/share/doc/alnd)
execute_process(COMMAND gzip -9nf ${root}/share/doc/alnd/changelog COMMAND_ERROR_IS_FATAL ANY)
file(COPY ${CPACK_ALND_SOURCE}/lintian-overrides DESTINATION ${root}/share/lintian/overrides)
file(RENAME ${root}/share/lintian/overrides/lintian-overrides ${root}/share/lintian/overrides/alnd)
