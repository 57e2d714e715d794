// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd diffusion: D, activation energy and conductivity from anybody's trajectories. A bag of one task in --out.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/data_job.h"

const char cli_diffusion_usage[] =
    "alnd diffusion TRAJ... --out DIR [OPTION]...\n"
    "\n"
    "  TRAJ: extended XYZ, DCD, LAMMPS text dump, XDATCAR. Several files are replicas of one temperature, or a series of temperatures\n"
    "  --species Li                  the mobile element\n"
    "  --framework P,S,O             displacements are relative to the centre of mass of these; left out: all but the species\n"
    "  --temperature \"600 K\"         one for all, or one for each file (\"600 K, 700 K\"); left out: from the file\n"
    "                                (velocities, temperature=), or from what production or alnd md wrote beside it\n"
    "  --dt \"50 fs\"                  between frames; left out: as the file says\n"
    "  --timestep \"1 fs\"             of a step, for LAMMPS dumps that count steps\n"
    "  --types Li,P,S                elements of LAMMPS types 1, 2, 3\n"
    "  --skip \"5 ps\"                 left out at the start of each file\n"
    "  --charge 1                    of an ion, for the conductivity\n"
    "  --jump \"3 Ang\"                distance between sites, for the limit where no jump is seen\n"
    "  --compare                     files of two cell sizes: does D differ?\n"
    "  --no-structure                D alone: no framework check, radial distribution, density, sites and jumps, rotation, Haven ratio\n"
    "  --json";
static const char hint[] = "alnd diffusion --help";

enum { MAX_TEMPERATURES = 256 };

struct wish {
    const char *out, *species, *framework, *types;
    double dt, timestep, skip, jump, charge, temperature[MAX_TEMPERATURES]; // fs, Ang, e, K
    int ntemperatures;
    bool compare, no_structure;
    struct paths files;
    struct label_choice choice;
};

// "600 K, 700 K"
static enum al_err set_temperatures(struct wish *w, const char *text)
{
    AL_AUTOFREE char *copy = NULL;
    char *save = NULL;
    AL_TRY(al_strdup(text, &copy));
    for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
        double v;
        if (w->ntemperatures == MAX_TEMPERATURES) AL_FAIL(AL_ERR_INPUT, "diffusion: more than %d temperatures", MAX_TEMPERATURES);
        AL_TRY_MSG(al_quantity_parse(p + strspn(p, " "), AL_DIM_TEMP, &v), "diffusion: --temperature");
        if (!(v > 0)) AL_FAIL(AL_ERR_INPUT, "diffusion: --temperature %s: above 0 K is wanted", p);
        w->temperature[w->ntemperatures++] = v;
    }
    return AL_ERR_OK;
}

static enum al_err set_value(struct wish *w, const char *flag, const char *v)
{
    const struct {
        const char *flag;
        const char **text;
        double *quantity;
        enum al_dim dim;
    } table[] = {
        {"--out", &w->out, NULL, 0},
        {"--species", &w->species, NULL, 0},
        {"--framework", &w->framework, NULL, 0},
        {"--types", &w->types, NULL, 0},
        {"--dt", NULL, &w->dt, AL_DIM_TIME},
        {"--timestep", NULL, &w->timestep, AL_DIM_TIME},
        {"--skip", NULL, &w->skip, AL_DIM_TIME},
        {"--jump", NULL, &w->jump, AL_DIM_LENGTH},
        {"--charge", NULL, &w->charge, AL_DIM_NONE},
    };
    if (strcmp(flag, "--temperature") == 0) {
        AL_TRY(set_temperatures(w, v));
        return AL_ERR_OK;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(flag, table[i].flag) != 0) continue;
        if (table[i].text) {
            *table[i].text = v;
            return AL_ERR_OK;
        }
        AL_TRY_MSG(al_quantity_parse(v, table[i].dim, table[i].quantity), "diffusion: %s", flag);
        bool may_be_zero = strcmp(flag, "--skip") == 0 || strcmp(flag, "--charge") == 0;
        if (may_be_zero ? *table[i].quantity < 0 && flag[2] == 's' : !(*table[i].quantity > 0))
            AL_FAIL(AL_ERR_INPUT, "diffusion: %s %s: a %s number is wanted", flag, v, may_be_zero ? "non-negative" : "positive");
        return AL_ERR_OK;
    }
    AL_FAIL_HINT(AL_ERR_INPUT, hint, "diffusion: unknown option '%s'", flag);
}

