/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: two large rulesets without the rules that both have alike and that no packet meets which a
 * changed rule may match. For rulesets with more unknowns than a diagram has variables. */
#ifndef WEIR_MEANING_TRIM_H
#define WEIR_MEANING_TRIM_H

#include "meaning/behaviour.h"

/* 0 with *trimmed, both in `arena`, which share all but the rules of that family with the originals; -E2BIG
 * where it cannot be told which rules are needless; -ENOMEM.
 *
 * What is left does to packets that changed rules match what the whole does. Of others it does not: where
 * their fate hangs on what a match remembers which those were asked too, it cannot be told from what is left.
 */
int trim_sides(const struct ruleset *const *sides, enum family family, struct arena *arena,
	       const struct ruleset **trimmed);

#endif
