// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Trajectories for the structure viewer: a few frames of one run of each composition, wrapped into the cell, as XYZ in the page.
#include <glob.h>
#include <math.h>

#include "base/fsio.h"
#include "base/linalg.h"
#include "base/mem.h"
#include "base/traj.h"
#include "report/page.h"

enum { FRAMES = 30, MAX_ATOMS = 2000, MAX_READ = 20000 };

// The hottest finished or running production run of a system comes last in the list; else an exploration of the last iteration.
static enum al_err find(const char *system, int iteration, char ret[AL_PATH])
{
    ret[0] = '\0';
    for (int k = 0; k < 2 && !ret[0]; k++) {
        char pattern[AL_PATH];
        glob_t g;
        if (k) AL_TRY(al_path(pattern, "iterations/%03d/explore/%s-[0-9]*/frames.extxyz", iteration, system));
        else AL_TRY(al_path(pattern, "production/%s-[0-9]*K-[0-9]*/traj.*", system));
        if (glob(pattern, 0, NULL, &g) != 0) continue;
        enum al_err e = al_path(ret, "%s", g.gl_pathv[g.gl_pathc - 1]);
        globfree(&g);
        AL_TRY(e);
    }
    return AL_ERR_OK;
}

static void write_frame(FILE *out, const struct al_frame *f, double time)
{
    double inv[3][3], s[3], p[3];
    if (f->pbc) al_inv3(f->cell, inv);
    fprintf(out, "%d\ncell", f->natoms);
    for (int k = 0; k < 9; k++)
        fprintf(out, " %.4f", f->pbc ? f->cell[k / 3][k % 3] : 0.0);
    if (isfinite(time)) fprintf(out, " time %.4f", 1e-3 * time);
    fputc('\n', out);
    for (int i = 0; i < f->natoms; i++) {
        memcpy(p, f->pos[i], sizeof p);
        if (f->pbc) {
            al_vecmat3(f->pos[i], inv, s);
            for (int c = 0; c < 3; c++)
                s[c] -= floor(s[c]);
            al_vecmat3(s, f->cell, p);
        }
        fprintf(out, "%s %.3f %.3f %.3f\n", al_element_symbol(f->z[i]), p[0], p[1], p[2]);
    }
}

// Every stride-th frame (stride 0: counts them only).
static enum al_err walk(FILE *out, const char *path, long stride, long *ret_n)
{
    const struct al_traj_options o = {0};
    AL_OWN(al_traj) t = NULL;
    long n = 0;
    AL_TRY(al_traj_open(path, &o, &t));
    for (; n < MAX_READ; n++) {
        AL_OWN(al_frame) f = NULL;
        struct al_traj_step step;
        AL_TRY(al_traj_next(t, &f, &step));
        if (!f || f->natoms > MAX_ATOMS) break;
        if (stride && n % stride == 0) write_frame(out, f, step.time);
    }
    *ret_n = n;
    return AL_ERR_OK;
}

static enum al_err structure(const struct page *pg, const char *system)
{
    char path[AL_PATH];
    int nz, z[CFG_MAX_LIST];
    long n = 0;
    AL_TRY(find(system, pg->nerrors ? pg->nerrors - 1 : 0, path));
    if (!path[0]) return AL_ERR_OK;
    if (walk(NULL, path, 0, &n) || n == 0) { // being written, or of another kind: the page does without
        al_err_clear();
        return AL_ERR_OK;
    }
    AL_TRY(loop_config_elements(pg->cfg, &nz, z));
    fputs("<figure class=\"viewer\" data-elements=\"", pg->out);
    for (int i = 0; i < nz; i++)
        fprintf(pg->out, "%s%s", i ? " " : "", al_element_symbol(z[i]));
    fputs("\"><div class=\"view\" tabindex=\"0\" role=\"img\" aria-label=\"atoms of ", pg->out);
    html_text(pg->out, system);
    fputs("\"></div><figcaption><b>", pg->out);
    html_text(pg->out, system);
    fputs("</b> <code>", pg->out);
    html_text(pg->out, path);
    fputs("</code></figcaption>\n<script type=\"text/plain\">", pg->out);
    AL_TRY(walk(pg->out, path, (n + FRAMES - 1) / FRAMES, &n));
    fputs("</script></figure>\n", pg->out);
    return AL_ERR_OK;
}

enum al_err page_structures(const struct page *pg)
{
    if (!report_has_bundle()) return AL_ERR_OK; // nothing could show them
    page_begin(pg, "structures", "Structures");
    fputs("<div class=\"plots\">\n", pg->out);
    for (int s = 0; s < pg->cfg->nsystems; s++)
        AL_TRY(structure(pg, pg->cfg->system[s].name));
    fputs("</div>\n", pg->out);
    page_end(pg);
    return AL_ERR_OK;
}
