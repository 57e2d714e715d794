// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// A simulated machine for the daemon's planner, journal and loop: an executor whose workers are entries of a
// table, a clock that only the waiting moves, and random trouble from one seed. The daemon itself is a process
// of its own that really dies; the machine lives in memory shared with it and goes on without it.
#ifndef AL_TESTS_DAEMON_SIM_H
#define AL_TESTS_DAEMON_SIM_H

#include <stdbool.h>

#include "base/rng.h"
#include "core/executor.h"
#include "core/plan.h"

enum { SIM_JOBS = 256, SIM_TASKS = 2048, SIM_SYSTEMS = 4, SIM_FACTS = 8, SIM_FILES = 8 };

// What goes wrong with one start of a worker.
enum sim_fate {
    FATE_GOOD,
    FATE_CRASH,     // dies without a result, perhaps with some artefacts
    FATE_HANG,      // no heartbeat any more
    FATE_TRANSIENT, // result.yaml tells a transient error
    FATE_EXPECTED,  // result.yaml tells an expected error: the campaign stops until the user goes on
    FATE_DAMAGED,   // result.yaml or an artefact is not what was written
    NFATES
};

enum sim_death { DEATH_NONE, DEATH_POINT, DEATH_OP, DEATH_SIGNAL };

struct sim_job {
    char task[TASK_ID], token[TASK_TOKEN];
    int cores, code;
    double ends, beats_until; // s
    enum sim_fate fate;
    bool alive, owned, stopping, child; // owned: by this session's daemon (child: it started it)
    double watched;                     // since when the daemon watches it
};

struct sim_task {
    char id[TASK_ID];
    int starts;
    bool finished; // a good result was published
};

struct sim_script { // what a campaign's configuration and physics are
    uint64_t seed;
    int systems, temperatures, committee, batch, frames, patience, min_iterations, max_iterations, retries, cores, label_ranks,
        label_threads, train_threads, replicas, pressures;
    int straggler;            // %
    bool npt, aimd, hopeless; // hopeless: no initial frame can be labelled
    char doomed[TASK_ID];     // this task's starts all fail as expected; "": none
    double p[NFATES], p_submit, p_frames;
    bool die_together; // workers die with the daemon
};

struct sim {
    struct sim_script s;
    char dir[96], run[112];
    struct al_rng rng; // of the machine
    double now, heartbeat;
    int njobs, ntasks, session, most_cores, late; // late: gatherings that went on without a label task, summed over these
    struct sim_job job[SIM_JOBS];
    struct sim_task task[SIM_TASKS];
    // this session's daemon
    enum sim_death death;
    int ops_left, waits_left; // until it is killed, or gets SIGTERM
    int idle;                 // waits in a row with nothing alive
    bool calm;                // no more trouble: the campaign shall end
    int end;                  // enum loop_end, -1 none
    char message[AL_ERR_TEXT];
    char violation[AL_ERR_TEXT]; // the first one
};

// What a worker's task is to its outcome.
struct sim_work {
    const char *verb, *id, *identity;
    long iteration, from, count, set;
};

struct sim_outcome {
    int nfacts, nfiles;
    char key[SIM_FACTS][80], value[SIM_FACTS][32];
    char path[SIM_FILES][TASK_ID + 64], text[SIM_FILES][160], sha[SIM_FILES][65];
};

[[gnu::format(printf, 2, 3)]] void sim_violation(struct sim *m, const char *fmt, ...);
// Facts and artefacts: a function of the script and the work alone.
void sim_outcome(const struct sim_script *s, const struct sim_work *w, struct sim_outcome *ret);
enum al_err sim_executor(struct sim *m, struct executor **ret);
void sim_advance(struct sim *m, double seconds); // what ends meanwhile, ends
void sim_daemon_died(struct sim *m);

// sim_check.c: after a session, and at the end.
void sim_check_session(struct sim *m);
void sim_check_end(struct sim *m, bool finished);

#endif
