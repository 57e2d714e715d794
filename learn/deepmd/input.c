// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Every key that has a meaning here is written, also where deepmd-kit has the same default: its defaults have changed between versions.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deepmd/deepmd.h"

long dpkit_save_every(const struct train_options *o)
{
    long k = o->steps / DPKIT_CHECKPOINTS;
    if (k > DPKIT_CHECKPOINT_STEPS) k = DPKIT_CHECKPOINT_STEPS;
    if (k < 1) k = 1;
    return (k + o->report_every - 1) / o->report_every * o->report_every; // it saves only where it writes a row
}

static void write_ints(FILE *out, const char *key, int n, const int *v)
{
    fprintf(out, "\"%s\": [", key);
    for (int i = 0; i < n; i++)
        fprintf(out, "%s%d", i ? ", " : "", v[i]);
    fputs("], ", out);
}

static void write_model(FILE *out, const struct dp_config *c, uint32_t seed[2])
{
    fputs("  \"model\": {\n    \"type_map\": [", out);
    for (int i = 0; i < c->ntypes; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", c->type_map[i]); // element symbols
    fprintf(out, "],\n    \"descriptor\": {\"type\": \"se_e2_a\", \"rcut\": %.17g, \"rcut_smth\": %.17g, ", c->rcut, c->rcut_smth);
    write_ints(out, "sel", c->ntypes, c->sel);
    write_ints(out, "neuron", c->nneuron, c->neuron);
    fprintf(out, "\"axis_neuron\": %d, \"resnet_dt\": %s, \"type_one_side\": %s, \"activation_function\": \"tanh\", "
                 "\"precision\": \"float64\", \"seed\": %u},\n", c->axis_neuron, c->resnet_dt ? "true" : "false",
            c->type_one_side ? "true" : "false", seed[0]);
    fputs("    \"fitting_net\": {\"type\": \"ener\", ", out);
    write_ints(out, "neuron", c->nfit, c->fit);
    fprintf(out, "\"resnet_dt\": %s, \"activation_function\": \"tanh\", \"precision\": \"float64\", \"seed\": %u}\n  },\n",
            c->fit_resnet_dt ? "true" : "false", seed[1]);
}

static void write_rate(FILE *out, const struct train_options *o)
{
    fprintf(out, "  \"learning_rate\": {\"type\": \"%s\", \"start_lr\": %.17g, \"stop_lr\": %.17g", o->schedule == SCHEDULE_COSINE ? "cosine" : "exp",
            o->lr_start, o->lr_stop);
    if (o->schedule == SCHEDULE_EXPONENTIAL && o->decay_steps) fprintf(out, ", \"decay_steps\": %ld", o->decay_steps);
    fputs("},\n  \"optimizer\": {\"type\": \"Adam\"},\n", out);
}

static void write_loss(FILE *out, const struct train_options *o)
{
    const double *const p[] = {o->pref_e, o->pref_f, o->pref_v};
    fputs("  \"loss\": {\"type\": \"ener\"", out);
    for (int i = 0; i < 3; i++)
        fprintf(out, ", \"start_pref_%c\": %.17g, \"limit_pref_%c\": %.17g", "efv"[i], p[i][0], "efv"[i], p[i][1]);
    fputs("},\n", out);
}

// Names as dp_dataset_write_npy makes them are found below the directory: deepmd-kit searches it for systems, in an order of its own; the
// list makes the order ours. Names are those of directories: printable, but a quote must not end the string.
static void write_systems(FILE *out, const char *part, const struct dp_dataset *d)
{
    fputs("\"systems\": [", out);
    for (int s = 0; s < d->nsys; s++) {
        int same = 0;
        for (int k = 0; k < s; k++)
            same += strcmp(d->sys[k].name, d->sys[s].name) == 0;
        fprintf(out, "%s\"data/%s/", s ? ", " : "", part);
        for (const char *c = d->sys[s].name; *c; c++)
            fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        if (same) fprintf(out, ".%d", same + 1);
        fputc('"', out);
    }
    fputs("], ", out);
}

static void write_training(FILE *out, const struct train_options *o, const struct dp_dataset *train, const struct dp_dataset *valid, uint32_t seed)
{
    fputs("  \"training\": {\n    \"training_data\": {", out);
    write_systems(out, "train", train);
    if (o->batch) fprintf(out, "\"batch_size\": %d},\n", o->batch);
    else fputs("\"batch_size\": \"auto\"},\n", out);
    if (valid) {
        fputs("    \"validation_data\": {", out);
        write_systems(out, "valid", valid);
        int n = dp_dataset_nframes(valid);
        fprintf(out, "\"batch_size\": 1, \"numb_btch\": %d},\n", o->valid_batches > 0 && o->valid_batches < n ? o->valid_batches : n);
    }
    fprintf(out, "    \"numb_steps\": %ld, \"seed\": %u, \"disp_file\": \"lcurve.out\", \"disp_freq\": %ld, \"save_freq\": %ld,\n"
                 "    \"save_ckpt\": \"model.ckpt\", \"max_ckpt_keep\": 2\n  }\n}\n", o->steps, seed, o->report_every, dpkit_save_every(o));
}

enum al_err dpkit_input(const struct train_options *o, const struct dp_config *c, const struct dp_dataset *train, const struct dp_dataset *valid,
                        char **ret)
{
    struct al_rng rng;
    uint32_t seed[3];
    char *text = NULL;
    size_t n;
    al_rng_stream(&rng, o->seed, "train-deepmd", o->key[0], o->key[1], o->key[2]);
    for (int i = 0; i < 3; i++)
        seed[i] = al_rng_below(&rng, 2147483647);
    FILE *out = open_memstream(&text, &n);
    if (!out) AL_FAIL(AL_ERR_NOMEM, "no memory for input.json");
    fputs("{\n", out);
    write_model(out, c, seed);
    write_rate(out, o);
    write_loss(out, o);
    write_training(out, o, train, valid, seed[2]);
    if (fclose(out) != 0) {
        free(text);
        AL_FAIL(AL_ERR_NOMEM, "no memory for input.json");
    }
    enum al_err e = al_strdup(text, ret);
    free(text);
    AL_TRY(e);
    return AL_ERR_OK;
}
