// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 4096 };

static int log_fd = -1, log_rank = -1;

enum al_err al_log_open(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : dup(STDERR_FILENO);
    if (fd < 0)
        AL_FAIL(al_err_from_errno(errno), "cannot open the log %s: %s", path ? path : "(stderr)",
                strerror(errno));
    al_log_close();
    log_fd = fd;
    return AL_ERR_OK;
}

void al_log_close(void)
{
    if (log_fd >= 0) close(log_fd);
    log_fd = -1;
}

void al_log_set_rank(int rank)
{
    log_rank = rank;
}

const char *al_log_quote(char *buf, size_t n, const char *text)
{
    bool plain = text[0] != '\0';
    for (const char *c = text; *c && plain; c++)
        plain = (unsigned char)*c > 0x20 && *c != '"' && *c != '=' && *c != '\\' && *c != 0x7f;
    size_t k = 0;
    if (n < 4) {
        if (n) buf[0] = '\0';
        return buf;
    }
    if (!plain) buf[k++] = '"';
    for (const char *c = text; *c && k + 4 < n; c++) {
        if (*c == '"' || *c == '\\') buf[k++] = '\\';
        if (*c == '\n') {
            buf[k++] = '\\';
            buf[k++] = 'n';
        } else {
            buf[k++] = (unsigned char)*c < 0x20 ? ' ' : *c;
        }
    }
    if (!plain) buf[k++] = '"';
    buf[k] = '\0';
    return buf;
}

void al_log(enum al_log_level level, const char *comp, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[LINE], rank[24] = "";
    struct timespec ts;
    struct tm tm;
    if (log_fd < 0) return;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    if (log_rank >= 0) snprintf(rank, sizeof rank, "rank=%d ", log_rank);
    size_t n = strftime(line, sizeof line, "ts=%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, sizeof line - n, ".%03ldZ level=%s comp=%s %s", ts.tv_nsec / 1000000,
                          names[level], comp, rank);
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
    va_end(ap);
    if (m < 0) return;
    n = n + (size_t)m < sizeof line - 2 ? n + (size_t)m : sizeof line - 2;
    line[n++] = '\n';
    ssize_t rc = write(log_fd, line, n);
    (void)rc;
}
