// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// label.engine: command. The user's own program gets frame.extxyz (cell, species, positions as ASE reads them; the settings of loop.yaml
// are its own affair) and writes labelled.extxyz: the same atoms in the same order with energy, forces and virial or stress. Both names
// are added to its arguments.
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/mem.h"
#include "codes/codes.h"
#include "codes/parts.h"

static const char input_file[] = "frame.extxyz", output_file[] = "labelled.extxyz";
enum { MAX_HASHED = 64 << 20 };

struct reader {
    struct al_frames *fs;
    int at;
};

static bool is_none(const char *path, const char *head, size_t n)
{
    (void)path;
    (void)head;
    (void)n;
    return false; // extxyz has readers of its own
}

static void close_command(void *reader)
{
    struct reader *r = reader;
    al_frames_destroy(&r->fs);
    al_free(r);
}

static enum al_err open_command(const char *path, void **ret)
{
    struct reader *r;
    AL_ALLOC(r, 1);
    enum al_err e = al_xyz_read(path, &r->fs);
    if (e) close_command(r);
    AL_TRY(e);
    *ret = r;
    return AL_ERR_OK;
}

// The program says by its exit code whether it converged; it may say converged=F in the comment line, too.
static enum al_err next_command(void *reader, struct code_step *ret)
{
    struct reader *r = reader;
    *ret = (struct code_step){.energy_zero = NAN, .electrons = NAN};
    if (r->at == r->fs->n) return AL_ERR_OK;
    ret->frame = r->fs->f[r->at];
    r->fs->f[r->at++] = NULL;
    const char *converged = al_frame_info(ret->frame, "converged");
    ret->converged = !converged || (converged[0] != 'F' && converged[0] != 'f' && converged[0] != '0');
    return AL_ERR_OK;
}

static bool complete_command(void *reader)
{
    (void)reader;
    return true; // a frame that is not whole is not read
}

static const struct code_format format = {"extxyz", is_none, open_command, next_command, complete_command, close_command};

static enum al_err check_command(const struct code_settings *s)
{
    if (!s->user || !s->user[0]) AL_FAIL_HINT(AL_ERR_INPUT, "label: {engine: command, command: [python3, /home/me/label.py]}", "label.command is empty");
    return AL_ERR_OK;
}

static enum al_err write_command(const struct code_settings *s, const struct al_frame *f, int rung, const char *dir, int *ret_order)
{
    AL_OWN(al_frames) fs = NULL;
    AL_OWN(al_frame) copy = NULL;
    char path[AL_PATH];
    (void)s;
    (void)rung;
    AL_TRY(al_frames_create(&fs));
    AL_TRY(al_frame_copy(f, &copy));
    copy->have = 0;
    AL_TRY(al_frames_push(fs, &copy));
    AL_TRY(al_path(path, "%s/%s", dir, input_file));
    AL_TRY(al_xyz_write(path, fs));
    code_same_order(f, ret_order);
    return AL_ERR_OK;
}

// The last line that it wrote.
static void last_line(const char *dir, const char *name, char *ret, size_t n)
{
    AL_AUTOFREE char *text = NULL;
    char path[AL_PATH];
    size_t size = 0;
    if (al_path(path, "%s/%s", dir, name) != AL_ERR_OK || al_file_read(path, (size_t)64 << 20, &text, &size) != AL_ERR_OK) return;
    while (size && strchr(" \n\r\t", text[size - 1]))
        text[--size] = '\0';
    const char *line = strrchr(text, '\n');
    snprintf(ret, n, "%.250s", line ? line + 1 : text);
}

static int failure_command(const char *dir, int now, char *ret_why, size_t n)
{
    (void)now;
    ret_why[0] = '\0';
    last_line(dir, "errors.out", ret_why, n);
    if (!ret_why[0]) last_line(dir, "screen.out", ret_why, n);
    return -1;
}

// The command's words (s->user: one a line), and the contents of those that are files: its script is the physics.
static enum al_err physics_command(const struct code_settings *s, char **ret_text)
{
    AL_AUTOFREE char *text = NULL;
    char word[AL_PATH], sha[65];
    size_t at = 0, bytes = 2 * strlen(s->user) + 1;
    for (const char *p = s->user; *p; p++)
        bytes += *p == '\n' ? sizeof sha : 0;
    AL_ALLOC(text, bytes + sizeof sha);
    for (const char *p = s->user; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        struct stat st;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(p, "\n"), p);
        bool file = word[0] == '/' && stat(word, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= MAX_HASHED;
        if (file) AL_TRY(al_sha256_file(word, sha));
        // a script's name does not matter, its text does
        at += (size_t)snprintf(text + at, bytes + sizeof sha - at, "%s\n", file ? sha : word);
    }
    *ret_text = text;
    text = NULL;
    return AL_ERR_OK;
}

static const char *const args[] = {NULL}, *const rungs[] = {"default"};

const struct code_ops code_ops_command = {
    .name = "command",
    .program = "",
    .format = &format,
    .args = args,
    .output = output_file,
    .screen = "screen.out",
    .nrung = 1,
    .rung = rungs,
    .check = check_command,
    .write = write_command,
    .failure = failure_command,
    .physics = physics_command,
};
