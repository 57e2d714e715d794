// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// engines/codes by hand, for tests in Python:
//   code_tool read FILE                                      the format is found by itself; each step as a line of JSON, then complete or incomplete
//   code_tool write ENGINE FRAME.extxyz DIR [key=value ...]  writes an input; prints the program's arguments, the order of atoms, the electrons, each
//                                                            on a line, and on standard error the physics text
//   code_tool label ENGINE FRAMES.extxyz DIR PROGRAM [key=value ...]  through the labeler; prints each frame, or why not
//   code_tool failure ENGINE DIR RUNG                        prints the next rung and the reason
// Keys: ecut, width, charge (eV, e), functional, mesh=2,1,1, shift=0.5,0,0, points=N (of two), smearing=fermi, tight=1, max_scf, rung, user=FILE,
// pseudo=Li:PATH (repeated).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codes/labeler.h"

static const struct code_settings plain = {.functional = "PBE", .mesh = {1, 1, 1}, .max_scf = 100, .ecut = 400};

static const struct code_ops *engine(const char *name)
{
    const struct code_ops *ops = code_find(name);
    if (ops) return ops;
    fprintf(stderr, "no engine %s\n", name);
    exit(2);
}

static int failed(void)
{
    fprintf(stderr, "%s: %s\n%s%s", al_err_name(al_err_last()), al_err_message(), al_err_hint_text(), al_err_hint_text()[0] ? "\n" : "");
    return 1;
}

static void set(struct code_settings *s, int *rung, char *arg)
{
    static const char *const smearing[] = {"fixed", "gaussian", "fermi", "cold"};
    static const double points[2][4] = {{0, 0, 0, 1}, {0.25, 0.25, 0.5, 3}};
    static struct code_pseudo pseudo[16];
    char *v = strchr(arg, '=');
    if (!v) exit(2);
    *v++ = '\0';
    if (strcmp(arg, "ecut") == 0) s->ecut = strtod(v, NULL);
    else if (strcmp(arg, "width") == 0) s->width = strtod(v, NULL);
    else if (strcmp(arg, "charge") == 0) s->charge = strtod(v, NULL);
    else if (strcmp(arg, "functional") == 0) s->functional = v;
    else if (strcmp(arg, "tight") == 0) s->tight = *v == '1';
    else if (strcmp(arg, "max_scf") == 0) s->max_scf = atoi(v);
    else if (strcmp(arg, "rung") == 0) *rung = atoi(v);
    else if (strcmp(arg, "mesh") == 0) sscanf(v, "%d,%d,%d", &s->mesh[0], &s->mesh[1], &s->mesh[2]);
    else if (strcmp(arg, "shift") == 0) sscanf(v, "%lf,%lf,%lf", &s->shift[0], &s->shift[1], &s->shift[2]);
    else if (strcmp(arg, "points") == 0) {
        s->nkpoint = atoi(v);
        s->kpoint = points;
    } else if (strcmp(arg, "smearing") == 0) {
        for (int i = 0; i < 4; i++)
            if (strcmp(v, smearing[i]) == 0) s->smearing = (enum code_smearing)i;
    } else if (strcmp(arg, "user") == 0) {
        static char *text; // one template a call
        if (text || al_file_read(v, 0, &text, NULL)) exit(failed());
        s->user = text;
        s->user_path = v;
    } else if (strcmp(arg, "pseudo") == 0) {
        char *path = strchr(v, ':');
        *path++ = '\0';
        pseudo[s->npseudo++] = (struct code_pseudo){al_element_z(v), path};
        s->pseudo = pseudo;
    } else exit(2);
}

static void print_frame(const struct al_frame *f)
{
    printf("\"have\": %u, \"energy\": %.15g, \"cell\": [", f->have, f->energy);
    for (int i = 0; i < 9; i++)
        printf("%s%.15g", i ? ", " : "", f->cell[i / 3][i % 3]);
    printf("], \"virial\": [");
    for (int i = 0; i < 9; i++)
        printf("%s%.15g", i ? ", " : "", f->virial[i / 3][i % 3]);
    printf("], \"atoms\": [");
    for (int i = 0; i < f->natoms; i++) {
        printf("%s[\"%s\"", i ? ", " : "", al_element_symbol(f->z[i]));
        for (int k = 0; k < 6; k++)
            printf(", %.15g", k < 3 ? f->pos[i][k] : f->forces[i][k - 3]);
        printf("]");
    }
    printf("]");
}

