// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "lammps/lammps.h"

enum { MAX_TYPES = 32 };

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// The turned cell as rows.
static void rows_of(const double h[6], double m[3][3])
{
    const double row[3][3] = {{h[0], 0, 0}, {h[1], h[2], 0}, {h[3], h[4], h[5]}};
    memcpy(m, row, sizeof row);
}

static void inverse(const double m[3][3], double det, double r[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            int a = (k + 1) % 3, b = (k + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            r[i][k] = (m[a][c] * m[b][d] - m[a][d] * m[b][c]) / det;
        }
}

enum al_err lmp_cell_of(const double cell[3][3], struct lmp_cell *ret)
{
    const double *a = cell[0], *b = cell[1], *c = cell[2];
    double det = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
    struct lmp_cell l;
    double *h = l.h, turned[3][3], inv[3][3];
    if (!(fabs(det) > 1e-6)) AL_FAIL(AL_ERR_INPUT, "the cell has no volume");
    h[0] = sqrt(dot(a, a));
    h[1] = dot(a, b) / h[0];
    h[2] = sqrt(dot(b, b) - h[1] * h[1]);
    h[3] = dot(a, c) / h[0];
    h[4] = (dot(b, c) - h[1] * h[3]) / h[2];
    h[5] = fabs(det) / (h[0] * h[2]);
    // rows: cell q^T = turned, so q^T = cell^-1 turned
    rows_of(h, turned);
    inverse(cell, det, inv);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            double sum = 0;
            for (int j = 0; j < 3; j++)
                sum += inv[i][j] * turned[j][k];
            l.q[k][i] = sum;
        }
    *ret = l;
    return AL_ERR_OK;
}

void lmp_cell_back(const struct lmp_cell *c, double ret_cell[3][3])
{
    double turned[3][3];
    rows_of(c->h, turned);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            ret_cell[i][k] = 0;
            for (int j = 0; j < 3; j++)
                ret_cell[i][k] += turned[i][j] * c->q[j][k];
        }
}

// Elements in order of first appearance: LAMMPS' types.
struct types {
    int n, z[MAX_TYPES];
};

static int type_of(const struct types *t, int z)
{
    for (int i = 0; i < t->n; i++)
        if (t->z[i] == z) return i + 1;
    return 0;
}

static enum al_err find_types(const struct al_frame *f, struct types *t)
{
    t->n = 0;
    for (int i = 0; i < f->natoms; i++) {
        if (type_of(t, f->z[i])) continue;
        if (t->n == MAX_TYPES) AL_FAIL(AL_ERR_UNSUPPORTED, "more than %d elements", MAX_TYPES);
        t->z[t->n++] = f->z[i];
    }
    return AL_ERR_OK;
}

static void turn(const double q[3][3], const double r[3], double scale, double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = scale * dot(q[i], r);
}

