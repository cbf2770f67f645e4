/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that say what a rule before them in the same chain has said already, word for word (comments apart).
 *
 * Why it is right: what the two match hangs on the packet's header alone, which nothing in between changes.
 * If the first ends the walk, no packet that the second matches comes to it; if running the target a second
 * time does nothing (NOTRACK), the second does nothing. A chain of which a packet may come back with other
 * addresses, and whatever else is loud, forgets what was said before. */
#include "rewrite/plan.h"

#include "ruleset/name_index.h"
#include "ruleset/rule_parser.h"

#include <errno.h>

static int repeated_chain(struct rewrite *rewrite, struct plan_chain *chain)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct name_index *said = NULL;
	size_t kept = 0;

	if (!arena)
		return -ENOMEM;
	for (size_t i = 0; i < chain->count; i++) {
		struct entry *entry = chain->entries[i];
		const struct rule *rule = entry->rules[0];
		struct facts *facts = facts_of(rewrite, rule);
		chain->entries[kept++] = entry;
		if (facts->traits & TRAIT_LOUD)
			said = NULL;
		if (facts->traits || !(facts->terminal || facts->idempotent))
			continue;
		struct buffer text = {0};
		struct rule bare = *rule;
		bare.match_count = 0;
		bare.target = (struct target){.type = &target_none};
		rule_print(&bare, true, &text);
		buffer_printf(&text, " %u %u", facts->matches, facts->target);
		struct text key = {text.failed ? NULL : arena_copy(arena, text.data, text.size), text.size};
		buffer_fini(&text);
		if (!key.data)
			return -ENOMEM;
		const struct rule *first = name_index_find(said, key);
		int error = first ? 0 : name_index_add(arena, &said, key, (void *)rule);
		if (error)
			return error;
		if (!first)
			continue;
		kept--;
		facts->entry = NULL;
		facts->fate = FATE_REPEATED;
		facts->by = first;
	}
	chain->count = kept;
	return 0;
}

int step_repeated(struct rewrite *rewrite)
{
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		int error = rewrite->chains[i]->gone ? 0 : repeated_chain(rewrite, rewrite->chains[i]);
		if (error)
			return error;
	}
	return 0;
}
