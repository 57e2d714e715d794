// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Sources into frames.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "train/dataset_impl.h"
#include "worker/import.h"
#include "worker/limits.h"

// ---- one frame -------------------------------------------------------------------------------------------

static bool finite_numbers(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

static bool finite_frame(const struct al_frame *f)
{
    size_t n = 3 * (size_t)f->natoms;
    return finite_numbers(&f->pos[0][0], n) && finite_numbers(&f->cell[0][0], 9) &&
           (!(f->have & AL_HAVE_ENERGY) || isfinite(f->energy)) && (!(f->have & AL_HAVE_FORCES) || finite_numbers(&f->forces[0][0], n)) &&
           (!(f->have & AL_HAVE_VIRIAL) || finite_numbers(&f->virial[0][0], 9));
}

static enum al_err sorted_rows(double (*x)[3], const int *order, int n)
{
    AL_AUTOFREE double(*y)[3] = NULL;
    AL_ALLOC(y, n);
    for (int i = 0; i < n; i++)
        memcpy(y[i], x[order[i]], sizeof y[i]);
    memcpy(x, y, (size_t)n * sizeof *x);
    return AL_ERR_OK;
}

// Atoms by element, those of one element in the order that they had: frames of a composition then go into one set, whatever the order
// that their programs have had.
static enum al_err sort_atoms(struct al_frame *f)
{
    AL_AUTOFREE int *order = NULL;
    int n = 0;
    bool sorted = true;
    for (int i = 1; i < f->natoms; i++)
        sorted &= f->z[i - 1] <= f->z[i];
    if (sorted) return AL_ERR_OK;
    AL_ALLOC(order, f->natoms);
    for (int z = 0; z <= AL_ZMAX; z++)
        for (int i = 0; i < f->natoms; i++)
            if (f->z[i] == z) order[n++] = i;
    AL_TRY(sorted_rows(f->pos, order, n));
    AL_TRY(sorted_rows(f->vel, order, n));
    AL_TRY(sorted_rows(f->forces, order, n));
    n = 0;
    int count[AL_ZMAX + 1] = {0};
    for (int i = 0; i < f->natoms; i++)
        count[f->z[i]]++;
    for (int z = 0; z <= AL_ZMAX; z++)
        for (int i = 0; i < count[z]; i++)
            f->z[n++] = z;
    return AL_ERR_OK;
}

// Takes *f over.
static enum al_err push(struct import *im, int k, struct al_frame **f)
{
    struct import_source *s = &im->source[k];
    char text[AL_PATH];
    int n = (*f)->natoms;
    bool labelled = ((*f)->have & DP_LABELS) != 0, known = true;
    for (int i = 0; i < n; i++) {
        known &= (*f)->z[i] >= 1 && (*f)->z[i] <= AL_ZMAX;
        if (known) s->elements[(*f)->z[i]] = true;
    }
    s->atoms_min = !s->frames || n < s->atoms_min ? n : s->atoms_min;
    s->atoms_max = n > s->atoms_max ? n : s->atoms_max;
    long at = s->frames++;
    if (!known || !finite_frame(*f)) {
        s->refused++;
        if (!s->note[0]) snprintf(s->note, sizeof s->note, "frame %ld has %s", at, known ? "numbers that are not finite" : "an atom of no element");
        al_frame_destroy(f);
        return AL_ERR_OK;
    }
    AL_TRY(sort_atoms(*f));
    AL_TRY(al_path(text, "%s:%ld", s->path, at));
    AL_TRY(al_frame_info_set(*f, "source", text));
    if (!labelled) {
        s->unlabelled++;
        return al_frames_push(im->bare, f);
    }
    if (im->frames->n == im->of_capacity) {
        int more = im->of_capacity ? 2 * im->of_capacity : 256;
        AL_GROW(im->of, im->of_capacity, more);
        im->of_capacity = more;
    }
    im->of[im->frames->n] = k;
    return al_frames_push(im->frames, f);
}

// ---- one source ------------------------------------------------------------------------------------------

struct energies { // of an output, the two that there may be
    long both, other;
    double difference; // largest, eV
};

static void see_energies(struct energies *e, const struct code_step *step)
{
    if (!(step->frame->have & AL_HAVE_ENERGY) || !isfinite(step->energy_zero)) return;
    double d = fabs(step->energy_zero - step->frame->energy);
    e->both++;
    e->other += d > 1e-6;
    e->difference = fmax(e->difference, d);
}

static void tell_energies(const struct energies *e, struct import_source *s)
{
    if (e->other)
        snprintf(s->energy, sizeof s->energy, "free energy, the one that belongs to the forces (extrapolated to zero smearing in energy_zero: up to "
                                              "%.3g eV apart)", e->difference);
    else
        snprintf(s->energy, sizeof s->energy, e->both ? "free energy, the one that belongs to the forces (the one without smearing is the same)"
                                                      : "the one that belongs to the forces");
}

static enum al_err take_step(struct import *im, int k, struct code_step *step, struct energies *e)
{
    struct import_source *s = &im->source[k];
    char text[40];
    see_energies(e, step);
    if (step->note[0] && !s->note[0]) snprintf(s->note, sizeof s->note, "step %ld: %s", s->frames, step->note);
    if (!step->converged && !im->o.keep_unconverged) {
        s->frames++;
        s->unconverged++;
        return AL_ERR_OK;
    }
    s->unconverged += !step->converged;
    if (!step->converged) AL_TRY(al_frame_info_set(step->frame, "converged", "F"));
    snprintf(text, sizeof text, "%.17g", step->energy_zero);
    if (isfinite(step->energy_zero)) AL_TRY(al_frame_info_set(step->frame, "energy_zero", text));
    return push(im, k, &step->frame);
}

static enum al_err read_steps(struct import *im, int k, void *reader)
{
    struct import_source *s = &im->source[k];
    struct energies e = {0};
    for (;;) {
        struct code_step step = {.energy_zero = (double)NAN, .electrons = (double)NAN};
        AL_TRY(s->code->next(reader, &step));
        if (!step.frame) break;
        enum al_err err = take_step(im, k, &step, &e);
        al_frame_destroy(&step.frame);
        AL_TRY(err);
    }
    tell_energies(&e, s);
    s->cut = !s->code->complete(reader);
    return AL_ERR_OK;
}

static enum al_err read_code(struct import *im, int k)
{
    void *reader = NULL;
    AL_TRY(im->source[k].code->open(im->source[k].path, &reader));
    enum al_err e = read_steps(im, k, reader);
    im->source[k].code->close(reader);
    AL_TRY(e);
    return AL_ERR_OK;
}

static enum al_err read_trajectory(struct import *im, int k)
{
    AL_OWN(al_traj) t = NULL;
    struct al_traj_step step;
    AL_TRY(al_traj_open(im->source[k].path, &im->o.traj, &t));
    for (;;) {
        AL_OWN(al_frame) f = NULL;
        AL_TRY(al_traj_next(t, &f, &step));
        if (!f) return AL_ERR_OK;
        AL_TRY(push(im, k, &f));
    }
}

static enum al_err read_xyz(struct import *im, int k)
{
    struct import_source *s = &im->source[k];
    AL_OWN(al_frames) fs = NULL;
    char note[DP_NOTE];
    AL_TRY(dp_xyz_frames(s->path, &fs, note));
    snprintf(s->energy, sizeof s->energy, "%s", note[0] ? note : "as the file has it (key energy)");
    for (int i = 0; i < fs->n; i++)
        AL_TRY(push(im, k, &fs->f[i]));
    return AL_ERR_OK;
}

// libhdf5 can crash, loop or take all memory on a malformed file (docs/reliability.md, Safety): tried in a child with limits.
static enum al_err try_hdf5(const char *path)
{
    enum { CPU_SECONDS = 20, BYTES_PER_SECOND = 5 << 20 };
    char file[AL_PATH];
    struct stat st;
    int status = 0;
    AL_TRY(al_path(file, "%.*s", (int)(al_exists(path) ? strlen(path) : strcspn(path, "#")), path));
    if (stat(file, &st) != 0) AL_FAIL(al_err_from_errno(errno), "cannot open %s: %s", file, strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) AL_FAIL(AL_ERR_LOST, "cannot fork: %s", strerror(errno));
    if (pid == 0) {
        AL_OWN(dp_dataset) d = NULL;
        limits_set(3.0 * (1 << 30) + 8.0 * (double)st.st_size, CPU_SECONDS + (int)(st.st_size / BYTES_PER_SECOND));
        (void)dp_dataset_read(&path, 1, &d); // what it complains of is found again outside
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        AL_FAIL(AL_ERR_INPUT, "%s is malformed: reading it ended in signal %d (%s), in a process of its own", path, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    return AL_ERR_OK;
}

static enum al_err read_dataset(struct import *im, int k)
{
    struct import_source *s = &im->source[k];
    const char *path = s->path;
    AL_OWN(dp_dataset) d = NULL;
    if (strcmp(s->format, "deepmd/hdf5") == 0) AL_TRY(try_hdf5(path));
    AL_TRY(dp_dataset_read(&path, 1, &d));
    if (d->nnotes) snprintf(s->note, sizeof s->note, "%.390s", d->note[0]);
    snprintf(s->energy, sizeof s->energy, "as the data have it");
    for (int i = 0; i < d->nsys; i++)
        for (int j = 0; j < d->sys[i].nframes; j++) {
            AL_OWN(al_frame) f = NULL;
            AL_TRY(dp_system_frame(&d->sys[i], j, &f));
            AL_TRY(push(im, k, &f));
        }
    return AL_ERR_OK;
}

// ---- all of them -----------------------------------------------------------------------------------------

static void show(const struct import *im, int k, FILE *tty)
{
    fprintf(tty, "\r\033[K%d of %d files and sets, %d frames", k, im->nsources, im->frames->n + im->bare->n);
    fflush(tty);
}

// A source that is no data at all among those that a directory has: what it says is no fault of the user's.
static void judge(struct import_source *s, enum al_err e)
{
    if (!e) return;
    if (!s->named && !s->frames && strcmp(s->format, "deepmd/hdf5") == 0) snprintf(s->skipped, sizeof s->skipped, "%.150s", al_err_message());
    else snprintf(s->error, sizeof s->error, "%s", al_err_message());
}

static enum al_err read_source(struct import *im, int k)
{
    static enum al_err (*const readers[])(struct import *, int) = {
        [IMPORT_CODE] = read_code, [IMPORT_DATASET] = read_dataset, [IMPORT_XYZ] = read_xyz, [IMPORT_TRAJECTORY] = read_trajectory};
    struct import_source *s = &im->source[k];
    enum al_err e = readers[s->kind](im, k);
    judge(s, e);
    if (e == AL_ERR_NOMEM || e == AL_ERR_BUG) AL_TRY(e);
    return AL_ERR_OK;
}

// The twin of a file that could not be read, or was cut short, may have more; what both have is found as duplicates.
static bool wanted(const struct import *im, int k)
{
    const struct import_source *s = &im->source[k], *first = s->twin ? &im->source[s->twin - 1] : NULL;
    return !s->skipped[0] || (first && s->kind == IMPORT_CODE && (first->error[0] || first->cut));
}

enum al_err import_read(struct import *im)
{
    FILE *tty = im->o.progress ? fopen("/dev/tty", "we") : NULL;
    double last = al_clock();
    enum al_err e = AL_ERR_OK;
    for (int i = 0; i < 2 * im->nsources && !e; i++) { // twins in a second round
        int k = i % im->nsources;
        if ((im->source[k].twin != 0) != (i >= im->nsources) || !wanted(im, k)) continue;
        im->source[k].skipped[0] = '\0';
        e = read_source(im, k);
        if (tty && al_clock() - last > 0.2) {
            last = al_clock();
            show(im, k + 1, tty);
        }
    }
    if (tty) {
        fputs("\r\033[K", tty);
        fclose(tty);
    }
    AL_TRY(e);
    return AL_ERR_OK;
}
