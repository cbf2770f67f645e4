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

static void add_bytes(uint64_t *sum, uint32_t bytes)
{
	*sum = bytes == TRACED_LENGTH_UNKNOWN || *sum == UINT64_MAX ? UINT64_MAX : *sum + bytes;
}

void tally_add_trace(struct rule_tally *tally, struct rule_tally *perhaps, const struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++) {
		const struct traced *item = &trace->items[i];
		struct count *count = find_counted(tally, item->counted);
		struct count *more = perhaps ? find_counted(perhaps, item->counted) : NULL;

		if (count && item->truth == TRUTH_YES) {
			count->packets++;
			if (item->bytes != TRACED_LENGTH_UNKNOWN)
				count->bytes += item->bytes;
			else if (more)
				add_bytes(&more->bytes, item->bytes);
		} else if (more) {
			more->packets++;
			add_bytes(&more->bytes, item->bytes);
		}
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

static bool within(uint64_t least, uint64_t more, uint64_t value)
{
	return value >= least && value - least <= more;
}

static void print_count(const struct count *count, const struct count *more, struct buffer *why)
{
	buffer_printf(why, "%" PRIu64, count->packets);
	if (more->packets)
		buffer_printf(why, " to %" PRIu64, count->packets + more->packets);
	buffer_printf(why, " packets, %" PRIu64, count->bytes);
	if (more->bytes == UINT64_MAX)
		buffer_puts(why, " or more");
	else if (more->bytes)
		buffer_printf(why, " to %" PRIu64, count->bytes + more->bytes);
	buffer_puts(why, " bytes");
}

bool tally_difference(const struct rule_tally *a, const struct rule_tally *perhaps,
		      const struct rule_tally *b, bool policies, unsigned hooks, struct buffer *why)
{
	static const struct count none;
	size_t shown = 0;

	for (size_t i = 0; i < a->chain_count; i++) {
		const struct chain *chain = a->chains[i].chain;

		/* What the host itself sends is none of this. */
		if (chain->builtin && !(hooks >> chain->hook & 1))
			continue;
		for (size_t n = policies ? 0 : 1; n <= chain->rule_count; n++) {
			size_t at = a->chains[i].base + n;
			const struct count *x = &a->counts[at], *y = &b->counts[at],
					   *more = perhaps ? &perhaps->counts[at] : &none;
			struct text line = n ? rule_text(&chain->rules[n - 1]) : TEXT("policy");

			if (within(x->packets, more->packets, y->packets) &&
			    within(x->bytes, more->bytes, y->bytes))
				continue;
			if (shown++ == DIFFERENCES_SHOWN)
				return true;
			buffer_printf(why, "\n#     %s %.*s %zu: ", table_names[chain->table->id],
				      (int)chain->name.size, chain->name.data, n);
			print_count(x, more, why);
			buffer_puts(why, "; ");
			print_count(y, &none, why);
			buffer_printf(why, ": %.*s", (int)line.size, line.data);
		}
	}
	return shown > 0;
}
