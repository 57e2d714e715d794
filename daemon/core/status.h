// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What `alnd status` shows: made by the running daemon (sent as JSON over its socket) or, without one, from
// the journal. Also the only door to JSON of the daemon's side (jansson in json.c alone).
#ifndef AL_CORE_STATUS_H
#define AL_CORE_STATUS_H

#include "base/yaml.h"
#include "core/plan.h"

enum { STATUS_RUNNING = 64, STATUS_LATE = 16, STATUS_TEXT = 2 * AL_ERR_TEXT };

struct status_task {
    char id[TASK_ID], verb[16], text[96];
    double done, total, seconds; // total 0: not known
    int attempt;
};

struct status_late { // a label task that its iteration went on without
    char id[TASK_ID], state[16];
    int frames;
};

struct status {
    char run[AL_PATH], name[64];
    char state[16]; // running | stopping | stopped | finished | failed | interrupted
    char stage[96], message[STATUS_TEXT], hint[STATUS_TEXT];
    int iteration, stage_done, stage_total, niterations;
    bool converged, demonstration;
    int ntasks, count[TASK_NSTATES];
    double seconds; // spent in all sessions
    double rate;    // tasks an hour, measured in this stage and session; 0: not known (yet)
    double left;    // s, of this stage at that rate
    long pid;       // of the daemon, 0: none
    int nrunning;
    struct status_task running[STATUS_RUNNING];
    int late_tasks, late_frames; // in no gathering so far
    int nlate;                   // of them told here
    struct status_late late[STATUS_LATE];
};

enum al_err status_to_json(const struct status *s, char **ret_text);
enum al_err status_from_json(const char *text, struct status *ret);
// Requests and answers of the control socket: {"cmd": "status"} -> {"ok": true, ...}; {"cmd": "retry", "task": ID} -> {"ok":, "message":}
enum al_err json_request(const char *cmd, const char *task, char **ret_text); // task may be NULL
enum al_err json_read_request(const char *text, char ret_cmd[32]);
enum al_err json_read_task(const char *text, char ret_task[TASK_ID]);
enum al_err json_reply(bool ok, const char *message, char **ret_text);
enum al_err json_read_reply(const char *text, bool *ret_ok, char ret_message[STATUS_TEXT]);
// A YAML tree as JSON; scalars become numbers, booleans or text.
enum al_err json_from_node(const struct al_node *n, char **ret_text);

// Tables of `alnd errors --json` and the like, built member by member.
struct json_doc;
enum al_err json_doc_create(struct json_doc **ret);
void json_doc_destroy(struct json_doc **d);
enum al_err json_doc_node(struct json_doc *d, const char *list,
                          const struct al_node *n); // append a tree to a list
// Append a map of n texts to a list.
enum al_err json_doc_row(struct json_doc *d, const char *list, int n, const char *const *key,
                         const char *const *value);
// Any shape: into the map or list opened last, else the document itself; key NULL within a list. NULL and NaN become null. What goes
// wrong is told by json_doc_text.
void json_doc_open_map(struct json_doc *d, const char *key);
void json_doc_open_list(struct json_doc *d, const char *key);
void json_doc_close(struct json_doc *d);
void json_doc_str(struct json_doc *d, const char *key, const char *value);
void json_doc_int(struct json_doc *d, const char *key, long value);
void json_doc_real(struct json_doc *d, const char *key, double value);
void json_doc_bool(struct json_doc *d, const char *key, bool value);
enum al_err json_doc_text(struct json_doc *d, char **ret_text);

// Fills everything that journal and plan know; state, pid, seconds and running tasks are the caller's.
void status_from_plan(struct status *s, const struct plan *p, const struct view *v);
enum al_err status_add_running(struct status *s, const char *run, const struct view_task *t, double seconds);
// Of RUN: asks the daemon, else reads the journal.
enum al_err status_read(const char *run, struct status *ret);

#endif
