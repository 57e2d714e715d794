// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "train/score_files.h"

#include <math.h>

#include "base/fsio.h"
#include "base/mem.h"

enum file { CSV, E, E_ATOM, F, V, V_ATOM, S, NFILES };
static const char *const file_name[NFILES] = {"parity.csv", "detail.e.out", "detail.e_peratom.out", "detail.f.out",
                                              "detail.v.out", "detail.v_peratom.out", "detail.s.out"};

struct score_files {
    struct al_outfile o[NFILES];
    int nopen;
    unsigned begun; // kinds of labels whose files have their header: as in deepmd-kit, that of the first system alone
};

enum al_err score_files_open(const char *dir, struct score_files **ret)
{
    AL_OWN(score_files) f = NULL;
    char path[AL_PATH];
    AL_ALLOC(f, 1);
    for (; f->nopen < NFILES; f->nopen++) {
        AL_TRY(al_path(path, "%s/%s", dir, file_name[f->nopen]));
        AL_TRY(al_outfile_open(path, &f->o[f->nopen]));
    }
    fputs("quantity,system,frame,atom,element,component,label,model\n", f->o[CSV].out);
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

void score_files_destroy(struct score_files **f)
{
    if (!*f) return;
    for (int i = 0; i < (*f)->nopen; i++)
        al_outfile_drop(&(*f)->o[i]);
    al_free(*f);
    *f = NULL;
}

enum al_err score_files_publish(struct score_files *f)
{
    for (int i = 0; i < f->nopen; i++)
        AL_TRY(al_outfile_publish(&f->o[i]));
    return AL_ERR_OK;
}

static void tensor_header(FILE *out, const char *system, const char *unit, char letter)
{
    static const char axis[] = "xyz";
    fprintf(out, "# %s%s:", system, unit);
    for (int k = 0; k < 18; k++)
        fprintf(out, " %s_%c%c%c", k < 9 ? "data" : "pred", letter, axis[k % 9 / 3], axis[k % 9 % 3]);
    fputc('\n', out);
}

static void headers(struct score_files *f, const struct dp_system *s)
{
    unsigned fresh = s->have & ~f->begun;
    f->begun |= s->have;
    if (fresh & AL_HAVE_ENERGY) {
        fprintf(f->o[E].out, "# %s: data_e pred_e\n", s->path);
        fprintf(f->o[E_ATOM].out, "# %s: data_e pred_e\n", s->path);
    }
    if (fresh & AL_HAVE_FORCES)
        fprintf(f->o[F].out, "# %s: data_fx data_fy data_fz pred_fx pred_fy pred_fz\n", s->path);
    if (!(fresh & AL_HAVE_VIRIAL)) return;
    tensor_header(f->o[V].out, s->path, "", 'v');
    tensor_header(f->o[V_ATOM].out, s->path, "", 'v');
    tensor_header(f->o[S].out, s->path, " (eV/\xc3\x85\xc2\xb3)", 's');
}

// numpy.savetxt's format
static void row(FILE *out, int n, const double *label, const double *model, double factor)
{
    for (int k = 0; k < 2 * n; k++)
        fprintf(out, "%s%.18e", k ? " " : "", (k < n ? label[k] : model[k - n]) * factor);
    fputc('\n', out);
}

static double volume(const double *h)
{
    return fabs(h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) + h[2] * (h[3] * h[7] - h[4] * h[6]));
}

static void parity(struct score_files *f, const char *quantity, const struct dp_system *s, int frame, int atom, const char *component,
                   double label, double model)
{
    FILE *out = f->o[CSV].out;
    fprintf(out, "%s,%s,%d,", quantity, s->name, frame);
    if (atom >= 0) fprintf(out, "%d,%s,", atom, al_element_symbol(s->z[atom]));
    else fputs(",,", out);
    fprintf(out, "%s,%.12g,%.12g\n", component, label, model);
}

static void write_virial(struct score_files *f, const struct dp_system *s, const struct train_error *e)
{
    static const char *const name[9] = {"xx", "xy", "xz", "yx", "yy", "yz", "zx", "zy", "zz"};
    const double *v = s->virial + 9 * (size_t)e->frame;
    row(f->o[V].out, 9, v, e->virial, 1);
    row(f->o[V_ATOM].out, 9, v, e->virial, 1.0 / s->natoms);
    if (s->pbc) row(f->o[S].out, 9, v, e->virial, -1 / volume(s->box + 9 * (size_t)e->frame));
    for (int a = 0; a < 9; a++)
        parity(f, "virial", s, e->frame, -1, name[a], v[a] / s->natoms, e->virial[a] / s->natoms);
}

enum al_err score_files_frame(struct score_files *f, const struct dp_system *s, const struct train_error *e)
{
    static const char *const axis[3] = {"x", "y", "z"};
    headers(f, s);
    if (s->have & AL_HAVE_ENERGY) {
        const double *label = &s->energy[e->frame];
        row(f->o[E].out, 1, label, &e->energy, 1);
        row(f->o[E_ATOM].out, 1, label, &e->energy, 1.0 / s->natoms);
        parity(f, "energy", s, e->frame, -1, "", *label / s->natoms, e->energy / s->natoms);
    }
    for (int i = 0; s->have & AL_HAVE_FORCES && i < s->natoms; i++) {
        const double *label = s->force + 3 * ((size_t)s->natoms * (size_t)e->frame + (size_t)i);
        row(f->o[F].out, 3, label, e->force[i], 1);
        for (int a = 0; a < 3; a++)
            parity(f, "force", s, e->frame, i, axis[a], label[a], e->force[i][a]);
    }
    if (s->have & AL_HAVE_VIRIAL) write_virial(f, s, e);
    for (int i = 0; i < f->nopen; i++)
        if (ferror(f->o[i].out)) AL_FAIL(AL_ERR_IO, "cannot write %s", f->o[i].path);
    return AL_ERR_OK;
}
