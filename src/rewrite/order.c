/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is met most comes first, where the rules have counted.
 *
 * Why it is right: a rule moves up past one other at a time, each time in a way that no packet can tell
 * (entries_commute()). Only rules that end the walk move: of others nobody walks less. */
#include "rewrite/plan.h"

#include <errno.h>

static void order_chain(struct rewrite *rewrite, struct plan_chain *chain)
{
	for (size_t i = 1; i < chain->count; i++) {
		struct entry *entry = chain->entries[i];
		if (entry->kind == ENTRY_JUMP || !facts_of(rewrite, entry->rules[0])->terminal)
			continue;
		size_t place = i;
		while (place > 0 && chain->entries[place - 1]->packets < entry->packets &&
		       entries_commute(rewrite, chain->entries[place - 1], entry)) {
			chain->entries[place] = chain->entries[place - 1];
			place--;
		}
		chain->entries[place] = entry;
		for (size_t k = 0; place < i && k < entry->count; k++)
			facts_of(rewrite, entry->rules[k])->moved = true;
	}
}

int step_order(struct rewrite *rewrite)
{
	for (size_t i = 0; rewrite->counters && i < rewrite->chain_count; i++)
		order_chain(rewrite, rewrite->chains[i]);
	return 0;
}
