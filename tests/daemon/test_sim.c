// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Random campaigns of the daemon's planner, journal and loop on a simulated machine (sim.h).
//
//   test_daemon_sim              the first 400 seeds
//   test_daemon_sim FROM N       N seeds from FROM on
//   test_daemon_sim SEED         this one again, with what the daemon says; its directory is kept
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "core/crash.h"
#include "core/loop.h"
#include "sim.h"

enum { DEFAULT_CAMPAIGNS = 400, SESSIONS = 8 /* with trouble */, MOST_SESSIONS = 16 };

static struct sim *m;
static bool loud;
static char root[64]; // on tmpfs where there is one: fsync costs nothing there
static struct {
    long campaigns, sessions, killed, tasks, starts, failed, orphans, late;
} sum;

static double now(void)
{
    return m->now;
}

static void write_file(const char *name, const char *text)
{
    if (al_file_write(name, text, strlen(text)) == AL_ERR_OK) return;
    fprintf(stderr, "cannot write %s: %s\n", name, al_err_message());
    exit(2);
}

static int between(struct al_rng *r, int low, int high)
{
    return low + (int)al_rng_below(r, (uint32_t)(high - low + 1));
}

static void draw_script(struct sim_script *s, uint64_t seed)
{
    static const double often[] = {0, 0, 0.02, 0.1, 0.3};
    struct al_rng r;
    memset(s, 0, sizeof *s);
    al_rng_stream(&r, seed, "simulation", 0, 0, 0);
    s->seed = seed;
    s->systems = between(&r, 1, 3);
    s->temperatures = between(&r, 1, 2);
    s->committee = between(&r, 2, 4);
    s->batch = between(&r, 1, 5);
    s->frames = between(&r, 1, 6);
    s->patience = between(&r, 1, 3);
    s->min_iterations = between(&r, 1, 2);
    s->max_iterations = between(&r, s->min_iterations, al_rng_below(&r, 4) ? 2 : 4);
    s->retries = between(&r, 0, 3);
    s->cores = between(&r, 1, 8);
    s->label_ranks = between(&r, 1, 4);
    s->label_threads = between(&r, 1, 2);
    s->train_threads = between(&r, 1, 3);
    s->replicas = between(&r, 1, 2);
    s->pressures = between(&r, 0, 2);
    s->npt = al_rng_below(&r, 2);
    s->aimd = al_rng_below(&r, 4) == 0;
    s->hopeless = al_rng_below(&r, 25) == 0;
    s->die_together = al_rng_below(&r, 2);
    for (int f = 1; f < NFATES; f++)
        s->p[f] = often[al_rng_below(&r, 5)] / 2;
    s->p_submit = often[al_rng_below(&r, 5)] / 4;
    s->p_frames = al_rng_below(&r, 3) ? 0 : 0.4 * al_rng_uniform(&r);
    if (!s->hopeless && al_rng_below(&r, 20) == 0) // any of these names may be absent from the campaign: then it finishes
        snprintf(s->doomed, sizeof s->doomed, "%s", (const char *const[]){"initial/A", "initial/gather", "iterations/000/train/1",
                 "iterations/000/select", "models", "report", "iterations/001/gather"}[al_rng_below(&r, 7)]);
    s->straggler = al_rng_below(&r, 2) ? 100 : between(&r, 10, 99);
    if (s->straggler < 100) s->max_iterations += between(&r, 0, 2);
}

