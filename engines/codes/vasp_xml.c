// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// vasprun.xml by expat, piece by piece: a relaxation of a gigabyte does not need that much memory. Steps are <calculation>; the file does not
// say whether an SCF converged: one that took NELM steps counts as not converged.
#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "codes/vasp.h"

enum { CHUNK = 1 << 16, MAX_DEPTH = 32, MAX_TEXT = 1 << 16, MAX_ATOMS = 10000000 };
enum where { ELSEWHERE, BASIS, POSITIONS, FORCES, STRESS, WHERES };

struct rows { // of a <varray>
    double (*v)[3];
    int n, cap;
};

struct xml {
    XML_Parser parser;
    FILE *in;
    char *path, *chunk;
    char tag[MAX_DEPTH][32], name[MAX_DEPTH][32]; // of the elements that are open
    int depth;
    char *text;
    int ntext;
    enum al_err error; // what a handler could not do; the parser is stopped
    bool ended, complete;
    // header
    int nelm, icharg;
    double nelect, pstress;
    bool learned; // ML_LMLFF
    int *z, natoms, cap;
    int cell_of_row; // <c> of the <rc>
    // the calculation at hand
    bool inside;
    struct rows rows[WHERES];
    int scf;
    bool forces_seen, energy_seen;
    double energy, scf_free, scf_zero;
    struct code_step step;
};

static bool is(const struct xml *d, int up, const char *tag)
{
    return d->depth > up && strcmp(d->tag[d->depth - 1 - up], tag) == 0;
}

static bool named(const struct xml *d, int up, const char *name)
{
    return d->depth > up && strcmp(d->name[d->depth - 1 - up], name) == 0;
}

static void stop(struct xml *d, enum al_err e)
{
    d->error = e;
    XML_StopParser(d->parser, XML_FALSE);
}

static enum al_err bad(const struct xml *d, const char *what)
{
    AL_FAIL(AL_ERR_INPUT, "%s:%lu: %s", d->path, XML_GetCurrentLineNumber(d->parser), what);
}

static enum where varray(const struct xml *d)
{
    static const char *const name[WHERES] = {"", "basis", "positions", "forces", "stress"};
    for (int w = BASIS; w < WHERES; w++)
        if (named(d, 1, name[w])) return (enum where)w;
    return ELSEWHERE;
}

// <calculation> <structure> <crystal> <varray name="basis">, not that of another place
static bool in_place(const struct xml *d, enum where w)
{
    if (w == BASIS) return is(d, 2, "crystal") && is(d, 3, "structure") && is(d, 4, "calculation");
    if (w == POSITIONS) return is(d, 2, "structure") && is(d, 3, "calculation");
    return w != ELSEWHERE && is(d, 2, "calculation");
}

static void clear_calculation(struct xml *d)
{
    for (int w = 0; w < WHERES; w++)
        d->rows[w].n = 0;
    d->scf = 0;
    d->forces_seen = d->energy_seen = false;
    d->energy = d->scf_free = d->scf_zero = NAN;
}

static void start_element(void *ctx, const char *tag, const char **attr)
{
    struct xml *d = ctx;
    if (d->depth == MAX_DEPTH) {
        stop(d, bad(d, "elements are nested too deeply"));
        return;
    }
    snprintf(d->tag[d->depth], sizeof d->tag[0], "%s", tag);
    d->name[d->depth][0] = '\0';
    for (int i = 0; attr[i]; i += 2)
        if (strcmp(attr[i], "name") == 0) snprintf(d->name[d->depth], sizeof d->name[0], "%s", attr[i + 1]);
    d->depth++;
    d->ntext = 0;
    if (strcmp(tag, "calculation") == 0) {
        clear_calculation(d);
        d->inside = true;
    }
    if (strcmp(tag, "rc") == 0) d->cell_of_row = 0;
}

static void characters(void *ctx, const char *s, int n)
{
    struct xml *d = ctx;
    if (d->ntext + n >= MAX_TEXT) n = MAX_TEXT - 1 - d->ntext; // nothing that is read is that long
    memcpy(d->text + d->ntext, s, (size_t)n);
    d->ntext += n;
}

