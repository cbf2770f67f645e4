/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Files that commands write: whole or not at all, and never over what somebody else wrote. */
#ifndef WEIR_COMMAND_OUTPUT_H
#define WEIR_COMMAND_OUTPUT_H

#include "base/text.h"

#include <stdbool.h>

struct output_file {
	const char *name;   /* in the directory */
	struct buffer text; /* empty: one that is there from an earlier run is taken away */
	bool program;       /* may be run */
};
struct output {
	const char *command, *directory;
	const char *mark; /* what its files begin with, scripts behind the line #! */
	bool force;       /* writes over what does not begin so; else nothing is written then */
};
/* Writes them into the directory, which is made when it is not there. An exit code, after a message when it
 * is not EXIT_DONE. */
int output_write(const struct output *output, const struct output_file *files, size_t count);
/* One file anywhere, "-" for standard output, in the place of what is there. */
int output_write_file(const char *command, const char *path, const struct buffer *text);

#endif
