// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/frame.h"
#include "base/mem.h"
#include "cli/export.h"

static const char demo_note[] =
    "DEMONSTRATION settings: far too small for physics; no number here says anything about the material.";

static double dot(const double a[3], const double b[3])
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// The cell as LAMMPS wants it: a along x, b in the xy plane (https://docs.lammps.org/Howto_triclinic.html).
// h: ax, bx, by, cx, cy, cz. A left-handed cell has negative cz: LAMMPS cannot take it.
static enum al_err lammps_cell(const struct al_frame *f, double h[6])
{
    const double *a = f->cell[0], *b = f->cell[1], *c = f->cell[2];
    double la = sqrt(dot(a, a)), det = a[0] * (b[1] * c[2] - b[2] * c[1]) -
                                       a[1] * (b[0] * c[2] - b[2] * c[0]) +
                                       a[2] * (b[0] * c[1] - b[1] * c[0]);
    if (!(det > 0)) AL_FAIL(AL_ERR_UNSUPPORTED, "the cell is left-handed, which LAMMPS cannot take");
    h[0] = la;
    h[1] = dot(a, b) / la;
    h[2] = sqrt(dot(b, b) - h[1] * h[1]);
    h[3] = dot(a, c) / la;
    h[4] = (dot(b, c) - h[1] * h[3]) / h[2];
    h[5] = det / (h[0] * h[2]);
    return AL_ERR_OK;
}

// Fractional coordinates s of r: r = s0 a + s1 b + s2 c.
static void fractional(const struct al_frame *f, const double r[3], double s[3])
{
    const double(*m)[3] = (const double(*)[3])f->cell;
    for (int i = 0; i < 3; i++) {
        const double *u = m[(i + 1) % 3], *v = m[(i + 2) % 3], *w = m[i];
        double n[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
        s[i] = dot(r, n) / dot(w, n);
    }
}

static int type_of(const struct export *x, int z)
{
    for (int i = 0; i < x->nelements; i++)
        if (x->z[i] == z) return i + 1;
    return 0;
}

static enum al_err write_data(const struct export *x, const char *name)
{
    AL_OWN(al_frame) f = NULL;
    char path[AL_PATH];
    double h[6];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/structures/%s.extxyz", x->dir, name));
    AL_TRY(al_structure_read(path, &f));
    AL_TRY(lammps_cell(f, h));
    AL_TRY(al_path(path, "%s/lammps/%s.data", x->dir, name));
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "%s, the loop's starting structure (alnd)\n\n%d atoms\n%d atom types\n\n", name, f->natoms,
            x->nelements);
    fprintf(o.out,
            "0 %.12f xlo xhi\n0 %.12f ylo yhi\n0 %.12f zlo zhi\n%.12f %.12f %.12f xy xz yz\n\nMasses\n\n",
            h[0], h[2], h[5], h[1], h[3], h[4]);
    for (int i = 0; i < x->nelements; i++)
        fprintf(o.out, "%d %.4f # %s\n", i + 1, al_element_mass(x->z[i]), al_element_symbol(x->z[i]));
    fputs("\nAtoms # atomic\n\n", o.out);
    for (int i = 0; i < f->natoms; i++) {
        double s[3];
        fractional(f, f->pos[i], s);
        for (int k = 0; k < 3; k++)
            s[k] -= floor(s[k]);
        fprintf(o.out, "%d %d %.12f %.12f %.12f\n", i + 1, type_of(x, f->z[i]),
                s[0] * h[0] + s[1] * h[1] + s[2] * h[3], s[1] * h[2] + s[2] * h[4], s[2] * h[5]);
    }
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static void write_pair(const struct export *x, FILE *out)
{
    const struct cfg_train *c = &x->config->train;
    fputs("# with several models their force deviation (eV/Ang) is written to model_devi.out\n"
          "variable        suffix index dp\n", out);
    if (x->zbl)
        fprintf(out,
                "# The models were trained with this ZBL repulsion and are wrong without it. With alnd-lmp the same as\n"
                "# pair_style deepmd ../models/graph.0.dp ...: there the repulsion is in the file.\n"
                "pair_style      hybrid/overlay zbl %.10g %.10g deepmd", c->zbl_inner, c->zbl_outer);
    else
        fputs("pair_style      deepmd", out);
    for (int i = 0; i < x->nmodels; i++)
        fprintf(out, " ../models/graph.%d.%s${suffix}", i, x->zbl ? "without_zbl." : "");
    fprintf(out, "%s\npair_coeff      * *%s", x->nmodels > 1 ? " out_file model_devi.out out_freq 100" : "",
            x->zbl ? " deepmd" : "");
    for (int i = 0; i < x->nelements; i++)
        fprintf(out, " %s", al_element_symbol(x->z[i]));
    fputc('\n', out);
    for (int i = 0; x->zbl && i < x->nelements; i++)
        for (int j = i; j < x->nelements; j++)
            fprintf(out, "pair_coeff      %d %d zbl %d %d\n", i + 1, j + 1, x->z[i], x->z[j]);
}

static enum al_err write_lammps(const struct export *x, const char *name)
{
    char path[AL_PATH];
    struct al_outfile o;
    const struct loop_config *c = x->config;
    double t = c->production.temperatures.v[0];
    AL_TRY(al_path(path, "%s/lammps/in.%s", x->dir, name));
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out,
            "# NVT of %s with the committee. In this directory\n"
            "#   alnd-lmp -in in.%s                                   the .dp files, without TensorFlow\n"
            "#   ../convert.sh && lmp -in in.%s -var suffix pb        deepmd-kit's own library\n",
            name, name, name);
    if (c->demonstration) fprintf(o.out, "# %s\n", demo_note);
    fprintf(o.out,
            "units           metal\natom_style      atomic\nboundary        p p p\nread_data       %s.data\n",
            name);
    fprintf(o.out, "replicate       %d %d %d\n", c->production.supercell[0], c->production.supercell[1],
            c->production.supercell[2]);
    write_pair(x, o.out);
    fprintf(o.out, "neighbor        2.0 bin\ntimestep        %g\n", 1e-3 * c->production.timestep);
    fprintf(o.out, "velocity        all create %g 20261123 mom yes rot no dist gaussian\n", t);
    fprintf(o.out, "fix             nvt all nvt temp %g %g 0.1\n", t, t);
    fputs("thermo          100\nthermo_style    custom step temp pe ke etotal press vol\n", o.out);
    fputs("dump            traj all custom 100 traj.lammpstrj id type xu yu zu\nrun             10000\n",
          o.out);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

static enum al_err write_text(const struct export *x, const char *name, const char *text)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/%s", x->dir, name));
    AL_TRY(al_file_write(path, text, strlen(text)));
    return AL_ERR_OK;
}

