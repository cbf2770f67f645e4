/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside rewrite/: what the proof reads. */
#ifndef WEIR_REWRITE_PROVE_H
#define WEIR_REWRITE_PROVE_H

#include "ruleset/ruleset.h"

/* expand.c: whether some set that `before` has not has no meaning in diagrams that rules could say, and the
 * rules of the family in such form. */
bool expand_wanted(const struct ruleset *before, const struct ruleset *ruleset);
void expand_rules(const struct ruleset *before, const struct ruleset *ruleset, enum family family,
		  struct buffer *out);

#endif
