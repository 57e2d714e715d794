// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "dft/rescue.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "dft/extrapolate.h"
#include "dft/occupation.h"

// Ha: 0.01 takes part of both sides of a small gap, 0.002 is nearly the state without or with the default smearing
static const double wide_width = 0.01, narrow_width = 0.002;
static const double no_gap = 0.02; // Ha, of the narrow state: where the finish fails too there is no closed shell

const char *rescue_name(int rung)
{
    static const char *const names[RESCUE_RUNGS] = {"default", "mixing", "smearing", "solver", "fresh"};
    return rung >= 0 && rung < RESCUE_RUNGS ? names[rung] : "none";
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

// The options of a rung.
static struct dft_options settings(const struct dft_options *opt, int rung, double nelec, double volume)
{
    struct dft_options o = *opt;
    const int full = occupation_full(nelec), extra = occupation_bands(&o, nelec, volume) - full;
    if (rung >= RESCUE_MIXING) {
        o.mix_beta = least(o.mix_beta, 0.3);
        o.mix_kerker = 1.2;
        o.mix_history = 16;
        if (o.smearing != DFT_SMEARING_NONE) o.nextra = 2 * extra + 2;
    }
    if (rung == RESCUE_SMEARING) {
        o.smearing = DFT_SMEARING_FERMI;
        o.smearing_width = wide_width;
        o.nextra = -1;
        o.nextra = occupation_bands(&o, nelec, volume) - full + extra;
    }
    if (rung >= RESCUE_SOLVER) {
        o.diag_scale *= 0.1;
        o.nextra = 3 * extra + 4;
    }
    if (rung == RESCUE_FRESH) {
        o.start += 1;
        o.coarse = 0;
        o.diag_scale *= 0.1;
        o.mix_beta = least(o.mix_beta, 0.1);
        o.mix_history = 24;
    }
    return o;
}

struct attempt {
    struct dft_system *s;
    const struct kpoint_set *k;
    const struct xc_func *func;
    struct rescue_log *log;
    struct history *history; // NULL: none
};

// few: o has the bands of an insulator, which is our own choice. warm: NULL, or a state whose density and lowest bands are the start.
static enum al_err attempt(const struct attempt *a, const struct dft_options *o, bool few, const struct scf *warm,
                           struct scf **ret)
{
    AL_OWN(scf) p = NULL;
    AL_TRY(scf_create(o, a->s, a->k, a->func, &p));
    p->rung = a->log->rung;
    p->bands_of_insulator = few;
    if (a->history) AL_TRY(history_start(a->history, p));
    if (warm) {
        p->warm = true;
        memcpy(p->rho_in, warm->rho_out, (size_t)a->s->b->ng * sizeof *p->rho_in);
        for (int i = 0; i < p->nk; i++)
            memcpy(p->psi[i], warm->psi[i],
                   (size_t)(p->nb < warm->nb ? p->nb : warm->nb) * (size_t)p->k[i]->nloc * sizeof *p->psi[i]);
    }
    enum al_err e = comm_agree(a->s->b->comm, scf_run(p));
    a->log->iterations += p->iterations;
    a->log->coarse_iterations += p->coarse_iterations;
    a->log->applies += p->applies + p->coarse_applies;
    a->log->coarse_applies += p->coarse_applies;
    a->log->ffts += p->ffts + p->coarse_ffts;
    a->log->few_bands = e == AL_ERR_UNPHYSICAL && p->few_bands;
    AL_TRY(e);
    *ret = p;
    p = NULL;
    return AL_ERR_OK;
}

static bool can_be_rescued(enum al_err e)
{
    return e == AL_ERR_NOTCONV || e == AL_ERR_UNPHYSICAL;
}

// The state asked for from smeared ones, narrower from one to the next; *ret_end: no rung can help.
static enum al_err by_smearing(const struct attempt *a, const struct dft_options *opt, bool *ret_end,
                               struct scf **ret)
{
    const double nelec = a->s->nelec - opt->charge, volume = a->s->b->volume;
    AL_OWN(scf) wide = NULL;
    AL_OWN(scf) narrow = NULL;
    const bool fixed = opt->smearing == DFT_SMEARING_NONE;
    struct dft_options o = settings(opt, RESCUE_SMEARING, nelec, volume),
                       last = settings(opt, RESCUE_MIXING, nelec, volume);
    AL_TRY(attempt(a, &o, false, NULL, &wide));
    o.smearing_width = narrow_width;
    AL_TRY(attempt(a, &o, false, wide, &narrow));
    if (fixed && !(narrow->gap > 0)) {
        *ret_end = true;
        AL_FAIL_HINT(AL_ERR_UNPHYSICAL, "label.smearing takes metals",
                     "converged with smearing only, where bands overlap by %.3f eV: a metal",
                     -narrow->gap * AL_HARTREE_EV);
    }
    enum al_err e = attempt(a, &last, false, narrow, ret);
    if (fixed && can_be_rescued(e) && narrow->gap < no_gap) {
        *ret_end = true;
        al_err_clear();
        AL_FAIL_HINT(e, "label.smearing takes metals", "converged with smearing only, gap %.3f eV: no closed-shell state",
                     narrow->gap * AL_HARTREE_EV);
    }
    return e;
}

// Settings as given. With smearing and the number of bands left to us: those of an insulator first, then what free electrons
// would fill, then twice and four times as many empty ones.
static enum al_err first_rung(const struct attempt *a, const struct dft_options *opt, struct scf **ret)
{
    struct dft_options o = *opt;
    const double nelec = a->s->nelec - opt->charge, volume = a->s->b->volume;
    const bool choose = opt->smearing != DFT_SMEARING_NONE && opt->nextra < 0;
    if (choose) o.nextra = occupation_bands_of_insulator(nelec) - occupation_full(nelec);
    for (int again = 0;; again++) {
        enum al_err e = attempt(a, &o, choose && again == 0, NULL, ret);
        if (e == AL_ERR_OK || !a->log->few_bands || !choose || again == 3) return e;
        al_err_clear();
        o.nextra = again == 0 ? occupation_bands(opt, nelec, volume) - occupation_full(nelec) : 2 * o.nextra;
    }
}

// From the frames before, with as many bands as they had.
static enum al_err from_history(const struct attempt *a, const struct dft_options *opt, struct scf **ret)
{
    struct dft_options o = *opt;
    const double nelec = a->s->nelec - opt->charge;
    const int bands = history_bands(a->history);
    const bool choose = opt->smearing != DFT_SMEARING_NONE && opt->nextra < 0;
    if (choose) o.nextra = bands - occupation_full(nelec);
    return attempt(a, &o, choose, NULL, ret);
}

enum al_err rescue_run(const struct dft_options *opt, struct dft_system *s, const struct kpoint_set *k,
                       const struct xc_func *func, struct history *history, struct rescue_log *log, struct scf **ret)
{
    const struct attempt a = {s, k, func, log, history};
    const int rungs = opt->no_rescue ? 1 : RESCUE_RUNGS;
    char first[160] = "";
    enum al_err e = AL_ERR_OK;
    bool end = false;
    if (history && history_frames(history) > 0) {
        e = from_history(&a, opt, ret);
        if (e == AL_ERR_OK || !can_be_rescued(e)) return e;
        history_forget(history);
    }
    for (int rung = 0; rung < rungs && !end; rung++) {
        if (rung == RESCUE_SMEARING && opt->smearing != DFT_SMEARING_NONE && opt->smearing_width > narrow_width) continue;
        const struct dft_options o = settings(opt, rung, s->nelec - opt->charge, s->b->volume);
        al_err_clear();
        log->rung = rung;
        log->tried++;
        e = rung == RESCUE_SMEARING ? by_smearing(&a, opt, &end, ret)
            : rung == RESCUE_NONE   ? first_rung(&a, opt, ret)
                                    : attempt(&a, &o, false, NULL, ret);
        if (e == AL_ERR_OK || !can_be_rescued(e)) break;
        if (rung == 0) snprintf(first, sizeof first, "%s", al_err_message());
    }
    if (e && log->tried > 1 && can_be_rescued(e))
        AL_TRY_MSG(e, "rescue failed at rung %s; at first: %s", rescue_name(log->rung), first);
    AL_TRY(e);
    return AL_ERR_OK;
}
