// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// How many labels a way of selecting needs, run by hand:
//   bench_select LPS_DIR SVG [STEPS ROUNDS SEEDS METHODS]      METHODS: some of 01234
//   bench_select --logs SVG LOG...      table and plot of what such runs printed, e.g. each of some methods
// Replay: the pool is LPS_DIR/train, a label is the stored one, and nobody looks at it before the frame has been chosen. Every
// method begins with the same FIRST random frames, trains a committee from nothing, measures the first member on all of
// LPS_DIR/valid, chooses BATCH more frames and begins again. HELD frames of the pool are test frames, never trained on: the
// calibration of the automatic window from the second round on (a campaign has none in its first). Prints every round, the
// means over seeds as a table, and the labels needed for some errors; writes the plot.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "base/svg.h"
#include "committee/committee.h"
#include "committee/novelty.h"
#include "committee/window.h"
#include "dp/descriptor.h"
#include "dp/potential.h"
#include "train/train.h"

enum { MEMBERS = 4, FIRST = 3, BATCH = 3, HELD = 20, MAX_ROUNDS = 20, MAX_SEEDS = 5, METHODS = 5 };
static const double target = 0.20; // eV/Ang, what the automatic window is asked for (converge.force_rmse)
static const double duplicate = 0.05;
static const struct trust_window given = {0.10, 0.35}; // the default

static const struct method {
    const char *name;
    bool window, automatic, farthest;
} methods[METHODS] = {{"random", false, false, false},
                      {"window 0.10 - 0.35, random", true, false, false},
                      {"window 0.10 - 0.35, farthest", true, false, true},
                      {"auto, random", true, true, false},
                      {"auto, farthest", true, true, true}};

struct bench {
    struct al_frames *pool;
    struct dp_dataset *valid;
    long steps;
    int rounds, seeds;
    char dir[64];
    bool *taken, *held;       // [pool->n]
    struct calibration *pair; // [pool->n]: held frames, by the committee of this round
    int npair;
    int labels[METHODS][MAX_SEEDS][MAX_ROUNDS];
    double rmse[METHODS][MAX_SEEDS][MAX_ROUNDS]; // NaN: not reached
};

static enum al_err train_one(const struct bench *b, const struct dp_dataset *d, uint64_t seed, int member, int round, char path[96])
{
    struct train_options o;
    const int neurons[] = {10, 20, 40};
    AL_OWN(trainer) t = NULL;
    train_options_default(&o);
    memcpy(o.model.neuron, neurons, sizeof neurons);
    o.model.axis_neuron = 8;
    for (int i = 0; i < 3; i++)
        o.model.fit[i] = 60;
    o.path = GRADIENT_MIXED;
    o.optimiser = OPTIMISER_SOAP;
    o.schedule = SCHEDULE_COSINE;
    o.steps = b->steps;
    o.pooled = true;
    o.lr_start = 2.5e-2;
    o.lr_stop = 1e-5;
    o.report_every = b->steps;
    o.seed = seed;
    o.key[0] = (uint64_t)round;
    o.key[1] = (uint64_t)member;
    AL_TRY(trainer_create(&o, d, NULL, &t));
    AL_TRY(trainer_run(t));
    snprintf(path, 96, "%s/%d.dp", b->dir, member);
    AL_TRY(dp_model_write(path, trainer_model(t)));
    return AL_ERR_OK;
}

static enum al_err train_all(const struct bench *b, uint64_t seed, int round, int members, char path[MEMBERS][96], double *ret_rmse)
{
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(dp_dataset) d = NULL;
    AL_OWN(dp_model) m = NULL;
    struct train_rmse r;
    AL_TRY(al_frames_create(&fs));
    for (int i = 0; i < b->pool->n; i++) {
        AL_OWN(al_frame) f = NULL;
        if (!b->taken[i]) continue;
        AL_TRY(al_frame_copy(b->pool->f[i], &f));
        AL_TRY(al_frames_push(fs, &f));
    }
    AL_TRY(dp_dataset_create(&d));
    AL_TRY(dp_dataset_add_frames(d, "pool", fs));
    for (int k = 0; k < members; k++)
        AL_TRY(train_one(b, d, seed, k, round, path[k]));
    AL_TRY(dp_model_read(path[0], &m));
    AL_TRY(train_rmse(m, b->valid, 1, -1, &r));
    *ret_rmse = r.f;
    return AL_ERR_OK;
}

