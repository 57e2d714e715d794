// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/xcname.h"

#include <ctype.h>
#include <string.h>

#include "base/schema.h"

static const struct {
    const char *ours, *libxc, *kind;
} table[] = {
    {"PBE", "gga_x_pbe+gga_c_pbe", "PBE"},             // Perdew, Burke, Ernzerhof, PRL 77, 3865 (1996)
    {"PBEsol", "gga_x_pbe_sol+gga_c_pbe_sol", "PBEsol"}, // Perdew et al., PRL 100, 136406 (2008)
    {"revPBE", "gga_x_pbe_r+gga_c_pbe", "revPBE"},     // Zhang and Yang, PRL 80, 890 (1998)
    {"LDA", "lda_x+lda_c_pw_mod", "LDA"},              // Slater; Perdew and Wang, PRB 45, 13244 (1992)
    {"PZ", "lda_x+lda_c_pz", "LDA"},                   // Slater; Perdew and Zunger, PRB 23, 5048 (1981)
};
enum { NTABLE = sizeof table / sizeof *table };

const char *al_xc_list(void)
{
    return "PBE, PBEsol, revPBE, LDA, PZ";
}

const char *al_xc_libxc(const char *name)
{
    for (int i = 0; i < NTABLE; i++)
        if (strcmp(name, table[i].ours) == 0) return table[i].libxc;
    return name;
}

static enum al_err unknown(const char *name)
{
    const char *words[NTABLE];
    for (int i = 0; i < NTABLE; i++)
        words[i] = table[i].ours;
    const char *near = schema_nearest(name, NTABLE, words);
    al_err_raise(AL_ERR_INPUT, __FILE__, __LINE__, __func__, "unknown functional '%.60s'", name);
    if (near) al_err_hint("did you mean '%s'? Known: %s, and libxc names such as gga_x_pbe+gga_c_pbe", near, al_xc_list());
    else al_err_hint("known: %s, and libxc names such as gga_x_pbe+gga_c_pbe", al_xc_list());
    return AL_ERR_INPUT;
}

static enum al_err check_part(const char *name, const char *part, size_t n)
{
    static const char *const good[] = {"lda_x", "lda_c_", "lda_xc_", "gga_x_", "gga_c_", "gga_xc_"};
    static const char *const other[][2] = {
        {"mgga_", "meta-GGA"}, {"hyb_", "hybrid"}, {"lda_k_", "kinetic"}, {"gga_k_", "kinetic"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strncmp(part, other[i][0], strlen(other[i][0])) == 0)
            AL_FAIL_HINT(AL_ERR_UNSUPPORTED, "LDA and GGA functionals can be used", "functional %.*s is a %s functional",
                         (int)n, part, other[i][1]);
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)part[i]) && !isdigit((unsigned char)part[i]) && part[i] != '_') return unknown(name);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (strncmp(part, good[i], strlen(good[i])) == 0 && n >= strlen(good[i])) return AL_ERR_OK;
    return unknown(name);
}

enum al_err al_xc_check(const char *name)
{
    int parts = 0;
    for (const char *at = al_xc_libxc(name); at; parts++) {
        size_t n = strcspn(at, "+");
        AL_TRY(check_part(name, at, n));
        at = at[n] ? at + n + 1 : NULL;
    }
    if (parts > AL_XC_PARTS) AL_FAIL(AL_ERR_INPUT, "functional '%.100s': more than %d parts", name, AL_XC_PARTS);
    return AL_ERR_OK;
}

const char *al_xc_kind(const char *name)
{
    for (int i = 0; i < NTABLE; i++)
        if (strcmp(name, table[i].ours) == 0 || strcmp(name, table[i].libxc) == 0) return table[i].kind;
    return name;
}

const char *al_xc_of_pseudo(const char *text)
{
    // upper case, other characters as one blank; ixc: ABINIT's input variable (negative: libxc's numbers)
    static const char *const known[][2] = {
        {"PBE", "PBE"},           {"SLA PW PBX PBC", "PBE"},       {"SLA PW PBE PBE", "PBE"},  {"IXC 11", "PBE"},
        {"IXC -101130", "PBE"},   {"IXC -130101", "PBE"},          {"PBESOL", "PBEsol"},       {"SLA PW PSX PSC", "PBEsol"},
        {"IXC -116133", "PBEsol"}, {"IXC -133116", "PBEsol"},      {"REVPBE", "revPBE"},       {"SLA PW REVX PBC", "revPBE"},
        {"IXC 14", "revPBE"},     {"IXC -102130", "revPBE"},       {"LDA", "LDA"},             {"PZ", "LDA"},
        {"PW", "LDA"},            {"SLA PZ NOGX NOGC", "LDA"},     {"SLA PW NOGX NOGC", "LDA"}, {"SLA PZ", "LDA"},
        {"SLA PW NOGX NO", "LDA"}, /* upfconv of Quantum ESPRESSO 6.7 cuts it */
        {"SLA PW", "LDA"},        {"IXC 1", "LDA"},                {"IXC 2", "LDA"},           {"IXC 7", "LDA"},
        {"IXC -1012", "LDA"},     {"IXC -1009", "LDA"},            {"IXC -1013", "LDA"},       {"IXC -20", "LDA"},
        {"BLYP", "BLYP"},         {"SLA LYP B88 BLYP", "BLYP"},    {"BP", "BP"},               {"SCAN", "SCAN"},
        {"PBE0", "PBE0"},         {"OLYP", "OLYP"},                {"HCTH120", "HCTH120"},     {"HCTH407", "HCTH407"}};
    char word[64];
    size_t n = 0;
    for (const char *p = text; *p && n + 1 < sizeof word; p++) {
        bool keep = isalnum((unsigned char)*p) || (*p == '-' && isdigit((unsigned char)p[1]) && p > text && p[-1] == ' ');
        if (keep) word[n++] = (char)toupper((unsigned char)*p);
        else if (n > 0 && word[n - 1] != ' ') word[n++] = ' ';
    }
    while (n > 0 && word[n - 1] == ' ')
        n--;
    word[n] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(word, known[i][0]) == 0) return known[i][1];
    return NULL;
}
