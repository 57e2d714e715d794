# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright the alnd authors
add_executable(vasp_tool vasp_tool.c)
target_link_libraries(vasp_tool PRIVATE al_codes al_base)
