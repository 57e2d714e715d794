// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What batch systems are told and what they answer, in the form that their documentation shows: OpenPBS doc/man1/qstat.1B and q*.1B,
// IBM's pages of LSF 10.1, flux-core doc/man1, Slurm's manual pages; messages of errors as quoted in the issues named.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/queue_dialect.h"

static char said[4096];
static struct queue_args args;

static void note(void *ctx, const struct queue_line *line)
{
    static const char *const names[] = {"gone", "waiting", "held-up", "running", "ending", "done", "failed", "cancelled", "timeout", "memory",
                                        "node", "preempted"};
    size_t n = strlen(said);
    (void)ctx;
    snprintf(said + n, sizeof said - n, "%ld%s %d %s %s\n", line->id, line->array ? "[]" : "", line->index, line->batch, names[line->state]);
}

static const char *read_as(const struct queue_dialect *d, const char *text)
{
    char *copy = strdup(text);
    said[0] = '\0';
    d->read(copy, note, NULL);
    free(copy);
    return said;
}

static const char *words(void)
{
    said[0] = '\0';
    assert_false(args.full);
    assert_null(args.v[args.n]);
    for (int i = 0; i < args.n; i++) {
        size_t n = strlen(said);
        snprintf(said + n, sizeof said - n, "%s%s", i ? "\n" : "", args.v[i]);
    }
    args = (struct queue_args){0};
    return said;
}

static const char *submitted(const struct queue_dialect *d, const struct cfg_queue *c, int ranks, int threads, int ntasks)
{
    struct queue_wish w = {.run = "/scratch/run", .batch = "0a1b", .cfg = c, .ranks = ranks, .threads = threads, .ntasks = ntasks,
                           .memory = 4001, .limit = 7200, .grace = 120};
    d->submit(&w, &args);
    return words();
}

static long id_in(const struct queue_dialect *d, const char *answer)
{
    long id[3] = {0};
    int n = d->submitted(answer, 1, id);
    assert_int_equal(n, id[0] > 0);
    return id[0];
}

static void element_is(const struct queue_dialect *d, long id, int index, bool array, const char *wanted)
{
    d->element(&(struct queue_id){.id = id, .index = index, .array = array}, &args);
    assert_string_equal(words(), wanted);
}

static struct batch_answer answer(int code, const char *err)
{
    struct batch_answer a = {.code = code};
    snprintf(a.err, sizeof a.err, "%s", err);
    return a;
}

static bool reads(const struct queue_dialect *d, int code, const char *err)
{
    struct batch_answer a = answer(code, err);
    return d->answered(&a);
}

static void slurm(void **state)
{
    (void)state;
    const struct queue_dialect *d = &queue_slurm;
    static const struct cfg_queue c = {.queue = "compute", .account = "solids", .extra = {.n = 1, .v = {"--qos=long"}}};
    assert_string_equal(submitted(d, &c, 16, 2, 10), "sbatch\n--parsable\n--requeue\n--open-mode=append\n--job-name=alnd-0a1b\n--chdir=/scratch/run\n"
                                                     "--output=slurm/0a1b.log\n--ntasks=16\n--cpus-per-task=2\n--time=120\n--signal=B:TERM@120\n"
                                                     "--mem=4001M\n--partition=compute\n--account=solids\n--array=0-9\n--qos=long\nslurm/0a1b.sh");
    assert_int_equal(id_in(d, "1234\n"), 1234);
    assert_int_equal(id_in(d, "1234;cluster\n"), 1234);
    assert_int_equal(id_in(d, "hello\n"), 0);
    assert_string_equal(read_as(d, "12|3|alnd-0a1b|PENDING\n13|N/A|alnd-0a1c|RUNNING\n14|N/A|other|RUNNING\n15|N/A|alnd-f|OUT_OF_MEMORY\n"
                                   "16|0|alnd-e|SUSPENDED\n"),
                        "12[] 3 0a1b waiting\n13 0 0a1c running\n15 0 f memory\n16[] 0 e held-up\n");
    element_is(d, 12, 3, true, "12_3");
    element_is(d, 13, 0, false, "13");
}