// What evaluate writes for a frame.
static enum al_err measure(struct committee *c, const struct al_frame *f, bool test, struct calibration *ret)
{
    struct deviation d = {0};
    struct calibration p = {.natoms = f->natoms, .test = test};
    AL_TRY(committee_eval(c, f, &d, NULL));
    const struct pot_result *r = committee_member(c, 0);
    snprintf(p.system, sizeof p.system, "%s", f->natoms == 64 ? "beta" : "gamma");
    p.deviation = d.max_f;
    for (int i = 0; i < f->natoms; i++) {
        double e = 0, size = 0;
        for (int a = 0; a < 3; a++) {
            e += (r->forces[i][a] - f->forces[i][a]) * (r->forces[i][a] - f->forces[i][a]);
            size += f->forces[i][a] * f->forces[i][a];
        }
        p.error = fmax(p.error, sqrt(e));
        p.force = fmax(p.force, sqrt(size));
        p.rms += e / (3 * f->natoms);
    }
    p.rms = sqrt(p.rms);
    *ret = p;
    return AL_ERR_OK;
}

static enum al_err describe(struct dp_describer *d, const struct al_frame *f, struct env_frame *ret)
{
    int wide = dp_describer_width(d);
    AL_AUTOFREE double *raw = NULL;
    AL_ALLOC(raw, f->natoms * wide);
    AL_ALLOC(ret->x, f->natoms * env_width(wide));
    ret->natoms = f->natoms;
    ret->z = f->z;
    AL_TRY(dp_describer_run(d, f, raw));
    AL_TRY(env_project(wide, f->natoms, raw, ret->x));
    return AL_ERR_OK;
}

static enum al_err farthest(const struct bench *b, const char *model, const bool *allowed, int *pick, int *npick)
{
    int n = b->pool->n, nknown = 0;
    AL_OWN(dp_describer) d = NULL;
    AL_OWN(novelty) v = NULL;
    AL_AUTOFREE struct env_frame *known = NULL;
    AL_AUTOFREE struct env_frame *pool = NULL;
    AL_AUTOFREE struct distance *at = NULL;
    AL_ALLOC(known, n);
    AL_ALLOC(pool, n);
    AL_ALLOC(at, n);
    AL_TRY(dp_describer_open(model, &d));
    int width = env_width(dp_describer_width(d));
    for (int i = 0; i < n; i++)
        if (b->taken[i]) AL_TRY(describe(d, b->pool->f[i], &known[nknown++]));
        else if (allowed[i]) AL_TRY(describe(d, b->pool->f[i], &pool[i]));
    AL_TRY(env_scale(width, nknown, known, n, pool));
    AL_TRY(novelty_create(width, n, pool, &v));
    for (int k = 0; k < nknown; k++)
        novelty_learn(v, &known[k]);
    AL_TRY(novelty_choose(v, allowed, NULL, BATCH, duplicate, pick, npick, at));
    double lowest = INFINITY, highest = 0;
    for (int i = 0; i < n; i++)
        if (allowed[i]) {
            lowest = fmin(lowest, at[i].max);
            highest = fmax(highest, at[i].rms);
        }
    printf("      distances: smallest max %.3f, largest rms %.3f\n", lowest, highest);
    for (int k = 0; k < nknown; k++)
        al_free(known[k].x);
    for (int i = 0; i < n; i++)
        al_free(pool[i].x);
    return AL_ERR_OK;
}

