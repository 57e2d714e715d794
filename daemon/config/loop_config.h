// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// loop.yaml as a struct. One table of keys (loop_keys.c) gives name, type, unit, range, default and a
// sentence of documentation; it validates the file, fills this struct, prints `alnd describe` and docs/config.md.
// Units here: eV, Ang, fs, K, GPa, except where a comment says otherwise (label.cutoff in Ha).
#ifndef AL_CONFIG_LOOP_CONFIG_H
#define AL_CONFIG_LOOP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "base/fsio.h"
#include "base/yaml.h"

enum { CFG_MAX_SYSTEMS = 10000, CFG_MAX_LIST = 32, CFG_MAX_KPOINTS = 64, CFG_MAX_DATA = 32 };

struct cfg_list {
    int n;
    double v[CFG_MAX_LIST];
};

struct cfg_system {
    char name[64];             // [A-Za-z0-9._-]+, not starting with a dot: used in file names
    char structure[AL_PATH];   // resolved against the directory of loop.yaml
    int supercell[3];
    char from[8], to[8];       // substitution by element symbol; empty = none
    int count;                 // substituted atoms per cell
    char arrangements[16];     // first | inequivalent | random
    const struct al_node *node; // for messages
};

struct cfg_kpoints {
    enum { KP_GAMMA, KP_MESH, KP_SPACING, KP_POINTS } mode;
    int mesh[3], shift[3];     // shift in half steps
    double spacing;            // 1/Ang, 2 pi included
    int n;
    double point[CFG_MAX_KPOINTS][4]; // fractional coordinates, weight
};

struct cfg_aimd {              // first-principles MD for initial data; n temperatures 0: none
    struct cfg_list temperatures, pressures; // K; GPa, none: constant cell (nvt), else npt
    double time, timestep, equilibration;    // fs
    double tau, tau_p;         // fs: thermostat, barostat
    int stride;                // steps between labelled frames
    // Settings of the MD alone, whose frames are then labelled as all others are; 0, false: those of label.
    double cutoff;             // Ha
    bool own_kpoints;
    struct cfg_kpoints kpoints;
};

struct cfg_initial {
    int frames;                // perturbed frames per system (and arrangement)
    double displacement, strain; // Ang; fraction
    double of_element[AL_ZMAX + 1]; // Ang, by atomic number: displacement of elements named in by_element, else 0
    struct cfg_aimd aimd;
    int ndata;                 // labelled frames from elsewhere
    char data[CFG_MAX_DATA][AL_PATH]; // files, directories, patterns; resolved against the directory of loop.yaml
    char data_name[32];        // "imported/1a2b3c4d5e6f", of the list as written: directory in RUN of what it became
    const struct al_node *data_node; // for messages
};

struct cfg_train {
    char engine[16];           // builtin | deepmd
    int committee;
    double rcut, rcut_smooth, rcut_angular; // the last 0: no angles
    int angular_neurons;
    bool sel_auto;
    int nsel, sel[CFG_MAX_LIST]; // by element in the type map's order, when not auto
    int nneurons, neurons[8], axis_neurons;
    int nfitting, fitting[8];
    bool type_one_side;
    double zbl_inner, zbl_outer; // Ang; 0: no repulsion
    long steps, steps_next;    // first iteration; later ones (warm start)
    int batch;                 // frames a step
    double max_force;          // eV/Ang: frames with larger ones are left out; 0: none
    char precision[8];         // mixed | double | plain
    char optimiser[8];         // adam | soap
    char schedule[16];         // cosine | exponential
    double lr_start, lr_stop, lr_start_next;
    double pref_e[2], pref_f[2], pref_v[2]; // start, limit
    int patience;              // validation rows without a lower error before the learning rate comes down; 0: never
    double validation;         // fraction of the labelled frames kept for validation
    bool warm_start;
};

struct cfg_explore {
    char engine[16];           // builtin | lammps
    char ensemble[8], thermostat[16], cell[16]; // nvt | nve | npt; svr | langevin | nhc; isotropic | full
    struct cfg_list temperatures, pressures;    // K; GPa, npt
    double time, timestep, tau, tau_p;          // fs
    int stride;
    char precision[8];            // mixed | double | plain
};

struct cfg_select {
    double trust_low, trust_high; // eV/Ang, max deviation of the force
    bool trust_auto;           // from measured errors; low and high hold until there are enough of them
    char diversity[16];        // farthest | random
    char share[16];            // equal | candidates: how labels are shared among systems and temperatures
    double duplicate;          // of committee/novelty.h; 0: equal frames only
    int max_frames;            // per iteration and system (share candidates: times the number of systems, of all)
    int random_frames;         // besides, per iteration and system: whatever the committee says
    double random_up_to;       // K, of these; 0: all
    double min_distance;       // Ang: closer atoms end a trajectory
};