static void write_config(const struct sim_script *s)
{
    char text[4096];
    size_t n = 0;
#define PUT(...) n += (size_t)snprintf(text + n, sizeof text - n, __VA_ARGS__)
    PUT("name: simulated\nseed: %d\nworkdir: %s\nsystems:\n", (int)(s->seed % 1000000), m->run);
    for (int i = 0; i < s->systems; i++)
        PUT("  - {name: %c, structure: %s/a.extxyz}\n", 'A' + i, root);
    PUT("initial: {perturb: {frames: %d}%s}\n", s->frames, s->aimd ? ", aimd: {temperatures: [600 K]}" : "");
    PUT("train: {committee: %d}\nexplore: {temperatures: [300 K%s]", s->committee, s->temperatures > 1 ? ", 600 K" : "");
    if (s->pressures) PUT(", ensemble: npt, pressures: [0 GPa%s]", s->pressures > 1 ? ", 2 GPa" : "");
    PUT("}\nlabel: {pseudopotentials: %s/pseudo}\n", root);
    PUT("converge: {patience: %d, min_iterations: %d, max_iterations: %d}\n", s->patience, s->min_iterations, s->max_iterations);
    PUT("production: {temperatures: [500 K], replicas: %d, volume: %s}\n", s->replicas, s->npt ? "npt" : "fixed");
    PUT("resources: {cores: %d, retries: %d, heartbeat: 60 s, straggler: %d %%, label: {batch: %d, ranks: %d, threads: %d}, train: {threads: %d}}\n",
        s->cores, s->retries, s->straggler, s->batch, s->label_ranks, s->label_threads, s->train_threads);
#undef PUT
    char path[160];
    snprintf(path, sizeof path, "%s/loop.yaml", m->dir);
    write_file(path, text);
}

static void say(void *ctx, const char *text)
{
    (void)ctx;
    printf("    %10.1f s  %s\n", m->now, text);
    fflush(stdout);
}

// The daemon's process: one `alnd start`. Ends by itself, by a crash point, by the machine (moment), or never
// comes back from SIGTERM before its tasks have.
static int daemon_process(void)
{
    const struct loop_observer quiet = {0}, heard = {.message = say};
    struct rundir *r = NULL;
    struct executor *x = NULL;
    struct loop_outcome out = {0};
    char config[160];
    al_clock_replace(now);
    snprintf(config, sizeof config, "%s/loop.yaml", m->dir);
    enum al_err e = rundir_read(config, &r);
    if (!e) m->heartbeat = r->config->resources.heartbeat * 1e-15;
    if (!e) e = rundir_lock(r);
    if (!e) e = sim_executor(m, &x);
    if (!e) e = loop_run_on(r, &x, loud ? &heard : &quiet, &out);
    rundir_destroy(&r);
    if (e) {
        sim_violation(m, "the daemon ends with %s: %.300s", al_err_name(e), al_err_message());
        return 99;
    }
    m->end = (int)out.end;
    snprintf(m->message, sizeof m->message, "%.500s", out.message);
    return 0;
}

static void draw_death(void)
{
    char text[16] = "";
    m->calm = m->session >= SESSIONS;
    m->death = m->calm ? DEATH_NONE : (enum sim_death)al_rng_below(&m->rng, 4);
    m->ops_left = between(&m->rng, 1, al_rng_below(&m->rng, 2) ? 20 : 200); // early deaths meet more of the recovery
    m->waits_left = between(&m->rng, 1, 40);
    if (m->death == DEATH_POINT) snprintf(text, sizeof text, "%d", between(&m->rng, 1, al_rng_below(&m->rng, 2) ? 30 : 300));
    setenv("ALND_CRASH_AT", text, 1);
}

// One life of the daemon, and the time until the next.
static void session(void)
{
    static const char *const deaths[] = {"", "crash point", "killed", "SIGTERM"};
    int status;
    draw_death();
    m->end = -1;
    m->idle = 0;
    m->message[0] = '\0';
    if (loud) printf("  session %d %s\n", m->session, deaths[m->death]);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) _exit(daemon_process());
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    bool killed = WIFEXITED(status) && WEXITSTATUS(status) == CRASH_EXIT;
    if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        sim_violation(m, "the daemon's process ended with status 0x%x", status);
    for (int i = 0; i < m->njobs; i++) {
        if (!killed && m->job[i].alive) sim_violation(m, "the daemon has ended and a worker of %s still runs", m->job[i].task);
        sum.orphans += m->job[i].alive;
    }
    sum.sessions++;
    sum.killed += killed;
    sim_daemon_died(m);
    if (al_rng_below(&m->rng, 2)) sim_advance(m, 400 * al_rng_uniform(&m->rng));
    sim_check_session(m);
    m->session++;
}

