// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// The estimate of memory against the peak resident set of a whole label: two cells, one and several k-points, each in a process of
// its own, because the peak of a process never falls.
//   test_dft_estimate [STRUCTURE ECUT SPACING]     (alone: one case; SPACING 0: Gamma)
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "dft/estimate.h"
#include "reference.h"

struct measured {
    double estimate, peak;     // bytes
    int npw[2], nbands[2], nkpt[2], fft[2]; // estimated, used
};

static enum al_err measure(const char *structure, double ecut, double spacing, struct comm *comm, struct measured *ret)
{
    AL_OWN(al_frame) f = NULL;
    struct labeler *l = NULL;
    struct label_report rep;
    struct dft_options opt;
    struct dft_estimate e;
    struct rusage u;
    AL_TRY(al_structure_read(structure, &f));
    spms_options(spms_dir(), &opt);
    opt.ecut = ecut;
    if (spacing > 0) opt.kpoints = (struct dft_kpoints){.kind = DFT_KPOINTS_SPACING, .spacing = spacing};
    AL_TRY(dft_estimate(&opt, f, comm->size, &e));
    AL_TRY(dft_labeler_open(&opt, comm, &l));
    enum al_err err = l->ops->label(l, f, &rep);
    labeler_destroy(&l);
    AL_TRY(err);
    getrusage(RUSAGE_SELF, &u);
    *ret = (struct measured){e.bytes, 1024.0 * (double)u.ru_maxrss, {e.npw, rep.npw}, {e.nbands, rep.nbands},
                             {e.nkpt, rep.nkpt}, {e.fft[0] * e.fft[1] * e.fft[2], rep.fft[0] * rep.fft[1] * rep.fft[2]}};
    return AL_ERR_OK;
}

static int one_case(const char *structure, double ecut, double spacing, struct comm *comm)
{
    struct measured m;
    if (measure(structure, ecut, spacing, comm, &m) != AL_ERR_OK) {
        fprintf(stderr, "%s\n", al_err_message());
        return 1;
    }
    int bad = m.npw[0] != m.npw[1] || m.nbands[0] != m.nbands[1] || m.nkpt[0] != m.nkpt[1] || m.fft[0] != m.fft[1];
    if (comm->rank == 0)
        printf("%s %g Ha: estimated %.0f MiB, peak %.0f MiB (%.2f); plane waves %d %d, bands %d %d, k-points %d %d, grid %d %d\n",
               structure, ecut, m.estimate / 1048576, m.peak / 1048576, m.estimate / m.peak, m.npw[0], m.npw[1], m.nbands[0],
               m.nbands[1], m.nkpt[0], m.nkpt[1], m.fft[0], m.fft[1]);
#ifndef __SANITIZE_ADDRESS__ // which has memory of its own in the peak
    if (fabs(m.estimate - m.peak) > 0.25 * m.peak) bad = 1;
#endif
    return bad;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *structure;
        double ecut, spacing;
    } cases[] = {{"gamma.extxyz", 10, 0}, {"gamma.extxyz", 16, 0.52}, {"beta.extxyz", 14, 0}};
    struct comm *comm = NULL;
    int bad = 0;
    skip_without_data(false);
    if (argc == 4) {
        if (comm_init(&argc, &argv) != AL_ERR_OK || comm_world(&comm) != AL_ERR_OK) return 1;
        bad = one_case(argv[1], atof(argv[2]), atof(argv[3]), comm);
        comm_destroy(&comm);
        comm_finalize();
        return bad;
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512], ecut[32], spacing[32];
        int status = 1;
        snprintf(path, sizeof path, "%s/configs/structures/%s", ALND_SOURCE_DIR, cases[i].structure);
        snprintf(ecut, sizeof ecut, "%g", cases[i].ecut);
        snprintf(spacing, sizeof spacing, "%g", cases[i].spacing);
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", argv[0], path, ecut, spacing, (char *)NULL);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) bad = 1;
    }
    return bad;
}
