/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Texts as files that need no name, and rulesets read from them. */
#ifndef WEIR_TEST_PARITY_FIXTURE_H
#define WEIR_TEST_PARITY_FIXTURE_H

#include "read/load.h"
#include "rules.h"

/* A file in memory that holds the text; its path is good in this process and its children. -1 on failure. */
int text_file(const struct buffer *text, char path[32]);

/* Reads a generated ruleset as the commands do. NULL with everything that is wrong in `why`. */
struct ruleset *fixture_load(const struct drawn_rules *text, struct buffer *why);
/* Reads what iptables-save printed, with the sets of `text`. */
struct ruleset *fixture_load_saved(const struct buffer *saved, const struct drawn_rules *text,
				   struct buffer *why);

#endif
