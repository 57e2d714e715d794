// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <string.h>

#include "codes/codes.h"

const struct code_ops *const code_list[] = {
    &code_ops_qe,
    &code_ops_command,
    &code_ops_vasp,
    &code_ops_abinit,
    &code_ops_cp2k,
    NULL,
};

const struct code_format *const code_formats[] = {
    &code_qe,
    &code_vasp_outcar,
    &code_vasp_xml,
    &code_abinit,
    &code_cp2k,
    NULL,
};

const struct code_ops *code_find(const char *engine)
{
    for (int i = 0; code_list[i]; i++)
        if (strcmp(code_list[i]->name, engine) == 0) return code_list[i];
    return NULL;
}
