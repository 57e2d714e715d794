// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"

enum { BAR_CELLS = 24, MAX_BARS = 12, LINE_BYTES = 512 };

struct display {
    int nlines; // of the block now on the screen
};

enum al_err display_create(struct display **ret)
{
    AL_TRY(al_alloc(1, sizeof **ret, ret));
    return AL_ERR_OK;
}

static void clear_block(struct display *d)
{
    if (d->nlines) printf("\033[%dA\r\033[J", d->nlines);
    d->nlines = 0;
}

void display_destroy(struct display **dp)
{
    struct display *d = *dp;
    *dp = NULL;
    if (!d) return;
    clear_block(d);
    fflush(stdout);
    al_free(d);
}

static int columns(void)
{
    struct winsize w;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

// Lines never wrap, or the block could not be cleared. Names and texts are ASCII (what is not shows as '?').
static void put_line(struct display *d, const char *text, int width)
{
    int n = 0;
    for (const char *c = text; *c && n < width - 1; c++, n++)
        putchar((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f ? *c : '?');
    fputs("\033[K\n", stdout);
    d->nlines++;
}

void display_message(struct display *d, const char *text)
{
    clear_block(d);
    printf("%s\n", text);
    fflush(stdout);
}

void display_bar(const struct status_task *t, int name_columns, int width, char *ret, size_t n)
{
    char bar[BAR_CELLS + 1], time[32];
    size_t len = strlen(t->id);
    const char *name = len > (size_t)name_columns ? t->id + len - name_columns : t->id;
    // the end of a long name tells more than its beginning
    double part = t->total > 0 ? t->done / t->total : 0;
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    int full = (int)(part * BAR_CELLS + 0.5);
    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    snprintf(ret, n, "  %-*s [%s] %3.0f %%  %-12s %s", name_columns, name, bar, 100 * part,
             cli_duration(t->seconds, time), t->text);
    if (width > 0 && (size_t)width < n) ret[width] = '\0';
}

void display_status(struct display *d, const struct status *s)
{
    char line[LINE_BYTES], time[32], left[48] = "", text[32];
    int width = columns(), n = s->nrunning < MAX_BARS ? s->nrunning : MAX_BARS;
    int names = 8;
    for (int i = 0; i < n; i++) {
        int len = (int)strlen(s->running[i].id);
        names = len > DISPLAY_NAME ? DISPLAY_NAME : len > names ? len : names;
    }
    clear_block(d);
    if (s->rate > 0) snprintf(left, sizeof left, ", %s left", cli_duration(s->left, text));
    snprintf(line, sizeof line, "%s: %s  %d/%d tasks%s  %s%s", s->name, s->stage, s->stage_done, s->stage_total, left,
             cli_duration(s->seconds, time), strcmp(s->state, "stopping") == 0 ? "  (stopping)" : "");
    put_line(d, line, width);
    for (int i = 0; i < n; i++) {
        display_bar(&s->running[i], names, 0, line, sizeof line);
        put_line(d, line, width);
    }
    if (s->nrunning > n) {
        snprintf(line, sizeof line, "  ... and %d more", s->nrunning - n);
        put_line(d, line, width);
    }
    fflush(stdout);
}
