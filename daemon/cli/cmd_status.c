// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "core/rundir.h"

// Labels that their iteration did not wait for (resources.straggler).
static void print_late(const struct status *s)
{
    if (!s->late_tasks) return;
    printf("late        %d frame%s of %d label task%s, for the next gathering:", s->late_frames, s->late_frames == 1 ? "" : "s", s->late_tasks,
           s->late_tasks == 1 ? "" : "s");
    for (int i = 0; i < s->nlate; i++)
        printf("%s %s (%s)", i ? "," : "", s->late[i].id, s->late[i].state);
    puts(s->nlate < s->late_tasks ? ", ..." : "");
}

static void print_status(const struct status *s)
{
    char line[512], time[32];
    printf("%s  %s\n", s->name, s->run);
    if (s->pid)
        printf("state       %s (process %ld)\n", s->state, s->pid);
    else
        printf("state       %s\n", s->state);
    printf("stage       %s", s->stage);
    if (s->stage_total) printf("  %d/%d tasks", s->stage_done, s->stage_total);
    if (s->rate > 0) printf(", %.3g an hour, %s left of this stage", s->rate, cli_duration(s->left, time));
    printf("\niterations  %d evaluated%s\n", s->niterations, s->converged ? ", converged" : "");
    printf("time        %s\n", cli_duration(s->seconds, time));
    printf("tasks       %d:", s->ntasks);
    for (int i = 0; i < TASK_NSTATES; i++)
        if (s->count[i]) printf("  %d %s", s->count[i], task_state_name((enum task_state)i));
    putchar('\n');
    for (int i = 0; i < s->nrunning; i++) {
        display_bar(&s->running[i], DISPLAY_NAME, 0, line, sizeof line);
        puts(line);
    }
    print_late(s);
    if (s->message[0]) printf("message     %s\n", s->message);
    if (s->hint[0])
        printf("hint        %s\n", s->hint);
    else if (strcmp(s->state, "interrupted") == 0)
        printf("hint        alnd start %s goes on\n", s->run);
    if (s->demonstration) cli_demonstration();
}

int cmd_status(int argc, char **argv)
{
    static const char *const flags[] = {"--json", NULL};
    bool flag[1] = {false};
    const char *arg;
    char run[AL_PATH];
    AL_AUTOFREE struct status *s = NULL;
    AL_AUTOFREE char *json = NULL;
    int rc = cli_arguments(argc, argv, 1, &arg, flags, flag);
    if (rc) return rc;
    enum al_err e = rundir_find(arg, run);
    if (!e) e = al_alloc(1, sizeof *s, &s);
    if (!e) e = status_read(run, s);
    if (!e && flag[0]) e = status_to_json(s, &json);
    if (e) return cli_fail(e);
    if (json)
        puts(json);
    else
        print_status(s);
    return EXIT_OK;
}
