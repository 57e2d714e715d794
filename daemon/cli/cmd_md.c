// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd md: one trajectory, first-principles (potential dft) or with a model file. A bag of one task (core/bag.h) in the directory
// --out: the trajectory, its log and checkpoint lie there, the task below tasks/; the same command goes on, and with a longer
// --time it goes further.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/label_job.h"
#include "core/query.h"

const char cli_md_usage[] = "alnd md dft STRUCTURE --config C.yaml OPTION...\n"
                            "       alnd md MODEL.dp STRUCTURE OPTION...\n"
                            "\n"
                            "  --ensemble nve|nvt|npt, --temperature \"600 K\", --time \"1 ps\"   needed\n"
                            "  --out DIR                     STRUCTURE-ENSEMBLE-TEMPERATURE\n"
                            "  --pressure \"1 GPa\"            with npt; 0 when left out\n"
                            "  --temperature-end \"900 K\", --pressure-end \"5 GPa\"   linear ramps over the run\n"
                            "  --thermostat svr|langevin|nhc, --cell isotropic|full\n"
                            "  --timestep \"1 fs\"\n"
                            "  --stride N                    steps from frame to frame, 10\n"
                            "  --thermostat-time \"100 fs\", --barostat-time \"500 fs\"\n"
                            "  --precision mixed|double|plain\n"
                            "  --format extxyz|dcd|both      of the trajectory, extxyz\n"
                            "  --replicas N                  runs with seeds SEED, SEED + 1, ...\n"
                            "  --threads N                   replicas at a time, all cores; of a single run's evaluation, 1\n"
                            "  --seed N, --cores N, --ranks N";
static const char hint[] = "alnd md --help";

struct wish {
    const char *potential, *structure, *out, *ensemble, *thermostat, *cell, *precision, *format;
    double temperature, pressure, time, timestep, tau, tau_p; // K, GPa, fs
    double temperature_end, pressure_end;                     // those of the start without a ramp
    long stride, seed, replicas, threads; // threads 0: not said
    struct label_choice choice;
    char own_out[AL_PATH]; // where none is given
};

static enum al_err set_quantity(const char *flag, const char *text, enum al_dim dim, double min, double *ret)
{
    double v;
    AL_TRY_MSG(al_quantity_parse(text, dim, &v), "md: %s", flag);
    if (!(v >= min)) AL_FAIL(AL_ERR_INPUT, "md: %s %s: %g %s at least", flag, text, min, al_dim_unit(dim));
    *ret = v;
    return AL_ERR_OK;
}

static enum al_err set_value(struct wish *w, const char *flag, const char *v)
{
    const struct {
        const char *flag;
        const char **text;
        double *quantity;
        enum al_dim dim;
        double min;
    } table[] = {
        {"--config", &w->choice.config, NULL, 0, 0},
        {"--out", &w->out, NULL, 0, 0},
        {"--ensemble", &w->ensemble, NULL, 0, 0},
        {"--thermostat", &w->thermostat, NULL, 0, 0},
        {"--cell", &w->cell, NULL, 0, 0},
        {"--temperature-end", NULL, &w->temperature_end, AL_DIM_TEMP, 0.1},
        {"--pressure-end", NULL, &w->pressure_end, AL_DIM_PRESSURE, -1000},
        {"--precision", &w->precision, NULL, 0, 0},
        {"--format", &w->format, NULL, 0, 0},
        {"--temperature", NULL, &w->temperature, AL_DIM_TEMP, 0.1},
        {"--pressure", NULL, &w->pressure, AL_DIM_PRESSURE, -1000},
        {"--time", NULL, &w->time, AL_DIM_TIME, 0},
        {"--timestep", NULL, &w->timestep, AL_DIM_TIME, 0.001},
        {"--thermostat-time", NULL, &w->tau, AL_DIM_TIME, 0.1},
        {"--barostat-time", NULL, &w->tau_p, AL_DIM_TIME, 1},
    };
    long n;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(flag, table[i].flag) != 0) continue;
        if (table[i].text) *table[i].text = v;
        else AL_TRY(set_quantity(flag, v, table[i].dim, table[i].min, table[i].quantity));
        return AL_ERR_OK;
    }
    if (strcmp(flag, "--stride") == 0) {
        AL_TRY(cli_count("md", flag, v, 1, 100000000, &w->stride));
    } else if (strcmp(flag, "--seed") == 0) {
        AL_TRY(cli_count("md", flag, v, 0, 2147483647, &w->seed));
    } else if (strcmp(flag, "--replicas") == 0) {
        AL_TRY(cli_count("md", flag, v, 1, 64, &w->replicas));
    } else if (strcmp(flag, "--threads") == 0) {
        AL_TRY(cli_count("md", flag, v, 1, 1024, &w->threads));
    } else if (strcmp(flag, "--cores") == 0 || strcmp(flag, "--ranks") == 0) {
        AL_TRY(cli_count("md", flag, v, 1, 4096, &n));
        *(flag[2] == 'c' ? &w->choice.cores : &w->choice.ranks) = (int)n;
    } else {
        AL_FAIL_HINT(AL_ERR_INPUT, hint, "md: unknown option '%s'", flag);
    }
    return AL_ERR_OK;
}

