/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether two rulesets have the same sets. Members that time out are left out; what remains is compared as
 * what it contains: 10.0.0.0/25 and 10.0.0.128/25 in a hash:net are the same as 10.0.0.0/24. */
#include "ruleset/equal.h"

#include <stdlib.h>

static void say_only(const struct set *set, const struct set_member *member, bool here,
		     struct buffer *difference)
{
	buffer_printf(difference, "set %.*s contains ", (int)set->name.size, set->name.data);
	set_member_print(set, member, difference);
	buffer_printf(difference, "%s only %s", member->nomatch ? " nomatch" : "", here ? "here" : "there");
}

/* A set with its members at hand. */
struct side {
	const struct ruleset *ruleset;
	const struct set *set;
	struct set_index index;
};

static bool side_init(struct side *side)
{
	for (size_t i = 0; i < side->set->member_count; i++)
		if (set_index_add(&side->index, side->set, i) < 0)
			return false;
	return true;
}

/* Whether it stays and is on the other side the same. The MAC address of a bitmap may have been filled in by
 * the first packet, so that only two that are there are held against each other. */
static bool has_member(const struct side *side, const struct set_member *member)
{
	struct set_member key = *member, found;

	if (member->set) {
		key.set = ruleset_find_set(side->ruleset, member->set->name);
		if (!key.set)
			return false;
	}
	size_t number = set_index_find(&side->index, side->set, &key);
	if (number == SET_NO_MEMBER)
		return false;
	set_member_get(side->set, number, &found);
	if (found.timed || found.nomatch != member->nomatch || found.wildcard != member->wildcard)
		return false;
	return !found.has_mac || !member->has_mac || memcmp(found.mac, member->mac, sizeof(found.mac)) == 0;
}

/* Whether the other side has all that stay. */
static bool holds_all(const struct side *side, const struct set *of, bool here, struct buffer *difference)
{
	for (size_t i = 0; i < of->member_count; i++) {
		struct set_member member;
		set_member_get(of, i, &member);
		if (member.timed || has_member(side, &member))
			continue;
		say_only(of, &member, here, difference);
		return false;
	}
	return true;
}

static bool elements_equal(const struct side *a, const struct side *b, struct buffer *difference)
{
	return holds_all(b, a->set, true, difference) && holds_all(a, b->set, false, difference);
}

/* The members that stay as ranges, sorted; *plain is whether that is all there is to them. */
struct range_list {
	struct address_range *ranges;
	size_t count;
};

static int compare_ranges(const void *left, const void *right)
{
	const struct address_range *a = left, *b = right;

	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->high < b->high ? -1 : a->high > b->high;
}

/* Sorted, and those that touch or overlap made one. false when memory is short. */
static bool range_list_init(struct range_list *list, const struct set *set)
{
	size_t count = 0;

	list->ranges = malloc((set->member_count + 1) * sizeof(*list->ranges));
	if (!list->ranges)
		return false;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (!member.timed)
			list->ranges[count++] = (struct address_range){member.low, member.high};
	}
	qsort(list->ranges, count, sizeof(*list->ranges), compare_ranges);
	for (size_t i = 0; i < count; i++) {
		struct address_range *last = list->count ? &list->ranges[list->count - 1] : NULL;
		if (!last || (list->ranges[i].low > last->high && list->ranges[i].low - last->high > 1))
			list->ranges[list->count++] = list->ranges[i];
		else if (list->ranges[i].high > last->high)
			last->high = list->ranges[i].high;
	}
	return true;
}

static void print_range(const struct set *set, const struct range_list *list, const struct range_list *other,
			size_t at, bool here, struct buffer *difference)
{
	address low = list->ranges[at].low, high = list->ranges[at].high;

	/* what the other side has of its beginning is not the difference */
	if (at < other->count && other->ranges[at].low == low)
		low = other->ranges[at].high + 1;
	else if (at < other->count && other->ranges[at].low <= high)
		high = other->ranges[at].low - 1;
	buffer_printf(difference, "set %.*s contains ", (int)set->name.size, set->name.data);
	address_print(set->family, low, difference);
	if (high != low) {
		buffer_puts(difference, "-");
		address_print(set->family, high, difference);
	}
	buffer_printf(difference, " only %s", here ? "here" : "there");
}

