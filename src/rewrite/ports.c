/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that differ in one port alone, or a range of them, become rules of -m multiport.
 *
 * Why it is right: -m tcp, -m udp and -m multiport find the ports in the same place of whole packets and
 * first fragments, and none is true of later ones (xt_tcpudp.c, xt_multiport.c); one of them with several
 * ports matches what one of several rules does. All else of the rule stays, its protocol too. What differs is
 * a header that is cut off behind the ports: -m tcp and -m udp drop the packet at once, -m multiport looks at
 * the ports (rewrite_loses_hot_drop()).
 *
 * One rule takes 15 ports, a range counts as two (XT_MULTI_PORTS). Ports that follow each other are a range
 * where that is shorter. */
#include "rewrite/shape.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MAX 15

/* Ports of some rules, [rule, next range's rule) of the sorted ones. */
struct range {
	uint32_t first, last;
	size_t rule;
};

static int compare_rules(const void *left, const void *right, void *context)
{
	const struct rule *a = *(const struct rule *const *)left, *b = *(const struct rule *const *)right;
	struct shape_key a_key, b_key;

	shape_key(context, a, &a_key);
	shape_key(context, b, &b_key);
	int order = shape_key_compare(&a_key, &b_key);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

struct ranges {
	const struct rule **rules; /* by port */
	size_t count;
	struct range *all;
};

static void ranges_fini(struct ranges *ranges)
{
	free(ranges->rules);
	free(ranges->all);
}

/* What overlaps or follows is one. */
static int find_ranges(const struct entry *entry, struct ranges *ranges)
{
	*ranges = (struct ranges){.rules = calloc(entry->count + 1, sizeof(const struct rule *)),
				  .all = calloc(entry->count + 1, sizeof(*ranges->all))};
	if (!ranges->rules || !ranges->all) {
		ranges_fini(ranges);
		return -ENOMEM;
	}
	for (size_t i = 0; i < entry->count; i++)
		ranges->rules[i] = entry->rules[i];
	qsort_r(ranges->rules, entry->count, sizeof(*ranges->rules), compare_rules, (void *)entry->shape);
	for (size_t i = 0; i < entry->count; i++) {
		struct range *last = ranges->count ? &ranges->all[ranges->count - 1] : NULL;
		struct shape_key key;
		shape_key(entry->shape, ranges->rules[i], &key);
		if (!last || key.port > last->last + 1)
			ranges->all[ranges->count++] = (struct range){key.port, key.last_port, i};
		else if (key.last_port > last->last)
			last->last = key.last_port;
	}
	ranges->all[ranges->count].rule = entry->count;
	return 0;
}

static unsigned slots_of(const struct range *range)
{
	return range->first == range->last ? 1 : 2;
}

static int settle_rules(struct rewrite *rewrite, const struct entry *list, const struct rule *const *rules,
			size_t rule_count, struct plan_chain *chain, size_t *count)
{
	struct entry *entry = plan_entry(rewrite, rule_count > 1 ? ENTRY_PORTS : ENTRY_RULE);
	int error = entry ? 0 : -ENOMEM;

	for (size_t i = 0; i < rule_count && !error; i++)
		error = entry_take(rewrite, entry, rules[i]);
	if (error)
		return error;
	if (rule_count > 1) {
		entry->shape = list->shape;
		rewrite->loses_hot_drop = true;
	}
	entry->chain = chain;
	chain->entries[(*count)++] = entry;
	return 0;
}

int ports_settle(struct rewrite *rewrite, const struct entry *list, struct plan_chain *chain, size_t *count)
{
	struct ranges ranges;
	int error = find_ranges(list, &ranges);

	if (error)
		return error;
	for (size_t i = 0; i < ranges.count && !error;) {
		size_t end = i;
		unsigned slots = 0;
		for (; end < ranges.count && slots + slots_of(&ranges.all[end]) <= SLOTS_MAX; end++)
			slots += slots_of(&ranges.all[end]);
		size_t first = ranges.all[i].rule;
		error = settle_rules(rewrite, list, ranges.rules + first, ranges.all[end].rule - first, chain,
				     count);
		i = end;
	}
	ranges_fini(&ranges);
	return error;
}

void ports_print(const struct entry *entry, struct buffer *out)
{
	struct ranges ranges;

	if (find_ranges(entry, &ranges)) {
		out->failed = true;
		return;
	}
	for (size_t i = 0; i < ranges.count; i++) {
		const struct range *range = &ranges.all[i];
		buffer_printf(out, "%s%u", i ? "," : " ", range->first);
		if (range->last != range->first)
			buffer_printf(out, "%c%u", range->last == range->first + 1 ? ',' : ':', range->last);
	}
	ranges_fini(&ranges);
}
