// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd train: one model on any labelled data. A bag of one task (core/bag.h) in the directory --out, like alnd md: model, learning
// curve, checkpoint and log lie there; the same command goes on.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "cli/data_job.h"
#include "cli/engines.h"
#include "config/commands.h"
#include "core/executor.h"
#include "core/query.h"

const char cli_train_usage[] = "alnd train DATA... --out DIR [OPTION]...\n"
                               "\n"
                               "  DATA: directory of deepmd systems (npy, mixed type), FILE.h5[#/group], FILE.extxyz\n"
                               "  --valid DATA...               without: train.validation of DATA (10 %)\n"
                               "  --from MODEL.dp               go on from this model (fine-tuning)\n"
                               "  --steps N, --KEY VALUE        KEY below `train` in `alnd describe train`: --descriptor.rcut \"5 Ang\"\n"
                               "  --config C.yaml               a file with these keys (a whole loop.yaml will do)\n"
                               "  --engine deepmd               the real deepmd-kit trains (docs/engines-deepmd.md)\n"
                               "  --deepmd DP                   its dp: a path, or a name in PATH (without: resources.deepmd)\n"
                               "  --seed N, --cores N, --json";

enum { MAX_SET = 60 };

struct wish {
    struct paths data, valid;
    const char *out, *from;
    const char *deepmd; // NULL: as the settings say
    long seed; // -1: not said
    struct label_choice choice;
    struct cfg_key_value set[MAX_SET];
    int nset;
    char merged[64]; // /proc/self/fd/N: the settings as the worker will read them
    int fd;
};

static enum al_err set_value(struct wish *w, const char *flag, const char *v)
{
    long n;
    if (strcmp(flag, "--out") == 0) {
        w->out = v;
    } else if (strcmp(flag, "--from") == 0) {
        w->from = v;
    } else if (strcmp(flag, "--deepmd") == 0) {
        w->deepmd = v;
    } else if (strcmp(flag, "--config") == 0) {
        w->choice.config = v;
    } else if (strcmp(flag, "--seed") == 0) {
        AL_TRY(cli_count("train", flag, v, 0, 2147483647, &w->seed));
    } else if (strcmp(flag, "--cores") == 0) {
        AL_TRY(cli_count("train", flag, v, 1, 4096, &n));
        w->choice.cores = (int)n;
    } else if (flag[1] == '-' && flag[2]) {
        if (w->nset == MAX_SET) AL_FAIL(AL_ERR_INPUT, "train: more than %d settings", MAX_SET);
        if (strchr(v, '\n')) AL_FAIL(AL_ERR_INPUT, "train: %s: its value has several lines", flag);
        for (int i = 0; i < w->nset; i++)
            if (strcmp(w->set[i].key, flag + 2) == 0) AL_FAIL(AL_ERR_INPUT, "train: %s is there twice", flag);
        w->set[w->nset++] = (struct cfg_key_value){flag + 2, v};
    } else {
        AL_FAIL_HINT(AL_ERR_INPUT, "alnd help train", "train: unknown option '%s'", flag);
    }
    return AL_ERR_OK;
}

static enum al_err parse(int argc, char **argv, struct wish *w)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            w->choice.json = true;
        } else if (strcmp(argv[i], "--valid") == 0) {
            AL_TRY(paths_take(&w->valid, argc, argv, &i));
        } else if (argv[i][0] == '-' && argv[i][1]) {
            if (i + 1 == argc) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help train", "train: %s: its value is missing", argv[i]);
            AL_TRY(set_value(w, argv[i], argv[i + 1]));
            i++;
        } else {
            AL_TRY(paths_add(&w->data, argv[i]));
        }
    }
    if (!w->data.n || !w->out) AL_FAIL_HINT(AL_ERR_INPUT, "alnd help train", "train: data and --out are needed");
    if (w->from && !al_exists(w->from)) AL_FAIL(AL_ERR_NOTFOUND, "train: there is no model %s", w->from);
    w->choice.work = w->out;
    w->choice.ntasks = 1;
    w->choice.model = true;
    return AL_ERR_OK;
}

