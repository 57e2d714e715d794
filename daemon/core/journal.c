// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/journal.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/crash.h"
#include "core/journal_disk.h"

enum { KEPT = 16, SCHEMA_VERSION = 1, BUSY_MS = 10000, FIRST_FACT = -(1 << 30) /* of those written when a task is planned */ };

struct journal {
    sqlite3 *db;
    char path[AL_PATH];
    bool immutable; // on a read-only file system
    double seconds0; // spent in earlier sessions
    double opened;   // start of this one (al_clock)
    int nkept;
    struct {
        const char *sql;
        sqlite3_stmt *st;
    } kept[KEPT]; // run_sql
};

static const char schema_sql[] =
    "CREATE TABLE campaign(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE task(n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, verb TEXT NOT NULL, identity TEXT NOT "
    "NULL,"
    "  iteration INTEGER NOT NULL, state TEXT NOT NULL, desired TEXT NOT NULL DEFAULT 'run',"
    "  attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,"
    "  cause TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '');"
    "CREATE TABLE attempt(task TEXT NOT NULL REFERENCES task(id), n INTEGER NOT NULL, token TEXT NOT NULL,"
    "  pid INTEGER NOT NULL DEFAULT 0, started TEXT NOT NULL, ended TEXT NOT NULL DEFAULT '',"
    "  exit INTEGER NOT NULL DEFAULT 0, class TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '',"
    "  PRIMARY KEY(task, n)) WITHOUT ROWID;"
    "CREATE TABLE fact(task TEXT NOT NULL REFERENCES task(id), n INTEGER NOT NULL, key TEXT NOT NULL,"
    "  value TEXT NOT NULL, PRIMARY KEY(task, n)) WITHOUT ROWID;"
    "CREATE TABLE artifact(task TEXT NOT NULL REFERENCES task(id), n INTEGER NOT NULL, path TEXT NOT NULL,"
    "  sha256 TEXT NOT NULL, PRIMARY KEY(task, n)) WITHOUT ROWID;"
    "CREATE TABLE event(seq INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, task TEXT NOT NULL, ev "
    "TEXT NOT NULL,"
    "  was TEXT NOT NULL, now TEXT NOT NULL, detail TEXT NOT NULL);"
    "CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); "
    "END;"
    "CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); "
    "END;"
    "PRAGMA user_version=1;";

static void hint_recover(const struct journal *j)
{
    al_err_hint("the results are untouched: alnd recover %.*s rebuilds the journal from them", (int)(strlen(j->path) - strlen("/alnd.db")),
                j->path);
}

static enum al_err fail_sql(struct journal *j, const char *what)
{
    enum al_err code;
    const char *why = "";
    bool full = false;
    switch (sqlite3_errcode(j->db)) {
    case SQLITE_FULL:
        code = AL_ERR_NOSPACE;
        why = ": No space left on device";
        break;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        why = journal_disk_trouble(j->path, &full);
        code = full ? AL_ERR_NOSPACE : AL_ERR_IO;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = AL_ERR_BUSY;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
        code = AL_ERR_CORRUPT;
        break;
    case SQLITE_NOMEM:
        code = AL_ERR_NOMEM;
        break;
    default:
        code = AL_ERR_IO;
    }
    al_err_raise(code, __FILE__, __LINE__, __func__, "journal: cannot %s: %s%s", what, sqlite3_errmsg(j->db), why);
    if (code == AL_ERR_CORRUPT) hint_recover(j);
    if (code == AL_ERR_NOSPACE) al_err_hint("nothing is lost: make room, then alnd start goes on");
    return code;
}

static enum al_err exec_sql(struct journal *j, const char *sql, const char *what)
{
    if (sqlite3_exec(j->db, sql, NULL, NULL, NULL) != SQLITE_OK) AL_TRY(fail_sql(j, what));
    return AL_ERR_OK;
}

