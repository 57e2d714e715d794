// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The control socket RUN/alnd.sock: a Unix socket of mode 0600; one line of JSON as request, one as answer.
// Only processes of the daemon's own user are answered (SO_PEERCRED). No client holds up the daemon: at most CONTROL_CLIENTS at a time,
// CONTROL_LINE bytes of request, CONTROL_SECONDS from connecting to the last byte of the answer, and nothing here waits for a client.
// The path goes through /proc/self/fd, so that long run directories do not meet the 107 characters of
// sun_path.
#ifndef AL_CORE_CONTROL_H
#define AL_CORE_CONTROL_H

#include <poll.h>

#include "base/fsio.h"

enum { CONTROL_CLIENTS = 8, CONTROL_LINE = 4096, CONTROL_SECONDS = 5 };

struct control;

// Answers a request; *ret_text is freed by the caller.
typedef enum al_err control_answer(void *ctx, const char *request, char **ret_text);

enum al_err control_open(const char *run, struct control **ret); // replaces a dead daemon's socket
void control_destroy(struct control **c);                        // and removes the socket file
// Descriptors to wait for; at most CONTROL_CLIENTS + 1.
int control_fds(const struct control *c, struct pollfd *ret);
// Accepts, reads and answers whatever is ready without blocking.
void control_serve(struct control *c, control_answer *answer, void *ctx);

// Client: one request, one answer. AL_ERR_NOTFOUND when no daemon listens.
enum al_err control_ask(const char *run, const char *request, char **ret_text);

#endif
