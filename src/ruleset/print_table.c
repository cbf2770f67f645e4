/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A table as iptables-save prints it: iptables/iptables-save.c, do_output(). */
#include "ruleset/ruleset.h"

#include <inttypes.h>
#include <stdlib.h>

static void print_chain(const struct chain *chain, enum table_counters counters, struct buffer *out)
{
	buffer_puts(out, ":");
	buffer_add(out, chain->name.data, chain->name.size);
	buffer_printf(out, " %s [%" PRIu64 ":%" PRIu64 "]\n",
		      !chain->builtin                ? "-"
		      : chain->policy == POLICY_DROP ? "DROP"
						     : "ACCEPT",
		      counters == COUNTERS_NONE ? 0 : chain->packets,
		      counters == COUNTERS_NONE ? 0 : chain->bytes);
}

static void print_rules(const struct chain *chain, enum table_counters counters, struct buffer *out)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];

		if (counters == COUNTERS_ALL)
			buffer_printf(out, "[%" PRIu64 ":%" PRIu64 "] ", rule->packets, rule->bytes);
		rule_print(rule, false, out);
		buffer_puts(out, "\n");
	}
}

/* strcmp() of their names, as libiptc and iptables-nft sort them. */
static int by_name(const void *a, const void *b)
{
	const struct text *left = &(*(struct chain *const *)a)->name,
			  *right = &(*(struct chain *const *)b)->name;
	size_t size = left->size < right->size ? left->size : right->size;
	int order = size ? memcmp(left->data, right->data, size) : 0;

	return order ? order : (left->size > right->size) - (left->size < right->size);
}

void table_print(const struct table *table, enum table_counters counters, struct buffer *out)
{
	struct chain **own = calloc(table->chain_count + 1, sizeof(struct chain *));
	size_t count = 0;

	if (!own) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < table->chain_count; i++)
		if (!table->chains[i]->builtin)
			own[count++] = table->chains[i];
	qsort(own, count, sizeof(*own), by_name);
	buffer_printf(out, "*%s\n", table_names[table->id]);
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		if (table->hooks[hook])
			print_chain(table->hooks[hook], counters, out);
		else if (table_has_hook(table->id, (enum hook)hook))
			buffer_printf(out, ":%s ACCEPT [0:0]\n", hook_names[hook]);
	}
	for (size_t i = 0; i < count; i++)
		print_chain(own[i], counters, out);
	for (int hook = 0; hook < HOOK_COUNT; hook++)
		if (table->hooks[hook])
			print_rules(table->hooks[hook], counters, out);
	for (size_t i = 0; i < count; i++)
		print_rules(own[i], counters, out);
	buffer_puts(out, "COMMIT\n");
	free(own);
}