static enum al_err check_elements(const char *flag, const char *list, int most)
{
    char symbol[8];
    int n = 0;
    for (const char *p = list; p && *p;) {
        size_t len = strcspn(p, ", ");
        if (len) {
            snprintf(symbol, sizeof symbol, "%.*s", (int)(len < 7 ? len : 7), p);
            if (!al_element_z(symbol) || ++n > most)
                AL_FAIL_HINT(AL_ERR_INPUT, hint, "diffusion: %s %s: %s", flag, list, n > most ? "too many elements" : "element symbols like Li or P,S are wanted");
        }
        p += len;
        p += strspn(p, ", ");
    }
    if (list && !n) AL_FAIL_HINT(AL_ERR_INPUT, hint, "diffusion: %s names no element", flag);
    return AL_ERR_OK;
}

static enum al_err parse(int argc, char **argv, struct wish *w)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            w->choice.json = true;
        } else if (strcmp(argv[i], "--compare") == 0) {
            w->compare = true;
        } else if (strcmp(argv[i], "--no-structure") == 0) {
            w->no_structure = true;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            if (i + 1 == argc) AL_FAIL_HINT(AL_ERR_INPUT, hint, "diffusion: %s: its value is missing", argv[i]);
            AL_TRY(set_value(w, argv[i], argv[i + 1]));
            i++;
        } else {
            AL_TRY(paths_add(&w->files, argv[i]));
        }
    }
    if (!w->files.n || !w->out) AL_FAIL_HINT(AL_ERR_INPUT, hint, "diffusion: a trajectory and --out are needed");
    for (int i = 0; i < w->files.n; i++)
        if (!al_exists(w->files.p[i])) AL_FAIL(AL_ERR_NOTFOUND, "diffusion: there is no file %s", w->files.p[i]);
    if (w->ntemperatures > 1 && w->ntemperatures != w->files.n)
        AL_FAIL_HINT(AL_ERR_INPUT, "one for all, or one for each file", "diffusion: %d temperatures for %d files", w->ntemperatures, w->files.n);
    AL_TRY(check_elements("--species", w->species, 1));
    AL_TRY(check_elements("--framework", w->framework, 32));
    AL_TRY(check_elements("--types", w->types, 32));
    w->choice.ntasks = 1;
    w->choice.model = true;
    return AL_ERR_OK;
}

static void write_elements(FILE *out, const char *key, const char *list)
{
    bool any = false;
    for (const char *p = list ? list : ""; *p;) {
        size_t n = strcspn(p, ", ");
        if (n && !any) al_yaml_open(out, 0, key);
        if (n) fprintf(out, "  - \"%.*s\"\n", (int)n, p);
        any = any || n;
        p += n;
        p += strspn(p, ", ");
    }
    if (!any) fprintf(out, "%s: []\n", key);
}

static enum al_err write_run(const struct label_job *j, const struct wish *w, const char *id)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/settings/train.yaml", j->dir));
    AL_TRY(al_file_write(path, "seed: 1\n", 8));
    AL_TRY(al_path(path, "%s/run.yaml", j->dir));
    AL_TRY(al_outfile_open(path, &o));
    al_yaml_str(o.out, 0, "identity", id);
    enum al_err e = paths_write(o.out, "files", &w->files);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    al_yaml_str(o.out, 0, "species", w->species);
    if (w->framework) al_yaml_str(o.out, 0, "framework", w->framework);
    write_elements(o.out, "types", w->types);
    fputs(w->ntemperatures ? "temperatures:\n" : "temperatures: []\n", o.out);
    for (int i = 0; i < w->ntemperatures; i++)
        fprintf(o.out, "  - %.17g\n", w->temperature[i]);
    al_yaml_double(o.out, 0, "dt_fs", w->dt);
    al_yaml_double(o.out, 0, "timestep_fs", w->timestep);
    al_yaml_double(o.out, 0, "skip_fs", w->skip);
    al_yaml_double(o.out, 0, "jump_ang", w->jump);
    al_yaml_double(o.out, 0, "charge", w->charge);
    al_yaml_str(o.out, 0, "structure", w->no_structure ? "false" : "true");
    al_yaml_str(o.out, 0, "compare", w->compare ? "true" : "false");
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static enum al_err identity(const struct wish *w, char ret[65])
{
    struct al_sha256 h;
    const double numbers[] = {w->dt, w->timestep, w->skip, w->jump, w->charge, w->compare, w->no_structure};
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-diffusion-1");
    AL_TRY(paths_hash(&w->files, &h));
    al_sha256_string(&h, w->species);
    al_sha256_string(&h, w->framework ? w->framework : "");
    al_sha256_string(&h, w->types ? w->types : "");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        al_sha256_double(&h, numbers[i]);
    for (int i = 0; i < w->ntemperatures; i++)
        al_sha256_double(&h, w->temperature[i]);
    al_sha256_hex(&h, ret);
    return AL_ERR_OK;
}