static enum al_err write_data(const char *dir, const struct lmp_job *j, const struct types *t)
{
    const struct al_frame *f = j->start;
    struct lmp_cell c;
    struct al_outfile o;
    char path[AL_PATH];
    double x[3];
    AL_TRY(lmp_cell_of((const double(*)[3])f->cell, &c));
    AL_TRY(al_path(path, "%s/start.data", dir));
    AL_TRY(al_outfile_open(path, &o));
    const double *h = c.h;
    fprintf(o.out, "%s (alnd)\n\n%d atoms\n%d atom types\n\n", j->title, f->natoms, t->n);
    fprintf(o.out, "0 %.17g xlo xhi\n0 %.17g ylo yhi\n0 %.17g zlo zhi\n%.17g %.17g %.17g xy xz yz\n\nMasses\n\n", h[0], h[2], h[5],
            h[1], h[3], h[4]);
    for (int i = 0; i < t->n; i++)
        fprintf(o.out, "%d %.10g # %s\n", i + 1, al_element_mass(t->z[i]), al_element_symbol(t->z[i]));
    fputs("\nAtoms # atomic\n\n", o.out);
    for (int i = 0; i < f->natoms; i++) {
        turn((const double(*)[3])c.q, f->pos[i], 1, x);
        fprintf(o.out, "%d %d %.17g %.17g %.17g\n", i + 1, type_of(t, f->z[i]), x[0], x[1], x[2]);
    }
    fputs("\nVelocities\n\n", o.out);
    for (int i = 0; i < f->natoms; i++) {
        turn((const double(*)[3])c.q, f->vel[i], 1000, x); // Ang/fs to Ang/ps
        fprintf(o.out, "%d %.17g %.17g %.17g\n", i + 1, x[0], x[1], x[2]);
    }
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static void write_ensemble(FILE *out, const struct lmp_job *j)
{
    const double ps = 1e-3, bar = 1e4, t = j->temperature; // of fs and GPa
    if (strcmp(j->ensemble, "npt") == 0) {
        fprintf(out, "# Nose-Hoover chains\nfix             move all npt temp %.10g %.10g %.10g %s %.10g %.10g %.10g\n", t, t, ps * j->tau,
                j->full ? "tri" : "iso", bar * j->pressure, bar * j->pressure, ps * j->tau_p);
        return;
    }
    if (strcmp(j->ensemble, "nvt") == 0 && strcmp(j->thermostat, "nhc") == 0) {
        fprintf(out, "# Nose-Hoover chain\nfix             move all nvt temp %.10g %.10g %.10g\n", t, t, ps * j->tau);
        return;
    }
    fputs("fix             move all nve\n", out);
    if (strcmp(j->ensemble, "nve") == 0) return;
    if (strcmp(j->thermostat, "langevin") == 0)
        fprintf(out, "fix             heat all langevin %.10g %.10g %.10g %u zero yes tally yes\n", t, t, ps * j->tau, (unsigned)j->seed);
    else
        fprintf(out, "# stochastic velocity rescaling (Bussi, Donadio, Parrinello)\n"
                     "fix             heat all temp/csvr %.10g %.10g %.10g %u\n", t, t, ps * j->tau, (unsigned)j->seed);
}

// A stop is asked for by the file `stop`; LAMMPS then writes a restart file and ends with code 3.
static void write_run(FILE *out, const struct lmp_job *j)
{
    const char *columns = "id type xu yu zu vx vy vz";
    fprintf(out, "log             log.lammps append\nthermo          %ld\n", j->thermo_every);
    fputs("thermo_style    custom step temp pe ke econserve press vol\nthermo_modify   line one format float %.15g flush yes lost error\n",
          out);
    fprintf(out, "dump            frames all custom %ld dump.lammpstrj %s\n", j->dump_every, columns);
    fputs("dump_modify     frames sort id format float %.15g append yes flush yes\n", out);
    fprintf(out, "restart         %ld *.restart\n", j->restart_every);
    fputs("variable        stop equal is_file(stop)\nfix             stopper all halt 10 v_stop > 0 error continue message no\n", out);
    fprintf(out, "run             %ld upto\n", j->nsteps);
    fprintf(out, "if \"$(step) < %ld\" then \"write_restart *.restart\" \"print 'alnd: restart $(step)'\" \"quit 3\"\n", j->nsteps);
    fprintf(out, "write_dump      all custom final.tmp %s modify sort id format float %%.17g\n", columns);
    fputs("shell           mv final.tmp final.lammpstrj\n", out);
}

static enum al_err write_input(const char *dir, const struct lmp_job *j, const struct types *t, long from_step)
{
    struct al_outfile o;
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/in.lammps", dir));
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "# %s, written by alnd\nbox             tilt large\n", j->title);
    if (from_step >= 0)
        fprintf(o.out, "read_restart    %ld.restart\n", from_step);
    else
        fputs("units           metal\natom_style      atomic\nboundary        p p p\n"
              "read_data       start.data\n",
              o.out);
    fputs("pair_style      deepmd model.dp\npair_coeff      * *", o.out);
    for (int i = 0; i < t->n; i++)
        fprintf(o.out, " %s", al_element_symbol(t->z[i]));
    fprintf(o.out, "\nneighbor        1.0 bin\nneigh_modify    every 1 delay 0 check yes\ntimestep        %.10g\n", 1e-3 * j->dt);
    write_ensemble(o.out, j);
    write_run(o.out, j);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

enum al_err lmp_write(const char *dir, const struct lmp_job *j, long from_step)
{
    struct types t;
    if (!j->start->pbc) AL_FAIL(AL_ERR_UNSUPPORTED, "the engine lammps is for periodic cells");
    AL_TRY(find_types(j->start, &t));
    if (from_step < 0) AL_TRY(write_data(dir, j, &t));
    AL_TRY(write_input(dir, j, &t, from_step));
    return AL_ERR_OK;
}
