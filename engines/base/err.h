// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Errors: one status enum from one list, each with a class that drives retries, and a thread-local
// trace of where and why. A function either succeeds and sets its ret_* parameters, or fails and
// leaves them untouched (modelled on libgit2's message slot and PETSc's call trace).
//
//   AL_FAIL(AL_ERR_INPUT, "cell of %s has no volume", path);      raise, at the origin
//   AL_TRY(frame_read(path, &f));                                 pass on, adds file:line
//   AL_TRY_MSG(label(f), "labelling frame %d", i);                pass on with meaning
#ifndef AL_BASE_ERR_H
#define AL_BASE_ERR_H

#include <stdio.h>

// class: expected  = the caller's case, objects intact (no retry by itself)
//        transient = the same task may succeed when started again
//        fault     = bug or corrupt data; stop and tell
#define AL_ERRS(X)                                                                                 \
    X(OK, EXPECTED, "ok")                                                                          \
    X(INPUT, EXPECTED, "bad input")                                                                \
    X(NOTFOUND, EXPECTED, "not found")                                                             \
    X(NOTCONV, EXPECTED, "not converged")                                                          \
    X(UNPHYSICAL, EXPECTED, "unphysical result")                                                   \
    X(UNSUPPORTED, EXPECTED, "not supported")                                                      \
    X(BUSY, EXPECTED, "held by another process")                                                   \
    X(STOPPED, EXPECTED, "stopped on request")                                                     \
    X(IO, TRANSIENT, "input/output error")                                                         \
    X(NOSPACE, TRANSIENT, "no space left")                                                         \
    X(NOMEM, TRANSIENT, "out of memory")                                                           \
    X(LOST, TRANSIENT, "process lost")                                                             \
    X(CORRUPT, FAULT, "corrupt data")                                                              \
    X(BUG, FAULT, "internal error")

#define AL_ERR_ENUM(name, cls, text) AL_ERR_##name,
enum [[nodiscard]] al_err { AL_ERRS(AL_ERR_ENUM) AL_ERR_COUNT };
#undef AL_ERR_ENUM

enum al_err_class { AL_CLASS_EXPECTED, AL_CLASS_TRANSIENT, AL_CLASS_FAULT };

enum { AL_ERR_TRACE = 16, AL_ERR_TEXT = 512 };

// Raise: starts a new trace with this message.
[[gnu::format(printf, 5, 6)]] void al_err_raise(enum al_err code, const char *file, int line,
                                                const char *func, const char *fmt, ...);
// Pass on: adds a frame (with a meaning when fmt is not NULL).
[[gnu::format(printf, 5, 6)]] void al_err_pass(enum al_err code, const char *file, int line,
                                               const char *func, const char *fmt, ...);
// A hint for the user, kept until the next raise. Call after the raise.
[[gnu::format(printf, 1, 2)]] void al_err_hint(const char *fmt, ...);

const char *al_err_name(enum al_err code);             // "NOTCONV"
const char *al_err_text(enum al_err code);             // "not converged"
enum al_err_class al_err_class(enum al_err code);
enum al_err al_err_from_name(const char *name);        // AL_ERR_BUG when unknown
enum al_err al_err_from_errno(int errnum);             // ENOSPC -> NOSPACE, ENOENT -> NOTFOUND, ...

// The current thread's last error: message (with the meanings of the callers, outermost first), hint
// ("" when none), trace as text, one frame a line.
const char *al_err_message(void);
enum al_err al_err_last(void);
const char *al_err_hint_text(void);
void al_err_print_trace(FILE *out);
void al_err_clear(void);

// The macros return the code itself, not what the call returns, so that the compiler sees that a failed
// function did not come back with AL_ERR_OK.
#define AL_FAIL(code, ...)                                                                         \
    do {                                                                                           \
        al_err_raise((code), __FILE__, __LINE__, __func__, __VA_ARGS__);                           \
        return (code);                                                                             \
    } while (0)

#define AL_FAIL_HINT(code, hint, ...)                                                              \
    do {                                                                                           \
        al_err_raise((code), __FILE__, __LINE__, __func__, __VA_ARGS__);                           \
        al_err_hint("%s", (hint));                                                                 \
        return (code);                                                                             \
    } while (0)

#define AL_TRY(expr)                                                                               \
    do {                                                                                           \
        enum al_err al_e_ = (expr);                                                                \
        if (al_e_ != AL_ERR_OK) {                                                                  \
            al_err_pass(al_e_, __FILE__, __LINE__, __func__, NULL);                                \
            return al_e_;                                                                          \
        }                                                                                          \
    } while (0)

#define AL_TRY_MSG(expr, ...)                                                                      \
    do {                                                                                           \
        enum al_err al_e_ = (expr);                                                                \
        if (al_e_ != AL_ERR_OK) {                                                                  \
            al_err_pass(al_e_, __FILE__, __LINE__, __func__, __VA_ARGS__);                         \
            return al_e_;                                                                          \
        }                                                                                          \
    } while (0)

#endif
