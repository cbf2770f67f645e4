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
/* The same; `input`: a file that is its stdin, -1 is /dev/null; seconds: killed then (-ETIMEDOUT), 0: never.
 */
int program_run_with(const char *const *arguments, int input, unsigned seconds, size_t limit,
		     struct program_result *result);
/* Runs the function in a process of its own, which then ends with what it returns (0 to 255); what it writes
 * into `output` is kept as a program's. Programs that it runs end with it when time is up. */
int program_fork(int (*function)(void *context, int output), void *context, unsigned seconds, size_t limit,
		 struct program_result *result);
/* Gives this process, which has one thread, a network namespace of its own. Who may not have one alone has
 * one within a namespace of users, as root there. 0 or -errno. */
int program_own_network(void);
void program_result_fini(struct program_result *result);

#endif
