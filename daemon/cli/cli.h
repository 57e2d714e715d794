// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The command line: one file per command, each a function of its own argument vector (argv[0] = the command).
#ifndef AL_CLI_CLI_H
#define AL_CLI_CLI_H

#include "core/status.h"

enum cli_exit { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_STOPPED = 3, EXIT_HELD = 4 };

// name, arguments, one line of help, usage (NULL: name and arguments say it)
#define CLI_COMMANDS(X)                                                                                                \
    X(start, "LOOP.yaml | RUN [--detach] [--allow-commands]", "run the loop, or go on with it", NULL)                                     \
    X(status, "RUN [--json]", "stage, iteration, running tasks", NULL)                                                 \
    X(watch, "RUN [--json]", "what happens, as it happens, until the run ends", cli_watch_usage)                       \
    X(stop, "RUN", "let the running tasks save their state, then end", NULL)                                           \
    X(recover, "RUN", "rebuild a lost or damaged journal from the artefacts", NULL)                                     \
    X(errors, "RUN [-i N | --certificate] [--json]", "error tables of each iteration and every failure", NULL)                         \
    X(why, "RUN FRAME [--json]", "the life of one frame: from where, chosen or not, labelled, used", cli_why_usage)     \
    X(retry, "RUN TASK | RUN --all", "start failed tasks again, after the cause is mended", cli_retry_usage)            \
    X(export, "RUN DIR", "models, data and inputs for LAMMPS and ASE into a new directory", NULL)                      \
    X(report, "RUN [--out FILE.html]", "one HTML page of the run, for reading offline; CSV of every plot", cli_report_usage) \
    X(serve, "RUN [--port N]", "the same page live, on this machine alone, until Ctrl-C", cli_serve_usage)                \
    X(label, "FRAMES --config C.yaml ...", "first-principles labels of any frames; their errors (--converge)",         \
      cli_label_usage)                                                                                                 \
    X(plan, "LOOP.yaml | RUN [--json]", "dry run: tasks, core-hours, memory, disk, error of the settings", NULL)       \
    X(md, "dft | MODEL.dp STRUCTURE ...", "molecular dynamics, first-principles or with a model", cli_md_usage)        \
    X(data, "DATA... ...", "what labelled data are and what is wrong with them; conversion", cli_data_usage)            \
    X(import, "FILE... --to DIR ...", "outputs and data sets of other programs as training data", cli_import_usage)     \
    X(train, "DATA... --out DIR ...", "train a model on labelled data", cli_train_usage)                               \
    X(test, "MODEL.dp DATA... ...", "errors of a model on labelled data: tables, parity plots, outliers",             \
      cli_test_usage)                                                                                                 \
    X(diffusion, "TRAJ... --out DIR ...", "diffusion, activation energy and conductivity from trajectories",              \
      cli_diffusion_usage)                                                                                            \
    X(describe, "[KEY] [--markdown]", "the keys of loop.yaml", NULL)                                                   \
    X(help, "[COMMAND]", "this text; alnd COMMAND --help does the same", NULL)

extern const char cli_label_usage[], cli_md_usage[], cli_data_usage[], cli_train_usage[], cli_test_usage[], cli_diffusion_usage[], cli_why_usage[],
    cli_retry_usage[], cli_watch_usage[], cli_import_usage[], cli_report_usage[], cli_serve_usage[]; // lines after the word "usage: "

#define CLI_DECLARE(name, args, help, usage) int cmd_##name(int argc, char **argv);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

// "alnd: MESSAGE", "hint: ..." of the last error on stderr; the exit code that goes with it.
int cli_fail(enum al_err e);
[[gnu::format(printf, 1, 2)]] int cli_usage(const char *fmt, ...); // message, EXIT_USAGE
// Positional arguments of a command that has exactly n of them; flags are "--name" words, ret_flag[i] set
// when met. Returns EXIT_OK or prints the usage.
int cli_arguments(int argc, char **argv, int n, const char **ret_arg, const char *const *flags,
                  bool *ret_flag);
// A whole number; AL_ERR_INPUT: "COMMAND: FLAG TEXT: a whole number from 1 to 64 is wanted".
enum al_err cli_count(const char *command, const char *flag, const char *text, long min, long max, long *ret);
// Duration as 12.3 s, 4 min 05 s, 2 h 03 min.
const char *cli_duration(double seconds, char buf[32]);
// A path for a shell command line: in quotes where a shell would see more in it than a word. Cut when it does not fit.
const char *cli_shell(const char *path, char *buf, size_t n);
// A tree as JSON on standard output.
enum al_err cli_print_json(const struct al_node *tree);
// Printed wherever results are shown and the settings are too small for physics.
void cli_demonstration(void);

// Live display on a terminal: a block of lines that is redrawn below the messages.
enum { DISPLAY_NAME = 34 }; // columns for the longest names
struct display;
enum al_err display_create(struct display **ret);
void display_destroy(struct display **d); // clears the block
void display_message(struct display *d, const char *text);
void display_status(struct display *d, const struct status *s);
// One line for a running task: name (cut to name_columns), bar, percent, text; width in columns, 0: not limited.
void display_bar(const struct status_task *t, int name_columns, int width, char *ret, size_t n);

#endif