// Parameters by a format: s text, i long.
static int bind_all(sqlite3_stmt *st, const char *types, va_list ap)
{
    int bad = 0;
    for (int i = 0; types[i]; i++) {
        if (types[i] == 's')
            bad |= sqlite3_bind_text(st, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        else
            bad |= sqlite3_bind_int64(st, i + 1, va_arg(ap, long));
    }
    return bad;
}

// A prepared statement with its parameters bound.
static enum al_err prepare(struct journal *j, sqlite3_stmt **ret, const char *sql, const char *types, ...)
{
    sqlite3_stmt *st;
    va_list ap;
    if (sqlite3_prepare_v2(j->db, sql, -1, &st, NULL) != SQLITE_OK) AL_TRY(fail_sql(j, "prepare"));
    va_start(ap, types);
    int bad = bind_all(st, types, ap);
    va_end(ap);
    if (bad) {
        sqlite3_finalize(st);
        AL_TRY(fail_sql(j, "bind"));
    }
    *ret = st;
    return AL_ERR_OK;
}

// A statement without rows. Each is prepared once (sql is a literal: known by its address): preparing takes longer than running.
static enum al_err run_sql(struct journal *j, const char *what, const char *sql, const char *types, ...)
{
    va_list ap;
    int k = 0;
    while (k < j->nkept && j->kept[k].sql != sql)
        k++;
    if (k == j->nkept) {
        if (k == KEPT) AL_FAIL(AL_ERR_BUG, "journal: more than %d statements", KEPT);
        if (sqlite3_prepare_v3(j->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &j->kept[k].st, NULL) != SQLITE_OK)
            AL_TRY(fail_sql(j, "prepare"));
        j->kept[j->nkept++].sql = sql;
    }
    sqlite3_stmt *st = j->kept[k].st;
    va_start(ap, types);
    int rc = bind_all(st, types, ap) ? SQLITE_ERROR : sqlite3_step(st);
    va_end(ap);
    enum al_err e = rc == SQLITE_DONE ? AL_ERR_OK : fail_sql(j, what); // before the reset, which has an error code of its own
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    AL_TRY(e);
    return AL_ERR_OK;
}

#define RUN_SQL(j, what, sql, types, ...) AL_TRY(run_sql((j), (what), (sql), (types), __VA_ARGS__))

// Commits when body succeeded, rolls back when not; a crash point on either side of the commit.
static enum al_err end_transaction(struct journal *j, enum al_err body)
{
    if (body) {
        sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
        return body;
    }
    crash_point();
    enum al_err e = exec_sql(j, "COMMIT", "commit");
    if (e) sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
    AL_TRY(e);
    crash_point();
    return AL_ERR_OK;
}

static void now_text(char text[32])
{
    struct timespec ts;
    struct tm tm;
    al_clock_date(&ts);
    gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, 32 - n, ".%03dZ", (int)(ts.tv_nsec / 1000000 % 1000));
}

double journal_seconds(const struct journal *j)
{
    return j->seconds0 + al_clock() - j->opened;
}

static enum al_err put_campaign(struct journal *j, const char *key, const char *value)
{
    RUN_SQL(j, "write", "INSERT INTO campaign VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2", "ss",
            key, value);
    return AL_ERR_OK;
}

static enum al_err append_event(struct journal *j, const char *task, const char *ev, const char *was,
                                const char *now, const char *detail)
{
    char time[32], seconds[32];
    now_text(time);
    snprintf(seconds, sizeof seconds, "%.1f", journal_seconds(j));
    RUN_SQL(j, "append the event",
            "INSERT INTO event(time, task, ev, was, now, detail) VALUES(?, ?, ?, ?, ?, ?)", "ssssss", time,
            task, ev, was, now, detail);
    AL_TRY(put_campaign(j, "seconds", seconds));
    return AL_ERR_OK;
}

static enum al_err read_version(struct journal *j, int *ret)
{
    sqlite3_stmt *st;
    AL_TRY(prepare(j, &st, "PRAGMA user_version", ""));
    int rc = sqlite3_step(st), v = rc == SQLITE_ROW ? sqlite3_column_int(st, 0) : -1;
    sqlite3_finalize(st);
    if (v < 0) AL_TRY(fail_sql(j, "read"));
    *ret = v;
    return AL_ERR_OK;
}

static const char *column(sqlite3_stmt *st, int i)
{
    const char *text = (const char *)sqlite3_column_text(st, i);
    return text ? text : "";
}