// qstat(1B), "Job Status in Long Format" and -f -w; ids of subjobs; Exit_status -29 and -27: docs.metacentrum.cz, "Exit codes".
static void pbs(void **state)
{
    (void)state;
    const struct queue_dialect *d = &queue_pbs;
    static const struct cfg_queue c = {.queue = "workq", .account = "solids", .extra = {.n = 2, .v = {"-l", "place=scatter"}}}, none;
    assert_string_equal(submitted(d, &c, 16, 2, 10), "qsub\n-f\n-V\n-r\ny\n-j\noe\n-N\nalnd-0a1b\n-o\n/scratch/run/pbs/0a1b.log\n-l\n"
                                                     "select=16:ncpus=2:mpiprocs=1:ompthreads=2:mem=251mb\n-l\nwalltime=7200\n-q\nworkq\n-A\nsolids\n-J\n"
                                                     "0-9\n-l\nplace=scatter\npbs/0a1b.sh");
    assert_non_null(strstr(submitted(d, &none, 0, 1, 1), "select=1:ncpus=1:mpiprocs=1:ompthreads=1:mem=4001mb\n-l\nwalltime=7200\npbs/0a1b.sh"));
    assert_int_equal(id_in(d, "1234.ip-10-0-6-176\n"), 1234);
    assert_int_equal(id_in(d, "1234[].head\n"), 1234);
    assert_int_equal(d->found("1234[].head\n"), 1234);
    assert_int_equal(d->found(""), 0);
    assert_string_equal(read_as(d, "Job Id: 1.vbox\n    Job_Name = alnd-0a1b\n    Job_Owner = root@vbox\n    job_state = Q\n    queue = workq\n"
                                   "    Variable_List = PBS_O_HOME=/root,BASH_FUNC_ml%%=() {  eval \"$(x)\"\\n}\n    Submit_arguments = -N alnd-0a1b\n\n"
                                   "Job Id: 3[].head\n    Job_Name = alnd-0a1c\n    job_state = B\n    array = True\n\n"
                                   "Job Id: 3[0].head\n    Job_Name = alnd-0a1c\n    job_state = X\n    Exit_status = 0\n\n"
                                   "Job Id: 3[1].head\n    Job_Name = alnd-0a1c\n    resources_used.walltime = 00:00:10\n    job_state = R\n\n"
                                   "Job Id: 3[2].head\n    Job_Name = alnd-0a1c\n    job_state = X\n    Exit_status = -29\n\n"
                                   "Job Id: 3[3].head\n    Job_Name = alnd-0a1c\n    job_state = X\n    Exit_status = -27\n\n"
                                   "Job Id: 3[4].head\n    Job_Name = alnd-0a1c\n    job_state = X\n    Exit_status = 271\n\n"
                                   "Job Id: 3[5].head\n    Job_Name = alnd-0a1c\n    job_state = X\n\n"
                                   "Job Id: 4.head\n    Job_Name = mine\n    job_state = R\n\n"
                                   "Job Id: 5.head\n    Job_Name = alnd-0a1d\n    job_state = E\n    Exit_status = 0\n\n"
                                   "Job Id: 6.head\n    Job_Name = alnd-0a1e\n    job_state = S\n"),
                        "1 0 0a1b waiting\n3[] 0 0a1c done\n3[] 1 0a1c running\n3[] 2 0a1c timeout\n3[] 3 0a1c memory\n3[] 4 0a1c failed\n"
                        "3[] 5 0a1c cancelled\n5 0 0a1d ending\n6 0 0a1e held-up\n");
    d->look(2, (const struct queue_id[]){{.id = 3, .array = true}, {.id = 5}}, &args);
    assert_string_equal(words(), "qstat\n-f\n-w\n-t\n3[]\n5");
    d->find("0a1b", &args);
    assert_string_equal(words(), "qselect\n-N\nalnd-0a1b");
    element_is(d, 3, 1, true, "3[1]");
    assert_true(reads(d, 0, "") && reads(d, 153, "qstat: Unknown Job Id 3[].head") &&
                reads(d, 35, "qstat: 5.head Job has finished, use -x or -H to obtain historical job information"));
    assert_false(reads(d, 255, "Connection refused;qstat: cannot connect to server head (errno=111)") || reads(d, -9, ""));
    assert_true(queue_says("qsub: would exceed complex's per-user limit of jobs in 'Q' state", d->crowded));
    assert_false(queue_says("qsub: Unknown queue", d->crowded) || queue_says("qsub: Unknown queue", d->unreached));
    assert_true(queue_says("qsub: cannot connect to server head (errno=15010)", d->unreached));
}

