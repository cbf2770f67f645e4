/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: one table compared chain by chain. */
#ifndef WEIR_MEANING_PARTS_H
#define WEIR_MEANING_PARTS_H

#include "meaning/behaviour.h"

/* Whether each chain of the table that is reached does the same on both sides, whatever the chains that it
 * jumps to do: then the table does, all effects and all that is asked included. false where that is not so,
 * or not known. */
bool parts_same(struct behaviour *behaviour, const struct ruleset *const *sides, enum family family,
		enum table_id table);

#endif
