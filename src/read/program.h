/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Runs a program and keeps what it prints. No shell takes part. Nobody outside read/ includes it. */
#ifndef WEIR_READ_PROGRAM_H
#define WEIR_READ_PROGRAM_H

#include "base/text.h"

struct program_result {
	struct buffer output, errors; /* errors: the first 4096 bytes */
	int status;                   /* exit status; 128 + the signal that killed it */
};

/* arguments[0] is looked for in PATH and then where Debian keeps such programs, as PATH of a plain user has
 * no sbin. stdin is /dev/null, the locale is C. 0; -ENOENT when there is no such program; -EFBIG when it
 * prints more than `limit` bytes (it is killed); another -errno. The caller calls program_result_fini() in
 * every case. */
int program_run(const char *const *arguments, size_t limit, struct program_result *result);
void program_result_fini(struct program_result *result);

#endif
