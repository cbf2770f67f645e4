/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: two rulesets that say the same to the letter. */
#ifndef WEIR_MEANING_SAME_H
#define WEIR_MEANING_SAME_H

#include "ruleset/ruleset.h"

/* All rules of that family, and all sets, are the same one by one: nothing needs to be asked of what they
 * mean, and be it that nobody knows. false also where that cannot be told at a glance. */
bool same_family(const struct ruleset *before, const struct ruleset *after, enum family family);
/* The same of the sets alone. */
bool same_sets(const struct ruleset *before, const struct ruleset *after);

#endif
