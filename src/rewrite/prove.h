/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside rewrite/: what the proof reads. */
#ifndef WEIR_REWRITE_PROVE_H
#define WEIR_REWRITE_PROVE_H

#include "meaning/difference.h"
#include "ruleset/ruleset.h"

/* parts.c: whether all chains of that table of the input do the same in `after`, each by itself. *proven is
 * false where this does not show it. 0 or -ENOMEM. */
int parts_prove(const struct ruleset *input, const struct ruleset *after, const struct table *table,
		const struct difference_options *options, bool *proven);

#endif