// One choice; *ret_n frames were added.
static enum al_err choose(struct bench *b, const struct method *m, char path[MEMBERS][96], bool first, struct al_rng *rng, int *ret_n)
{
    int n = b->pool->n, count[3] = {0}, pick[BATCH], npick = 0;
    AL_OWN(committee) c = NULL;
    AL_AUTOFREE bool *allowed = NULL;
    AL_AUTOFREE int *order = NULL;
    AL_AUTOFREE struct calibration *now = NULL;
    const char *paths[MEMBERS];
    AL_ALLOC(allowed, n);
    AL_ALLOC(order, n);
    AL_ALLOC(now, n);
    for (int k = 0; k < MEMBERS; k++)
        paths[k] = path[k];
    if (m->window) AL_TRY(committee_open(paths, MEMBERS, DP_WAY_DOUBLE, &c));
    struct window w[2];
    b->npair = 0;
    for (int i = 0; i < n && m->window; i++) {
        if (!b->taken[i]) AL_TRY(measure(c, b->pool->f[i], b->held[i], &now[i]));
        if (b->held[i] && !first) b->pair[b->npair++] = now[i];
    }
    for (int s = 0; s < 2 && m->automatic; s++)
        AL_TRY(window_fit(b->npair, b->pair, s ? "gamma" : "beta", 0, target, &given, &w[s]));
    for (int i = 0; i < n; i++) {
        order[i] = i;
        if (b->taken[i] || b->held[i]) continue;
        const struct trust_window *t = m->automatic ? &w[b->pool->f[i]->natoms != 64].w : &given;
        enum trust_class k = m->window ? trust_classify(t, now[i].deviation) : TRUST_CANDIDATE;
        allowed[i] = k == TRUST_CANDIDATE;
        count[k]++;
    }
    if (m->automatic)
        printf("      window beta %.3f - %.3f (%s, %d), gamma %.3f - %.3f, s %.2f q %.2f rank %.2f\n", w[0].w.low, w[0].w.high,
               window_source_name(w[0].source), w[0].n, w[1].w.low, w[1].w.high, w[0].slope, w[0].spread, w[0].rank);
    al_rng_shuffle(rng, order, n);
    if (m->farthest) AL_TRY(farthest(b, path[0], allowed, pick, &npick));
    for (int k = 0; k < n && npick < BATCH && !m->farthest; k++)
        if (allowed[order[k]]) pick[npick++] = order[k];
    for (int k = 0; k < npick; k++)
        b->taken[pick[k]] = true;
    printf("      %d accurate, %d candidates, %d failed\n", count[0], count[1], count[2]);
    *ret_n = npick;
    return AL_ERR_OK;
}

static enum al_err campaign(struct bench *b, int im, int is)
{
    const struct method *m = &methods[im];
    int n = b->pool->n, have = FIRST;
    AL_AUTOFREE int *order = NULL;
    struct al_rng rng;
    AL_ALLOC(order, n);
    for (int i = 0; i < n; i++)
        order[i] = i;
    memset(b->taken, 0, (size_t)n * sizeof *b->taken);
    memset(b->held, 0, (size_t)n * sizeof *b->held);
    al_rng_stream(&rng, (uint64_t)is + 1, "bench-first", 0, 0, 0);
    al_rng_shuffle(&rng, order, n);
    for (int k = 0; k < FIRST + HELD; k++)
        (k < FIRST ? b->taken : b->held)[order[k]] = true;
    for (int r = 0; r < MAX_ROUNDS; r++)
        b->rmse[im][is][r] = NAN;
    for (int r = 0; r < b->rounds; r++) {
        char path[MEMBERS][96];
        double t0 = al_clock();
        int more = 0;
        bool last = r + 1 == b->rounds;
        AL_TRY(train_all(b, (uint64_t)is + 1, r, m->window && !last ? MEMBERS : 1, path, &b->rmse[im][is][r]));
        b->labels[im][is][r] = have;
        printf("%-28s seed %d  %3d labels  force %.4f eV/Ang  (%.1f s)\n", m->name, is + 1, have, b->rmse[im][is][r], al_clock() - t0);
        if (!last) AL_TRY(choose(b, m, path, r == 0, &rng, &more));
        fflush(stdout);
        have += more;
    }
    return AL_ERR_OK;
}