static enum al_err prepare(struct wish *w, struct label_job *j, struct bag_task *t)
{
    char id[65];
    AL_TRY(identity(w, id));
    AL_TRY(label_job_open(&w->choice, j));
    j->lines = 10;
    AL_TRY(data_job_check(j, "run.yaml", id));
    AL_TRY(write_run(j, w, id));
    AL_TRY(data_job_task(j, "diffusion", "run.yaml", id, "diffusion", t));
    return AL_ERR_OK;
}

static bool is_true(const struct al_node *n, const char *key)
{
    return strcmp(al_node_str(n, key, ""), "true") == 0;
}

// What the analyses of structure say, in words.
static void print_structure(const struct al_node *p)
{
    static const struct {
        const char *part, *label;
    } line[] = {{"framework", "framework"}, {"collective", "conductivity"}, {"sites", "jumps"}, {"rotation", "anions"}};
    const struct al_node *s = al_node_get(p, "structure");
    for (size_t i = 0; s && i < sizeof line / sizeof line[0]; i++) {
        const struct al_node *n = al_node_get(s, line[i].part);
        if (!n) continue;
        const char *verdict = al_node_str(n, "verdict", NULL);
        printf("  %-12s  %s%s\n", line[i].label, verdict ? "" : "not determined: ", verdict ? verdict : al_node_str(n, "not_determined", ""));
        if (al_node_get(n, "conductivity_einstein_helfand_s_per_cm"))
            printf("  %-12s  Einstein-Helfand %.3g +- %.2g S/cm, Haven ratio %.2f (95 %%: %.2f to %.2f)\n", "",
                   al_node_double(n, "conductivity_einstein_helfand_s_per_cm", NAN), al_node_double(n, "conductivity_einstein_helfand_error_s_per_cm", NAN),
                   al_node_double(n, "haven_ratio", NAN), al_node_double(n, "haven_ratio_low95", NAN), al_node_double(n, "haven_ratio_high95", NAN));
    }
}

static void print_point(const struct al_node *p)
{
    printf("%-18s %s run%s, %s ions, %s frames\n", al_node_str(p, "label", ""), al_node_str(p, "runs", ""), al_node_int(p, "runs", 1) == 1 ? "" : "s",
           al_node_str(p, "mobile_ions", "-"), al_node_str(p, "frames", "-"));
    if (!al_node_get(p, "regime")) {
        printf("  not determined: %s\n", al_node_str(p, "reason", ""));
        return;
    }
    printf("  %s\n", al_node_str(p, "regime", ""));
    if (al_node_get(p, "warning")) printf("  WARNING: %s\n", al_node_str(p, "warning", ""));
    if (!is_true(p, "diffusive")) return;
    printf("  D = %.3g cm^2/s (95 %%: %.3g to %.3g; error from %s)", al_node_double(p, "d_cm2_per_s", NAN), al_node_double(p, "d_low95_cm2_per_s", NAN),
           al_node_double(p, "d_high95_cm2_per_s", NAN), al_node_str(p, "error_from", ""));
    if (al_node_get(p, "conductivity_nernst_einstein_s_per_cm"))
        printf(", Nernst-Einstein %.3g S/cm", al_node_double(p, "conductivity_nernst_einstein_s_per_cm", NAN));
    putchar('\n');
}

