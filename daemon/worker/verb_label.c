// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Verb label: first-principles labels of a range of frames, under mpirun. Each labelled frame is a checkpoint of its own
// (frame-NNN.extxyz), so that a restart goes on with the next frame; every frame starts from atomic densities, so that the bits
// do not depend on where a restart began. A frame that fails is written to failed.extxyz with its reason and the
// batch goes on. Beside each checkpoint lies frame-NNN.yaml with what is worth knowing and not part of the label (seconds ...).
#include <math.h>

#include "base/cube.h"
#include "base/mem.h"
#include "base/units.h"
#include "comm/comm.h"
#include "dft/dft.h"
#include "worker/deaths.h"
#include "worker/registry.h"
#include "worker/task.h"

struct label_ctx {
    struct task *t;
    struct comm *comm;
    struct labeler *labeler;
    int done, total;
    const char *frame_id;
    int index;                    // of the frame in this task
    const struct al_frame *frame; // the one being labelled
    bool cube;                    // write its density
    struct al_node *deaths;       // of earlier workers, by frame; NULL: none
    double seconds, flops;        // of all frames so far; flops: as estimated before
};

static void on_scf_step(void *ctx, const struct label_progress *p)
{
    struct label_ctx *c = ctx;
    task_progress(c->t, c->done, c->total, "%s SCF %d energy %.4f eV error %.1e eV", c->frame_id, p->iteration, p->energy,
                  p->error);
}

static bool on_check_stop(void *ctx)
{
    return task_should_stop(((struct label_ctx *)ctx)->t);
}

// For a program of somebody else.
static enum al_err on_where(void *ctx, char ret[AL_PATH])
{
    const struct label_ctx *c = ctx;
    char name[64];
    snprintf(name, sizeof name, "frame-%03d.run", c->index);
    AL_TRY(task_path(c->t, ret, name));
    return AL_ERR_OK;
}

static void on_run(void *ctx, const char *rung, double seconds)
{
    struct label_ctx *c = ctx;
    task_progress(c->t, c->done, c->total, "%s %s, %s for %.0f s", c->frame_id, c->t->cfg->label.engine, rung, seconds);
}

static enum al_err on_density(void *ctx, const int n[3], const double *rho)
{
    struct label_ctx *c = ctx;
    char path[AL_PATH], title[256];
    snprintf(title, sizeof title, "valence density, electrons/bohr^3, of %.100s", c->frame_id);
    AL_TRY(task_path(c->t, path, "density.cube"));
    AL_TRY(al_cube_write(path, title, c->frame, n, rho));
    return AL_ERR_OK;
}

// The checkpoint of frame i, when it is there and of the same frame and settings.
static enum al_err read_checkpoint(const struct label_ctx *c, const char *path, const struct al_frame *want,
                                   struct al_frame **ret)
{
    *ret = NULL;
    // a label that starts from the frame before it must do so again after a restart: the batch begins anew
    if (!al_exists(path) || c->t->cfg->label.follow) return AL_ERR_OK;
    AL_OWN(al_frames) fs = NULL;
    char a[65], b[65];
    AL_TRY(al_xyz_read(path, &fs));
    if (fs->n != 1) return AL_ERR_OK;
    al_frame_hash(fs->f[0], a);
    al_frame_hash(want, b);
    const char *fp = al_frame_info(fs->f[0], "fingerprint");
    if (strcmp(a, b) != 0 || !fp || strcmp(fp, c->labeler->ops->fingerprint(c->labeler)) != 0) return AL_ERR_OK;
    *ret = fs->f[0];
    fs->f[0] = NULL;
    return AL_ERR_OK;
}

