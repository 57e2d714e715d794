// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// Files that are built in: web/report.css and report.js, and lib.css and lib.js that web/bundle.cmake makes of the npm packages
// (empty where npm is not there). assets.c is written by CMake.
#ifndef AL_REPORT_ASSETS_H
#define AL_REPORT_ASSETS_H

#include <stddef.h>

struct report_asset {
    const char *data, *end;
};
extern const struct report_asset report_css, report_js, report_lib_css, report_lib_js;

static inline size_t report_asset_size(const struct report_asset *a)
{
    return (size_t)(a->end - a->data);
}

#endif