enum { CFG_WORDS = 16 };

struct cfg_words {
    int n;
    char v[CFG_WORDS][512];
};

struct cfg_label {
    char engine[16];           // dft; another one is a program of somebody else
    char functional[128];      // PBE, or a name that base/xcname.h knows
    double cutoff;             // Ha
    struct cfg_kpoints kpoints;
    char pseudopotentials[AL_PATH]; // source of all elements; a mapping: as written, "{Li: SPMS, S: GTH-PBE}"
    int npseudo;               // of a mapping, else 0
    struct {
        int z;
        char source[512];
    } pseudo[CFG_MAX_LIST];
    char convergence[8];       // normal | tight
    int fft_grid[3];           // 0 = automatic
    int max_scf;
    double max_failed;         // fraction of a gathering's frames that may fail
    bool pulay;                // virials at a fixed cut-off
    bool follow;               // label.continue
    double charge;             // e
    enum { SM_NONE, SM_GAUSSIAN, SM_FERMI, SM_COLD } smearing;
    double smearing_width;     // eV
    double force_error;        // eV/Ang, wanted of these settings against converged ones
    char program[512];         // of another engine: a path, or a name in PATH; "": the usual one
    char template[AL_PATH];    // the user's part of its input; "": none
    struct cfg_words launcher, command; // words before the program (RANKS: the number); engine command: the program
    char converge[AL_PATH];    // table of `alnd label --converge`; "" = NAME.converge.yaml beside the file
};

struct cfg_test {
    int frames;                // held-out frames per iteration and system
    int supercell[3];          // of some of their trajectories
};

struct cfg_converge {
    double force_rmse, energy_rmse; // eV/Ang, eV/atom
    double up_to;              // K: test frames of hotter trajectories are not judged; 0: all are
    bool each_system;
    double candidate_fraction;
    int patience, min_iterations, max_iterations;
    int label_noise;           // test frames labelled again at tighter settings
};

struct cfg_production {
    int supercell[3];
    char ensemble[8];          // nve
    char engine[16];           // builtin | lammps
    char volume[8];            // npt | fixed
    double volume_time, tau_p; // fs: of the NPT run that gives the volume; its barostat
    double pressure;           // GPa
    struct cfg_list temperatures;
    double equilibration, time, timestep; // fs
    int stride, replicas;
    char precision[8];         // mixed | double | plain
    char format[8];            // dcd | extxyz
    char mobile[8];            // element whose diffusion is analysed
    double mobile_charge;      // e, of one such ion
};

struct cfg_job {
    int ranks, threads;
    double memory;             // MiB, all ranks together; 0 = no limit
    double time;               // fs! of one attempt; 0 = no limit
};

// Batch systems, each with keys of its own: resources.slurm, resources.pbs, ..
#define CFG_QUEUES(X) X(SLURM, slurm) X(PBS, pbs) X(LSF, lsf) X(FLUX, flux)
#define CFG_QUEUE_ENUM(NAME, name) CFG_##NAME,
enum cfg_queue_system { CFG_QUEUES(CFG_QUEUE_ENUM) CFG_NQUEUES };
#undef CFG_QUEUE_ENUM

struct cfg_queue {
    char queue[128], account[128]; // "": the system's default
    double time, grace, poll;      // fs!
    int jobs;                      // tasks in the queue at a time
    struct cfg_words modules, launcher, extra;
};

struct cfg_resources {
    char executor[16];         // local | slurm | pbs | lsf | flux
    int cores;                 // 0 = all of the machine
    char lammps[512];          // lmp: a path, or a name in PATH
    char deepmd[512];          // dp: a path, or a name in PATH
    int retries;               // starts of a task that failed for a transient reason
    int label_batch;           // frames per label task
    int label_deaths;          // of a worker at one frame, after which the frame is in quarantine
    double straggler;          // fraction of an iteration's label frames with which it goes on; 1: all
    struct cfg_job label, train, explore, produce;
    double label_memory;       // MiB a label task may take, all its ranks together; 0 = 90 % of the machine's / concurrent tasks
    double heartbeat;          // fs! (unit of AL_DIM_TIME): a worker silent for longer counts as hung
    bool pin;                  // local: workers on cores of their own
    struct cfg_queue queue[CFG_NQUEUES];
};

const char *cfg_queue_name(enum cfg_queue_system q);
// Which batch system the executor is; CFG_NQUEUES: none.
enum cfg_queue_system cfg_queue_of(const struct cfg_resources *r);