static enum al_err add_row(struct xml *d, struct rows *r)
{
    const char *p = d->text;
    if (r->n == r->cap) {
        int bigger = r->cap ? 2 * r->cap : 64;
        if (bigger > 2 * MAX_ATOMS) AL_TRY(bad(d, "too many rows"));
        AL_GROW(r->v, r->cap, bigger);
        r->cap = bigger;
    }
    for (int k = 0; k < 3; k++) {
        char *end;
        double v = strtod(p, &end);
        if (end == p) { // "*****", or nothing
            p += strspn(p, " \n\t");
            if (*p != '*') AL_TRY(bad(d, "three numbers are expected"));
            end = (char *)p + strspn(p, "*");
            v = NAN;
        }
        r->v[r->n][k] = v;
        p = end;
    }
    r->n++;
    return AL_ERR_OK;
}

static enum al_err add_atom(struct xml *d)
{
    char word[8] = "";
    sscanf(d->text, "%7s", word);
    word[strcspn(word, "_")] = '\0';
    int z = al_element_z(word);
    if (strcmp(word, "r") == 0) z = 40; // VASP's Zr_sv of 2005 calls itself so
    if (!z) AL_TRY(bad(d, "an element is expected"));
    if (d->natoms == MAX_ATOMS) AL_TRY(bad(d, "too many atoms"));
    if (d->natoms == d->cap) {
        int bigger = d->cap ? 2 * d->cap : 64;
        AL_GROW(d->z, d->cap, bigger);
        d->cap = bigger;
    }
    d->z[d->natoms++] = z;
    return AL_ERR_OK;
}

static void read_parameter(struct xml *d)
{
    const char *name = d->name[d->depth - 1];
    char *end;
    double v = strtod(d->text, &end);
    if (strcmp(name, "ML_LMLFF") == 0) d->learned = strchr(d->text, 'T') != NULL;
    if (end == d->text || !isfinite(v)) return;
    // there is another NELM, of response functions
    if (strcmp(name, "NELM") == 0 && (named(d, 1, "electronic convergence") || is(d, 1, "incar"))) d->nelm = (int)fmin(fmax(v, 0), 1e6);
    if (strcmp(name, "ICHARG") == 0) d->icharg = (int)fmin(fmax(v, -1e3), 1e3);
    if (strcmp(name, "NELECT") == 0) d->nelect = v;
    if (strcmp(name, "PSTRESS") == 0) d->pstress = v;
}

static void read_energy(struct xml *d)
{
    char *end;
    double v = strtod(d->text, &end);
    bool of_scf = is(d, 2, "scstep");
    if (end == d->text || !is(d, 1, "energy")) return;
    if (named(d, 0, "e_fr_energy")) {
        if (of_scf && !d->forces_seen) d->scf_free = v;
        if (is(d, 2, "calculation")) {
            d->energy = v;
            d->energy_seen = true;
        }
    }
    if (named(d, 0, "e_0_energy") && of_scf && !d->forces_seen) d->scf_zero = v;
}

// --- a calculation has ended ----------------------------------------------------------------------------

static void add_note(struct code_step *s, const char *text)
{
    size_t n = strlen(s->note);
    snprintf(s->note + n, sizeof s->note - n, "%s%s", n ? "; " : "", text);
}

static bool all_finite(const struct rows *r)
{
    for (int i = 0; i < 3 * r->n; i++)
        if (!isfinite(r->v[i / 3][i % 3])) return false;
    return true;
}

