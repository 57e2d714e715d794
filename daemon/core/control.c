// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "core/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ANSWER_BYTES = 1 << 20, ANSWER_SECONDS = 10 };

struct client {
    int fd;
    double since; // s, when it came
    char *out;    // the answer once there is one, its end of line included
    size_t nout, sent;
    size_t n;
    char line[CONTROL_LINE];
};

struct control {
    int fd;
    char path[AL_PATH];
    int nclients;
    struct client client[CONTROL_CLIENTS];
};

static enum al_err address(const char *run, int *ret_dir, struct sockaddr_un *ret)
{
    int dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", run, strerror(errno));
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/alnd.sock", dir);
    *ret_dir = dir;
    return AL_ERR_OK;
}

enum al_err control_open(const char *run, struct control **ret)
{
    AL_OWN(control) c = NULL;
    struct sockaddr_un a;
    int dir = -1;
    AL_ALLOC(c, 1);
    c->fd = -1;
    AL_TRY(al_path(c->path, "%s/alnd.sock", run));
    unlink(c->path); // the caller holds the run's lock: whoever made it is gone
    AL_TRY(address(run, &dir, &a));
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0177); // 0600 from its first moment on
    int rc = c->fd < 0 ? -1 : bind(c->fd, (struct sockaddr *)&a, sizeof a), err = errno;
    umask(old);
    close(dir);
    if (rc != 0 || listen(c->fd, CONTROL_CLIENTS) != 0)
        AL_FAIL(AL_ERR_IO, "cannot listen on %s: %s", c->path, strerror(rc ? err : errno));
    *ret = c;
    c = NULL;
    return AL_ERR_OK;
}

static void drop_client(struct control *c, int i)
{
    close(c->client[i].fd);
    al_free(c->client[i].out);
    c->client[i] = c->client[--c->nclients];
}

void control_destroy(struct control **cp)
{
    struct control *c = *cp;
    *cp = NULL;
    if (!c) return;
    while (c->nclients)
        drop_client(c, 0);
    if (c->fd >= 0) {
        close(c->fd);
        unlink(c->path);
    }
    al_free(c);
}

int control_fds(const struct control *c, struct pollfd *ret)
{
    int n = 0;
    // with all places taken the next ones wait, and must not wake the daemon meanwhile
    ret[n++] = (struct pollfd){.fd = c->nclients < CONTROL_CLIENTS ? c->fd : -1, .events = POLLIN};
    for (int i = 0; i < c->nclients; i++)
        ret[n++] = (struct pollfd){.fd = c->client[i].fd, .events = c->client[i].out ? POLLOUT : POLLIN};
    return n;
}

static void accept_clients(struct control *c)
{
    while (c->nclients < CONTROL_CLIENTS) {
        int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return;
        struct ucred who;
        socklen_t n = sizeof who;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0 || who.uid != geteuid()) {
            close(fd);
            continue;
        }
        c->client[c->nclients++] = (struct client){.fd = fd, .since = al_clock()};
    }
}

// As much of the answer as the client takes now; whether that is all, or it is gone.
static bool send_more(struct client *k)
{
    while (k->sent < k->nout) {
        ssize_t n = send(k->fd, k->out + k->sent, k->nout - k->sent, MSG_NOSIGNAL);
        if (n < 0) return errno != EAGAIN && errno != EINTR;
        k->sent += (size_t)n;
    }
    return true;
}

// Whether the client is done with: answered, gone, or too long a line. Never waits.
static bool serve_client(struct client *k, control_answer *answer, void *ctx)
{
    if (k->out) return send_more(k);
    ssize_t n = recv(k->fd, k->line + k->n, sizeof k->line - 1 - k->n, 0);
    if (n < 0) return errno != EAGAIN && errno != EINTR;
    k->n += (size_t)n;
    k->line[k->n] = '\0';
    char *end = strchr(k->line, '\n');
    if (!end) return n == 0 || k->n == sizeof k->line - 1;
    *end = '\0';
    char *text = NULL;
    bool none = answer(ctx, k->line, &text) != AL_ERR_OK;
    size_t len = none ? 0 : strlen(text);
    none = none || al_grow(len, len + 2, 1, &text) != AL_ERR_OK;
    k->out = text;
    if (none) return true;
    text[len] = '\n';
    k->nout = len + 1;
    return send_more(k);
}

void control_serve(struct control *c, control_answer *answer, void *ctx)
{
    accept_clients(c);
    for (int i = 0; i < c->nclients;) {
        // one that says nothing, or does not take its answer, gives its place to the next
        if (serve_client(&c->client[i], answer, ctx) || al_clock() - c->client[i].since > CONTROL_SECONDS) drop_client(c, i);
        else i++;
    }
}

static enum al_err read_answer(int fd, char **ret)
{
    AL_AUTOFREE char *buf = NULL;
    size_t n = 0;
    AL_ALLOC(buf, ANSWER_BYTES);
    for (;;) {
        ssize_t k = recv(fd, buf + n, ANSWER_BYTES - 1 - n, 0);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break;
        n += (size_t)k;
        if (buf[n - 1] == '\n' || n == ANSWER_BYTES - 1) break;
    }
    if (!n || buf[n - 1] != '\n') AL_FAIL(AL_ERR_LOST, "the daemon did not answer");
    buf[n - 1] = '\0';
    *ret = buf;
    buf = NULL;
    return AL_ERR_OK;
}

enum al_err control_ask(const char *run, const char *request, char **ret_text)
{
    struct sockaddr_un a;
    struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    int dir = -1;
    AL_TRY(address(run, &dir, &a));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof a);
    close(dir);
    if (rc != 0) {
        if (fd >= 0) close(fd);
        AL_FAIL(AL_ERR_NOTFOUND, "no daemon works on %s", run);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    const struct iovec line[] = {{(void *)(uintptr_t)request, strlen(request)}, {(void *)(uintptr_t)"\n", 1}};
    const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)line, .msg_iovlen = 2};
    (void)sendmsg(fd, &message, MSG_NOSIGNAL); // short; a daemon that does not take it does not answer either
    enum al_err e = read_answer(fd, ret_text);
    close(fd);
    AL_TRY(e);
    return AL_ERR_OK;
}
