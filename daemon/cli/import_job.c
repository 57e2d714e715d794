// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
#include "cli/import_job.h"

#include <string.h>

#include "cli/data_job.h"

static const struct al_node *children(const struct al_node *n, const char *key)
{
    const struct al_node *list = n ? al_node_get(n, key) : NULL;
    return list && list->kind == AL_NODE_LIST ? list->child : NULL;
}

static void elements_of(const struct al_node *s, char *ret, size_t n)
{
    size_t at = 0;
    ret[0] = '\0';
    for (const struct al_node *e = children(s, "elements"); e && at < n; e = e->next)
        at += (size_t)snprintf(ret + at, n - at, "%s%s", at ? " " : "", e->text);
}

static void remark(FILE *out, const struct al_node *s, const char *key, const char *text)
{
    long n = al_node_int(s, key, 0);
    if (n) fprintf(out, "      %ld %s\n", n, text);
}

static void tell_source(const struct al_node *s, bool keep, FILE *out)
{
    char elements[128];
    const char *path = al_node_str(s, "path", ""), *skipped = al_node_str(s, "skipped", "");
    if (skipped[0]) {
        fprintf(out, "  -   %s (%s): %s\n", path, al_node_str(s, "format", ""), skipped);
        return;
    }
    elements_of(s, elements, sizeof elements);
    fprintf(out, "  %s %s: %s, %ld of %ld frames taken, %s\n", al_node_get(s, "error") ? "!" : "+", path, al_node_str(s, "format", ""),
            al_node_int(s, "taken", 0) + al_node_int(s, "unlabelled", 0), al_node_int(s, "frames", 0), elements);
    if (al_node_int(s, "taken", 0)) fprintf(out, "      energy: %s\n", al_node_str(s, "energy", ""));
    remark(out, s, "unlabelled", "without labels (unlabelled.extxyz)");
    remark(out, s, "unconverged", keep ? "not converged, taken all the same" : "not converged: left out");
    remark(out, s, "duplicates", "that are there already: left out");
    remark(out, s, "refused", "with atoms in one place or numbers that are not finite: left out");
    remark(out, s, "contradictions", "that are there with other labels, too (other settings?)");
    remark(out, s, "close", "with atoms closer than half of the sum of their radii");
    remark(out, s, "outliers", "with labels far from the others' (WARNING below)");
    if (strcmp(al_node_str(s, "cut_short", ""), "true") == 0) fputs("      cut short: the program did not come to its end; whole steps are taken\n", out);
    if (al_node_get(s, "note")) fprintf(out, "      note: %s\n", al_node_str(s, "note", ""));
    if (al_node_get(s, "error")) fprintf(out, "      ERROR: %s\n", al_node_str(s, "error", ""));
}

void import_tell(const struct al_node *a, FILE *out)
{
    bool keep = strcmp(al_node_str(a, "keep_unconverged", ""), "true") == 0;
    long nsources = 0, twice = 0, unconverged = 0;
    fputs("sources (+ read, ! with errors, - not read)\n", out);
    for (const struct al_node *s = children(a, "sources"); s; s = s->next) {
        tell_source(s, keep, out);
        nsources += !al_node_get(s, "skipped");
        twice += al_node_int(s, "duplicates", 0);
        unconverged += al_node_int(s, "unconverged", 0);
    }
    fprintf(out, "%ld labelled frames from %ld sources, %ld without labels; %ld duplicates, %ld not converged\n", al_node_int(a, "frames", 0), nsources,
            al_node_int(a, "unlabelled", 0), twice, unconverged);
    if (al_node_int(a, "frames", 0)) data_tell(a, out);
}

bool import_flawed(const struct al_node *a)
{
    const struct al_node *findings = al_node_get(a, "findings");
    for (const struct al_node *s = children(a, "sources"); s; s = s->next)
        if (al_node_get(s, "error")) return true;
    return findings && findings->nchild > 0;
}
