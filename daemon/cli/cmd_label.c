// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd label: first-principles labels of anybody's frames; with --converge the table of errors (converge.c).
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "cli/converge.h"
#include "cli/label_job.h"

const char cli_label_usage[] = "alnd label FRAMES --config C.yaml --out LABELLED.extxyz [OPTION...]\n"
                               "       alnd label --converge FRAMES --config C.yaml [OPTION...]\n"
                               "\n"
                               "  --cores N, --ranks R, --json, --allow-commands\n"
                               "  --cube DIR                            densities; not with --converge\n"
                               "  --force-error \"10 meV/Ang\"            this and the rest with --converge\n"
                               "  --cutoffs \"20, 25, 30, 40 Ha\"         left out: seven from half of label.cutoff to 5/3 of it\n"
                               "  --spacings \"0.8, 0.52, 0.35 1/Ang\"    left out: these\n"
                               "  --out TABLE.yaml";

struct request {
    struct label_choice choice;
    const char *out, *cube;
    bool converge;
    struct converge_wish wish;
};

static int parse_count(const char *flag, const char *text, int *ret)
{
    long v;
    if (cli_count("label", flag, text, 1, 4096, &v) != AL_ERR_OK) return cli_usage("%s", al_err_message());
    *ret = (int)v;
    return EXIT_OK;
}

static int set_value(struct request *r, const char *flag, const char *value)
{
    if (strcmp(flag, "--config") == 0) r->choice.config = value;
    else if (strcmp(flag, "--out") == 0) r->out = value;
    else if (strcmp(flag, "--cube") == 0) r->cube = value;
    else if (strcmp(flag, "--force-error") == 0) r->wish.force_error = value;
    else if (strcmp(flag, "--cutoffs") == 0) r->wish.cutoffs = value;
    else if (strcmp(flag, "--spacings") == 0) r->wish.spacings = value;
    else if (strcmp(flag, "--cores") == 0) return parse_count(flag, value, &r->choice.cores);
    else if (strcmp(flag, "--ranks") == 0) return parse_count(flag, value, &r->choice.ranks);
    else return cli_usage("label: unknown option '%s'\nusage: %s", flag, cli_label_usage);
    return EXIT_OK;
}

static int parse(int argc, char **argv, struct request *r)
{
    for (int i = 1; i < argc; i++) {
        int rc;
        if (strcmp(argv[i], "--json") == 0) {
            r->choice.json = true;
        } else if (strcmp(argv[i], "--allow-commands") == 0) {
            r->choice.allow = true;
        } else if (strcmp(argv[i], "--converge") == 0) {
            r->converge = true;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            if (i + 1 == argc) return cli_usage("label: %s: its value is missing\nusage: %s", argv[i], cli_label_usage);
            if ((rc = set_value(r, argv[i], argv[i + 1])) != EXIT_OK) return rc;
            i++;
        } else if (r->choice.frames) {
            return cli_usage("label: one argument too many: '%s'\nusage: %s", argv[i], cli_label_usage);
        } else {
            r->choice.frames = argv[i];
        }
    }
    if (!r->choice.frames || !r->choice.config || (!r->out && !r->converge)) return cli_usage("usage: %s", cli_label_usage);
    if (r->cube && r->converge) return cli_usage("label: --cube does not go with --converge");
    if (!r->converge && (r->wish.force_error || r->wish.cutoffs || r->wish.spacings))
        return cli_usage("label: --force-error, --cutoffs and --spacings go with --converge");
    return EXIT_OK;
}