// Labels at which the error falls below e, linear between rounds; NaN: it does not.
static double needed(const struct bench *b, int im, int is, double e)
{
    for (int r = 0; r < b->rounds; r++) {
        double now = b->rmse[im][is][r], before = r ? b->rmse[im][is][r - 1] : (double)NAN;
        if (!(now <= e)) continue;
        if (!r) return b->labels[im][is][0];
        int l0 = b->labels[im][is][r - 1], l1 = b->labels[im][is][r];
        return l0 + (l1 - l0) * (before - e) / (before - now);
    }
    return NAN;
}

static void table(const struct bench *b)
{
    static const double levels[] = {0.24, 0.22, 0.20};
    const int nlevels = 3;
    printf("\n| selection | labels | force RMSE at the end, eV/Ang (mean of seeds, lowest - highest) |");
    for (int l = 0; l < nlevels; l++)
        printf(" labels for %.2f |", levels[l]);
    printf("\n|---|---|---|");
    for (int l = 0; l < nlevels; l++)
        printf("---|");
    for (int m = 0; m < METHODS; m++) {
        double mean = 0, low = INFINITY, high = 0, labels = 0;
        if (!b->labels[m][0][0]) continue;
        for (int s = 0; s < b->seeds; s++) {
            double e = b->rmse[m][s][b->rounds - 1];
            labels += (double)b->labels[m][s][b->rounds - 1] / b->seeds;
            mean += e / b->seeds;
            low = fmin(low, e);
            high = fmax(high, e);
        }
        printf("\n| %s | %.0f | %.3f (%.3f - %.3f) |", methods[m].name, labels, mean, low, high);
        for (int l = 0; l < nlevels; l++)
            for (int s = 0; s < b->seeds; s++) {
                double x = needed(b, m, s, levels[l]);
                char text[32] = "-";
                if (!isnan(x)) snprintf(text, sizeof text, "%.0f", x);
                printf("%s%s%s", s ? ", " : " ", text, s + 1 == b->seeds ? " |" : "");
            }
    }
    printf("\n");
}

static enum al_err plot(const struct bench *b, const char *path)
{
    static double x[METHODS][MAX_ROUNDS], y[METHODS][MAX_ROUNDS], bar[METHODS][MAX_ROUNDS];
    struct al_plot_series s[METHODS];
    int n = 0;
    for (int m = 0; m < METHODS; m++) {
        if (!b->labels[m][0][0]) continue;
        for (int r = 0; r < b->rounds; r++) {
            double low = INFINITY, high = 0;
            for (int k = 0; k < b->seeds; k++) {
                x[m][r] += (double)b->labels[m][k][r] / b->seeds;
                y[m][r] += b->rmse[m][k][r] / b->seeds;
                low = fmin(low, b->rmse[m][k][r]);
                high = fmax(high, b->rmse[m][k][r]);
            }
            bar[m][r] = (high - low) / 2;
        }
        s[n] = (struct al_plot_series){.label = methods[m].name, .n = b->rounds, .x = x[m], .y = y[m],
                                       .error = bar[m], .style = AL_PLOT_LINE | AL_PLOT_POINTS, .color = m + 1};
        n++;
    }
    struct al_plot p = {.title = "Labels and held-out force error, lps as oracle", .note = "mean of seeds; bars: half of highest - lowest",
                        .xlabel = "labels", .ylabel = "force RMSE on lps/valid / eV/Ang", .xzero = true, .series = s, .nseries = n};
    AL_TRY(al_svg_plot(path, &p));
    return AL_ERR_OK;
}

static enum al_err read_frames(const char *dir, const char *part, struct dp_dataset **ret)
{
    char path[AL_PATH];
    const char *paths[] = {path};
    AL_TRY(al_path(path, "%s/%s", dir, part));
    AL_TRY(dp_dataset_read(paths, 1, ret));
    return AL_ERR_OK;
}

