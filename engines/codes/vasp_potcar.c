// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// POTCAR: a title, ZVAL, a block of "KEY = VALUE; KEY = VALUE" lines, tables, "End of Dataset". One for each species, one after the other.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "codes/vasp.h"

static int symbol_z(const char *p)
{
    char s[4] = "";
    for (int i = 0; i < 3 && isalpha((unsigned char)p[i]); i++)
        s[i] = p[i];
    return al_element_z(s);
}

int vasp_title_z(const char *title)
{
    char word[3][24] = {"", "", ""};
    if (sscanf(title, "%23s %23s %23s", word[0], word[1], word[2]) < 1) return 0;
    int first = symbol_z(word[0]);
    if (strcmp(word[1], "1/r") == 0) return first;  // "H  1/r potential"
    int second = symbol_z(word[1]);
    return second ? second : word[1][0] ? 0 : first; // "US Ga"; a lone "Ga"
}

// The value behind KEY = in the block before the tables; false: there is none.
static bool value_of(const char *text, const char *key, char *ret, size_t n)
{
    size_t k = strlen(key);
    for (const char *p = text; (p = strstr(p, key)); p += k) {
        if (p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '_')) continue;
        const char *q = p + k + strspn(p + k, " ");
        if (*q != '=') continue;
        q += 1 + strspn(q + 1, " ");
        size_t m = strcspn(q, ";\r\n");
        while (m > 0 && q[m - 1] == ' ')
            m--;
        if (m >= n) m = n - 1;
        memcpy(ret, q, m);
        ret[m] = '\0';
        return m > 0;
    }
    return false;
}

static bool number_of(const char *text, const char *key, double *ret)
{
    char word[64], *end;
    if (!value_of(text, key, word, sizeof word)) return false;
    *ret = strtod(word, &end);
    return end > word && isfinite(*ret) && *ret > 0;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

void vasp_potcar_release(struct vasp_potcar *p)
{
    al_free(p->text);
    *p = (struct vasp_potcar){0};
}

static enum al_err parse(const char *path, int z, struct vasp_potcar *p)
{
    static const char hint[] = "label.pseudopotentials: for each element the POTCAR of that element, or the directory that holds the elements'";
    if (p->n > 2 && ((unsigned char)p->text[0] == 0x1f || memchr(p->text, '\0', p->n)))
        AL_FAIL_HINT(AL_ERR_INPUT, "unpack it (zcat POTCAR.Z > POTCAR)", "%s is packed, not text", path);
    if (!value_of(p->text, "TITEL", p->title, sizeof p->title) || !number_of(p->text, "ZVAL", &p->zval) || !number_of(p->text, "ENMAX", &p->enmax) ||
        !value_of(p->text, "LEXCH", p->lexch, sizeof p->lexch))
        AL_FAIL_HINT(AL_ERR_INPUT, hint, "%s is no POTCAR: TITEL, LEXCH, ZVAL and ENMAX are looked for", path);
    int sets = count(p->text, "End of Dataset");
    if (sets != 1) AL_FAIL_HINT(AL_ERR_INPUT, hint, "%s has %d data sets ('End of Dataset'), one is wanted", path, sets);
    p->z = vasp_title_z(p->title);
    if (p->z != z)
        AL_FAIL_HINT(AL_ERR_INPUT, hint, "%s is for %s (TITEL = %s), not for %s", path, p->z ? al_element_symbol(p->z) : "no element", p->title,
                     al_element_symbol(z));
    return AL_ERR_OK;
}

enum al_err vasp_potcar_read(const char *path, int z, struct vasp_potcar *ret)
{
    struct vasp_potcar p = {0};
    AL_TRY(al_file_read(path, 0, &p.text, &p.n));
    enum al_err e = parse(path, z, &p);
    if (e) vasp_potcar_release(&p);
    AL_TRY(e);
    *ret = p;
    return AL_ERR_OK;
}