static enum al_err fill(struct xml *d, struct al_frame *f, struct code_step *s)
{
    const struct rows *force = &d->rows[FORCES], *stress = &d->rows[STRESS];
    memcpy(f->cell, d->rows[BASIS].v, sizeof f->cell);
    memcpy(f->z, d->z, (size_t)f->natoms * sizeof *f->z);
    f->pbc = true;
    double volume = al_det3((const double(*)[3])f->cell);
    if (!(fabs(volume) > 0)) AL_TRY(bad(d, "the cell of this calculation has no volume"));
    for (int i = 0; i < f->natoms; i++)
        al_vecmat3(d->rows[POSITIONS].v[i], (const double(*)[3])f->cell, f->pos[i]);
    AL_TRY(al_frame_finite(f, d->path));
    // <energy> of the calculation has PSTRESS times V in it, and a wrong e_0_energy in several releases; that of the SCF has no van der Waals terms
    f->energy = d->energy - d->pstress * VASP_KBAR_EV_A3 * fabs(volume);
    f->have = isfinite(f->energy) ? AL_HAVE_ENERGY : 0;
    if (!f->have) f->energy = 0;
    s->energy_zero = f->energy + d->scf_zero - d->scf_free;
    if (force->n == f->natoms && all_finite(force)) {
        memcpy(f->forces, force->v, (size_t)f->natoms * sizeof *f->forces);
        f->have |= AL_HAVE_FORCES;
    } else add_note(s, "no forces");
    if (stress->n == 3 && d->pstress != 0) add_note(s, "PSTRESS: the stress is left out");
    else if (stress->n == 3 && all_finite(stress)) { // kB, minus the stress
        for (int k = 0; k < 9; k++)
            f->virial[k / 3][k % 3] = 0.5 * (stress->v[k / 3][k % 3] + stress->v[k % 3][k / 3]) * VASP_KBAR_EV_A3 * fabs(volume);
        f->have |= AL_HAVE_VIRIAL;
    }
    return AL_ERR_OK;
}

static enum al_err end_calculation(struct xml *d)
{
    AL_OWN(al_frame) f = NULL;
    struct code_step s = {.scf = d->scf, .electrons = d->nelect, .energy_zero = NAN};
    d->inside = false;
    if (!d->natoms) AL_TRY(bad(d, "a calculation before <atominfo>"));
    if (d->rows[BASIS].n != 3 || d->rows[POSITIONS].n != d->natoms)
        AL_TRY(bad(d, "this calculation has no structure of its own, or one of another number of atoms"));
    AL_TRY(al_frame_create(d->natoms, &f));
    AL_TRY(fill(d, f, &s));
    s.converged = d->scf > 0 && d->scf < d->nelm && d->icharg < 10 && (f->have & AL_HAVE_FORCES) && (f->have & AL_HAVE_ENERGY);
    if (d->icharg >= 10) add_note(&s, "the density was not iterated (ICHARG)");
    if (!d->scf) add_note(&s, d->learned ? "a step of a machine-learned force field" : "no electronic steps");
    else if (d->scf >= d->nelm) add_note(&s, "the SCF took all of its NELM steps");
    if (!d->scf && d->learned) return AL_ERR_OK; // no label
    s.frame = f;
    f = NULL;
    d->step = s;
    XML_StopParser(d->parser, XML_TRUE); // it goes on with the next call
    return AL_ERR_OK;
}

static enum al_err end_of(struct xml *d, const char *tag)
{
    enum where w;
    if (strcmp(tag, "v") == 0 && d->inside && (w = varray(d)) != ELSEWHERE && in_place(d, w)) {
        AL_TRY(add_row(d, &d->rows[w]));
        if (w == FORCES) d->forces_seen = true;
    } else if (strcmp(tag, "c") == 0 && is(d, 2, "set") && is(d, 3, "array") && named(d, 3, "atoms")) {
        if (d->cell_of_row++ == 0) AL_TRY(add_atom(d));
    } else if (strcmp(tag, "i") == 0) {
        if (d->inside) read_energy(d);
        else read_parameter(d);
    } else if (strcmp(tag, "scstep") == 0 && d->inside && !d->forces_seen) {
        if (d->scf < 1000000) d->scf++;
    } else if (strcmp(tag, "calculation") == 0 && d->inside) {
        AL_TRY(end_calculation(d));
    } else if (strcmp(tag, "modeling") == 0) {
        d->complete = true;
    }
    return AL_ERR_OK;
}

static void end_element(void *ctx, const char *tag)
{
    struct xml *d = ctx;
    if (d->error) return;
    d->text[d->ntext] = '\0';
    enum al_err e = strlen(d->text) == (size_t)d->ntext ? end_of(d, tag) : bad(d, "not text");
    d->ntext = 0;
    if (e) stop(d, e);
    else d->depth--;
}

// VASP writes none, and entities are how small files become large.
static void start_doctype(void *ctx, const char *name, const char *sysid, const char *pubid, int internal)
{
    struct xml *d = ctx;
    (void)name, (void)sysid, (void)pubid, (void)internal;
    stop(d, bad(d, "a document type is not part of vasprun.xml"));
}