// The frame as it was given, with its label and what is known of it.
static enum al_err labelled(const struct label_job *j, int i, const struct bag_task *t, struct al_frame **ret)
{
    AL_OWN(al_frame) f = NULL;
    AL_OWN(al_frame) l = NULL;
    AL_TRY(label_job_result(j, t, &l));
    AL_TRY(al_frame_copy(j->frames->f[i], &f));
    if (l->natoms != f->natoms) AL_FAIL(AL_ERR_CORRUPT, "the label of %s has %d atoms, not %d", t->name, l->natoms, f->natoms);
    f->energy = l->energy;
    memcpy(f->forces, l->forces, (size_t)f->natoms * sizeof *f->forces);
    memcpy(f->virial, l->virial, sizeof f->virial);
    f->have |= AL_HAVE_ENERGY | AL_HAVE_FORCES | AL_HAVE_VIRIAL;
    for (int k = 0; k < l->ninfo; k++)
        if (strcmp(l->info[k].key, "frame_id") != 0) AL_TRY(al_frame_info_set(f, l->info[k].key, l->info[k].value));
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

static bool is_good(const struct bag_task *t)
{
    return t->state == BAG_DONE && !bag_fact(t, "failed");
}

static const char *reason_of(const struct bag_task *t)
{
    const char *reason = bag_fact(t, "reason");
    return reason ? reason : t->message;
}

static enum al_err write_labels(const struct label_job *j, const char *out, const struct bag_task *t, int *ret_good)
{
    AL_OWN(al_frames) fs = NULL;
    AL_TRY(al_frames_create(&fs));
    for (int i = 0; i < j->frames->n; i++) {
        AL_OWN(al_frame) f = NULL;
        if (!is_good(&t[i])) continue;
        AL_TRY(labelled(j, i, &t[i], &f));
        AL_TRY(al_frames_push(fs, &f));
    }
    *ret_good = fs->n;
    if (fs->n) AL_TRY(al_xyz_write(out, fs));
    return AL_ERR_OK;
}

static enum al_err write_cubes(const struct label_job *j, const char *dir, const struct bag_task *t)
{
    char from[AL_PATH], to[AL_PATH];
    AL_TRY(al_mkdirs(dir));
    for (int i = 0; i < j->frames->n; i++) {
        if (!is_good(&t[i])) continue;
        AL_TRY(al_path(from, "%s/%s/density.cube", j->dir, t[i].id));
        AL_TRY(al_path(to, "%s/frame-%04d.cube", dir, i + 1));
        AL_TRY(al_file_copy(from, to));
    }
    return AL_ERR_OK;
}

static void print_real(const char *format, double v, int width)
{
    if (isfinite(v)) printf(format, v);
    else printf(" %*s", width, "-");
}

static void print_remarks(const struct bag_task *t)
{
    const char *metallic = bag_fact(t, "metallic"), *rescue = bag_fact(t, "rescue");
    if (metallic && strcmp(metallic, "true") == 0) fputs("  WARNING: metallic", stdout);
    if (rescue && strcmp(rescue, "default") != 0 && strcmp(rescue, "none") != 0) printf("  converged by: %s", rescue);
}

static void print_table(const struct label_job *j, const struct bag_task *t)
{
    printf("\n%-24s %16s %8s %10s %5s %9s\n", "frame", "energy, eV", "gap, eV", "sum F", "SCF", "seconds");
    for (int i = 0; i < j->frames->n; i++) {
        if (!is_good(&t[i])) continue;
        printf("%-24.24s", t[i].name);
        print_real(" %16.6f", bag_fact_real(&t[i], "energy"), 16);
        print_real(" %8.3f", bag_fact_real(&t[i], "gap"), 8);
        print_real(" %10.1e", bag_fact_real(&t[i], "residual_force"), 10);
        print_real(" %5.0f", bag_fact_real(&t[i], "scf_iterations"), 5);
        print_real(" %9.1f", bag_fact_real(&t[i], "seconds"), 9);
        print_remarks(&t[i]);
        putchar('\n');
    }
    puts("(sum F: residual sum of the forces before it was taken out, eV/Ang)");
}

// What the energy is made of, eV.
static void print_components(const struct label_job *j, const struct bag_task *t)
{
    static const char *const term[] = {"kinetic", "nonlocal", "local", "hartree", "xc", "ewald"};
    enum { NTERMS = sizeof term / sizeof *term };
    printf("\n%-24s", "energies, eV");
    for (int k = 0; k < NTERMS; k++)
        printf(" %13s", term[k]);
    putchar('\n');
    for (int i = 0; i < j->frames->n; i++) {
        if (!is_good(&t[i])) continue;
        printf("%-24.24s", t[i].name);
        for (int k = 0; k < NTERMS; k++) {
            char key[32];
            snprintf(key, sizeof key, "energy_%s", term[k]);
            print_real(" %13.4f", bag_fact_real(&t[i], key), 13);
        }
        putchar('\n');
    }
}

static void print_failed(const struct label_job *j, const struct bag_task *t)
{
    for (int i = 0; i < j->frames->n; i++)
        if (!is_good(&t[i])) {
            fprintf(stderr, "alnd: %s (frame %d) failed: %s\n", t[i].name, i + 1, reason_of(&t[i]));
            if (t[i].hint[0]) fprintf(stderr, "hint: %s\n", t[i].hint);
        }
}

static bool is_number(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    return end != text && !*end && isfinite(v);
}

// YAML first, whose bare numbers become numbers of JSON.
static enum al_err print_json(const struct label_job *j, const char *out, const struct bag_task *t)
{
    AL_OWN(al_node) tree = NULL;
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f) AL_FAIL(AL_ERR_NOMEM, "no memory");
    al_yaml_str(f, 0, "out", out);
    al_yaml_open(f, 0, "frames");
    for (int i = 0; i < j->frames->n; i++) {
        fprintf(f, "  - index: %d\n", i + 1);
        al_yaml_str(f, 2, "name", t[i].name);
        al_yaml_str(f, 2, "status", is_good(&t[i]) ? "done" : "failed");
        if (!is_good(&t[i])) al_yaml_str(f, 2, "why", reason_of(&t[i]));
        for (int k = 0; t[i].result && k < t[i].result->nfacts; k++) {
            const char *key = t[i].result->fact[k].key, *value = t[i].result->fact[k].value;
            if (is_number(value)) fprintf(f, "    %s: %s\n", key, value);
            else al_yaml_str(f, 2, key, value);
        }
    }
    fclose(f);
    enum al_err e = al_yaml_parse("labels", text, n, &tree);
    free(text);
    AL_TRY(e);
    AL_TRY(cli_print_json(tree));
    return AL_ERR_OK;
}

