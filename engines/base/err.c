// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

struct err_frame {
    const char *file, *func;
    int line;
};

static _Thread_local struct {
    char message[AL_ERR_TEXT];
    char hint[AL_ERR_TEXT];
    struct err_frame frame[AL_ERR_TRACE];
    int nframes;
    enum al_err code;
} trace;

static const struct {
    const char *name, *text;
    enum al_err_class cls;
} err_info[AL_ERR_COUNT] = {
#define AL_ERR_ROW(name, cls, text) [AL_ERR_##name] = {#name, text, AL_CLASS_##cls},
    AL_ERRS(AL_ERR_ROW)
#undef AL_ERR_ROW
};

static void push_frame(const char *file, int line, const char *func)
{
    if (trace.nframes < AL_ERR_TRACE) trace.frame[trace.nframes++] = (struct err_frame){file, func, line};
}

// What a user or a file has written comes back in messages: no new lines, no escapes to the terminal.
static void one_line(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
}

void al_err_raise(enum al_err code, const char *file, int line, const char *func, const char *fmt, ...)
{
    va_list ap;
    char text[AL_ERR_TEXT];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    one_line(text);
    memcpy(trace.message, text, sizeof text);
    trace.hint[0] = '\0';
    trace.nframes = 0;
    push_frame(file, line, func);
    trace.code = code;
}

void al_err_pass(enum al_err code, const char *file, int line, const char *func, const char *fmt, ...)
{
    push_frame(file, line, func);
    if (fmt) {
        char text[AL_ERR_TEXT], joined[2 * AL_ERR_TEXT + 4];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        one_line(text);
        snprintf(joined, sizeof joined, "%s: %s", text, trace.message);
        joined[AL_ERR_TEXT - 1] = '\0';
        memcpy(trace.message, joined, AL_ERR_TEXT);
    }
    trace.code = code;
}

void al_err_hint(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(trace.hint, sizeof trace.hint, fmt, ap);
    va_end(ap);
}

const char *al_err_name(enum al_err code)
{
    return code < AL_ERR_COUNT ? err_info[code].name : "BUG";
}

const char *al_err_text(enum al_err code)
{
    return code < AL_ERR_COUNT ? err_info[code].text : "internal error";
}

enum al_err_class al_err_class(enum al_err code)
{
    return code < AL_ERR_COUNT ? err_info[code].cls : AL_CLASS_FAULT;
}

enum al_err al_err_from_name(const char *name)
{
    for (unsigned i = 0; i < AL_ERR_COUNT; i++)
        if (strcmp(name, err_info[i].name) == 0) return (enum al_err)i;
    return AL_ERR_BUG;
}

enum al_err al_err_from_errno(int errnum)
{
    switch (errnum) {
    case ENOENT: return AL_ERR_NOTFOUND;
    case ENOSPC:
    case EDQUOT: return AL_ERR_NOSPACE;
    case ENOMEM: return AL_ERR_NOMEM;
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTDIR: return AL_ERR_INPUT;
    default: return AL_ERR_IO;
    }
}

const char *al_err_message(void)
{
    return trace.message;
}

enum al_err al_err_last(void)
{
    return trace.code;
}

const char *al_err_hint_text(void)
{
    return trace.hint;
}

void al_err_print_trace(FILE *out)
{
    for (int i = 0; i < trace.nframes; i++)
        fprintf(out, "  at %s:%d %s\n", trace.frame[i].file, trace.frame[i].line, trace.frame[i].func);
}

void al_err_clear(void)
{
    trace.message[0] = trace.hint[0] = '\0';
    trace.nframes = 0;
    trace.code = AL_ERR_OK;
}