static bool one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static enum al_err check_ensemble(struct wish *w)
{
    if (!one_of(w->ensemble, "nve", "nvt", "npt")) AL_FAIL(AL_ERR_INPUT, "md: --ensemble %s: nve, nvt or npt", w->ensemble);
    const bool nve = strcmp(w->ensemble, "nve") == 0, npt = strcmp(w->ensemble, "npt") == 0;
    if (!npt && (isfinite(w->pressure) || isfinite(w->pressure_end) || w->cell))
        AL_FAIL(AL_ERR_INPUT, "md: --pressure, --pressure-end and --cell go with --ensemble npt");
    if (nve && (w->thermostat || isfinite(w->temperature_end)))
        AL_FAIL(AL_ERR_INPUT, "md: --thermostat and --temperature-end go with --ensemble nvt or npt");
    if (!w->thermostat) w->thermostat = "svr";
    if (!w->cell) w->cell = "isotropic";
    if (!one_of(w->thermostat, "svr", "langevin", "nhc"))
        AL_FAIL(AL_ERR_INPUT, "md: --thermostat %s: svr, langevin or nhc", w->thermostat);
    if (!one_of(w->cell, "isotropic", "full", "full")) AL_FAIL(AL_ERR_INPUT, "md: --cell %s: isotropic or full", w->cell);
    if (!isfinite(w->pressure)) w->pressure = 0;
    if (!isfinite(w->temperature_end)) w->temperature_end = w->temperature;
    if (!isfinite(w->pressure_end)) w->pressure_end = w->pressure;
    return AL_ERR_OK;
}

// beta.cif at 600 K in nve: beta-nve-600K here.
static enum al_err name_output(struct wish *w)
{
    const char *slash = strrchr(w->structure, '/'), *base = slash ? slash + 1 : w->structure, *dot = strrchr(base, '.');
    AL_TRY(al_path(w->own_out, "%.*s-%s-%gK", dot && dot != base ? (int)(dot - base) : (int)strlen(base), base, w->ensemble, w->temperature));
    w->out = w->own_out;
    return AL_ERR_OK;
}