static enum al_err run(int argc, char **argv)
{
    static struct bench b;
    AL_OWN(dp_dataset) train = NULL;
    AL_OWN(al_frames) pool = NULL;
    AL_OWN(dp_dataset) valid = NULL;
    AL_AUTOFREE bool *flags = NULL;
    AL_AUTOFREE struct calibration *pair = NULL;
    b.steps = argc > 3 ? strtol(argv[3], NULL, 10) : 1000;
    b.rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 8;
    b.seeds = argc > 5 ? (int)strtol(argv[5], NULL, 10) : 3;
    const char *which = argc > 6 ? argv[6] : "01234";
    if (b.rounds < 1 || b.rounds > MAX_ROUNDS || b.seeds < 1 || b.seeds > MAX_SEEDS) AL_FAIL(AL_ERR_INPUT, "rounds or seeds");
    AL_TRY(read_frames(argv[1], "train", &train));
    AL_TRY(read_frames(argv[1], "valid", &valid));
    AL_TRY(dp_dataset_frames(train, &pool));
    AL_ALLOC(flags, 2 * pool->n);
    AL_ALLOC(pair, pool->n);
    b.pool = pool;
    b.valid = valid;
    b.taken = flags;
    b.held = flags + pool->n;
    b.pair = pair;
    snprintf(b.dir, sizeof b.dir, "/tmp/alnd-bench-select-XXXXXX");
    if (!mkdtemp(b.dir)) AL_FAIL(AL_ERR_IO, "no temporary directory");
    for (int m = 0; m < METHODS; m++)
        for (int s = 0; s < b.seeds && strchr(which, '0' + m); s++)
            AL_TRY(campaign(&b, m, s));
    table(&b);
    AL_TRY(plot(&b, argv[2]));
    AL_TRY(al_remove_tree(b.dir));
    return AL_ERR_OK;
}

// "NAME seed S L labels  force E eV/Ang ..." into the next round of its method and seed.
static void take_line(struct bench *b, const char *line)
{
    for (int m = 0; m < METHODS; m++) {
        size_t n = strlen(methods[m].name);
        int seed, labels, round = 0;
        double e;
        if (strncmp(line, methods[m].name, n) != 0 || sscanf(line + n, " seed %d %d labels force %lf", &seed, &labels, &e) != 3) continue;
        if (seed < 1 || seed > MAX_SEEDS) continue;
        while (round < MAX_ROUNDS && b->labels[m][seed - 1][round])
            round++;
        if (round == MAX_ROUNDS) continue;
        b->labels[m][seed - 1][round] = labels;
        b->rmse[m][seed - 1][round] = e;
        b->seeds = seed > b->seeds ? seed : b->seeds;
        b->rounds = round >= b->rounds ? round + 1 : b->rounds;
    }
}

static enum al_err read_logs(int argc, char **argv)
{
    static struct bench b;
    for (int i = 3; i < argc; i++) {
        char line[512];
        FILE *in = fopen(argv[i], "re");
        if (!in) AL_FAIL(AL_ERR_NOTFOUND, "cannot read %s", argv[i]);
        while (fgets(line, sizeof line, in))
            take_line(&b, line);
        fclose(in);
    }
    for (int m = 0; m < METHODS; m++) // whole methods only
        for (int s = 0; s < b.seeds; s++)
            if (!b.labels[m][s][b.rounds - 1]) b.labels[m][0][0] = 0;
    table(&b);
    AL_TRY(plot(&b, argv[2]));
    return AL_ERR_OK;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--logs") == 0) {
        if (read_logs(argc, argv) == AL_ERR_OK) return 0;
        fprintf(stderr, "bench_select: %s\n", al_err_message());
        return 1;
    }
    if (argc < 3) {
        fputs("usage: bench_select LPS_DIR SVG [STEPS ROUNDS SEEDS METHODS] | --logs SVG LOG...\n", stderr);
        return 2;
    }
    if (run(argc, argv) != AL_ERR_OK) {
        fprintf(stderr, "bench_select: %s\n", al_err_message());
        return 1;
    }
    return 0;
}