static void lsf(void **state)
{
    (void)state;
    const struct queue_dialect *d = &queue_lsf;
    static const struct cfg_queue c = {.queue = "normal", .account = "solids", .extra = {.n = 2, .v = {"-R", "select[type==any]"}}},
                                  none;
    assert_string_equal(submitted(d, &c, 16, 2, 10), "bsub\n-r\n-J\nalnd-0a1b[1-10]\n-cwd\n/scratch/run\n-o\nlsf/0a1b.log\n-n\n32\n-R\nspan[block=2]\n-R\n"
                                                     "rusage[mem=4001MB/job]\n-M\n4001MB\n-W\n120\n-wa\nURG\n-wt\n2\n-q\nnormal\n-P\nsolids\n-R\n"
                                                     "select[type==any]\nlsf/0a1b.sh");
    assert_non_null(strstr(submitted(d, &none, 0, 4, 1), "-J\nalnd-0a1b\n-cwd\n/scratch/run\n-o\nlsf/0a1b.log\n-n\n4\n-R\nspan[hosts=1]\n"));
    assert_int_equal(id_in(d, "Job <1234> is submitted to default queue <normal>.\n"), 1234);
    assert_int_equal(id_in(d, "Job <1234> is submitted to queue <long>.\n"), 1234);
    assert_int_equal(id_in(d, "nothing\n"), 0);
    assert_string_equal(read_as(d, "887163|0|PEND|alnd-0a1b|-\n887164|1|RUN|alnd-0a1c[1]|-\n887164|2|DONE|alnd-0a1c[2]|-\n"
                                   "887164|3|EXIT|alnd-0a1c[3]|TERM_RUNLIMIT: job killed after reaching LSF run time limit\n"
                                   "887164|4|EXIT|alnd-0a1c[4]|TERM_MEMLIMIT: job killed after reaching LSF memory usage limit\n"
                                   "887164|5|EXIT|alnd-0a1c[5]|TERM_OWNER: job killed by owner\n887164|6|EXIT|alnd-0a1c[6]|-\n"
                                   "887165|0|RUN|myjob|-\n887166|0|PSUSP|alnd-0a1d|-\n887167|0|UNKWN|alnd-0a1e|-\n887168|0|SSUSP|alnd-0a1f|-\n"),
                        "887163 0 0a1b waiting\n887164[] 1 0a1c running\n887164[] 2 0a1c done\n887164[] 3 0a1c timeout\n887164[] 4 0a1c memory\n"
                        "887164[] 5 0a1c cancelled\n887164[] 6 0a1c failed\n887166 0 0a1d waiting\n887167 0 0a1e held-up\n887168 0 0a1f held-up\n");
    d->look(0, NULL, &args);
    assert_string_equal(words(), "bjobs\n-a\n-noheader\n-o\njobid jobindex stat job_name exit_reason delimiter='|'");
    d->cancel(true, &args);
    d->element(&(struct queue_id){.id = 887164, .index = 3, .array = true}, &args);
    assert_string_equal(words(), "bkill\n-stat\npend\n887164[3]");
    assert_true(reads(d, 0, "") && reads(d, 255, "No job found"));
    assert_false(reads(d, 255, "Failed in an LSF library call: Communication time out"));
    assert_true(queue_says("User <me>: Pending job threshold reached. Retrying in 60 seconds...", d->crowded));
    assert_false(queue_says("nowhere: No such queue. Job not submitted.", d->crowded) || queue_says("nowhere: No such queue. Job not submitted.", d->unreached));
}