static enum al_err label_all(const struct label_job *j, const struct request *r, struct bag_task *t, int *ret_good)
{
    struct label_settings s;
    FILE *say = j->json ? stderr : stdout;
    double bytes, limit;
    AL_TRY(label_job_settings(j, (struct cfg_overrides){0}, &s));
    AL_TRY(label_job_memory(j, &s, &bytes, &limit));
    fprintf(say, "%d frame%s (%s), %d core%s, %d rank%s per frame; ", j->frames->n, j->frames->n > 1 ? "s" : "", j->elements, j->cores,
            j->cores > 1 ? "s" : "", j->ranks ? j->ranks : 1, j->ranks ? "s" : "");
    if (bytes > 0) fprintf(say, "%.0f MiB per rank for the largest, %.0f MiB allowed per frame\n", bytes / 1048576, limit / 1048576);
    else fprintf(say, "by %s, whose memory alnd does not know\n", j->cfg->label.engine);
    fflush(say);
    for (int i = 0; i < j->frames->n; i++) {
        char name[96];
        label_job_name(j, i, name, sizeof name);
        AL_TRY(label_job_task(j, &s, i, r->cube != NULL, name, &t[i]));
    }
    AL_TRY(label_job_run(j, "label", j->frames->n, t));
    AL_TRY(write_labels(j, r->out, t, ret_good));
    if (r->cube) AL_TRY(write_cubes(j, r->cube, t));
    return AL_ERR_OK;
}

static int tell(const struct label_job *j, const struct request *r, const struct bag_task *t, int good)
{
    int bad = j->frames->n - good;
    if (j->json) {
        enum al_err e = print_json(j, r->out, t);
        if (e) return cli_fail(e);
    } else {
        if (good) print_table(j, t);
        if (good && !loop_config_label_external(j->cfg)) print_components(j, t);
        if (good) printf("\n%d labelled frame%s in %s\n", good, good > 1 ? "s" : "", r->out);
        if (good && r->cube) printf("densities in %s\n", r->cube);
        if (j->cfg->demonstration) cli_demonstration();
    }
    fflush(stdout);
    print_failed(j, t);
    if (bad) fprintf(stderr, "alnd: %d of %d frames failed\n", bad, j->frames->n);
    return bad ? EXIT_FAILED : EXIT_OK;
}

static int run_label(struct request *r)
{
    char work[AL_PATH];
    struct label_job j;
    struct bag_task *t = NULL;
    int good = 0;
    enum al_err e = al_path(work, "%s.work", r->out);
    struct label_choice choice = r->choice;
    choice.work = work;
    if (!e) e = label_job_open(&choice, &j);
    if (e) return cli_fail(e);
    label_job_afresh(&j);
    e = al_alloc((size_t)j.frames->n, sizeof *t, &t);
    if (!e) e = label_all(&j, r, t, &good);
    int rc = e ? cli_fail(e) : tell(&j, r, t, good);
    if (e == AL_ERR_STOPPED) fputs("hint: the same command goes on\n", stderr);
    if (t) bag_tasks_release(j.frames->n, t);
    al_free(t);
    label_job_close(&j);
    return rc;
}

int cmd_label(int argc, char **argv)
{
    struct request r = {0};
    int rc = parse(argc, argv, &r);
    if (rc) return rc;
    return r.converge ? converge_run(&r.choice, r.out, &r.wish) : run_label(&r);
}
