// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Shortest distances of production beside those of the labels.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fsio.h"
#include "base/yaml.h"
#include "train/dataset.h"
#include "worker/approach.h"

#define MUST(expr)                                                                                           \
    do {                                                                                                     \
        if ((expr) != AL_ERR_OK) fail_msg("%s: %s", #expr, al_err_message());                                \
    } while (0)

enum { TEXT = 4096 };
static char dir[] = "/tmp/alnd-approach-XXXXXX";

// Li at 0, S at x along the first vector of a cube of 20 Ang, a second S at the end of it minus y: Li-S x and y (through the boundary).
static void write_labels(double x, double y)
{
    struct al_frame *f = NULL;
    char path[AL_PATH];
    MUST(al_frame_create(3, &f));
    f->pbc = true;
    for (int a = 0; a < 3; a++)
        f->cell[a][a] = 20;
    f->z[0] = 3;
    f->z[1] = f->z[2] = 16;
    f->pos[1][0] = x;
    f->pos[2][0] = 20 - y;
    f->have = AL_HAVE_ENERGY;
    MUST(al_path(path, "%s/train/a", dir));
    MUST(al_mkdirs(path));
    const struct al_frame *one[] = {f};
    MUST(dp_dataset_append_set(path, one, 1, NULL, 0, NULL, NULL));
    al_frame_destroy(&f);
}

static void written(const struct approach *a, double li_s, double s_s, double li_li, char text[TEXT])
{
    struct tr_rdf_pair pair[] = {{.za = 3, .zb = 3, .r_shortest = li_li}, {.za = 3, .zb = 16, .r_shortest = li_s}, {.za = 16, .zb = 16, .r_shortest = s_s}};
    struct tr_rdf met = {.npairs = 3, .pair = pair};
    memset(text, 0, TEXT);
    FILE *out = fmemopen(text, TEXT, "w");
    assert_non_null(out);
    approach_write(out, 0, a, &met);
    assert_int_equal(fclose(out), 0);
}

static void distances(void **state)
{
    (void)state;
    static struct approach a;
    char path[AL_PATH], text[TEXT];
    MUST(al_path(path, "%s/train", dir));
    MUST(approach_read(path, &a)); // not there yet
    written(&a, 1, 1, 1, text);
    assert_string_equal(text, "");
    write_labels(2.5, 2.75);
    write_labels(3, 2.25);
    MUST(approach_read(path, &a));
    assert_true(a.nframes == 2 && fabs(a.shortest[3][16] - 2.25) < 1e-12 && a.shortest[16][3] == a.shortest[3][16]);
    assert_true(fabs(a.shortest[16][16] - 5.25) < 1e-12 && a.shortest[3][3] == 0 && a.shortest[8][8] == 0);
    written(&a, 2.2, 5.3, 6.5, text); // nothing out of the ordinary: 2.2 is a look that was longer
    assert_non_null(strstr(text, "- {pair: Li-S, ang: 2.2, labels_ang: 2.25}\n"));
    assert_non_null(strstr(text, "- {pair: Li-Li, ang: 6.5, labels_ang: .nan}\n"));
    assert_null(strstr(text, "closer_than_labels"));
    written(&a, 1.5, 5.3, 4, text);
    struct al_node *y = NULL;
    MUST(al_yaml_parse("text", text, strlen(text), &y));
    assert_string_equal(al_node_str(y, "closer_than_labels", ""), "Li-Li to 4.00 Ang (labels: none within 6), Li-S to 1.50 Ang (labels: 2.25)");
    al_node_destroy(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(distances)};
    if (!mkdtemp(dir)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)!al_remove_tree(dir);
    return failed;
}
