// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// alnd serve: the report live, by libmicrohttpd. It only reads. What keeps others out: it listens on 127.0.0.1 alone; every address
// begins with a token of 128 random bits, printed once; a request for another host (DNS rebinding) or with a body is refused; there are
// a page and three answers and no file names: the log asked for is that of a task of the journal. One thread, a handful of
// connections, small buffers, so that a client can be a nuisance to other clients at most.
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/web.h"
#include "core/rundir.h"

enum { CONNECTIONS = 64, SECONDS = 5, REQUEST_BYTES = 8192, LOG_BYTES = 32768, POLL_MS = 500, PAGE_SECONDS = 5 };

const char cli_serve_usage[] = "alnd serve RUN [--port N]\n"
                               "       Prints the address of the live page, for a browser on this machine (or through ssh -L). N: 1024 to\n"
                               "       65535; any free port when not given. Ctrl-C ends it; the run does not notice.";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

struct server {
    char run[AL_PATH];
    char token[33];
    unsigned port;
    char *page; // by malloc; made anew after an event in the journal, and after PAGE_SECONDS
    size_t npage;
    double made; // al_clock
    long event;  // the last one before
};

// --- answers -------------------------------------------------------------------------------------------

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, const char *type, const char *text, size_t n)
{
    static const char *const header[][2] = {{"Cache-Control", "no-store"},
                                            {"X-Content-Type-Options", "nosniff"},
                                            {"X-Frame-Options", "DENY"},
                                            {"Referrer-Policy", "no-referrer"},
                                            {"Cross-Origin-Resource-Policy", "same-origin"},
                                            {"Connection", "close"}};
    struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!r) return MHD_NO;
    MHD_add_response_header(r, "Content-Type", type);
    for (size_t i = 0; i < sizeof header / sizeof *header; i++)
        MHD_add_response_header(r, header[i][0], header[i][1]);
    enum MHD_Result rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *why)
{
    return send_text(c, status, "text/plain; charset=utf-8", why, strlen(why));
}

static enum MHD_Result fail(struct MHD_Connection *c)
{
    return refuse(c, MHD_HTTP_INTERNAL_SERVER_ERROR, al_err_message());
}

static enum al_err last_event(const struct server *s, long *ret)
{
    AL_OWN(journal) j = NULL;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/alnd.db", s->run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(journal_last_event(j, ret));
    return AL_ERR_OK;
}

static enum al_err make_page(struct server *s)
{
    char *text = NULL;
    size_t n = 0;
    long event;
    AL_TRY(last_event(s, &event));
    if (s->page && event == s->event && al_clock() - s->made < PAGE_SECONDS) return AL_ERR_OK;
    FILE *out = open_memstream(&text, &n);
    if (!out) AL_FAIL(AL_ERR_NOMEM, "no memory for the page");
    enum al_err e = web_page(out, s->run, NULL, true);
    if (fclose(out) != 0 && !e) e = AL_ERR_NOMEM;
    if (e) free(text);
    AL_TRY(e);
    free(s->page);
    s->page = text;
    s->npage = n;
    s->made = al_clock();
    s->event = event;
    return AL_ERR_OK;
}

static enum al_err status_text(const struct server *s, char **ret)
{
    AL_AUTOFREE struct status *st = NULL;
    AL_ALLOC(st, 1);
    AL_TRY(status_read(s->run, st));
    AL_TRY(status_to_json(st, ret));
    return AL_ERR_OK;
}

// The end of the log of a task that the journal knows.
static enum al_err log_text(const struct server *s, const char *task, char ret[LOG_BYTES], size_t *ret_n)
{
    AL_OWN(journal) j = NULL;
    AL_OWN(view) v = NULL;
    char path[AL_PATH];
    struct stat st;
    AL_TRY(al_path(path, "%s/alnd.db", s->run));
    AL_TRY(journal_open(path, false, &j));
    AL_TRY(view_create(&v));
    v->lean = true;
    AL_TRY(journal_load(j, v));
    if (!al_path_inside(task) || !view_find(v, task)) AL_FAIL(AL_ERR_NOTFOUND, "there is no such task");
    AL_TRY(al_path(path, "%s/%s/worker.log", s->run, task));
    *ret_n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return AL_ERR_OK; // it has not begun
    if (fd < 0) AL_FAIL(al_err_from_errno(errno), "cannot open the log: %s", strerror(errno));
    ssize_t n = -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) n = pread(fd, ret, LOG_BYTES, st.st_size > LOG_BYTES ? st.st_size - LOG_BYTES : 0);
    close(fd);
    if (n < 0) AL_FAIL(AL_ERR_IO, "cannot read the log");
    *ret_n = (size_t)n;
    return AL_ERR_OK;
}

// --- requests ------------------------------------------------------------------------------------------

static bool same_token(const char *a, const char *b) // takes the same time wherever they differ
{
    unsigned char d = 0;
    for (int i = 0; i < 32; i++)
        d |= (unsigned char)(a[i] ^ b[i]);
    return d == 0;
}