static enum al_err write_one(const char *path, const struct al_frame *f)
{
    struct al_outfile o;
    AL_TRY(al_outfile_open(path, &o));
    enum al_err e = al_xyz_write_frame(o.out, f);
    if (e) al_outfile_drop(&o);
    AL_TRY(e);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static double norm3(const double v[3])
{
    return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

static enum al_err note_real(struct al_frame *f, const char *key, const char *format, double value)
{
    char text[64];
    if (!isfinite(value)) return AL_ERR_OK;
    snprintf(text, sizeof text, format, value);
    AL_TRY(al_frame_info_set(f, key, text));
    return AL_ERR_OK;
}

static enum al_err note_result(struct al_frame *f, const struct label_report *r, enum al_err e, const char *fingerprint)
{
    char text[AL_ERR_TEXT];
    snprintf(text, sizeof text, "%d", r->scf_iterations);
    AL_TRY(al_frame_info_set(f, "scf_iterations", text));
    AL_TRY(al_frame_info_set(f, "fingerprint", fingerprint));
    AL_TRY(note_real(f, "gap", "%.4f", r->gap));
    AL_TRY(note_real(f, "pulay", "%.4f", r->pulay));
    AL_TRY(note_real(f, "residual_force", "%.3e", norm3(r->residual_force)));
    if (r->metallic) AL_TRY(al_frame_info_set(f, "metallic", "T"));
    if (r->rung && r->rung_name) AL_TRY(al_frame_info_set(f, "rescue", r->rung_name));
    if (e) {
        AL_TRY(al_frame_info_set(f, "failed", al_err_name(e)));
        AL_TRY(al_frame_info_set(f, "reason", al_err_message()));
    }
    return AL_ERR_OK;
}

static const char *yes_no(bool b)
{
    return b ? "yes" : "no";
}

// What the labeler tells, one line a frame; a metallic frame is told as a warning.
static void log_label(const struct label_ctx *c, const struct label_report *r, enum al_err e)
{
    const struct label_energies *u = &r->energies;
    fprintf(stderr,
            "level=%s task=%s ev=label frame=%s status=%s scf=%d seconds=%.1f gap_ev=%.3f metallic=%s fermi_ev=%.3f "
            "rung=%s applies=%ld ffts=%ld pulay_gpa=%.4f",
            r->metallic || r->rung ? "warn" : "info", c->t->id, c->frame_id, e ? al_err_name(e) : "ok",
            r->scf_iterations, r->seconds, r->gap, yes_no(r->metallic), r->fermi, r->rung_name ? r->rung_name : "none",
            r->applies, r->ffts, r->pulay);
    if (!e)
        fprintf(stderr,
                " total_ev=%.6f kinetic=%.4f nonlocal=%.4f local=%.4f hartree=%.4f xc=%.4f ewald=%.4f smearing=%.6f "
                "zero_width=%.6f net_force=%.1e,%.1e,%.1e stress_asymmetry=%.1e electron_error=%.1e band_residual=%.1e",
                u->total, u->kinetic, u->nonlocal, u->local, u->hartree, u->xc, u->ewald, u->smearing, u->zero_width,
                r->residual_force[0], r->residual_force[1], r->residual_force[2], r->stress_asymmetry, r->electron_error,
                r->band_residual);
    fputc('\n', stderr);
}

// TASKDIR/frame-NNN.EXT
static enum al_err frame_path(const struct label_ctx *c, long i, const char *ext, char ret[AL_PATH])
{
    char name[64];
    snprintf(name, sizeof name, "frame-%03ld.%s", i, ext);
    AL_TRY(task_path(c->t, ret, name));
    return AL_ERR_OK;
}

// eV; what alnd label shows and keeps beside the label.
static void write_energies(FILE *out, const struct label_report *r)
{
    const struct label_energies *u = &r->energies;
    const struct {
        const char *key;
        double value;
    } terms[] = {{"kinetic", u->kinetic}, {"nonlocal", u->nonlocal}, {"local", u->local},       {"hartree", u->hartree},
                 {"xc", u->xc},           {"ewald", u->ewald},       {"smearing", u->smearing}, {"zero_width", u->zero_width}};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        if (isfinite(terms[i].value)) fprintf(out, "energy_%s: %.6f\n", terms[i].key, terms[i].value);
    if (isfinite(r->fermi)) fprintf(out, "fermi: %.4f\n", r->fermi);
    fprintf(out, "metallic: %s\nrescue: %s\n", r->metallic ? "true" : "false", r->rung_name ? r->rung_name : "none");
    if (isfinite(r->stress_asymmetry)) fprintf(out, "stress_asymmetry: %.3e\n", r->stress_asymmetry);
    if (isfinite(r->electron_error)) fprintf(out, "electron_error: %.3e\n", r->electron_error);
    if (isfinite(r->band_residual)) fprintf(out, "band_residual: %.3e\n", r->band_residual);
    if (r->applies) fprintf(out, "applies: %ld\nffts: %ld\n", r->applies, r->ffts);
}

static enum al_err write_report(const struct label_ctx *c, int i, const struct label_report *r, const struct al_frame *f,
                                enum al_err failed)
{
    char path[AL_PATH], reason[AL_ERR_TEXT];
    struct al_outfile o;
    snprintf(reason, sizeof reason, "%s", failed ? al_err_message() : "");
    AL_TRY(frame_path(c, i, "yaml", path));
    AL_TRY(al_outfile_open(path, &o));
    if (failed) {
        al_yaml_str(o.out, 0, "failed", al_err_name(failed));
        al_yaml_str(o.out, 0, "reason", reason);
    } else {
        fprintf(o.out, "energy: %.9f\nresidual_force: %.3e\n", f->energy, norm3(r->residual_force));
        if (isfinite(r->gap)) fprintf(o.out, "gap: %.4f\n", r->gap);
        write_energies(o.out, r);
    }
    al_yaml_int(o.out, 0, "scf_iterations", r->scf_iterations);
    if (r->npw) {
        al_yaml_int(o.out, 0, "nbands", r->nbands);
        al_yaml_int(o.out, 0, "nkpt", r->nkpt);
        al_yaml_int(o.out, 0, "npw", r->npw);
        fprintf(o.out, "fft: %dx%dx%d\n", r->fft[0], r->fft[1], r->fft[2]);
    }
    al_yaml_int(o.out, 0, "ranks", loop_config_label_external(c->t->cfg) ? c->t->cfg->resources.label.ranks : c->comm->size);
    struct label_estimate est;
    if (registry_labeler_estimate(c->t->cfg, c->frame, c->comm->size, &est) == AL_ERR_OK && est.bytes > 0)
        fprintf(o.out, "flops: %.6g\nmib_per_rank: %.1f\n", est.flops, est.bytes / 1048576);
    fprintf(o.out, "seconds: %.3f\n", r->seconds);
    al_yaml_str(o.out, 0, "detail", r->detail);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

// Seconds of the frame into the sum; a task of a single frame tells everything of its report as facts.
static enum al_err take_report(struct label_ctx *c, int i, bool single)
{
    char path[AL_PATH];
    AL_OWN(al_node) n = NULL;
    AL_TRY(frame_path(c, i, "yaml", path));
    if (c->t->quiet || !al_exists(path)) return AL_ERR_OK;
    AL_TRY(al_yaml_read(path, &n));
    c->seconds += al_node_double(n, "seconds", 0);
    if (!al_node_get(n, "failed")) c->flops += al_node_double(n, "flops", 0);
    for (const struct al_node *k = n->child; k && single; k = k->next)
        if (k->kind == AL_NODE_SCALAR && strcmp(k->key, "seconds") != 0 && strcmp(k->key, "flops") != 0) AL_TRY(task_fact_text(c->t, k->key, k->text));
    return AL_ERR_OK;
}

// A frame at which worker after worker has died is not tried again.
static enum al_err try_frame(struct label_ctx *c, int i, struct al_frame *f, struct label_report *rep, bool *ret_given_up)
{
    char how[AL_ERR_TEXT] = "";
    int deaths = deaths_at(c->deaths, i, how, sizeof how);
    *ret_given_up = deaths >= c->t->cfg->resources.label_deaths;
    if (*ret_given_up) AL_FAIL(AL_ERR_LOST, "its worker died %d times (%.200s)", deaths, how);
    if (!c->t->quiet) AL_TRY(deaths_begin(c->t, i, c->frame_id, deaths));
    AL_TRY(c->labeler->ops->label(c->labeler, f, rep));
    return AL_ERR_OK;
}

// Labels frame i or takes its checkpoint; expected failures become a frame with a reason.
static enum al_err label_frame(struct label_ctx *c, int i, const struct al_frame *in, struct al_frame **ret)
{
    char path[AL_PATH];
    AL_TRY(frame_path(c, i, "extxyz", path));
    AL_OWN(al_frame) f = NULL;
    c->frame = in;
    c->index = i;
    AL_TRY_ALL(c->comm, read_checkpoint(c, path, in, &f));
    if (!f) {
        struct label_report rep = {0};
        AL_TRY(al_frame_copy(in, &f));
        bool given_up = false;
        enum al_err e = try_frame(c, i, f, &rep, &given_up);
        if (e && !given_up && (e == AL_ERR_STOPPED || al_err_class(e) != AL_CLASS_EXPECTED)) AL_TRY(e);
        AL_TRY(note_result(f, &rep, e, c->labeler->ops->fingerprint(c->labeler)));
        if (!c->t->quiet) {
            if (e) log_label(c, &rep, e); // while the reason is at hand
            AL_TRY(write_report(c, i, &rep, f, e));
            AL_TRY(write_one(path, f));
            if (!e) log_label(c, &rep, e); // a label that the log tells of is kept, whatever happens next
        }
    }
    *ret = f;
    f = NULL;
    return AL_ERR_OK;
}

static enum al_err label_all(struct label_ctx *c, const struct al_frames *in, long from, long count)
{
    AL_OWN(al_frames) good = NULL;
    AL_OWN(al_frames) bad = NULL;
    AL_TRY(al_frames_create(&good));
    AL_TRY(al_frames_create(&bad));
    for (long i = 0; i < count; i++) {
        AL_OWN(al_frame) f = NULL;
        const char *id = al_frame_info(in->f[from + i], "frame_id");
        c->frame_id = id ? id : "frame";
        c->done = (int)i;
        task_progress(c->t, i, count, "%s", c->frame_id);
        AL_TRY_MSG(label_frame(c, (int)i, in->f[from + i], &f), "labelling %s", c->frame_id);
        AL_TRY(take_report(c, (int)i, count == 1));
        AL_TRY(al_frames_push(al_frame_info(f, "failed") ? bad : good, &f));
    }
    if (!c->t->quiet) deaths_over(c->t); // what kills it now is no frame
    task_progress(c->t, count, count, "done");
    AL_TRY(task_fact_int(c->t, "nframes", good->n));
    AL_TRY(task_fact_int(c->t, "nfailed", bad->n));
    AL_TRY(task_fact_real(c->t, "seconds", c->seconds));
    AL_TRY(task_fact_real(c->t, "flops", c->flops));
    if (c->t->quiet) return AL_ERR_OK;
    char path[AL_PATH];
    AL_TRY(task_path(c->t, path, "labelled.extxyz"));
    AL_TRY(al_xyz_write(path, good));
    AL_TRY(task_artifact(c->t, path));
    if (bad->n) {
        AL_TRY(task_path(c->t, path, "failed.extxyz"));
        AL_TRY(al_xyz_write(path, bad));
        AL_TRY(task_artifact(c->t, path));
    }
    AL_TRY(task_path(c->t, path, "density.cube"));
    if (c->cube && al_exists(path)) AL_TRY(task_artifact(c->t, path));
    for (long i = 0; i < count; i++) { // the checkpoints are in labelled.extxyz now
        AL_TRY(frame_path(c, i, "extxyz", path));
        remove(path);
        AL_TRY(frame_path(c, i, "yaml", path));
        remove(path);
    }
    return AL_ERR_OK;
}

// Refused before the first orbital is allocated, with what would help.
static enum al_err check_memory(const struct label_ctx *c, const struct al_frames *in, long from, long count)
{
    const double gib = 1024.0 * 1024.0 * 1024.0, limit = registry_label_memory(c->t->cfg);
    struct label_estimate e;
    double last[3][3] = {{0}};
    int natoms = 0;
    for (long i = from; i < from + count && limit > 0; i++) {
        const struct al_frame *f = in->f[i];
        if (f->natoms == natoms && memcmp(last, f->cell, sizeof last) == 0) continue;
        natoms = f->natoms;
        memcpy(last, f->cell, sizeof last);
        if (registry_labeler_estimate(c->t->cfg, f, c->comm->size, &e) != AL_ERR_OK) continue; // labelling it tells why
        if (e.bytes <= 0) return AL_ERR_OK; // a program of somebody else: not known
        if (!c->t->quiet)
            fprintf(stderr, "level=info task=%s ev=estimate natoms=%d bands=%d kpoints=%d plane_waves=%d mib_per_rank=%.0f\n",
                    c->t->id, e.natoms, e.nbands, e.nkpt, e.npw, e.bytes / 1048576);
        if (e.bytes * c->comm->size > limit)
            AL_FAIL_HINT(AL_ERR_INPUT,
                         "more ranks on more machines, fewer k-points, a lower cut-off, or another resources.label.memory",
                         "frame %ld (%d atoms, %d k-points) needs %.2f GiB on each of %d ranks, but a label task may take "
                         "%.2f GiB in all", i + 1, e.natoms, e.nkpt, e.bytes / gib, c->comm->size, limit / gib);
    }
    return AL_ERR_OK;
}

// Points given by hand, and gamma, stay: nobody knows a denser set.
void label_tighten(struct cfg_label *l)
{
    snprintf(l->convergence, sizeof l->convergence, "tight");
    l->cutoff *= 1.3;
    l->kpoints.spacing /= 1.5;
    for (int k = 0; k < 3; k++) {
        l->fft_grid[k] = 0;
        if (l->kpoints.mode == KP_MESH) l->kpoints.mesh[k] *= 2;
    }
}

enum al_err label_frames(struct task *t, const struct al_frames *in, long from, long count)
{
    AL_OWN(comm) world = NULL;
    AL_TRY(comm_world(&world));
    struct label_ctx c = {.t = t, .comm = world, .total = (int)count, .frame_id = ""};
    c.cube = al_node_int(t->inputs, "cube", 0) != 0;
    AL_TRY_ALL(world, check_memory(&c, in, from, count));
    struct label_hooks hooks = {.step = on_scf_step, .stop = on_check_stop, .where = on_where, .progress = on_run, .density = c.cube ? on_density : NULL, .ctx = &c};
    AL_TRY_ALL(world, registry_labeler_open(t->cfg, &hooks, world, &c.labeler));
    enum al_err e = comm_agree(world, deaths_read(t, &c.deaths));
    if (!e) e = label_all(&c, in, from, count);
    labeler_destroy(&c.labeler);
    al_node_destroy(&c.deaths);
    AL_TRY(e);
    return AL_ERR_OK;
}

enum al_err verb_label(struct task *t)
{
    if (al_node_int(t->inputs, "tight", 0)) label_tighten(&t->cfg->label);
    const char *frames;
    long from, count;
    AL_TRY(task_input(t, "frames", &frames));
    AL_TRY(task_input_int(t, "from", &from));
    AL_TRY(task_input_int(t, "count", &count));
    AL_OWN(al_frames) in = NULL;
    AL_TRY(al_xyz_read(frames, &in));
    if (from < 0 || count < 1 || from + count > in->n)
        AL_FAIL(AL_ERR_CORRUPT, "%s: frames %ld..%ld of %s, which has %d", t->id, from, from + count - 1, frames, in->n);
    AL_TRY(label_frames(t, in, from, count));
    return AL_ERR_OK;
}