struct loop_config {
    char path[AL_PATH];        // of the file as given
    char name[64];
    uint64_t seed;
    char workdir[AL_PATH];     // as given (relative to the directory alnd is started in)
    int nsystems;
    struct cfg_system *system; // [nsystems]
    struct cfg_initial initial;
    struct cfg_train train;
    struct cfg_explore explore;
    struct cfg_select select;
    struct cfg_label label;
    struct cfg_test test;
    struct cfg_converge converge;
    struct cfg_production production;
    struct cfg_resources resources;
    char inputs[AL_PATH];      // RUN/inputs when this is the copy of a run directory, else ""
    bool demonstration;        // settings too small for physics: every result says so
    int nelements, element[CFG_MAX_LIST]; // engines by hand: elements of the frames; 0 = those of `systems`
    struct al_node *tree;      // owns the text
};

// Read and validate. AL_ERR_INPUT with "file:line:column: message" and a hint with the nearest key.
enum al_err loop_config_read(const char *path, struct loop_config **ret);
// For engines used by hand: a whole loop.yaml, or a file with the engine's sections alone (label, resources). Nothing is required;
// what is there is checked all the same.
enum al_err loop_config_read_engine(const char *path, struct loop_config **ret);
enum al_err loop_config_default_engine(struct loop_config **ret); // the defaults alone
void loop_config_destroy(struct loop_config **c);
// "Li P S" into c->element. AL_ERR_INPUT: not an element, too many.
enum al_err loop_config_set_elements(struct loop_config *c, const char *text);
// What an engine by hand changes in the sections label and resources; NULL or 0: as the file says.
struct cfg_overrides {
    const char *cutoff, *kpoints; // YAML text; with a cut-off of its own the FFT grid is automatic
    int cores, ranks;
};
// The sections that labels depend on, as a file that loop_config_read_engine reads.
enum al_err loop_config_write_label(const struct loop_config *c, const struct cfg_overrides *o, FILE *out);
// What the command line says of keys below `train`: {"learning_rate.start", "1e-3"}, values as YAML text.
struct cfg_key_value {
    const char *key, *value;
};
// The section `train` with seed (below 0: the file's) and these keys in their places, as a file that loop_config_read_engine reads.
enum al_err loop_config_write_train(const struct loop_config *c, long seed, const char *deepmd, int n, const struct cfg_key_value *set,
                                     FILE *out);
// SHA-256 over the pseudopotential files of z [n] (engine command: none), and the template.
enum al_err loop_config_pseudo_hash(const struct loop_config *c, int n, const int *z, char ret_hex[65]);
// Where the converge table of this file is: label.converge, else NAME.converge.yaml beside it (NAME.yaml, NAME.yml).
enum al_err loop_config_converge_path(const struct loop_config *c, char ret[AL_PATH]);
// For the copy of loop.yaml in a run directory: structures and pseudopotentials are those copied to RUN/inputs, so that a
// run goes on when the originals have moved or changed.
enum al_err loop_config_use_inputs(struct loop_config *c, const char *run);
// The name of a system's structure below RUN: "inputs/Li3PS4.extxyz", the original's extension kept (".poscar" for none).
enum al_err loop_config_input_name(const struct cfg_system *s, char ret[AL_PATH]);
// Labels by a program of somebody else: one worker process, whose ranks are the program's.
bool loop_config_label_external(const struct loop_config *c);
// Copy structures to RUN/inputs, label.template to RUN/inputs/template, the converge table where there is one to RUN/inputs/converge.yaml, and the files of pseudopotentials to RUN/inputs/pseudo/Li.<name>; built-in ones have no
// file.
enum al_err loop_config_copy_inputs(const struct loop_config *c, const char *run);
// Structures exist and can be read, every element (after substitution) has a pseudopotential.
enum al_err loop_config_check_files(const struct loop_config *c);
// Type map of the campaign: element symbols over all systems in the order Li P S O first, then by first
// appearance. ret_z [CFG_MAX_LIST].
enum al_err loop_config_elements(const struct loop_config *c, int *ret_n, int ret_z[CFG_MAX_LIST]);
// SHA-256 over the values of the keys of a top-level section ("label", "train", ...; "systems" over all systems)
// that change numbers: paths, resources, names of directories do not count.
enum al_err loop_config_section_hash(const struct loop_config *c, const char *section, char ret_hex[65]);
// The pseudopotential of an element as a spec of base/pseudofile.h (a path with a slash, FILE#ENTRY, or GTH-PBE-qN). Sets
// are looked up in $ALND_PSEUDO_DIR, then <source>/.alnd/pseudo, then ~/.local/share/alnd/pseudo; files and directories
// from the directory of loop.yaml. AL_ERR_NOTFOUND with a hint.
enum al_err loop_config_pseudo(const struct loop_config *c, int z, char ret_spec[AL_PATH]);
// Documentation of all keys (prefix NULL) or of those below one, as text or Markdown.
void loop_config_describe(FILE *out, const char *prefix, bool markdown);

#endif