// A complaint about the merged settings is one about the command line: the file itself was read before.
static enum al_err complain(void)
{
    char text[AL_ERR_TEXT], hint[AL_ERR_TEXT];
    const char *m = strstr(al_err_message(), "/proc/self/fd/");
    for (int colons = 0; m && colons < 3; m++)
        colons += *m == ':';
    snprintf(text, sizeof text, "%s", m ? m + strspn(m, " ") : al_err_message());
    snprintf(hint, sizeof hint, "%s", al_err_hint_text());
    AL_FAIL_HINT(AL_ERR_INPUT, hint[0] ? hint : "alnd describe train", "train: on the command line: %s", text);
}

// File and command line together, in memory: nothing is created before all is known to be good.
static enum al_err merge(struct wish *w, struct loop_config **ret)
{
    AL_OWN(loop_config) file = NULL;
    if (w->choice.config) AL_TRY(loop_config_read_engine(w->choice.config, &file));
    else AL_TRY(loop_config_default_engine(&file));
    w->fd = memfd_create("train", MFD_CLOEXEC);
    FILE *out = w->fd >= 0 ? fdopen(dup(w->fd), "w") : NULL;
    if (!out) AL_FAIL(AL_ERR_IO, "cannot make a file in memory: %s", strerror(errno));
    enum al_err e = loop_config_write_train(file, w->seed, w->deepmd, w->nset, w->set, out);
    fclose(out);
    AL_TRY(e);
    snprintf(w->merged, sizeof w->merged, "/proc/self/fd/%d", w->fd);
    if (loop_config_read_engine(w->merged, ret)) AL_TRY(complain());
    return AL_ERR_OK;
}

static enum al_err identity(const struct wish *w, const struct loop_config *c, char ret[65])
{
    struct al_sha256 h;
    char hex[65];
    al_sha256_init(&h);
    al_sha256_string(&h, "alnd-fit-1");
    AL_TRY(loop_config_section_hash(c, "train", hex));
    al_sha256_string(&h, hex);
    al_sha256_int(&h, (long)c->seed);
    AL_TRY(paths_hash(&w->data, &h));
    AL_TRY(paths_hash(&w->valid, &h));
    if (w->from) {
        AL_TRY(al_sha256_file(w->from, hex));
        al_sha256_string(&h, hex);
    }
    al_sha256_hex(&h, ret);
    return AL_ERR_OK;
}

static enum al_err write_run(const struct label_job *j, const struct wish *w, const char *id)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/start.dp", j->dir));
    if (w->from && !al_exists(path)) {
        AL_TRY(worker_check_model(j->worker, w->from));
        AL_TRY(al_file_copy(w->from, path));
    }
    AL_TRY(al_path(path, "%s/settings/train.yaml", j->dir));
    AL_TRY(al_file_copy(w->merged, path));
    AL_TRY(al_path(path, "%s/train.yaml", j->dir));
    AL_TRY(al_outfile_open(path, &o));
    al_yaml_str(o.out, 0, "identity", id);
    enum al_err e = paths_write(o.out, "data", &w->data);
    if (!e) e = paths_write(o.out, "valid", &w->valid);
    if (w->from) al_yaml_str(o.out, 0, "from", "start.dp");
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static void tell_rmse(const struct al_node *summary, const char *key, const char *title)
{
    const struct al_node *r = al_node_get(summary, key), *z = r ? al_node_get(r, "force_by_element") : NULL;
    if (!r) return;
    printf("%-12s %6s frames: energy %7.2f meV/atom, force %.4f eV/Ang, virial %.2f meV/atom;", title, al_node_str(r, "frames", ""),
           1e3 * al_node_double(r, "energy", NAN), al_node_double(r, "force", NAN), 1e3 * al_node_double(r, "virial", NAN));
    for (const struct al_node *c = z ? z->child : NULL; c; c = c->next)
        printf(" %s %.4s", c->key, c->text);
    putchar('\n');
}