static int run_read(const char *path)
{
    char head[4097];
    void *reader;
    FILE *in = fopen(path, "rb");
    if (!in) return 2;
    size_t n = fread(head, 1, sizeof head - 1, in);
    fclose(in);
    head[n] = '\0';
    const struct code_format *format = NULL;
    for (int i = 0; !format && code_formats[i]; i++)
        if (code_formats[i]->is(path, head, n)) format = code_formats[i];
    if (!format) {
        puts("unknown format");
        return 2;
    }
    if (format->open(path, &reader)) return failed();
    for (;;) {
        struct code_step s;
        if (format->next(reader, &s)) {
            format->close(reader);
            return failed();
        }
        if (!s.frame) break;
        printf("{\"format\": \"%s\", \"converged\": %s, \"scf\": %d, \"zero\": \"%.15g\", \"electrons\": \"%.15g\", \"note\": \"%s\", ", format->name,
               s.converged ? "true" : "false", s.scf, s.energy_zero, s.electrons, s.note);
        print_frame(s.frame);
        printf("}\n");
        al_frame_destroy(&s.frame);
    }
    puts(format->complete(reader) ? "complete" : "incomplete");
    format->close(reader);
    return 0;
}

static int run_write(int argc, char **argv)
{
    struct code_settings s = plain;
    const struct code_ops *ops = engine(argv[2]);
    AL_OWN(al_frame) f = NULL;
    AL_AUTOFREE char *physics = NULL;
    AL_AUTOFREE int *order = NULL;
    int rung = 0;
    for (int i = 5; i < argc; i++)
        set(&s, &rung, argv[i]);
    if (al_structure_read(argv[3], &f) || al_alloc((size_t)f->natoms, sizeof *order, &order) || ops->check(&s) ||
        ops->write(&s, f, rung, argv[4], order) || ops->physics(&s, &physics))
        return failed();
    for (int i = 0; ops->args[i]; i++)
        printf("%s ", ops->args[i]);
    printf("\n");
    for (int i = 0; i < f->natoms; i++)
        printf("%d ", order[i]);
    printf("\n%.10g\n", ops->electrons(&s, f));
    fprintf(stderr, "%s", physics);
    return 0;
}

static enum al_err where(void *ctx, char ret[AL_PATH])
{
    AL_TRY(al_path(ret, "%s", (const char *)ctx));
    return AL_ERR_OK;
}

static int run_label(int argc, char **argv)
{
    struct code_options o = {.ops = engine(argv[2]), .kpoints = CODE_GAMMA, .program = argv[5], .ranks = 1, .min_distance = 0.5};
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(labeler) l = NULL;
    int rung = 0;
    o.settings = plain;
    o.hooks = (struct code_hooks){.where = where, .ctx = argv[4]};
    for (int i = 6; i < argc; i++)
        set(&o.settings, &rung, argv[i]);
    if (al_xyz_read(argv[3], &fs) || code_labeler_open(&o, &l)) return failed();
    for (int i = 0; i < fs->n; i++) {
        struct label_report rep;
        enum al_err e = l->ops->label(l, fs->f[i], &rep);
        printf("{\"error\": \"%s\", \"rung\": \"%s\", \"scf\": %d, \"detail\": \"%s\", \"fingerprint\": \"%s\", ", al_err_name(e), rep.rung_name,
               rep.scf_iterations, rep.detail, l->ops->fingerprint(l));
        print_frame(fs->f[i]);
        printf("}\n");
    }
    return 0;
}

static int run_failure(char **argv)
{
    char why[300];
    int next = engine(argv[2])->failure(argv[3], atoi(argv[4]), why, sizeof why);
    printf("%d %s\n", next, why);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "read") == 0) return run_read(argv[2]);
    if (argc > 4 && strcmp(argv[1], "write") == 0) return run_write(argc, argv);
    if (argc > 5 && strcmp(argv[1], "label") == 0) return run_label(argc, argv);
    if (argc == 5 && strcmp(argv[1], "failure") == 0) return run_failure(argv);
    return 2;
}
