/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether two rulesets have the same sets. Members that time out are left out; what remains is compared as
 * what it contains: 10.0.0.0/31 in a hash:ip is the same as its two addresses. */
#include "ruleset/equal.h"

#include <stdlib.h>

struct member_list {
	const struct set_member **members; /* sorted */
	size_t count;
};

#define COMPARE(x, y)                                                                                        \
	do {                                                                                                 \
		if ((x) != (y))                                                                              \
			return (x) < (y) ? -1 : 1;                                                           \
	} while (0)

static int compare_members(const void *left, const void *right)
{
	const struct set_member *a = *(const struct set_member *const *)left;
	const struct set_member *b = *(const struct set_member *const *)right;
	COMPARE(a->low, b->low);
	COMPARE(a->high, b->high);
	COMPARE(a->protocol, b->protocol);
	COMPARE(a->port, b->port);
	COMPARE(a->nomatch, b->nomatch);
	return 0;
}

/* The members that stay, sorted. false when memory is short. */
static bool member_list_init(struct member_list *list, const struct set *set)
{
	list->count = 0;
	list->members = malloc((set->member_count + 1) * sizeof(*list->members));
	if (!list->members)
		return false;
	for (size_t i = 0; i < set->member_count; i++)
		if (!set->members[i].timed)
			list->members[list->count++] = &set->members[i];
	qsort(list->members, list->count, sizeof(*list->members), compare_members);
	return true;
}

/* The longest stretch from members[*at] on that is one run of addresses. */
static struct address_range next_run(const struct member_list *list, size_t *at)
{
	const struct set_member *first = list->members[(*at)++];
	struct address_range run = {first->low, first->high};
	while (*at < list->count) {
		const struct set_member *next = list->members[*at];
		if (next->low > run.high && next->low - run.high > 1)
			break;
		if (next->high > run.high)
			run.high = next->high;
		(*at)++;
	}
	return run;
}

static void print_element(const struct set *set, const struct set_member *member, struct buffer *out)
{
	address_print(set->family, member->low, out);
	if (member->high != member->low) {
		buffer_puts(out, "-");
		address_print(set->family, member->high, out);
	}
	if (set->type == SET_HASH_IP_PORT)
		buffer_printf(out, ",%u:%u", member->protocol, member->port);
	if (member->nomatch)
		buffer_puts(out, " nomatch");
}

static void say_only(const struct set *set, const struct set_member *member, bool here,
		     struct buffer *difference)
{
	buffer_printf(difference, "set %.*s contains ", (int)set->name.size, set->name.data);
	print_element(set, member, difference);
	buffer_printf(difference, " only %s", here ? "here" : "there");
}

/* Element by element: where order of prefixes and nomatch decide, or ports. */
static bool elements_equal(const struct set *set, const struct member_list *a, const struct member_list *b,
			   struct buffer *difference)
{
	for (size_t i = 0; i < a->count || i < b->count; i++) {
		int order = i >= a->count   ? 1
			    : i >= b->count ? -1
					    : compare_members(&a->members[i], &b->members[i]);
		if (order == 0)
			continue;
		say_only(set, order < 0 ? a->members[i] : b->members[i], order < 0, difference);
		return false;
	}
	return true;
}

static bool runs_equal(const struct set *set, const struct member_list *a, const struct member_list *b,
		       struct buffer *difference)
{
	size_t at_a = 0, at_b = 0;
	while (at_a < a->count || at_b < b->count) {
		struct address_range run_a = {0}, run_b = {0};
		bool has_a = at_a < a->count, has_b = at_b < b->count;
		if (has_a)
			run_a = next_run(a, &at_a);
		if (has_b)
			run_b = next_run(b, &at_b);
		if (has_a && has_b && run_a.low == run_b.low && run_a.high == run_b.high)
			continue;
		struct set_member only;
		bool here;
		if (has_a && has_b && run_a.low == run_b.low) {
			here = run_a.high > run_b.high;
			only = (struct set_member){.low = (here ? run_b.high : run_a.high) + 1,
						   .high = here ? run_a.high : run_b.high};
		} else {
			here = has_a && (!has_b || run_a.low < run_b.low);
			struct address_range run = here ? run_a : run_b;
			bool has_other = here ? has_b : has_a;
			address other = here ? run_b.low : run_a.low;
			only = (struct set_member){.low = run.low, .high = run.high};
			if (has_other && other <= run.high)
				only.high = other - 1;
		}
		say_only(set, &only, here, difference);
		return false;
	}
	return true;
}

static bool has_nomatch(const struct member_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->members[i]->nomatch)
			return true;
	return false;
}

static bool members_equal(const struct set *a, const struct set *b, struct buffer *difference)
{
	struct member_list list_a = {0}, list_b = {0};
	bool equal = false;
	if (!member_list_init(&list_a, a) || !member_list_init(&list_b, b))
		buffer_puts(difference, "not enough memory to compare the sets");
	else if (a->type == SET_HASH_IP_PORT || has_nomatch(&list_a) || has_nomatch(&list_b))
		equal = elements_equal(a, &list_a, &list_b, difference);
	else
		equal = runs_equal(a, &list_a, &list_b, difference);
	free(list_a.members);
	free(list_b.members);
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

static bool set_equal(const struct set *a, const struct set *b, struct buffer *difference)
{
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
	if (a->type == SET_OPAQUE)
		return true; /* nothing that weir does rests on what is in it */
	if (a->netmask != b->netmask) {
		buffer_printf(difference, "set %.*s has netmask %u here and %u there", (int)a->name.size,
			      a->name.data, a->netmask, b->netmask);
		return false;
	}
	return members_equal(a, b, difference);
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
		if (!set_equal(set, other, difference))
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