static enum al_err write_ase(const struct export *x)
{
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/ase_md.py", x->dir));
    AL_TRY(al_outfile_open(path, &o));
    fputs(x->zbl ? "# MD with ASE and alnd's Python module on the .dp files.\n"
                 : "# MD with ASE: with alnd's Python module on the .dp files, or, where that is not found, with deepmd-kit\n"
                   "# on the .pb files that convert.sh makes.\n",
          o.out);
    if (x->config->demonstration) fprintf(o.out, "# %s\n", demo_note);
    fputs("from ase import units\nfrom ase.io import read\nfrom ase.md.langevin import Langevin\n\n"
          "try:\n    from alnd.ase import Alnd\n    calculator = Alnd(",
          o.out);
    for (int i = 0; i < x->nmodels; i++)
        fprintf(o.out, "%s\"models/graph.%d.dp\"", i ? ", " : "", i);
    if (x->zbl)
        fputs(")\nexcept ImportError:\n    raise SystemExit(\"alnd's Python module is not found; deepmd-kit's calculator \"\n"
              "                     \"lacks the ZBL repulsion that is part of these models\")\n\n",
              o.out);
    else
        fputs(")\nexcept ImportError:\n    from deepmd.calculator import DP\n"
              "    calculator = DP(model=\"models/graph.0.pb\")\n\n",
              o.out);
    fprintf(o.out,
            "atoms = read(\"structures/%s.extxyz\", index=0)\n"
            "atoms.calc = calculator\n"
            "print(\"energy\", atoms.get_potential_energy(), \"eV\")\n"
            "print(\"forces\", atoms.get_forces(), \"eV/Ang\")\n"
            "if \"deviation\" in calculator.results:\n"
            "    print(\"deviation of the committee, eV/Ang, at most\", calculator.results[\"deviation\"].max_force)\n\n"
            "md = Langevin(atoms, timestep=%g * units.fs, temperature_K=%g, friction=0.01 / units.fs, "
            "trajectory=\"md.traj\")\n"
            "md.run(100)\n",
            x->config->system[0].name, x->config->production.timestep,
            x->config->production.temperatures.v[0]);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}