// Pages and indices; SQLite itself looks only at what a query meets.
static enum al_err quick_check(struct journal *j)
{
    sqlite3_stmt *st;
    char why[200] = "";
    AL_TRY(prepare(j, &st, "PRAGMA quick_check(1)", ""));
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) snprintf(why, sizeof why, "%s", column(st, 0));
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW) AL_TRY(fail_sql(j, "check"));
    for (char *c = why; *c; c++)
        if (*c == '\n') *c = ' ';
    if (strcmp(why, "ok") != 0) AL_FAIL(AL_ERR_CORRUPT, "%s is damaged: %s", j->path, why);
    return AL_ERR_OK;
}

// The kind of log is kept in the file; only the daemon, who is alone, sets it. A rollback journal needs locks of the file system, nothing
// more; its readers and its writer wait for each other.
static enum al_err choose_log(struct journal *j, bool daemon)
{
    const char *network = journal_network(j->path);
    if (daemon) AL_TRY(exec_sql(j, network ? "PRAGMA journal_mode=TRUNCATE" : "PRAGMA journal_mode=WAL", "open"));
    if (daemon && network) al_log(AL_LOG_INFO, "journal", "ev=rollback_journal filesystem=%s", network);
    AL_TRY(exec_sql(j, network ? "PRAGMA synchronous=EXTRA" : "PRAGMA synchronous=FULL", "open"));
    AL_TRY(exec_sql(j, "PRAGMA foreign_keys=ON; PRAGMA cache_size=-512", "open"));
    return AL_ERR_OK;
}

static enum al_err set_up(struct journal *j, const char *path, bool create)
{
    int version;
    char *seconds = NULL;
    sqlite3_busy_timeout(j->db, BUSY_MS);
    if (!j->immutable) AL_TRY(choose_log(j, create));
    AL_TRY(read_version(j, &version));
    if (version == 0 && create) {
        AL_TRY(exec_sql(j, "BEGIN IMMEDIATE", "begin"));
        AL_TRY(end_transaction(j, exec_sql(j, schema_sql, "make the tables")));
    } else if (version != SCHEMA_VERSION) {
        AL_FAIL(AL_ERR_CORRUPT, "%s is not a journal of this version of alnd (%d, not %d)", path, version,
                SCHEMA_VERSION);
    } else if (create) { // the daemon, which will write; those who only look see a snapshot
        AL_TRY(quick_check(j));
    }
    AL_TRY(journal_get(j, "seconds", &seconds));
    j->seconds0 = seconds ? strtod(seconds, NULL) : 0;
    al_free(seconds);
    return AL_ERR_OK;
}

enum al_err journal_open(const char *path, bool create, struct journal **ret)
{
    AL_OWN(journal) j = NULL;
    AL_ALLOC(j, 1);
    j->opened = al_clock();
    AL_TRY(al_path(j->path, "%s", path));
    char uri[AL_PATH];
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    if (!create && journal_on_read_only(path)) { // nobody writes there, and there is no place for the shared memory of a log
        AL_TRY(journal_immutable_uri(path, uri));
        path = uri;
        flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
        j->immutable = true;
    }
    if (sqlite3_open_v2(path, &j->db, flags, NULL) != SQLITE_OK)
        AL_FAIL(AL_ERR_IO, "cannot open the journal %s: %s", path,
                j->db ? sqlite3_errmsg(j->db) : "no memory");
    enum al_err e = set_up(j, path, create);
    if (e == AL_ERR_CORRUPT) hint_recover(j);
    AL_TRY(e);
    *ret = j;
    j = NULL;
    return AL_ERR_OK;
}

void journal_destroy(struct journal **jp)
{
    struct journal *j = *jp;
    *jp = NULL;
    if (!j) return;
    for (int k = 0; k < j->nkept; k++)
        sqlite3_finalize(j->kept[k].st);
    sqlite3_close(j->db);
    al_free(j);
}

enum al_err journal_get(struct journal *j, const char *key, char **ret)
{
    sqlite3_stmt *st;
    char *value = NULL;
    AL_TRY(prepare(j, &st, "SELECT value FROM campaign WHERE key = ?", "s", key));
    int rc = sqlite3_step(st);
    enum al_err e = rc == SQLITE_ROW ? al_strdup(column(st, 0), &value) : AL_ERR_OK;
    sqlite3_finalize(st);
    AL_TRY(e);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) AL_TRY(fail_sql(j, "read"));
    *ret = value;
    return AL_ERR_OK;
}