// --- reading -----------------------------------------------------------------------------------------------

static bool is_cut(enum XML_Error e)
{
    return e == XML_ERROR_NO_ELEMENTS || e == XML_ERROR_UNCLOSED_TOKEN || e == XML_ERROR_PARTIAL_CHAR || e == XML_ERROR_UNCLOSED_CDATA_SECTION;
}

static enum al_err parse_more(struct xml *d)
{
    XML_ParsingStatus status;
    enum XML_Status s;
    XML_GetParsingStatus(d->parser, &status);
    if (status.parsing == XML_SUSPENDED) {
        s = XML_ResumeParser(d->parser);
    } else {
        size_t n = fread(d->chunk, 1, CHUNK, d->in);
        if (ferror(d->in)) AL_FAIL(AL_ERR_IO, "cannot read %s", d->path);
        d->ended = n < CHUNK;
        s = XML_Parse(d->parser, d->chunk, (int)n, d->ended);
    }
    XML_GetParsingStatus(d->parser, &status);
    if (status.parsing == XML_FINISHED) d->ended = true;
    if (s != XML_STATUS_ERROR) return AL_ERR_OK;
    if (d->error) AL_TRY(d->error);
    enum XML_Error e = XML_GetErrorCode(d->parser);
    d->ended = true;
    if (is_cut(e) && feof(d->in)) return AL_ERR_OK;
    AL_FAIL(AL_ERR_INPUT, "%s:%lu: %s", d->path, XML_GetCurrentLineNumber(d->parser), XML_ErrorString(e));
}

static enum al_err xml_next(void *reader, struct code_step *ret)
{
    struct xml *d = reader;
    for (;;) {
        XML_ParsingStatus status;
        XML_GetParsingStatus(d->parser, &status);
        if (d->error || (status.parsing != XML_SUSPENDED && d->ended)) break;
        enum al_err e = parse_more(d);
        if (e) d->error = e;
        AL_TRY(e);
        if (!d->step.frame) continue;
        *ret = d->step;
        d->step.frame = NULL;
        return AL_ERR_OK;
    }
    *ret = (struct code_step){.frame = NULL, .energy_zero = NAN, .electrons = NAN};
    return AL_ERR_OK;
}

static void xml_close(void *reader)
{
    struct xml *d = reader;
    if (d->parser) XML_ParserFree(d->parser);
    if (d->in) fclose(d->in);
    for (int w = 0; w < WHERES; w++)
        al_free(d->rows[w].v);
    al_frame_destroy(&d->step.frame);
    al_free(d->z);
    al_free(d->text);
    al_free(d->chunk);
    al_free(d->path);
    al_free(d);
}

static enum al_err prepare(const char *path, struct xml *d)
{
    AL_TRY(al_strdup(path, &d->path));
    AL_ALLOC(d->chunk, CHUNK);
    AL_ALLOC(d->text, MAX_TEXT);
    AL_TRY(al_file_stream(path, &d->in));
    d->parser = XML_ParserCreate(NULL);
    if (!d->parser) AL_FAIL(AL_ERR_NOMEM, "no memory for reading %s", path);
    XML_SetUserData(d->parser, d);
    XML_SetElementHandler(d->parser, start_element, end_element);
    XML_SetCharacterDataHandler(d->parser, characters);
    XML_SetStartDoctypeDeclHandler(d->parser, start_doctype);
    d->nelect = NAN;
    d->nelm = 60; // VASP's default
    return AL_ERR_OK;
}

static enum al_err xml_open(const char *path, void **ret)
{
    struct xml *d = NULL;
    AL_ALLOC(d, 1);
    enum al_err e = prepare(path, d);
    if (e) xml_close(d);
    AL_TRY(e);
    *ret = d;
    return AL_ERR_OK;
}

static bool xml_is(const char *path, const char *head, size_t n)
{
    (void)path, (void)n;
    return head[strspn(head, " \n")] == '<' && strstr(head, "<modeling>");
}

static bool xml_complete(void *reader)
{
    return ((struct xml *)reader)->complete;
}

const struct code_format code_vasp_xml = {"vasp-xml", xml_is, xml_open, xml_next, xml_complete, xml_close};