static bool campaign(uint64_t seed)
{
    bool over = false;
    memset(m, 0, sizeof *m);
    draw_script(&m->s, seed);
    al_rng_stream(&m->rng, seed, "machine", 0, 0, 0);
    snprintf(m->dir, sizeof m->dir, "%s/%llu", root, (unsigned long long)seed);
    snprintf(m->run, sizeof m->run, "%s/run", m->dir);
    if (mkdir(m->dir, 0777) != 0) exit(2);
    write_config(&m->s);
    while (!over && !m->violation[0]) {
        session();
        over = m->end == LOOP_FINISHED;
        // workers of before may still spoil the first calm sessions
        if (m->end == LOOP_FAILED && m->session > SESSIONS + 3) over = m->s.hopeless || m->s.doomed[0];
        if (!over && m->session == MOST_SESSIONS) sim_violation(m, "the campaign does not end: %.300s", m->message);
    }
    if (!m->violation[0]) sim_check_end(m, m->end == LOOP_FINISHED);
    sum.campaigns++;
    sum.tasks += m->ntasks;
    sum.failed += m->end == LOOP_FAILED;
    sum.late += m->late;
    for (int i = 0; i < m->ntasks; i++)
        sum.starts += m->task[i].starts;
    if (m->violation[0])
        printf("seed %llu, session %d: %s\n", (unsigned long long)seed, m->session, m->violation);
    else if (!loud)
        (void)!al_remove_tree(m->dir);
    if (loud) printf("  %s: %d tasks in %d sessions, %s\n", m->end == LOOP_FINISHED ? "finished" : "failed", m->ntasks, m->session, m->dir);
    return !m->violation[0];
}

static void make_root(void)
{
    const char *tmp = getenv("TMPDIR");
    char path[160];
    if (!tmp && access("/dev/shm", W_OK) == 0) tmp = "/dev/shm";
    snprintf(root, sizeof root, "%.40s/alnd-sim-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(root)) exit(2);
    snprintf(path, sizeof path, "%s/pseudo", root);
    if (mkdir(path, 0777) != 0) exit(2);
    snprintf(path, sizeof path, "%s/a.extxyz", root);
    write_file(path, "2\nLattice=\"5 0 0 0 5 0 0 0 5\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"\nLi 0 0 0\nS 2.5 2.5 2.5\n");
    snprintf(path, sizeof path, "%s/pseudo/03_Li_1.psp8", root);
    write_file(path, "Li\n");
    snprintf(path, sizeof path, "%s/pseudo/16_S_1.psp8", root);
    write_file(path, "S\n");
}

// Every `jobs`-th seed, in a process of its own with a machine of its own; the exit code tells whether all were fine.
static int share(uint64_t from, long n, long job, long jobs)
{
    int bad = 0;
    m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) return 2;
    for (long i = job; i < n && bad < 5; i += jobs)
        bad += !campaign(from + (uint64_t)i);
    printf("%ld campaigns (%ld failed as they should), %ld sessions (%ld killed, %ld workers left behind), %ld tasks, %ld starts, %ld times a label "
           "was late\n", sum.campaigns, sum.failed, sum.sessions, sum.killed, sum.orphans, sum.tasks, sum.starts, sum.late);
    fflush(stdout);
    return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
    uint64_t from = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    long n = argc > 2 ? strtol(argv[2], NULL, 10) : argc > 1 ? 1 : DEFAULT_CAMPAIGNS, jobs = 2;
    int bad = 0, status;
    loud = argc == 2;
    if (n < jobs) jobs = 1;
    make_root();
    double start = al_clock();
    printf("seeds %llu to %llu\n", (unsigned long long)from, (unsigned long long)(from + (uint64_t)n - 1));
    fflush(stdout);
    for (long job = 0; job < jobs; job++) {
        pid_t pid = fork();
        if (pid < 0) return 2;
        if (pid == 0) _exit(share(from, n, job, jobs));
    }
    while (wait(&status) > 0)
        bad |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    printf("%.1f s\n", al_clock() - start);
    if (bad)
        printf("%s SEED shows one again\n", argv[0]);
    else if (!loud)
        (void)!al_remove_tree(root);
    return bad;
}
