// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/units.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    enum al_dim dim;
    const char *name;
    double factor; // to the base unit of the dimension
};

// First of each dimension = base unit. 1 Ha = 627.509474 kcal/mol = 2625.49964 kJ/mol (CODATA 2018).
static const struct unit units[] = {
    {AL_DIM_ENERGY, "eV", 1},
    {AL_DIM_ENERGY, "meV", 1e-3},
    {AL_DIM_ENERGY, "Ha", AL_HARTREE_EV},
    {AL_DIM_ENERGY, "Ry", AL_HARTREE_EV / 2},
    {AL_DIM_ENERGY, "kJ/mol", AL_HARTREE_EV / 2625.4996394799},
    {AL_DIM_ENERGY, "kcal/mol", AL_HARTREE_EV / 627.5094740631},
    {AL_DIM_ENERGY_ATOM, "eV/atom", 1},
    {AL_DIM_ENERGY_ATOM, "meV/atom", 1e-3},
    {AL_DIM_LENGTH, "Ang", 1},
    {AL_DIM_LENGTH, "A", 1},
    {AL_DIM_LENGTH, "nm", 10},
    {AL_DIM_LENGTH, "pm", 0.01},
    {AL_DIM_LENGTH, "bohr", AL_BOHR_ANG},
    {AL_DIM_INVLENGTH, "1/Ang", 1},
    {AL_DIM_INVLENGTH, "1/bohr", 1 / AL_BOHR_ANG},
    {AL_DIM_INVLENGTH, "1/nm", 0.1},
    {AL_DIM_TIME, "fs", 1},
    {AL_DIM_TIME, "ps", 1e3},
    {AL_DIM_TIME, "ns", 1e6},
    {AL_DIM_TIME, "s", 1e15},
    {AL_DIM_TIME, "min", 6e16},
    {AL_DIM_TIME, "h", 3.6e18},
    {AL_DIM_TEMP, "K", 1},
    {AL_DIM_PRESSURE, "GPa", 1},
    {AL_DIM_PRESSURE, "MPa", 1e-3},
    {AL_DIM_PRESSURE, "kbar", 0.1},
    {AL_DIM_PRESSURE, "bar", 1e-4},
    {AL_DIM_PRESSURE, "Pa", 1e-9},
    {AL_DIM_FORCE, "eV/Ang", 1},
    {AL_DIM_FORCE, "meV/Ang", 1e-3},
    {AL_DIM_FORCE, "Ha/bohr", AL_HARTREE_EV / AL_BOHR_ANG},
    {AL_DIM_FRACTION, "%", 0.01},
    {AL_DIM_MEMORY, "MiB", 1},
    {AL_DIM_MEMORY, "GiB", 1024},
    {AL_DIM_MEMORY, "MB", 1e6 / 1048576},
    {AL_DIM_MEMORY, "GB", 1e9 / 1048576},
};
enum { NUNITS = sizeof units / sizeof units[0] };

const char *al_dim_unit(enum al_dim dim)
{
    if (dim == AL_DIM_FRACTION) return "";
    for (int i = 0; i < NUNITS; i++)
        if (units[i].dim == dim) return units[i].name;
    return "";
}

const char *al_dim_units(enum al_dim dim)
{
    static _Thread_local char list[256];
    list[0] = '\0';
    for (int i = 0; i < NUNITS; i++)
        if (units[i].dim == dim) {
            if (list[0]) strncat(list, ", ", sizeof list - strlen(list) - 1);
            strncat(list, units[i].name, sizeof list - strlen(list) - 1);
        }
    return list;
}

enum al_err al_quantity_parse(const char *text, enum al_dim dim, double *ret_value)
{
    char *end;
    // strtod also takes hexadecimal numbers, "inf" and "nan": not quantities
    const char *digits = text + strspn(text, " +-");
    double v = strtod(text, &end);
    if (end == text || !isfinite(v) || !(isdigit((unsigned char)*digits) || *digits == '.') ||
        (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')))
        AL_FAIL(AL_ERR_INPUT, "'%s' is not a number%s%s", text, dim == AL_DIM_NONE ? "" : " with a unit such as ",
                al_dim_unit(dim));
    end += strspn(end, " \t");
    if (*end == '\0') {
        if (dim != AL_DIM_NONE && dim != AL_DIM_FRACTION)
            AL_FAIL(AL_ERR_INPUT, "'%s' needs a unit: %s", text, al_dim_units(dim));
        *ret_value = v;
        return AL_ERR_OK;
    }
    for (int i = 0; i < NUNITS; i++)
        if (strcmp(end, units[i].name) == 0) {
            if (units[i].dim == dim) {
                *ret_value = v * units[i].factor;
                return AL_ERR_OK;
            }
            if (dim == AL_DIM_NONE) AL_FAIL(AL_ERR_INPUT, "'%s': a bare number is wanted here, without a unit", text);
        }
    if (dim == AL_DIM_NONE) AL_FAIL(AL_ERR_INPUT, "'%s' is not a number", text);
    AL_FAIL(AL_ERR_INPUT, "'%s': unit '%s' does not fit, use one of %s", text, end, al_dim_units(dim));
}