static enum al_err put_all(struct journal *j, int n, const char *const *key, const char *const *value)
{
    for (int i = 0; i < n; i++)
        AL_TRY(put_campaign(j, key[i], value[i]));
    return AL_ERR_OK;
}

enum al_err journal_set(struct journal *j, int n, const char *const *key, const char *const *value)
{
    AL_TRY(exec_sql(j, "BEGIN IMMEDIATE", "begin"));
    AL_TRY(end_transaction(j, put_all(j, n, key, value)));
    return AL_ERR_OK;
}

static enum al_err put_facts(struct journal *j, const char *task, int first, int n, const struct view_fact *f)
{
    for (int i = 0; i < n; i++)
        RUN_SQL(j, "write the fact", "INSERT INTO fact VALUES(?, ?, ?, ?)", "siss", task, (long)first + i, f[i].key, f[i].value);
    return AL_ERR_OK;
}

static enum al_err add_all(struct journal *j, int n, const struct jr_new *t)
{
    for (int i = 0; i < n; i++) {
        RUN_SQL(j, "add the task",
                "INSERT INTO task(id, verb, identity, iteration, state) VALUES(?, ?, ?, ?, 'PENDING')",
                "sssi", t[i].id, t[i].verb, t[i].identity, (long)t[i].iteration);
        AL_TRY(put_facts(j, t[i].id, FIRST_FACT, t[i].nfacts, t[i].fact));
        AL_TRY(append_event(j, t[i].id, "planned", "", task_state_name(TASK_PENDING), ""));
    }
    return AL_ERR_OK;
}

enum al_err journal_add(struct journal *j, int n, const struct jr_new *tasks)
{
    AL_TRY(exec_sql(j, "BEGIN IMMEDIATE", "begin"));
    AL_TRY(end_transaction(j, add_all(j, n, tasks)));
    return AL_ERR_OK;
}

static enum al_err replan(struct journal *j, const char *task, const char *identity)
{
    RUN_SQL(j, "write the identity",
            "UPDATE task SET identity = ? WHERE id = ? AND state = 'PENDING' AND attempts = 0", "ss",
            identity, task);
    if (sqlite3_changes(j->db) != 1)
        AL_FAIL(AL_ERR_BUG, "task %s has been started and keeps its identity", task);
    AL_TRY(append_event(j, task, "replanned", "PENDING", "PENDING", ""));
    return AL_ERR_OK;
}

enum al_err journal_replan(struct journal *j, const char *task, const char *identity)
{
    AL_TRY(exec_sql(j, "BEGIN IMMEDIATE", "begin"));
    AL_TRY(end_transaction(j, replan(j, task, identity)));
    return AL_ERR_OK;
}

static enum al_err change_attempt(struct journal *j, const struct jr_change *c)
{
    char time[32];
    long n = c->attempts;
    now_text(time);
    if (c->token)
        RUN_SQL(j, "add the attempt", "INSERT INTO attempt(task, n, token, started) VALUES(?, ?, ?, ?)",
                "siss", c->task, n, c->token, time);
    if (c->pid)
        RUN_SQL(j, "write the attempt", "UPDATE attempt SET pid = ? WHERE task = ? AND n = ?", "isi", c->pid,
                c->task, n);
    if (c->ended)
        RUN_SQL(j, "end the attempt", "UPDATE attempt SET ended = ?, exit = ? WHERE task = ? AND n = ?",
                "sisi", time, (long)c->exit, c->task, n);
    // a failure told by result.yaml comes after the attempt's end
    if (c->cause && c->cause[0])
        RUN_SQL(j, "write the attempt's cause",
                "UPDATE attempt SET class = ?, message = ? WHERE task = ? AND n = ?", "sssi", c->cause,
                c->message ? c->message : "", c->task, n);
    return AL_ERR_OK;
}

