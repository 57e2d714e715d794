// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// What a converge table is believed about: the functional and the pseudopotentials that it was made with, by their contents.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cli/converge_table.h"

static char dir[] = "/tmp/alnd-converge-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[AL_PATH];
    assert_int_equal(al_path(path, "%s/%s", dir, name), AL_ERR_OK);
    assert_int_equal(al_file_write(path, text, strlen(text)), AL_ERR_OK);
}

static struct loop_config *config(const char *elements)
{
    struct loop_config *c = NULL;
    char path[AL_PATH];
    put("c.yaml", "label: {cutoff: 20 Ha, kpoints: gamma, force_error: 20 meV/Ang, pseudopotentials: {Li: ./Li.gth, O: ./O.gth, S: ./S.gth}}\n");
    assert_int_equal(al_path(path, "%s/c.yaml", dir), AL_ERR_OK);
    assert_int_equal(loop_config_read_engine(path, &c), AL_ERR_OK);
    assert_int_equal(loop_config_set_elements(c, elements), AL_ERR_OK);
    return c;
}

// The table of frames with these elements (in this order), as alnd label --converge writes it.
static void write_table(const char *elements, bool listed)
{
    AL_OWN(loop_config) c = config(elements);
    AL_OWN(converge) t = NULL;
    char hash[65], path[AL_PATH];
    struct al_outfile o;
    assert_int_equal(converge_create(0, &t), AL_ERR_OK);
    *t = (struct converge){.nc = 2, .nk = 1, .cutoff = {20, 40}, .kpoints = {"gamma"}, .wanted = 0.01, .name = t->name, .c = t->c, .k = t->k,
                           .force_c = {0.03, 0.03}, .force_k = {0.04}, .best_c = -1, .best_k = -1};
    assert_int_equal(loop_config_pseudo_hash(c, c->nelements, c->element, hash), AL_ERR_OK);
    assert_int_equal(al_path(path, "%s/c.converge.yaml", dir), AL_ERR_OK);
    assert_int_equal(al_outfile_open(path, &o), AL_ERR_OK);
    if (!listed) c->nelements = 0;
    assert_int_equal(converge_write(t, c, hash, o.out), AL_ERR_OK);
    assert_int_equal(al_outfile_publish(&o), AL_ERR_OK);
    if (listed) return;
    AL_AUTOFREE char *text = NULL;
    size_t n;
    assert_int_equal(al_file_read(path, 1 << 20, &text, &n), AL_ERR_OK);
    char *line = strstr(text, "elements: []\n");
    if (!line) fail_msg("no line of elements: %s", text);
    else {
        const char *rest = line + strlen("elements: []\n");
        memmove(line, rest, strlen(rest) + 1);
        put("c.converge.yaml", text);
    }
}

static void believed(const char *elements)
{
    AL_OWN(loop_config) c = config(elements);
    struct converge_verdict v;
    char text[2 * AL_ERR_TEXT];
    assert_int_equal(converge_verdict(c, &v), AL_ERR_OK);
    if (!v.known) fail_msg("not believed: %s", v.why);
    assert_true(fabs(v.error - 0.05) < 1e-12 && !v.at_least);
    converge_warning(c, &v, text, sizeof text);
    assert_non_null(strstr(text, "off by 0.05 eV/Ang"));
}

static void not_believed(const char *elements, const char *why)
{
    AL_OWN(loop_config) c = config(elements);
    struct converge_verdict v;
    char text[2 * AL_ERR_TEXT];
    assert_int_equal(converge_verdict(c, &v), AL_ERR_OK);
    assert_true(v.found && !v.known);
    converge_warning(c, &v, text, sizeof text);
    if (!strstr(text, "says nothing about these label settings") || !strstr(text, why)) fail_msg("'%s' says nothing of '%s'", text, why);
}

static void pseudopotentials_are_compared(void **state)
{
    (void)state;
    for (int listed = 0; listed < 2; listed++) {
        put("Li.gth", "one\n");
        write_table("Li S", listed);
        believed("S Li"); // in any order
        put("Li.gth", "two\n");
        not_believed("Li S", "other pseudopotential files");
        put("O.gth", "two\n"); // of an element that the table does not know
        put("Li.gth", "one\n");
        believed("Li S");
        if (listed) believed("Li");
        else not_believed("Li", "other pseudopotential files");
        not_believed("Li O S", listed ? "none of its frames has O" : "other pseudopotential files");
        put("O.gth", "");
    }
    write_table("Li S", true);
    char path[AL_PATH];
    assert_int_equal(al_path(path, "%s/S.gth", dir), AL_ERR_OK);
    assert_int_equal(remove(path), 0);
    not_believed("Li", "it was made with S, of which these settings have no pseudopotential");
    put("S.gth", "");
}

static void broken_list_is_refused(void **state)
{
    (void)state;
    AL_OWN(loop_config) c = config("Li");
    struct converge_verdict v;
    put("c.converge.yaml", "functional: PBE\ncutoffs: [20]\nforce_error_cutoffs: [0.1]\nkpoints: [gamma]\nforce_error_kpoints: [0.1]\n"
                           "elements: [Li, Qq]\n");
    assert_int_equal(converge_verdict(c, &v), AL_ERR_INPUT);
    assert_non_null(strstr(al_err_message(), "c.converge.yaml:6: an element is wanted"));
}

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return 1;
    put("Li.gth", "");
    put("O.gth", "");
    put("S.gth", "");
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    return al_remove_tree(dir) != AL_ERR_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pseudopotentials_are_compared), cmocka_unit_test(broken_list_is_refused)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
