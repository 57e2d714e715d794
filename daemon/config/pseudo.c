// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "config/pseudo.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/pseudofile.h"

static const char *pseudo_source(const struct loop_config *c, int z)
{
    const struct cfg_label *l = &c->label;
    for (int i = 0; i < l->npseudo; i++)
        if (l->pseudo[i].z == z) return l->pseudo[i].source;
    return l->npseudo ? NULL : l->pseudopotentials;
}

// The first file in dir whose name starts with "Li." and is not but; "" when there is none.
static enum al_err copy_of(const char *dir, int z, const char *but, char ret[AL_PATH])
{
    char prefix[16], best[256] = "";
    snprintf(prefix, sizeof prefix, "%s.", al_element_symbol(z));
    DIR *d = opendir(dir);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0 && strcmp(e->d_name, but) != 0 &&
            (!best[0] || strcmp(e->d_name, best) < 0))
            snprintf(best, sizeof best, "%s", e->d_name);
    if (d) closedir(d);
    ret[0] = '\0';
    if (best[0]) AL_TRY(al_path(ret, "%s/%s", dir, best));
    return AL_ERR_OK;
}

// The element before the name, so that files of the same name from several directories do not meet. What another
// setting has left there goes.
enum al_err config_pseudo_copy(const struct loop_config *c, const char *dir, int z)
{
    char from[AL_PATH], to[AL_PATH], old[AL_PATH];
    struct al_pseudo_spec s = {0};
    AL_TRY(loop_config_pseudo(c, z, from));
    AL_TRY(al_pseudo_parse(from, z, &s));
    to[0] = '\0';
    if (!s.gth) {
        AL_TRY(al_path(to, "%s/%s.%s", dir, al_element_symbol(z), strrchr(s.path, '/') + 1));
        AL_TRY(al_file_copy(s.path, to));
    }
    for (;;) {
        AL_TRY(copy_of(dir, z, to[0] ? strrchr(to, '/') + 1 : "", old));
        if (!old[0]) return AL_ERR_OK;
        if (unlink(old) != 0) AL_FAIL(AL_ERR_IO, "cannot remove %s", old);
    }
}

// RUN/inputs/pseudo/Li.NAME of loop_config_copy_inputs; runs that were started by alnd 0.1 have NAME alone.
static enum al_err find_copy(const struct loop_config *c, int z, const char *source, char ret_spec[AL_PATH])
{
    char dir[AL_PATH], found[AL_PATH];
    const char *entry = strrchr(source, '#');
    AL_TRY(al_path(dir, "%s/pseudo", c->inputs));
    AL_TRY(copy_of(dir, z, "", found));
    if (!found[0]) AL_TRY(al_pseudo_find(dir, z, found));
    AL_TRY(al_path(ret_spec, "%s%s", found, entry && !strchr(entry, '/') ? entry : ""));
    return AL_ERR_OK;
}

// path from the directory of loop.yaml, with a slash in any case: without one it would be the name of a set
static enum al_err beside_config(const struct loop_config *c, const char *path, char ret[AL_PATH])
{
    const char *slash = strrchr(c->path, '/');
    if (path[0] == '/') AL_TRY(al_path(ret, "%s", path));
    else if (slash) AL_TRY(al_path(ret, "%.*s/%s", (int)(slash - c->path), c->path, path));
    else AL_TRY(al_path(ret, "./%s", path));
    return AL_ERR_OK;
}

// PREFIX/share/alnd/pseudo/SET, for programs in PREFIX/bin
static enum al_err installed_set(const char *set, char ret[AL_PATH])
{
    char self[AL_PATH];
    AL_TRY(al_program_self(self));
    for (int up = 0; up < 2; up++)
        if (strrchr(self, '/')) *strrchr(self, '/') = '\0';
    AL_TRY(al_path(ret, "%s/share/alnd/pseudo/%s", self, set));
    return AL_ERR_OK;
}

static enum al_err find_in_sets(const struct loop_config *c, const char *set, int z, char ret_spec[AL_PATH])
{
    const char *env = getenv("ALND_PSEUDO_DIR"), *home = getenv("HOME");
    char dir[5][AL_PATH] = {"", "", "", "", ""};
    if (env) AL_TRY(al_path(dir[0], "%s/%s", env, set));
    AL_TRY(al_path(dir[1], "%s/.alnd/pseudo/%s", ALND_SOURCE_DIR, set));
    if (home) AL_TRY(al_path(dir[2], "%s/.local/share/alnd/pseudo/%s", home, set));
    AL_TRY(installed_set(set, dir[3]));
    AL_TRY(beside_config(c, set, dir[4])); // a file without a directory in front of its name
    for (int i = 0; i < 5; i++)
        if (dir[i][0] && al_pseudo_find(dir[i], z, ret_spec) == AL_ERR_OK) return AL_ERR_OK;
    AL_FAIL_HINT(AL_ERR_NOTFOUND,
                 "setup.sh, or share/alnd/fetch-pseudopotentials of an installation, fetches the set SPMS; or set ALND_PSEUDO_DIR to the directory that holds it; GTH-PBE is built in",
                 "no pseudopotential of %s in the set '%s'", al_element_symbol(z), set);
}

enum al_err loop_config_pseudo(const struct loop_config *c, int z, char ret_spec[AL_PATH])
{
    const char *source = pseudo_source(c, z);
    char path[AL_PATH];
    if (!source) AL_FAIL(AL_ERR_NOTFOUND, "pseudopotentials: no entry for %s", al_element_symbol(z));
    if (al_pseudo_is_builtin(source)) {
        AL_TRY(al_pseudo_find(source, z, ret_spec));
    } else if (c->inputs[0]) {
        AL_TRY(find_copy(c, z, source, ret_spec));
    } else if (strchr(source, '/')) {
        AL_TRY(beside_config(c, source, path));
        AL_TRY(al_pseudo_find(path, z, ret_spec));
    } else {
        AL_TRY(find_in_sets(c, source, z, ret_spec));
    }
    return AL_ERR_OK;
}