static enum al_err change_all(struct journal *j, const struct jr_change *c)
{
    RUN_SQL(j, "write the task",
            "UPDATE task SET state = ?, attempts = ?, failures = ? WHERE id = ? AND state = ?", "siiss",
            task_state_name(c->now), (long)c->attempts, (long)c->failures, c->task, task_state_name(c->was));
    if (sqlite3_changes(j->db) != 1)
        AL_FAIL(AL_ERR_BUG, "the journal does not have %s as %s", c->task, task_state_name(c->was));
    if (c->cause)
        RUN_SQL(j, "write the cause", "UPDATE task SET cause = ?, message = ? WHERE id = ?", "sss", c->cause,
                c->message ? c->message : "", c->task);
    AL_TRY(change_attempt(j, c));
    AL_TRY(put_facts(j, c->task, 0, c->nfacts, c->fact));
    for (int i = 0; i < c->nartifacts; i++)
        RUN_SQL(j, "write the artefact", "INSERT INTO artifact VALUES(?, ?, ?, ?)", "siss", c->task, (long)i,
                c->artifact[i].path, c->artifact[i].sha256);
    AL_TRY(append_event(j, c->task, c->ev, task_state_name(c->was), task_state_name(c->now),
                        c->detail    ? c->detail
                        : c->message ? c->message
                                     : ""));
    return AL_ERR_OK;
}

enum al_err journal_changes(struct journal *j, int n, const struct jr_change *c)
{
    AL_TRY(exec_sql(j, "BEGIN IMMEDIATE", "begin"));
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < n && !e; i++)
        e = change_all(j, &c[i]);
    AL_TRY(end_transaction(j, e));
    return AL_ERR_OK;
}

enum al_err journal_change(struct journal *j, const struct jr_change *c)
{
    AL_TRY(journal_changes(j, 1, c));
    return AL_ERR_OK;
}

enum al_err journal_event(struct journal *j, const char *ev, const char *detail)
{
    AL_TRY(exec_sql(j, "BEGIN IMMEDIATE", "begin"));
    AL_TRY(end_transaction(j, append_event(j, "", ev, "", "", detail)));
    return AL_ERR_OK;
}

// Calls row for each row of a query without parameters.
static enum al_err each_row(struct journal *j, const char *sql,
                            enum al_err (*row)(void *ctx, sqlite3_stmt *st), void *ctx)
{
    sqlite3_stmt *st;
    AL_TRY(prepare(j, &st, sql, ""));
    enum al_err e = AL_ERR_OK;
    int rc = SQLITE_DONE;
    while (!e && (rc = sqlite3_step(st)) == SQLITE_ROW)
        e = row(ctx, st);
    sqlite3_finalize(st);
    AL_TRY(e);
    if (rc != SQLITE_DONE) AL_TRY(fail_sql(j, "read"));
    return AL_ERR_OK;
}

// A journal may come from somebody else, and these are paths below RUN that are copied, written and removed.
static enum al_err stays_inside(const char *path)
{
    if (!al_path_inside(path)) AL_FAIL(AL_ERR_CORRUPT, "the journal names %.200s, which is outside of the run directory", path);
    return AL_ERR_OK;
}

static enum al_err load_task(void *ctx, sqlite3_stmt *st)
{
    struct view *v = ctx;
    struct view_task *t;
    enum task_state state;
    AL_TRY(stays_inside(column(st, 0)));
    AL_TRY(task_state_parse(column(st, 3), &state));
    AL_TRY(view_add(v, column(st, 0), column(st, 1), column(st, 2), &t));
    view_set_state(v, t, state);
    t->desired = strcmp(column(st, 4), "hold") == 0 ? DESIRED_HOLD : DESIRED_RUN;
    t->attempts = sqlite3_column_int(st, 5);
    t->failures = sqlite3_column_int(st, 6);
    if (column(st, 7)[0]) AL_TRY(view_set_message(v, t, column(st, 7), column(st, 8)));
    if (!v->lean || state == TASK_SUBMITTING || state == TASK_INFLIGHT || state == TASK_COLLECTING)
        AL_TRY(view_set_token(v, t, column(st, 9)));
    t->pid = sqlite3_column_int(st, 10);
    return AL_ERR_OK;
}

static enum al_err load_fact(void *ctx, sqlite3_stmt *st)
{
    struct view_task *t = view_find(ctx, column(st, 0));
    if (t) AL_TRY(view_add_fact(ctx, t, column(st, 1), column(st, 2)));
    return AL_ERR_OK;
}

