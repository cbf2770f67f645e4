/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERENCES_SHOWN 6

int tally_init(struct rule_tally *tally, const struct ruleset *ruleset, enum family family)
{
	*tally = (struct rule_tally){.ruleset = ruleset, .family = family};
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &ruleset->tables[family][id];

		for (size_t i = 0; i < table->chain_count; i++) {
			if (tally->chain_count == TALLY_CHAINS)
				return -E2BIG;
			tally->chains[tally->chain_count++] =
			    (struct tally_chain){table->chains[i], tally->count};
			tally->count += table->chains[i]->rule_count + 1;
		}
	}
	tally->counts = calloc(tally->count + 1, sizeof(*tally->counts));
	return tally->counts ? 0 : -ENOMEM;
}

void tally_fini(struct rule_tally *tally)
{
	free(tally->counts);
	tally->counts = NULL;
}

struct count *tally_find(struct rule_tally *tally, enum table_id table, struct text chain, uint32_t number)
{
	for (size_t i = 0; i < tally->chain_count; i++) {
		const struct chain *other = tally->chains[i].chain;

		if (other->table->id == table && text_equal(other->name, chain))
			return number <= other->rule_count ? &tally->counts[tally->chains[i].base + number]
							   : NULL;
	}
	return NULL;
}

static struct count *find_counted(struct rule_tally *tally, const void *counted)
{
	for (size_t i = 0; i < tally->chain_count; i++) {
		const struct chain *chain = tally->chains[i].chain;
		const struct rule *rule = counted;

		if (counted == chain)
			return &tally->counts[tally->chains[i].base];
		if (chain->rule_count && rule >= chain->rules && rule < chain->rules + chain->rule_count)
			return &tally->counts[tally->chains[i].base + 1 + (size_t)(rule - chain->rules)];
	}
	return NULL;
}

void tally_add_trace(struct rule_tally *tally, const struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++) {
		struct count *count = find_counted(tally, trace->items[i].counted);

		if (!count || trace->items[i].truth != TRUTH_YES)
			continue;
		count->packets++;
		count->bytes += trace->items[i].bytes;
	}
}

int tally_add_saved(struct rule_tally *tally, const struct ruleset *saved)
{
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &saved->tables[tally->family][id];

		for (size_t i = 0; i < table->chain_count; i++) {
			const struct chain *chain = table->chains[i];
			struct count *count = tally_find(tally, (enum table_id)id, chain->name, 0);
			struct count *last =
			    tally_find(tally, (enum table_id)id, chain->name, (uint32_t)chain->rule_count);

			if (!count) {
				/* Built-in chains that the text did not name: nothing to compare. */
				if (chain->builtin && !chain->rule_count)
					continue;
				return -ESRCH;
			}
			if (!last)
				return -ESRCH;
			count[0].packets += chain->packets;
			count[0].bytes += chain->bytes;
			for (size_t r = 0; r < chain->rule_count; r++) {
				count[r + 1].packets += chain->rules[r].packets;
				count[r + 1].bytes += chain->rules[r].bytes;
			}
		}
	}
	return 0;
}

bool tally_difference(const struct rule_tally *a, const struct rule_tally *b, bool policies,
		      struct buffer *why)
{
	size_t shown = 0;

	for (size_t i = 0; i < a->chain_count; i++) {
		const struct chain *chain = a->chains[i].chain;
		bool hook = chain->builtin && chain->hook <= HOOK_FORWARD;

		for (size_t n = 0; n <= chain->rule_count; n++) {
			const struct count *x = &a->counts[a->chains[i].base + n],
					   *y = &b->counts[b->chains[i].base + n];
			struct text line = n ? rule_text(&chain->rules[n - 1]) : TEXT("policy");

			if (x->packets == y->packets && x->bytes == y->bytes)
				continue;
			/* What the host itself sends is none of this. */
			if ((!n && !policies) || (chain->builtin && !hook))
				continue;
			if (shown++ == DIFFERENCES_SHOWN)
				return true;
			buffer_printf(why,
				      "\n#     %s %.*s %zu: %" PRIu64 " packets, %" PRIu64 " bytes; %" PRIu64
				      " packets, %" PRIu64 " bytes: %.*s",
				      table_names[chain->table->id], (int)chain->name.size, chain->name.data,
				      n, x->packets, x->bytes, y->packets, y->bytes, (int)line.size,
				      line.data);
		}
	}
	return shown > 0;
}
