/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning/same.h"

#include "ruleset/extension_type.h"
#include "ruleset/set.h"

#include <string.h>

/* What counters and comments say is left out. */
static bool same_member(const struct set_member *a, const struct set_member *b)
{
	return a->low == b->low && a->high == b->high && a->low2 == b->low2 && a->high2 == b->high2 &&
	       a->prefix == b->prefix && a->prefix2 == b->prefix2 && a->protocol == b->protocol &&
	       a->nomatch == b->nomatch && a->physdev == b->physdev && a->wildcard == b->wildcard &&
	       a->has_mac == b->has_mac && a->timed == b->timed && (!a->timed || a->timeout == b->timeout) &&
	       a->port == b->port && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 && a->mark == b->mark &&
	       strcmp(a->interface, b->interface) == 0 && !a->set == !b->set &&
	       (!a->set || text_equal(a->set->name, b->set->name)) && a->packets == b->packets &&
	       a->bytes == b->bytes && a->skb_mark == b->skb_mark && a->skb_mask == b->skb_mask &&
	       a->skb_priority == b->skb_priority && a->skb_queue == b->skb_queue;
}

static bool same_set(const struct set *a, const struct set *b)
{
	if (a->type != b->type || !text_equal(a->type_name, b->type_name) || a->family != b->family ||
	    a->dimensions != b->dimensions || a->counters != b->counters ||
	    a->has_timeout != b->has_timeout || a->forceadd != b->forceadd || a->skbinfo != b->skbinfo ||
	    a->changing != b->changing || a->timeout != b->timeout || a->netmask != b->netmask ||
	    a->has_netmask != b->has_netmask || a->has_bitmask != b->has_bitmask || a->mask != b->mask ||
	    a->maxelem != b->maxelem || a->markmask != b->markmask || a->size != b->size ||
	    a->low != b->low || a->high != b->high || a->member_count != b->member_count)
		return false;
	for (size_t i = 0; i < a->member_count; i++) {
		struct set_member left, right;
		set_member_get(a, i, &left);
		set_member_get(b, i, &right);
		if (set_member_removed(a, i) || set_member_removed(b, i) || !same_member(&left, &right))
			return false;
	}
	return true;
}

bool same_sets(const struct ruleset *before, const struct ruleset *after)
{
	if (before->set_count != after->set_count)
		return false;
	for (size_t i = 0; i < before->set_count; i++) {
		const struct set *other = ruleset_find_set(after, before->sets[i]->name);
		if (!other || !same_set(before->sets[i], other))
			return false;
	}
	return true;
}

/* What is printed alike may not be read alike (`! --dport 0:65535` is printed as nothing), and where the
 * input was translated what it said is not the rule's own. */
static bool same_rule(const struct rule *a, const struct rule *b)
{
	struct buffer left = {0}, right = {0};
	if (!text_equal(rule_text(a), rule_text(b)))
		return false;
	rule_print(a, true, &left);
	rule_print(b, true, &right);
	bool same = !left.failed && !right.failed && left.size == right.size &&
		    (!left.size || memcmp(left.data, right.data, left.size) == 0);
	buffer_fini(&left);
	buffer_fini(&right);
	return same;
}

static bool same_chain(const struct chain *a, const struct chain *b)
{
	bool same = a->builtin == b->builtin &&
		    (!a->builtin || (a->hook == b->hook && a->policy == b->policy)) &&
		    a->rule_count == b->rule_count;
	for (size_t i = 0; i < a->rule_count && same; i++)
		same = same_rule(&a->rules[i], &b->rules[i]);
	return same;
}

static bool same_table(const struct table *a, const struct table *b)
{
	if (a->present != b->present || a->chain_count != b->chain_count || a->flavour != b->flavour ||
	    a->order != b->order)
		return false;
	for (size_t i = 0; i < a->chain_count; i++) {
		const struct chain *other = table_find_chain(b, a->chains[i]->name);
		if (!other || !same_chain(a->chains[i], other))
			return false;
	}
	return true;
}

bool same_family(const struct ruleset *before, const struct ruleset *after, enum family family)
{
	for (enum table_id id = 0; id < TABLE_COUNT; id++)
		if (!same_table(&before->tables[family][id], &after->tables[family][id]))
			return false;
	return same_sets(before, after);
}