static int tell(const struct label_job *j, const struct wish *w, const struct bag_task *t)
{
    char path[AL_PATH];
    AL_OWN(al_node) s = NULL;
    if (t->state != BAG_DONE) {
        fprintf(stderr, "alnd: training failed: %s\n", t->message);
        if (t->hint[0]) fprintf(stderr, "hint: %s\n", t->hint);
        return EXIT_FAILED;
    }
    enum al_err e = al_path(path, "%s/summary.yaml", j->dir);
    if (!e) e = j->json ? data_job_json(j, "summary.yaml") : al_yaml_read(path, &s);
    if (e) return cli_fail(e);
    if (j->json) return EXIT_OK;
    printf("%s steps, %.4g s a step\n", bag_fact(t, "steps"), bag_fact_real(t, "seconds_per_step"));
    if (bag_fact_real(t, "halved") > 0)
        printf("WARNING: the loss was not finite; the learning rate was halved %s times (train.log)\n", bag_fact(t, "halved"));
    data_tell_model(s, stdout);
    puts("root mean square errors, forces by element:");
    tell_rmse(s, "train", "training");
    tell_rmse(s, "valid", "validation");
    printf("model       %s/model.dp\ncurve       %s/lcurve.out\nlog         %s/train.log\nsummary     %s/summary.yaml\n", w->out, w->out, w->out,
           w->out);
    const struct al_node *zbl = al_node_get(s, "zbl");
    if (zbl)
        printf("for deepmd  %s/model.without_zbl.dp, with pair_style zbl %s %s (docs/handoff.md)\n", w->out, al_node_str(zbl, "inner", "?"),
               al_node_str(zbl, "outer", "?"));
    return EXIT_OK;
}

// A path that was typed is the owner's word; one in a file is not.
static enum al_err check_engine(const struct wish *w, const struct loop_config *c)
{
    char worker[AL_PATH], text[AL_ERR_TEXT];
    if (strcmp(c->train.engine, "deepmd") != 0) return AL_ERR_OK;
    if (w->deepmd) AL_TRY(commands_allow(w->deepmd));
    enum al_err e = commands_may_start("resources.deepmd", c->resources.deepmd);
    snprintf(text, sizeof text, "%s", al_err_message());
    if (e) AL_FAIL_HINT(e, "if it is the right one: --deepmd with this path", "train: %s", text);
    AL_TRY(exec_find_worker(worker, sizeof worker));
    AL_TRY(engines_check_deepmd(c, worker));
    return AL_ERR_OK;
}

static enum al_err prepare(struct wish *w, struct label_job *j, struct bag_task *t)
{
    AL_OWN(loop_config) c = NULL;
    AL_OWN(al_node) answer = NULL;
    FILE *say = w->choice.json ? stderr : stdout;
    char id[65];
    AL_TRY(merge(w, &c));
    AL_TRY(check_engine(w, c));
    AL_TRY(data_ask(&w->data, &w->valid, NULL, &answer));
    data_tell(answer, say);
    AL_TRY(data_refuse(answer));
    if (!w->valid.n)
        fprintf(say, "no --valid: %.3g %% of the frames are kept for validation (seed %llu)\n", 100 * c->train.validation,
                (unsigned long long)c->seed);
    fflush(say);
    AL_TRY(identity(w, c, id));
    w->choice.config = w->merged;
    AL_TRY(label_job_open(&w->choice, j));
    j->lines = 30;
    AL_TRY(data_job_check(j, "train.yaml", id));
    AL_TRY(write_run(j, w, id));
    AL_TRY(data_job_task(j, "fit", "train.yaml", id, "train", t));
    return AL_ERR_OK;
}

int cmd_train(int argc, char **argv)
{
    struct wish w = {.seed = -1, .fd = -1};
    struct label_job j = {.lock = -1};
    struct bag_task t = {0};
    enum al_err e = parse(argc, argv, &w);
    if (!e) e = prepare(&w, &j, &t);
    if (!e) e = label_job_run(&j, "train", 1, &t);
    int rc = e ? cli_fail(e) : tell(&j, &w, &t);
    if (e == AL_ERR_STOPPED) fputs("hint: the same command goes on\n", stderr);
    bag_tasks_release(1, &t);
    label_job_close(&j);
    if (w.fd >= 0) close(w.fd);
    paths_free(&w.data);
    paths_free(&w.valid);
    return rc;
}
