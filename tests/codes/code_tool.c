// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The seam of engines/codes by hand, for the peer tests:
//   code_tool write PROGRAM FRAME.extxyz DIR [key=value ...]   writes an input; prints the program's arguments, one a line
//   code_tool read FORMAT FILE                                 prints each step as one line of JSON, then whether it is complete
//   code_tool failure PROGRAM DIR RUNG                         prints the next rung and the reason
// Keys: ecut, width, charge (eV, e), functional, mesh=2,1,1, shift=0.5,0,0, smearing=fermi, tight=1, max_scf, rung, user=FILE,
// pseudo=Li:PATH (repeated).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codes/codes.h"

static const struct code_ops *program(const char *name)
{
    const struct code_ops *ops = code_find(name);
    if (ops) return ops;
    fprintf(stderr, "no program %s\n", name);
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
    static struct code_pseudo pseudo[16];
    char *v = strchr(arg, '=');
    if (!v) exit(2);
    *v++ = '\0';
    if (strcmp(arg, "ecut") == 0) s->ecut = strtod(v, NULL);
    if (strcmp(arg, "width") == 0) s->width = strtod(v, NULL);
    if (strcmp(arg, "charge") == 0) s->charge = strtod(v, NULL);
    if (strcmp(arg, "functional") == 0) s->functional = v;
    if (strcmp(arg, "tight") == 0) s->tight = *v == '1';
    if (strcmp(arg, "max_scf") == 0) s->max_scf = atoi(v);
    if (strcmp(arg, "rung") == 0) *rung = atoi(v);
    if (strcmp(arg, "mesh") == 0) sscanf(v, "%d,%d,%d", &s->mesh[0], &s->mesh[1], &s->mesh[2]);
    if (strcmp(arg, "shift") == 0) sscanf(v, "%lf,%lf,%lf", &s->shift[0], &s->shift[1], &s->shift[2]);
    for (int i = 0; strcmp(arg, "smearing") == 0 && i < 4; i++)
        if (strcmp(v, smearing[i]) == 0) s->smearing = (enum code_smearing)i;
    if (strcmp(arg, "user") == 0) {
        char *text;
        if (al_file_read(v, 0, &text, NULL)) exit(failed());
        s->user = text;
        s->user_path = v;
    }
    if (strcmp(arg, "pseudo") == 0) {
        char *path = strchr(v, ':');
        *path++ = '\0';
        pseudo[s->npseudo++] = (struct code_pseudo){al_element_z(v), path};
        s->pseudo = pseudo;
    }
}

static int run_write(int argc, char **argv)
{
    struct code_settings s = {.functional = "PBE", .mesh = {1, 1, 1}, .max_scf = 100};
    const struct code_ops *ops = program(argv[2]);
    AL_OWN(al_frame) f = NULL;
    AL_AUTOFREE char *physics = NULL;
    int rung = 0, order[4096];
    for (int i = 5; i < argc; i++)
        set(&s, &rung, argv[i]);
    if (al_structure_read(argv[3], &f) || ops->check(&s) || ops->write(&s, f, rung, argv[4], order) || ops->physics(&s, &physics)) return failed();
    for (int i = 0; i < f->natoms; i++)
        if (order[i] != i) return 3;
    for (int i = 0; ops->args[i]; i++)
        puts(ops->args[i]);
    fprintf(stderr, "%s", physics);
    return 0;
}

static void print_step(const struct code_step *s)
{
    const struct al_frame *f = s->frame;
    printf("{\"energy\": %.15g, \"converged\": %s, \"scf\": %d, \"have\": %u, \"zero\": \"%.15g\", \"electrons\": \"%g\", \"note\": \"%s\", \"cell\": [",
           f->energy, s->converged ? "true" : "false", s->scf, f->have, s->energy_zero, s->electrons, s->note);
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
    printf("]}\n");
}

static int run_read(char **argv)
{
    char head[4097];
    for (int i = 0; code_formats[i]; i++) {
        void *reader;
        if (strcmp(code_formats[i]->name, argv[2]) != 0) continue;
        FILE *in = fopen(argv[3], "rb");
        if (!in) return 2;
        size_t n = fread(head, 1, sizeof head - 1, in);
        fclose(in);
        head[n] = '\0';
        if (!code_formats[i]->is(argv[3], head, n)) puts("not recognised");
        if (code_formats[i]->open(argv[3], &reader)) return failed();
        for (;;) {
            struct code_step s;
            if (code_formats[i]->next(reader, &s)) return failed();
            if (!s.frame) break;
            print_step(&s);
            al_frame_destroy(&s.frame);
        }
        puts(code_formats[i]->complete(reader) ? "complete" : "incomplete");
        code_formats[i]->close(reader);
        return 0;
    }
    return 2;
}

int main(int argc, char **argv)
{
    char why[300];
    if (argc > 4 && strcmp(argv[1], "write") == 0) return run_write(argc, argv);
    if (argc == 4 && strcmp(argv[1], "read") == 0) return run_read(argv);
    if (argc == 5 && strcmp(argv[1], "failure") == 0) {
        int next = program(argv[2])->failure(argv[3], atoi(argv[4]), why, sizeof why);
        printf("%d %s\n", next, why);
        return 0;
    }
    return 2;
}
