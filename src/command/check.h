/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Findings as they are shown: text, JSON, SARIF. */
#ifndef WEIR_COMMAND_CHECK_H
#define WEIR_COMMAND_CHECK_H

#include "check/check.h"

/* Each gives an exit code: EXIT_DONE, or EXIT_SYSTEM where it could not be written. */
int check_print_text(const struct diagnostics *sink, const struct check_result *result);
int check_print_json(const struct diagnostics *sink, const struct check_result *result);
/* check_sarif.c: SARIF 2.1.0 (OASIS). */
int check_print_sarif(const struct diagnostics *sink, const struct check_result *result);
extern const char *const check_severity_names[]; /* by enum severity; SARIF has the same */
/* --explain. */
void check_print_type(const struct finding_type *type);

/* line_hash.c: what a line of a file is known by while lines around it come and go, as the action that
 * uploads SARIF to GitHub reckons it ("primaryLocationLineHash"). */
struct line_hashes;
int line_hashes_new(const struct source *source, struct line_hashes **hashes); /* 0 or -ENOMEM */
void line_hashes_free(struct line_hashes *hashes);
/* "a1b2c3...:1", lines from 1 on; nothing for a line that is not there. */
void line_hash_print(const struct line_hashes *hashes, uint32_t line, struct buffer *out);

#endif