/* Networks without nomatch: what they hold together. */
static bool ranges_equal(const struct set *a, const struct set *b, struct buffer *difference)
{
	struct range_list list_a = {0}, list_b = {0};
	bool equal = false;

	if (!range_list_init(&list_a, a) || !range_list_init(&list_b, b)) {
		buffer_puts(difference, "not enough memory to compare the sets");
	} else {
		size_t at = 0;
		while (at < list_a.count && at < list_b.count &&
		       compare_ranges(&list_a.ranges[at], &list_b.ranges[at]) == 0)
			at++;
		equal = at == list_a.count && at == list_b.count;
		if (!equal) {
			const struct address_range *x = at < list_a.count ? &list_a.ranges[at] : NULL,
						   *y = at < list_b.count ? &list_b.ranges[at] : NULL;
			bool here = x && (!y || x->low < y->low || (x->low == y->low && x->high > y->high));
			print_range(here ? a : b, here ? &list_a : &list_b, here ? &list_b : &list_a, at,
				    here, difference);
		}
	}
	free(list_a.ranges);
	free(list_b.ranges);
	return equal;
}

static bool has_nomatch(const struct set *set)
{
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (member.nomatch)
			return true;
	}
	return false;
}

static bool members_equal(struct side *a, struct side *b, struct buffer *difference)
{
	bool equal = false;

	if (a->set->type == SET_HASH_NET && !has_nomatch(a->set) && !has_nomatch(b->set))
		return ranges_equal(a->set, b->set, difference);
	if (!side_init(a) || !side_init(b))
		buffer_puts(difference, "not enough memory to compare the sets");
	else
		equal = elements_equal(a, b, difference);
	set_index_fini(&a->index);
	set_index_fini(&b->index);
	return equal;
}

static bool say_option(const struct set *set, const char *what, bool a, bool b, struct buffer *difference)
{
	if (a == b)
		return true;
	buffer_printf(difference, "set %.*s has %s only %s", (int)set->name.size, set->name.data, what,
		      a ? "here" : "there");
	return false;
}

static bool set_equal(struct side *side_a, struct side *side_b, struct buffer *difference)
{
	const struct set *a = side_a->set, *b = side_b->set;

	static const char *const family_names[FAMILY_COUNT] = {"inet", "inet6"};
	if (!text_equal(a->type_name, b->type_name)) {
		buffer_printf(difference, "set %.*s is of type %.*s here and %.*s there", (int)a->name.size,
			      a->name.data, (int)a->type_name.size, a->type_name.data, (int)b->type_name.size,
			      b->type_name.data);
		return false;
	}
	if (a->family != b->family) {
		buffer_printf(difference, "set %.*s is of family %s here and %s there", (int)a->name.size,
			      a->name.data, family_names[a->family], family_names[b->family]);
		return false;
	}
	if (!say_option(a, "counters", a->counters, b->counters, difference) ||
	    !say_option(a, "a timeout", a->has_timeout, b->has_timeout, difference))
		return false;
	if (a->mask != b->mask || a->markmask != b->markmask) {
		buffer_printf(difference, "set %.*s has another mask here than there", (int)a->name.size,
			      a->name.data);
		return false;
	}
	if (a->low != b->low || a->high != b->high) {
		buffer_printf(difference, "set %.*s has another range here than there", (int)a->name.size,
			      a->name.data);
		return false;
	}
	return members_equal(side_a, side_b, difference);
}

bool sets_equal(const struct ruleset *a, const struct ruleset *b, struct buffer *difference)
{
	for (size_t i = 0; i < a->set_count; i++) {
		const struct set *set = a->sets[i], *other = ruleset_find_set(b, set->name);
		if (!other) {
			buffer_printf(difference, "set %.*s exists only here", (int)set->name.size,
				      set->name.data);
			return false;
		}
		struct side here = {.ruleset = a, .set = set}, there = {.ruleset = b, .set = other};
		if (!set_equal(&here, &there, difference))
			return false;
	}
	for (size_t i = 0; i < b->set_count; i++) {
		const struct set *set = b->sets[i];
		if (!ruleset_find_set(a, set->name)) {
			buffer_printf(difference, "set %.*s exists only there", (int)set->name.size,
				      set->name.data);
			return false;
		}
	}
	return true;
}