static enum al_err parse(int argc, char **argv, struct wish *w)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            if (i + 1 == argc) AL_FAIL_HINT(AL_ERR_INPUT, hint, "md: %s: its value is missing", argv[i]);
            AL_TRY(set_value(w, argv[i], argv[i + 1]));
            i++;
        } else if (!w->potential) {
            w->potential = argv[i];
        } else if (!w->structure) {
            w->structure = argv[i];
        } else {
            AL_FAIL_HINT(AL_ERR_INPUT, hint, "md: one argument too many: '%s'", argv[i]);
        }
    }
    if (!w->structure || !w->ensemble || !(w->temperature > 0) || !(w->time > 0))
        AL_FAIL_HINT(AL_ERR_INPUT, hint, "md: potential, structure, --ensemble, --temperature and --time are needed");
    AL_TRY(check_ensemble(w));
    if (strcmp(w->precision, "mixed") != 0 && strcmp(w->precision, "double") != 0 && strcmp(w->precision, "plain") != 0)
        AL_FAIL(AL_ERR_INPUT, "md: --precision %s: mixed, double or plain", w->precision);
    if (strcmp(w->format, "extxyz") != 0 && strcmp(w->format, "dcd") != 0 && strcmp(w->format, "both") != 0)
        AL_FAIL(AL_ERR_INPUT, "md: --format %s: extxyz, dcd or both", w->format);
    if (!w->out) AL_TRY(name_output(w));
    w->choice.model = strcmp(w->potential, "dft") != 0;
    if (w->choice.model && w->replicas > 1 && w->choice.ranks > 1)
        AL_FAIL(AL_ERR_INPUT, "md: --replicas share one process, --ranks divide one run: one of them");
    if (!w->choice.model && !w->choice.config)
        AL_FAIL_HINT(AL_ERR_INPUT, "--config C.yaml with a section `label`; a whole loop.yaml will do",
                     "md dft: the settings of the first-principles calculation are missing");
    return AL_ERR_OK;
}

static bool ramps(const struct wish *w)
{
    return w->temperature_end != w->temperature || w->pressure_end != w->pressure;
}

// The run's physics without its length (but a ramp depends on it). What came later is in it where it is not as it was before.
static enum al_err identity(const struct label_job *j, const struct wish *w, const struct label_settings *s, char ret[65])
{
    struct al_sha256 h;
    char hex[65];
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-md-1");
    if (w->choice.model) {
        AL_TRY(al_sha256_file(w->potential, hex));
        al_sha256_string(&h, hex);
        al_sha256_string(&h, w->precision);
    } else {
        al_sha256_string(&h, s->hash);
    }
    al_frame_hash(j->frames->f[0], hex);
    al_sha256_string(&h, hex);
    al_sha256_string(&h, w->ensemble);
    const double numbers[] = {w->temperature, w->pressure, w->timestep, w->tau, w->tau_p};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        al_sha256_double(&h, numbers[i]);
    al_sha256_int(&h, w->stride);
    al_sha256_int(&h, w->seed);
    if (strcmp(w->thermostat, "svr") != 0) al_sha256_string(&h, w->thermostat);
    if (strcmp(w->cell, "isotropic") != 0) al_sha256_string(&h, w->cell);
    const double ramp[] = {w->temperature_end, w->pressure_end, w->time};
    for (int i = 0; ramps(w) && i < 3; i++)
        al_sha256_double(&h, ramp[i]);
    al_sha256_string(&h, w->format);
    al_sha256_int(&h, w->replicas);
    al_sha256_int(&h, w->replicas == 1 && w->threads > 1 ? w->threads : 1); // of an evaluation: the order of its sums
    al_sha256_hex(&h, ret);
    return AL_ERR_OK;
}

static enum al_err check_directory(const struct label_job *j, const char *id)
{
    char path[AL_PATH];
    AL_OWN(al_node) old = NULL;
    AL_TRY(al_path(path, "%s/md.yaml", j->dir));
    if (!al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_yaml_read(path, &old));
    if (strcmp(al_node_str(old, "identity", ""), id) != 0)
        AL_FAIL_HINT(AL_ERR_INPUT, "another --out; md.yaml in it says what it is",
                     "%s holds another run (other structure, potential, settings, ensemble, ramp, seed, stride, format, replicas or threads)",
                     j->dir);
    return AL_ERR_OK;
}

