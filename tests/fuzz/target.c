// SPDX-License-Identifier: GPL-3.0-or-later
// Copyright the alnd authors
//
// One libFuzzer target: FUZZ_READER names the reader.
#include <stdint.h>

#include "readers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fuzz_reader *reader;
    if (!reader) reader = fuzz_find(FUZZ_READER);
    reader->run(data, size);
    return 0;
}
