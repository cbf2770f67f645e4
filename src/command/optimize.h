/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir optimize: what its files share. */
#ifndef WEIR_COMMAND_OPTIMIZE_H
#define WEIR_COMMAND_OPTIMIZE_H

#include "rewrite/rewrite.h"

#include <stdbool.h>

struct json_object;

/* optimize_write.c: a file to be written whole or not at all. */
struct output_file {
	const char *name;   /* in the directory */
	struct buffer text; /* empty: one that is there from an earlier run is taken away */
};
/* Writes them into the directory, which is made when it is not there. Files that do not begin with
 * rewrite_mark are left alone unless `force`: nothing is written then. An exit code, after a message when it
 * is not EXIT_DONE. */
int optimize_write(const char *directory, const struct output_file *files, size_t count, bool force);
/* One file anywhere, "-" for standard output, in the place of what is there. */
int optimize_write_file(const char *path, const struct buffer *text);

/* optimize_print.c */
void optimize_print_map(const struct rewrite *rewrite, struct buffer *out);
void optimize_print_summary(const struct rewrite *rewrite, struct buffer *out);
void optimize_print_rules(const struct rewrite *rewrite, struct buffer *out);
void optimize_print_costs(const struct rewrite_cost *costs, size_t count, struct buffer *out);
struct json_object *optimize_json(const struct rewrite *rewrite, const struct rewrite_cost *costs,
				  size_t cost_count);

#endif
