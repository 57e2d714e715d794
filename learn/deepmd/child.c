// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/mem.h"
#include "deepmd/deepmd.h"

static const struct al_program_words words = {
    "resources.deepmd: ", "no deepmd-kit: ", "pip install 'deepmd-kit[cpu]' brings one (in an environment whose bin is in PATH); resources.deepmd names it"};
static const double probe_seconds = 240;

enum al_err dpkit_find(const char *name, struct dpkit *ret)
{
    struct dpkit p = {.threads = 1};
    AL_TRY(al_program_locate(name, &words, p.path));
    *ret = p;
    return AL_ERR_OK;
}

// environ with the numbers of threads that deepmd-kit, TensorFlow and BLAS take; TensorFlow's chatter is left out. The strings
// text are the caller's.
enum { NOURS = 5 };
static enum al_err make_environment(const struct dpkit *p, char text[NOURS][64], const char ***ret)
{
    static const char *const name[NOURS] = {"OMP_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS", "DP_INTER_OP_PARALLELISM_THREADS",
                                            "TF_CPP_MIN_LOG_LEVEL", "PYTHONUNBUFFERED"};
    const int value[NOURS] = {p->threads, p->threads, 1, 2, 1};
    const char **env;
    int n = 0, k = 0;
    while (environ[n])
        n++;
    AL_ALLOC(env, n + NOURS + 1);
    for (int i = 0; i < n; i++) {
        bool ours = false;
        for (int j = 0; j < NOURS; j++)
            ours |= strncmp(environ[i], name[j], strlen(name[j])) == 0 && environ[i][strlen(name[j])] == '=';
        if (!ours) env[k++] = environ[i];
    }
    for (int j = 0; j < NOURS; j++) {
        snprintf(text[j], 64, "%s=%d", name[j], value[j]);
        env[k++] = text[j];
    }
    *ret = env;
    return AL_ERR_OK;
}

// out: where it writes; closed by the caller.
static enum al_err start(const struct dpkit *p, const char *dir, const char *const *args, int out, pid_t *ret)
{
    enum { MAX_ARGS = 16 };
    const char *argv[MAX_ARGS + 2] = {"dp"};
    char text[NOURS][64];
    AL_AUTOFREE const char **env = NULL;
    for (int i = 0; args[i]; i++) {
        if (i == MAX_ARGS) AL_FAIL(AL_ERR_BUG, "more than %d arguments of dp", MAX_ARGS);
        argv[i + 1] = args[i];
    }
    AL_TRY(make_environment(p, text, &env));
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0) AL_FAIL(al_err_from_errno(errno), "cannot open /dev/null: %s", strerror(errno));
    struct al_child_spec s = {.program = p->path, .argv = argv, .env = env, .dir = dir, .in = in, .out = out, .err = out, .death = SIGKILL};
    enum al_err e = al_child_start(&s, ret);
    close(in);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err dpkit_start(const struct dpkit *p, const char *dir, const char *const *args, pid_t *ret_pid)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/dp.log", dir));
    int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (out < 0) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", path, strerror(errno));
    enum al_err e = start(p, dir, args, out, ret_pid);
    close(out);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err dpkit_poll(pid_t pid, bool *ret_ended, int *ret_code)
{
    AL_TRY_MSG(al_child_poll(pid, ret_ended, ret_code), "deepmd-kit");
    return AL_ERR_OK;
}

void dpkit_kill(pid_t pid)
{
    al_child_kill(pid);
}

// --- what it said --------------------------------------------------------------------------------------

// "SomeError: ...", "package.SomeException: ...", as Python ends a traceback.
static bool is_exception(const char *line)
{
    size_t n = 0;
    while (isalnum((unsigned char)line[n]) || line[n] == '_' || line[n] == '.')
        n++;
    bool named = (n >= 5 && strncmp(line + n - 5, "Error", 5) == 0) || (n >= 9 && strncmp(line + n - 9, "Exception", 9) == 0);
    return named && (line[n] == ':' || line[n] == '\0');
}

static bool says_nothing(const char *line)
{
    return line[strspn(line, " \t")] == '\0' || strstr(line, "implib-gen:") || strstr(line, " INFO ") || strstr(line, "WARNING") || line[0] == ' ';
}