// Ids in F58: RFC 19 of flux-framework. fuzzybunny there: 6731191091817518 is ƒuZZybuNNy.
static void flux(void **state)
{
    (void)state;
    const struct queue_dialect *d = &queue_flux;
    static const struct cfg_queue c = {.queue = "batch", .account = "solids", .extra = {.n = 1, .v = {"--requires=fast"}}}, none;
    assert_string_equal(submitted(d, &c, 0, 2, 10), "flux\nsubmit\n--job-name=alnd-0a1b.{cc}\n--cc=0-9\n--cwd=/scratch/run\n--output=flux/0a1b.log\n"
                                                    "--ntasks=1\n--cores-per-task=2\n--time-limit=7200s\n--signal=URG@120s\n--queue=batch\n"
                                                    "--setattr=bank=solids\n--requires=fast\nflux/0a1b.sh");
    assert_string_equal(submitted(d, &none, 16, 2, 1), "flux\nbatch\n--job-name=alnd-0a1b\n--cwd=/scratch/run\n--output=flux/0a1b.log\n--nslots=16\n"
                                                       "--cores-per-slot=2\n--time-limit=7200s\n--signal=URG@120s\nflux/0a1b.sh");
    assert_int_equal(d->array_max(16), 1);
    assert_int_equal(d->array_max(0), 1000);
    assert_int_equal(id_in(d, "\u0192uZZybuNNy\n"), 6731191091817518);
    assert_int_equal(id_in(d, "fuZZybuNNy\n"), 6731191091817518);
    long id[3];
    assert_int_equal(d->submitted("\u0192A\n\u0192B\n", 3, id), 2);
    assert_int_equal(id[0], 9);
    assert_int_equal(id[1], 10);
    assert_string_equal(read_as(d, "6731191091817518|alnd-0a1b.3|SCHED\n6731191091817519|alnd-0a1c|RUN\n6731191091817520|hostname|RUN\n"
                                   "6731191091817521|alnd-0a1d|CLEANUP\n6731191091817522|alnd-0a1e|COMPLETED\n6731191091817523|alnd-0a1f|TIMEOUT\n"
                                   "6731191091817524|alnd-0a2|CANCELED\n6731191091817525|alnd-0a3|DEPEND\n6731191091817526|alnd-0a4|FAILED\n"),
                        "6731191091817518[] 3 0a1b waiting\n6731191091817519 0 0a1c running\n6731191091817521 0 0a1d ending\n"
                        "6731191091817522 0 0a1e done\n6731191091817523 0 0a1f timeout\n6731191091817524 0 0a2 cancelled\n"
                        "6731191091817525 0 0a3 waiting\n6731191091817526 0 0a4 failed\n");
    element_is(d, 6731191091817518, 3, true, "6731191091817518");
}

static void arguments_that_do_not_fit_are_told(void **state)
{
    (void)state;
    for (int i = 0; i < QUEUE_ARGS + 5; i++)
        queue_arg(&args, "%d", i);
    assert_true(args.full);
    assert_int_equal(args.n, QUEUE_ARGS - 1);
    assert_string_equal(args.v[QUEUE_ARGS - 2], "4094");
    args = (struct queue_args){0};
    for (int i = 0; i < 200; i++)
        queue_arg(&args, "%01000d", i);
    assert_true(args.full);
    args = (struct queue_args){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slurm),
        cmocka_unit_test(pbs),
        cmocka_unit_test(lsf),
        cmocka_unit_test(flux),
        cmocka_unit_test(arguments_that_do_not_fit_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