static enum al_err write_inputs(const struct label_job *j, const struct wish *w, const char *id, const char *model)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_OWN(al_frames) one = NULL;
    AL_OWN(al_frame) f = NULL;
    AL_TRY(al_frame_copy(j->frames->f[0], &f));
    f->have = 0;
    AL_TRY(al_frames_create(&one));
    AL_TRY(al_frames_push(one, &f));
    AL_TRY(al_path(path, "%s/start.extxyz", j->dir));
    AL_TRY(al_xyz_write(path, one));
    AL_TRY(al_path(path, "%s/md.yaml", j->dir));
    AL_TRY(al_outfile_open(path, &o));
    al_yaml_str(o.out, 0, "identity", id);
    al_yaml_str(o.out, 0, "potential", model);
    al_yaml_str(o.out, 0, "structure", "start.extxyz");
    al_yaml_str(o.out, 0, "ensemble", w->ensemble);
    al_yaml_str(o.out, 0, "thermostat", w->thermostat);
    al_yaml_str(o.out, 0, "cell", w->cell);
    fputs("# K, GPa, fs\n", o.out);
    al_yaml_double(o.out, 0, "temperature", w->temperature);
    al_yaml_double(o.out, 0, "pressure", w->pressure);
    al_yaml_double(o.out, 0, "temperature_end", w->temperature_end);
    al_yaml_double(o.out, 0, "pressure_end", w->pressure_end);
    al_yaml_double(o.out, 0, "time", w->time);
    al_yaml_double(o.out, 0, "timestep", w->timestep);
    al_yaml_double(o.out, 0, "thermostat_time", w->tau);
    al_yaml_double(o.out, 0, "barostat_time", w->tau_p);
    al_yaml_int(o.out, 0, "stride", w->stride);
    al_yaml_str(o.out, 0, "format", w->format);
    al_yaml_int(o.out, 0, "replicas", w->replicas);
    al_yaml_int(o.out, 0, "threads", w->threads);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

// The settings as the worker reads them; the seed on top of what labels need.
static enum al_err write_config(const struct label_job *j, const struct wish *w, const struct label_settings *s, char name[64])
{
    char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    struct al_outfile o;
    size_t n;
    AL_TRY(al_path(path, "%s/%s", j->dir, s->file));
    AL_TRY(al_file_read(path, 1 << 20, &text, &n));
    snprintf(name, 64, "settings/md.yaml");
    AL_TRY(al_path(path, "%s/%s", j->dir, name));
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "seed: %ld\nexplore:\n  precision: %s\n%s", w->seed, w->precision, text);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static int threads_of(const struct label_job *j, const struct wish *w)
{
    if (!w->choice.model) return 1;
    if (w->replicas == 1) return w->threads > 1 ? (int)w->threads : 1;
    long most = w->threads ? w->threads : j->cores;
    return (int)(w->replicas < most ? w->replicas : most);
}

static enum al_err prepare(const struct label_job *j, const struct wish *w, struct bag_task *t)
{
    struct label_settings s;
    struct al_sha256 h;
    char id[65], path[AL_PATH];
    const char *model = "dft";
    if (j->frames->n != 1) AL_FAIL(AL_ERR_INPUT, "%s: %d frames; one is wanted", w->structure, j->frames->n);
    AL_TRY(label_job_settings(j, (struct cfg_overrides){0}, &s));
    AL_TRY(identity(j, w, &s, id));
    AL_TRY(check_directory(j, id));
    if (w->choice.model) {
        AL_TRY(worker_check_model(j->worker, w->potential));
        AL_TRY(al_path(path, "%s/model.dp", j->dir));
        if (!al_exists(path)) AL_TRY(al_file_copy(w->potential, path));
        model = "model.dp";
    }
    AL_TRY(write_inputs(j, w, id, model));
    *t = (struct bag_task){.verb = "md", .elements = j->elements, .ranks = w->choice.model && w->choice.ranks < 2 ? 0 : j->ranks,
                           .threads = threads_of(j, w)};
    AL_TRY(write_config(j, w, &s, t->config));
    al_sha256_init(&h);
    al_sha256_string(&h, id);
    al_sha256_double(&h, w->time);
    al_sha256_hex(&h, t->identity);
    snprintf(t->id, sizeof t->id, "tasks/%.20s", t->identity);
    snprintf(t->name, sizeof t->name, "%s %g K", w->ensemble, w->temperature);
    AL_TRY(al_path(path, "%s/%s", j->dir, t->id));
    AL_TRY(al_mkdirs(path));
    bag_task_input(t, "run", "md.yaml");
    return AL_ERR_OK;
}