static void reason_in(char *text, char *ret, size_t n)
{
    bool exception = false;
    snprintf(ret, n, "it says nothing");
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) *end++ = '\0';
        bool now = is_exception(line);
        if (!now && (exception || says_nothing(line))) continue;
        exception |= now;
        snprintf(ret, n, "%s", line);
    }
}

long dpkit_log_size(const char *dir)
{
    char path[AL_PATH];
    struct stat st;
    if (al_path(path, "%s/dp.log", dir) != AL_ERR_OK || stat(path, &st) != 0) return 0;
    return (long)st.st_size;
}

void dpkit_reason(const char *dir, long from, char *ret, size_t n)
{
    char path[AL_PATH];
    AL_AUTOFREE char *text = NULL;
    size_t bytes;
    snprintf(ret, n, "its dp.log cannot be read");
    if (al_path(path, "%s/dp.log", dir) != AL_ERR_OK || al_file_read(path, 0, &text, &bytes) != AL_ERR_OK) return;
    reason_in(text + (from > 0 && (size_t)from <= bytes ? from : 0), ret, n);
}

// --- the probe -----------------------------------------------------------------------------------------

// Everything it writes until it ends, at most n - 1 bytes.
static enum al_err listen_to(int fd, pid_t pid, char *text, size_t n)
{
    size_t got = 0;
    char rest[512];
    const double until = al_clock() + probe_seconds;
    bool ended = false;
    int code;
    while (!ended && al_clock() < until) {
        AL_TRY(dpkit_poll(pid, &ended, &code));
        for (ssize_t k; (k = read(fd, rest, sizeof rest)) > 0;) {
            size_t take = (size_t)k < n - 1 - got ? (size_t)k : n - 1 - got;
            memcpy(text + got, rest, take);
            got += take;
        }
        if (!ended) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    text[got] = '\0';
    if (!ended) {
        dpkit_kill(pid);
        AL_FAIL(AL_ERR_UNSUPPORTED, "dp has not answered within %.0f s", probe_seconds);
    }
    return AL_ERR_OK;
}

static enum al_err ask(const struct dpkit *p, const char *const *args, char *text, size_t n)
{
    int fd[2];
    pid_t pid = 0;
    if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) != 0) AL_FAIL(AL_ERR_IO, "cannot make a pipe: %s", strerror(errno));
    int blocking = fcntl(fd[1], F_GETFL);
    fcntl(fd[1], F_SETFL, blocking & ~O_NONBLOCK); // dp's end
    enum al_err e = start(p, "/", args, fd[1], &pid);
    close(fd[1]);
    if (!e) e = listen_to(fd[0], pid, text, n);
    close(fd[0]);
    AL_TRY(e);
    return AL_ERR_OK;
}

// The second question gets through Python and TensorFlow to a file that is not there.
enum al_err dpkit_probe(const struct dpkit *p, char *ret_version, size_t n)
{
    static const char name[] = "alnd-asks-for-no-such-file.json";
    static const char *const version[] = {"--version", NULL}, *const train[] = {"--tf", "train", name, NULL};
    enum { BYTES = 1 << 16 };
    AL_AUTOFREE char *text = NULL;
    char why[300];
    long major = 0;
    AL_ALLOC(text, BYTES);
    AL_TRY(ask(p, version, text, BYTES));
    const char *v = strstr(text, "DeePMD-kit v");
    if (v) major = strtol(v + strlen("DeePMD-kit v"), NULL, 10);
    if (major < 1) {
        reason_in(text, why, sizeof why);
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, words.hint, "%s is no deepmd-kit or does not start: %s", p->path, why);
    }
    snprintf(ret_version, n, "%.*s", (int)strcspn(v, "\n"), v);
    if (major < 3)
        AL_FAIL_HINT(AL_ERR_UNSUPPORTED, words.hint, "%s is %s; 3 or newer is needed for models as .dp files", p->path, ret_version);
    AL_TRY(ask(p, train, text, BYTES));
    if (strstr(text, name) && strstr(text, "No such file")) return AL_ERR_OK;
    reason_in(text, why, sizeof why);
    AL_FAIL_HINT(AL_ERR_UNSUPPORTED, words.hint, "%s (%s) cannot train with TensorFlow: %s", p->path, ret_version, why);
}