// Of both scripts: for each model n.dp that deepmd-kit can take.
#define CONVERT_EACH \
    "python=$(sed -n '1s/^#!//p' \"$(command -v dp)\")\n" \
    "for f in graph.*.dp; do\n" \
    "    n=${f%.dp}\n" \
    "    [ -e \"$n.without_zbl.dp\" ] && continue # with ZBL repulsion, which deepmd-kit cannot take\n"

static const char convert_sh[] =
    "#!/bin/sh\n"
    "# convert.sh [--compress]: models/graph.*.dp to .pb for deepmd-kit's own LAMMPS and ASE; --compress: also to\n"
    "# graph.*.compressed.pb (faster, larger). Needs deepmd-kit >= 3 with TensorFlow (pip install 'deepmd-kit[cpu]').\n"
    "set -e\ncd \"$(dirname \"$0\")/models\"\n"
    CONVERT_EACH
    "    dp convert-backend \"$f\" \"$n.pb\"\n"
    "    if [ \"${1:-}\" = --compress ]; then\n"
    "        \"$python\" ../pbfix.py \"$n.pb\" \"$n.fixed.pb\"\n"
    "        dp --tf compress -i \"$n.fixed.pb\" -o \"$n.compressed.pb\"\n"
    "        rm -rf \"$n.fixed.pb\" model-compression compress.json input_v2_compat.json\n"
    "    fi\n"
    "done\n";

static const char convert_angular_sh[] =
    "#!/bin/sh\n"
    "# convert.sh: models/graph.*.dp, which have angles, to .pb for deepmd-kit's own LAMMPS and ASE. Needs deepmd-kit >= 3 with TensorFlow\n"
    "# (pip install 'deepmd-kit[cpu]').\n"
    "set -e\ncd \"$(dirname \"$0\")/models\"\n"
    "if [ $# -gt 0 ]; then\n"
    "    echo \"convert.sh: no $1: deepmd-kit cannot compress models with angles (rcut_angular); without it they are converted\" >&2\n"
    "    exit 1\n"
    "fi\n"
    CONVERT_EACH
    "    \"$python\" ../dp_angular.py \"$f\" \"$n.pb\"\n"
    "done\n";

enum al_err export_inputs(const struct export *x)
{
    char path[AL_PATH];
    AL_TRY(al_path(path, "%s/lammps", x->dir));
    AL_TRY(al_mkdirs(path));
    for (int i = 0; i < x->config->nsystems; i++) {
        AL_TRY_MSG(write_data(x, x->config->system[i].name), "LAMMPS data of %s", x->config->system[i].name);
        AL_TRY(write_lammps(x, x->config->system[i].name));
    }
    AL_TRY(write_ase(x));
    AL_TRY(write_text(x, "pbfix.py", cli_pbfix));
    if (x->angular) AL_TRY(write_text(x, "dp_angular.py", cli_dp_angular));
    AL_TRY(write_text(x, "convert.sh", x->angular ? convert_angular_sh : convert_sh));
    AL_TRY(al_path(path, "%s/convert.sh", x->dir));
    if (chmod(path, 0755) != 0) AL_FAIL(AL_ERR_IO, "cannot make %s executable", path);
    return AL_ERR_OK;
}

static void write_facts(FILE *out, const struct view_task *models)
{
    fputs("\n| fact | value |\n|---|---|\n", out);
    for (int i = 0; i < models->nfacts; i++)
        fprintf(out, "| %s | %s |\n", models->fact[i].key, models->fact[i].value);
}

static void write_about_zbl(const struct export *x, FILE *out)
{
    const struct cfg_train *c = &x->config->train;
    fprintf(out,
            "\n**The models contain a ZBL repulsion** between nuclei, LAMMPS' `pair_style zbl %.10g %.10g` (full up to %.10g Ang, "
            "switched\noff at %.10g Ang); the networks learned what it leaves, and energies and errors are those of both together.\n"
            "- models/graph.N.dp: both, for alnd, alnd-lmp, ASE, C. deepmd-kit refuses these files: it has no such model.\n"
            "- models/graph.N.without_zbl.dp: the networks alone, **wrong by themselves** below %.10g Ang. In LAMMPS they are exact with\n"
            "  `pair_style hybrid/overlay zbl %.10g %.10g deepmd ...`, as in lammps/in.*. `dp test` and deepmd-kit's ASE calculator\n"
            "  cannot add the repulsion.\n",
            c->zbl_inner, c->zbl_outer, c->zbl_inner, c->zbl_outer, c->zbl_outer, c->zbl_inner, c->zbl_outer);
}