static enum al_err load_artifact(void *ctx, sqlite3_stmt *st)
{
    struct view_task *t = view_find(ctx, column(st, 0));
    AL_TRY(stays_inside(column(st, 1)));
    if (t) AL_TRY(view_add_artifact(ctx, t, column(st, 1), column(st, 2)));
    return AL_ERR_OK;
}

static enum al_err load_all(struct journal *j, struct view *v)
{
    AL_TRY(each_row(
        j,
        "SELECT t.id, t.verb, t.identity, t.state, t.desired, t.attempts, t.failures, t.cause, t.message,"
        " a.token, a.pid FROM task t LEFT JOIN attempt a ON a.task = t.id AND a.n = t.attempts ORDER BY t.n",
        load_task, v));
    AL_TRY(each_row(j, "SELECT task, key, value FROM fact ORDER BY task, n", load_fact, v));
    AL_TRY(each_row(j, "SELECT task, path, sha256 FROM artifact ORDER BY task, n", load_artifact, v));
    return AL_ERR_OK;
}

enum al_err journal_load(struct journal *j, struct view *ret)
{
    AL_TRY(exec_sql(j, "BEGIN", "begin")); // one snapshot while a daemon may be writing
    enum al_err e = load_all(j, ret);
    sqlite3_exec(j->db, "ROLLBACK", NULL, NULL, NULL);
    AL_TRY(e);
    return AL_ERR_OK;
}

struct attempts_ctx {
    void (*each)(void *ctx, const struct jr_attempt *a);
    void *ctx;
};

static enum al_err one_attempt(void *ctx, sqlite3_stmt *st)
{
    struct attempts_ctx *f = ctx;
    struct jr_attempt a = {.task = column(st, 0),
                           .n = sqlite3_column_int(st, 1),
                           .started = column(st, 2),
                           .ended = column(st, 3),
                           .exit = sqlite3_column_int(st, 4),
                           .cause = column(st, 5),
                           .message = column(st, 6)};
    f->each(f->ctx, &a);
    return AL_ERR_OK;
}

enum al_err journal_attempts(struct journal *j, bool failed, void (*each)(void *ctx, const struct jr_attempt *a), void *ctx)
{
    struct attempts_ctx f = {each, ctx};
    AL_TRY(each_row(j,
                    failed ? "SELECT task, n, started, ended, exit, class, message FROM attempt WHERE class != '' ORDER BY started, task, n"
                           : "SELECT task, n, started, ended, exit, class, message FROM attempt ORDER BY started, task, n",
                    one_attempt, &f));
    return AL_ERR_OK;
}

enum al_err journal_failures(struct journal *j, void (*each)(void *ctx, const struct jr_attempt *a), void *ctx)
{
    AL_TRY(journal_attempts(j, true, each, ctx));
    return AL_ERR_OK;
}

enum al_err journal_events(struct journal *j, long after, const char *task, void (*each)(void *ctx, const struct jr_event *e), void *ctx)
{
    sqlite3_stmt *st;
    int rc;
    AL_TRY(prepare(j, &st, "SELECT seq, time, task, ev, was, now, detail FROM event WHERE seq > ?1 AND (?2 = '*' OR task = ?2) ORDER BY seq",
                   "is", after, task ? task : "*")); // no task is called so
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct jr_event e = {(long)sqlite3_column_int64(st, 0), column(st, 1), column(st, 2), column(st, 3), column(st, 4), column(st, 5),
                             column(st, 6)};
        each(ctx, &e);
    }
    sqlite3_finalize(st);
    if (rc != SQLITE_DONE) AL_TRY(fail_sql(j, "read"));
    return AL_ERR_OK;
}

enum al_err journal_last_event(struct journal *j, long *ret_seq)
{
    sqlite3_stmt *st;
    AL_TRY(prepare(j, &st, "SELECT coalesce(max(seq), 0) FROM event", ""));
    int rc = sqlite3_step(st);
    long seq = rc == SQLITE_ROW ? (long)sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW) AL_TRY(fail_sql(j, "read"));
    *ret_seq = seq;
    return AL_ERR_OK;
}