static void print_fit(const struct al_node *n)
{
    const struct al_node *a = al_node_get(n, "arrhenius");
    if (a && a->kind == AL_NODE_MAP) {
        printf("E_a = %.3f eV (95 %%: %.3f to %.3f); at 300 K: D = %.3g cm^2/s (%.2g to %.2g)", al_node_double(a, "activation_energy_ev", NAN),
               al_node_double(a, "activation_energy_low95_ev", NAN), al_node_double(a, "activation_energy_high95_ev", NAN),
               al_node_double(a, "d_300k_cm2_per_s", NAN), al_node_double(a, "d_300k_low95", NAN), al_node_double(a, "d_300k_high95", NAN));
        if (al_node_get(a, "conductivity_300k_s_per_cm"))
            printf(", %.3g S/cm (%.2g to %.2g)", al_node_double(a, "conductivity_300k_s_per_cm", NAN), al_node_double(a, "conductivity_300k_low95", NAN),
                   al_node_double(a, "conductivity_300k_high95", NAN));
        putchar('\n');
        if (al_node_get(a, "left_out_as_molten")) printf("  not in the fit, as the framework is molten: %s\n", al_node_str(a, "left_out_as_molten", ""));
        if (al_node_get(a, "phase")) printf("  %s\n", al_node_str(a, "phase", ""));
    } else {
        printf("activation energy %s\n", al_node_str(n, "arrhenius", "not determined"));
    }
    const struct al_node *s = al_node_get(n, "sizes");
    for (const struct al_node *c = s && s->kind == AL_NODE_LIST ? s->child : NULL; c; c = c->next)
        printf("%s\n", al_node_str(c, "statement", ""));
    if (s && s->kind == AL_NODE_SCALAR) printf("sizes: %s\n", s->text);
}

static int tell(const struct label_job *j, const struct wish *w, const struct bag_task *t)
{
    char path[AL_PATH];
    AL_OWN(al_node) n = NULL;
    if (t->state != BAG_DONE) {
        fprintf(stderr, "alnd: diffusion failed: %s\n", t->message);
        if (t->hint[0]) fprintf(stderr, "hint: %s\n", t->hint);
        return EXIT_FAILED;
    }
    enum al_err e = al_path(path, "%s/diffusion.yaml", j->dir);
    if (!e) e = j->json ? data_job_json(j, "diffusion.yaml") : al_yaml_read(path, &n);
    if (e) return cli_fail(e);
    if (j->json) return EXIT_OK;
    printf("%s relative to the centre of mass of %s; positions took %.1f MB\n", al_node_str(n, "species", ""), al_node_str(n, "framework", ""),
           bag_fact_real(t, "memory_mb"));
    if (al_node_get(n, "warning")) printf("WARNING: %s\n", al_node_str(n, "warning", ""));
    const struct al_node *list = al_node_get(n, "temperatures");
    for (const struct al_node *p = list ? list->child : NULL; p; p = p->next) {
        print_point(p);
        print_structure(p);
    }
    print_fit(n);
    printf("numbers     %s/diffusion.yaml\ncurves      %s/msd-*.csv, msd.svg, msd-loglog.svg\n", w->out, w->out);
    if (!w->no_structure) printf("structure   %s/structure-*/ (CSV, SVG, density.cube for VESTA)\n", w->out);
    return EXIT_OK;
}

int cmd_diffusion(int argc, char **argv)
{
    struct wish w = {.species = "Li", .charge = 1, .jump = 3};
    struct label_job j = {.lock = -1};
    struct bag_task t = {0};
    enum al_err e = parse(argc, argv, &w);
    w.choice.work = w.out;
    if (!e) e = prepare(&w, &j, &t);
    if (!e) e = label_job_run(&j, "diffusion", 1, &t);
    int rc = e ? cli_fail(e) : tell(&j, &w, &t);
    if (e == AL_ERR_STOPPED) fputs("hint: the same command goes on\n", stderr);
    bag_tasks_release(1, &t);
    label_job_close(&j);
    paths_free(&w.files);
    return rc;
}