static int tell(const struct label_job *j, const struct wish *w, const struct bag_task *t)
{
    if (t->state != BAG_DONE) {
        fprintf(stderr, "alnd: md failed: %s\n", t->message);
        if (t->hint[0]) fprintf(stderr, "hint: %s\n", t->hint);
        return EXIT_FAILED;
    }
    const char *ended = bag_fact(t, "ended");
    bool whole = ended && strcmp(ended, "all steps done") == 0;
    printf("%s steps of %g fs (%s), %.4g s a step, %.4g ns/day\n", bag_fact(t, "steps"), w->timestep, ended ? ended : "?",
           bag_fact_real(t, "seconds_per_step"), bag_fact_real(t, "ns_per_day"));
    printf("temperature %.1f +- %.1f K, pressure %.3f GPa, volume %.2f Ang^3\n", bag_fact_real(t, "temperature"),
           bag_fact_real(t, "temperature_std"), bag_fact_real(t, "pressure_gpa"), bag_fact_real(t, "volume_ang3"));
    printf("conserved energy: drift %.3g eV/atom/ps (%.3g microHa/atom/ps), rms %.3g eV/atom\n",
           bag_fact_real(t, "drift_ev_per_atom_ps"), bag_fact_real(t, "drift_microha_per_atom_ps"),
           bag_fact_real(t, "fluctuation_ev_per_atom"));
    if (bag_fact(t, "sel_overflow"))
        printf("WARNING: in %s of the steps: %s\n", bag_fact(t, "sel_overflow"), bag_fact(t, "sel_overflow_text"));
    if (bag_fact(t, "history_lost"))
        printf("went on with another number of ranks: equal within %s, not bit for bit\n",
               w->choice.model ? "rounding" : "the SCF threshold");
    char dir[AL_PATH + 32] = "";
    const bool dcd = strcmp(w->format, "extxyz") != 0, xyz = strcmp(w->format, "dcd") != 0;
    if (w->replicas > 1)
        printf("(means of %ld replicas, ns/day of all together; %s/replica-0 to -%ld)\n", w->replicas, w->out, w->replicas - 1);
    snprintf(dir, sizeof dir, "%.4000s%s", w->out, w->replicas > 1 ? "/replica-*" : "");
    if (xyz) printf("trajectory  %s/trajectory.extxyz (%s frames)\n", dir, bag_fact(t, "nframes"));
    if (dcd) printf("trajectory  %s/trajectory.dcd (%s frames; elements in topology.extxyz)\n", dir, bag_fact(t, "nframes"));
    printf("log         %s/thermo.csv\nsummary     %s/summary.yaml\n", dir, dir);
    if (j->cfg->demonstration) cli_demonstration();
    if (!whole) fprintf(stderr, "alnd: the run ended before its time: %s\n", ended ? ended : "?");
    return whole ? EXIT_OK : EXIT_FAILED;
}

int cmd_md(int argc, char **argv)
{
    struct wish w = {.precision = "mixed", .format = "extxyz", .replicas = 1, .pressure = NAN, .temperature_end = NAN, .pressure_end = NAN,
                     .timestep = 1, .tau = 100, .tau_p = 500, .stride = 10, .seed = 1};
    struct label_job j;
    struct bag_task t = {0};
    enum al_err e = parse(argc, argv, &w);
    if (e) return cli_fail(e);
    w.choice.frames = w.structure;
    w.choice.work = w.out;
    w.choice.ntasks = 1;
    e = label_job_open(&w.choice, &j);
    if (e) return cli_fail(e);
    e = prepare(&j, &w, &t);
    j.lines = 30;
    if (!e) e = label_job_run(&j, "md", 1, &t);
    int rc = e ? cli_fail(e) : tell(&j, &w, &t);
    if (e == AL_ERR_STOPPED) fputs("hint: the same command goes on\n", stderr);
    bag_tasks_release(1, &t);
    label_job_close(&j);
    return rc;
}
