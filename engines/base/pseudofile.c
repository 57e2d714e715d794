// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/pseudofile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/frame.h"
#include "base/hash.h"

bool al_pseudo_is_builtin(const char *source)
{
    return strncmp(source, "GTH-PBE", 7) == 0 && !strchr(source, '/');
}

static bool has_extension(const char *name)
{
    static const char *const known[] = {".psp8", ".upf", ".gth"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (strcasecmp(dot, known[i]) == 0) return true;
    return false;
}

// 2: starts with the symbol as it is written, 1: in lower case, 0: another element's.
static int rank(const char *name, const char *symbol)
{
    size_t n = strlen(symbol);
    const char *p = name + strspn(name, "0123456789");
    if (p > name) p += strspn(p, "_-.");
    if (strncasecmp(p, symbol, n) != 0 || isalpha((unsigned char)p[n]) || !has_extension(name)) return 0;
    return strncmp(p, symbol, n) == 0 ? 2 : 1;
}

// POTCARs are kept as DIR/Li/POTCAR (DIR/Li_sv/POTCAR for other valences: then DIR/Li_sv is named), or as DIR/POTCAR.Li.
static enum al_err find_potcar(const char *dir, int z, char ret[AL_PATH])
{
    const char *symbol = al_element_symbol(z);
    AL_TRY(al_path(ret, "%s/%s/POTCAR", dir, symbol));
    if (al_exists(ret)) return AL_ERR_OK;
    AL_TRY(al_path(ret, "%s/POTCAR.%s", dir, symbol));
    if (al_exists(ret)) return AL_ERR_OK;
    AL_TRY(al_path(ret, "%s/POTCAR", dir));
    if (!al_exists(ret)) ret[0] = '\0';
    return AL_ERR_OK;
}

static enum al_err find_in(const char *dir, int z, char ret[AL_PATH])
{
    char best[256] = "";
    int best_rank = 0;
    DIR *d = opendir(dir);
    if (!d) AL_FAIL(AL_ERR_NOTFOUND, "pseudopotential directory %s: %s", dir, strerror(errno));
    for (const struct dirent *e; (e = readdir(d));) {
        int k = rank(e->d_name, al_element_symbol(z));
        if (strlen(e->d_name) >= sizeof best) continue;
        // the first by name, so that the choice does not depend on the order of the directory
        if (k > best_rank || (k > 0 && k == best_rank && strcmp(e->d_name, best) < 0)) {
            memcpy(best, e->d_name, strlen(e->d_name) + 1);
            best_rank = k;
        }
    }
    closedir(d);
    if (!best_rank) {
        AL_TRY(find_potcar(dir, z, ret));
        if (ret[0]) return AL_ERR_OK;
    }
    if (!best_rank)
        AL_FAIL_HINT(AL_ERR_NOTFOUND, "file names start with the symbol and end in .psp8, .upf or .gth; VASP's are SYMBOL/POTCAR",
                     "no pseudopotential of %s in %s", al_element_symbol(z), dir);
    AL_TRY(al_path(ret, "%s/%s", dir, best));
    return AL_ERR_OK;
}

enum al_err al_pseudo_parse(const char *spec, int z, struct al_pseudo_spec *ret)
{
    struct al_pseudo_spec s = {0};
    struct stat st;
    if (al_pseudo_is_builtin(spec)) {
        s.gth = al_gth_find(z, spec);
        if (!s.gth) AL_FAIL(AL_ERR_NOTFOUND, "no built-in pseudopotential %s of %s", spec, al_element_symbol(z));
        *ret = s;
        return AL_ERR_OK;
    }
    const char *hash = strrchr(spec, '#');
    if (hash && stat(spec, &st) == 0) hash = NULL; // part of the name
    if (hash && (strchr(hash, '/') || strlen(hash + 1) >= sizeof s.entry))
        AL_FAIL(AL_ERR_INPUT, "pseudopotential %s: bad entry behind '#'", spec);
    AL_TRY(al_path(s.path, "%.*s", (int)(hash ? hash - spec : (long)strlen(spec)), spec));
    if (hash) memcpy(s.entry, hash + 1, strlen(hash + 1) + 1);
    *ret = s;
    return AL_ERR_OK;
}

enum al_err al_pseudo_find(const char *source, int z, char ret_spec[AL_PATH])
{
    struct al_pseudo_spec s;
    struct stat st;
    AL_TRY(al_pseudo_parse(source, z, &s));
    if (s.gth) {
        AL_TRY(al_path(ret_spec, "%s", s.gth->name));
        return AL_ERR_OK;
    }
    if (stat(s.path, &st) != 0)
        AL_FAIL(AL_ERR_NOTFOUND, "pseudopotential of %s: %s: %s", al_element_symbol(z), s.path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        char file[AL_PATH];
        AL_TRY(find_in(s.path, z, file));
        AL_TRY(al_path(ret_spec, "%s%s%s", file, s.entry[0] ? "#" : "", s.entry));
    } else {
        AL_TRY(al_path(ret_spec, "%s", source));
    }
    return AL_ERR_OK;
}

enum al_err al_pseudo_hash(const char *spec, int z, char ret_hex[65])
{
    struct al_pseudo_spec s;
    AL_TRY(al_pseudo_parse(spec, z, &s));
    if (s.gth) {
        al_gth_hash(s.gth, ret_hex);
        return AL_ERR_OK;
    }
    AL_TRY(al_sha256_file(s.path, ret_hex));
    if (!s.entry[0]) return AL_ERR_OK;
    struct al_sha256 h;
    al_sha256_init(&h);
    al_sha256_string(&h, ret_hex);
    al_sha256_string(&h, s.entry);
    al_sha256_hex(&h, ret_hex);
    return AL_ERR_OK;
}