static void write_use_deepmd(const struct export *x, FILE *out)
{
    const char *system = x->config->system[0].name;
    fputs("With deepmd-kit (>= 3): convert first, whatever uses the models, because deepmd-kit reads .dp files with its\n"
          "NumPy backend, which has no derivatives, and gives NaN for forces and virial.\n\n"
          "    ./convert.sh                       # .dp -> .pb",
          out);
    fputs(x->angular ? " (with dp_angular.py, because of the angles; no compression)\n" : "; --compress: also compressed\n", out);
    fprintf(out, "    (cd lammps && lmp -in in.%s -var suffix pb)\n", system);
    if (!x->zbl) fprintf(out, "    dp test -m models/graph.0.pb -s data/test/%s\n", system);
}

enum al_err export_card(const struct export *x, const struct view_task *models)
{
    const struct loop_config *c = x->config;
    char path[AL_PATH];
    struct al_outfile o;
    AL_TRY(al_path(path, "%s/README.md", x->dir));
    AL_TRY(al_outfile_open(path, &o));
    fprintf(o.out, "# %s: interatomic potentials made by alnd\n\n", c->name);
    if (c->demonstration) fprintf(o.out, "**%s**\n\n", demo_note);
    bool converged = view_fact_int(models, "converged", 0) == 1;
    fprintf(o.out, "%d Deep Potential models (se_e2_a, cut-off %g Ang", x->nmodels, c->train.rcut);
    if (x->angular) fprintf(o.out, ", with angles within %g Ang", c->train.rcut_angular);
    fputs(") of the elements", o.out);
    for (int i = 0; i < x->nelements; i++)
        fprintf(o.out, " %s", al_element_symbol(x->z[i]));
    fprintf(
        o.out,
        ", in this order of types. Trained by active learning on %s labels (%s, plane waves, cut-off %g Ha, "
        "pseudopotentials %s).\nThe loop **%s** by its own rule (section `converge` of loop.yaml; errors on "
        "held-out frames).\n",
        c->label.engine, c->label.functional, c->label.cutoff, c->label.pseudopotentials,
        converged ? "converged" : "did not converge");
    fputs("\nTrained for: ", o.out);
    for (int i = 0; i < c->nsystems; i++)
        fprintf(o.out, "%s%s", i ? ", " : "", c->system[i].name);
    fputs("; explored at", o.out);
    for (int i = 0; i < c->explore.temperatures.n; i++)
        fprintf(o.out, "%s %g K", i ? "," : "", c->explore.temperatures.v[i]);
    for (int i = 0; i < c->explore.pressures.n; i++)
        fprintf(o.out, "%s %g GPa", i ? "," : " and", c->explore.pressures.v[i]);
    fputs(".", o.out);
    fputs(" Elsewhere watch the committee's deviation.\n", o.out);
    if (x->zbl) write_about_zbl(x, o.out);
    write_facts(o.out, models);
    fprintf(o.out, "\n| path | what |\n|---|---|\n| models/ | the committee, .dp (%s); model.yaml: card of the training |\n",
            x->angular ? "deepmd-kit refuses them: convert.sh" : "deepmd-kit >= 3");
    fputs("| data/{train,valid,test} | labelled frames, deepmd/npy; test was never trained on |\n"
          "| errors/ | error tables of each iteration (eV/atom, eV/Ang; test: held-out) |\n"
          "| certificate.yaml | how far the potential can be trusted, and on what; when the report is there |\n"
          "| comparison.yaml | whether the systems differ: ratios of D, activation energies, 95 % intervals; when the report is there |\n"
          "| transport/ | diffusion of the production runs, when there are any |\n"
          "| structures/ | starting structures, extended XYZ |\n| loop.yaml | every setting |\n\n"
          "## Use\n\nThe .dp files directly, with alnd's library (no TensorFlow; alnd's docs/handoff.md):\n\n",
          o.out);
    fprintf(o.out, "    (cd lammps && alnd-lmp -in in.%s)\n    python ase_md.py\n\n", c->system[0].name);
    write_use_deepmd(x, o.out);
    AL_TRY(al_outfile_publish(&o));
    return AL_ERR_OK;
}