static const char *header_of(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

// Of any port: it may be a tunnel's end (ssh -L).
static bool our_host(struct MHD_Connection *c)
{
    const char *host = header_of(c, "Host");
    if (!host) return false;
    size_t n = strcspn(host, ":");
    return n == 9 && (strncmp(host, "127.0.0.1", n) == 0 || strncmp(host, "localhost", n) == 0);
}

static enum MHD_Result route(struct server *s, struct MHD_Connection *c, const char *what)
{
    AL_AUTOFREE char *text = NULL;
    if (what[0] == '\0') {
        if (make_page(s)) return fail(c);
        return send_text(c, MHD_HTTP_OK, "text/html; charset=utf-8", s->page, s->npage);
    }
    if (strcmp(what, "status.json") == 0) {
        if (status_text(s, &text)) return fail(c);
        return send_text(c, MHD_HTTP_OK, "application/json", text, strlen(text));
    }
    if (strcmp(what, "errors.json") == 0) {
        if (errors_json(s->run, &text)) return fail(c);
        return send_text(c, MHD_HTTP_OK, "application/json", text, strlen(text));
    }
    if (strcmp(what, "log") == 0) {
        char tail[LOG_BYTES];
        size_t n = 0;
        const char *task = NULL;
        size_t ntask = 0;
        bool there = MHD_lookup_connection_value_n(c, MHD_GET_ARGUMENT_KIND, "task", 4, &task, &ntask) == MHD_YES && task && strlen(task) == ntask;
        enum al_err e = there ? log_text(s, task, tail, &n) : AL_ERR_NOTFOUND;
        if (e == AL_ERR_NOTFOUND) return refuse(c, MHD_HTTP_NOT_FOUND, "not found\n");
        if (e) return fail(c);
        return send_text(c, MHD_HTTP_OK, "text/plain; charset=utf-8", tail, n);
    }
    return refuse(c, MHD_HTTP_NOT_FOUND, "not found\n");
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                              const char *body, size_t *nbody, void **req)
{
    struct server *s = ctx;
    (void)version;
    (void)body;
    if (*nbody) return MHD_NO; // closes the connection
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
    const char *length = header_of(c, "Content-Length");
    if ((length && strcmp(length, "0") != 0) || header_of(c, "Transfer-Encoding")) return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "no body is taken\n");
    if (!our_host(c)) return refuse(c, MHD_HTTP_FORBIDDEN, "not this host\n");
    if (strlen(url) < 34 || url[0] != '/' || url[33] != '/' || !same_token(url + 1, s->token)) return refuse(c, MHD_HTTP_NOT_FOUND, "not found\n");
    if (!*req) { // headers only so far
        *req = s;
        return MHD_YES;
    }
    return route(s, c, url + 34);
}

// --- the command ---------------------------------------------------------------------------------------

static enum al_err make_token(char ret[33])
{
    unsigned char raw[16];
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw) AL_FAIL(AL_ERR_IO, "cannot get random bytes");
    for (int i = 0; i < 16; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
    return AL_ERR_OK;
}

static enum al_err listen_on(struct server *s, long port, struct MHD_Daemon **ret)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL, (uint16_t)port, NULL, NULL, answer, s, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&a,
                                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SECONDS,
                                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!d) AL_FAIL_HINT(AL_ERR_INPUT, "another --port, or none", "cannot listen on 127.0.0.1:%ld", port);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
    s->port = info ? info->port : (unsigned)port;
    *ret = d;
    return AL_ERR_OK;
}

static enum al_err serve(struct server *s, const char *arg, long port)
{
    struct MHD_Daemon *d;
    struct sigaction act = {.sa_handler = on_interrupt};
    AL_AUTOFREE char *text = NULL;
    AL_TRY(rundir_find(arg, s->run));
    if (chdir(s->run) != 0) AL_FAIL(al_err_from_errno(errno), "cannot enter %s: %s", s->run, strerror(errno));
    AL_TRY(status_text(s, &text)); // a run that cannot be read is told here
    AL_TRY(make_token(s->token));
    AL_TRY(listen_on(s, port, &d));
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    printf("http://127.0.0.1:%u/%s/\nfor this machine alone; whoever has the address can read. Ctrl-C ends it.\n", s->port, s->token);
    fflush(stdout);
    while (!interrupted && MHD_run_wait(d, POLL_MS) == MHD_YES)
        ;
    MHD_stop_daemon(d);
    if (!interrupted) AL_FAIL(AL_ERR_IO, "the web server has stopped");
    return AL_ERR_OK;
}

int cmd_serve(int argc, char **argv)
{
    const char *arg = NULL;
    long port = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
            enum al_err e = cli_count("serve", "--port", argv[++i], 1024, 65535, &port);
            if (e) return cli_fail(e);
        } else if (argv[i][0] == '-' || arg)
            return cli_usage("usage: %s", cli_serve_usage);
        else
            arg = argv[i];
    }
    if (!arg) return cli_usage("usage: %s", cli_serve_usage);
    struct server s = {0};
    enum al_err e = serve(&s, arg, port);
    free(s.page);
    return e ? cli_fail(e) : EXIT_OK;
}
