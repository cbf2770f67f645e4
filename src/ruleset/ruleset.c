/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making a ruleset and finding things in it. */
#include "ruleset/ruleset.h"

#include "ruleset/name_index.h"

#include <errno.h>

const char *const table_names[TABLE_COUNT] = {"raw", "mangle", "nat", "filter", "security"};
const char *const hook_names[HOOK_COUNT] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

/* net/ipv4/netfilter/iptable_{raw,mangle,nat,filter,security}.c: .valid_hooks; IPv6 has the same. */
static const unsigned table_hooks[TABLE_COUNT] = {
    [TABLE_RAW] = 1 << HOOK_PREROUTING | 1 << HOOK_OUTPUT,
    [TABLE_MANGLE] =
	1 << HOOK_PREROUTING | 1 << HOOK_INPUT | 1 << HOOK_FORWARD | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING,
    [TABLE_NAT] = 1 << HOOK_PREROUTING | 1 << HOOK_INPUT | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING,
    [TABLE_FILTER] = 1 << HOOK_INPUT | 1 << HOOK_FORWARD | 1 << HOOK_OUTPUT,
    [TABLE_SECURITY] = 1 << HOOK_INPUT | 1 << HOOK_FORWARD | 1 << HOOK_OUTPUT,
};

bool table_has_hook(enum table_id table, enum hook hook)
{
	return table_hooks[table] >> hook & 1;
}

struct ruleset *ruleset_new(void)
{
	struct arena *arena = arena_new();
	struct ruleset *ruleset = arena ? arena_alloc(arena, sizeof(*ruleset)) : NULL;
	if (!ruleset) {
		arena_free(arena);
		return NULL;
	}
	ruleset->arena = arena;
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			ruleset->tables[family][id].family = (enum family)family;
			ruleset->tables[family][id].id = (enum table_id)id;
		}
	return ruleset;
}

void ruleset_free(struct ruleset *ruleset)
{
	if (ruleset)
		arena_free(ruleset->arena); /* the ruleset itself lives in it */
}

int table_add_chain(struct arena *arena, struct table *table, struct chain *chain)
{
	int result = name_index_add(arena, &table->index, chain->name, chain);
	if (result < 0)
		return result;
	struct chain **place = arena_push(arena, (void **)&table->chains, &table->chain_count,
					  &table->chain_capacity, sizeof(*place));
	if (!place)
		return -ENOMEM;
	*place = chain;
	chain->table = table;
	if (chain->builtin)
		table->hooks[chain->hook] = chain;
	return 0;
}

struct chain *table_find_chain(const struct table *table, struct text name)
{
	return name_index_find(table->index, name);
}

struct set *ruleset_find_set(const struct ruleset *ruleset, struct text name)
{
	return name_index_find(ruleset->set_index, name);
}

int ruleset_add_set(struct ruleset *ruleset, struct set *set)
{
	int result = name_index_add(ruleset->arena, &ruleset->set_index, set->name, set);
	if (result < 0)
		return result;
	struct set **place = arena_push(ruleset->arena, (void **)&ruleset->sets, &ruleset->set_count,
					&ruleset->set_capacity, sizeof(*place));
	if (!place)
		return -ENOMEM;
	*place = set;
	return 0;
}

struct text span_text(struct span span)
{
	if (!span.source)
		return TEXT("");
	return (struct text){span.source->data + span.begin, span.end - span.begin};
}

struct text rule_text(const struct rule *rule)
{
	return span_text(rule->span);
}
