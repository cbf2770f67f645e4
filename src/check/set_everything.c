/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set of networks that holds every address: a /0, or its two halves, as they get in by way of a bad list.
 */
#include "check/findings.h"
#include "check/members.h"

#include <stdlib.h>

/* Whether the members from *next on, of one protocol and port, hold all addresses; *next: behind them. */
static bool holds_all(const struct set *set, const struct prefix_member *members, size_t count, size_t *next)
{
	const struct prefix_member *first = &members[*next];
	address reached = 0; /* all below it are held */
	bool gap = false, all = false;
	for (; *next < count; (*next)++) {
		const struct prefix_member *member = &members[*next];
		address high = prefix_high(set, member);
		if (!prefix_comparable(member, first))
			break;
		if (member->nomatch) /* what it takes out is not reckoned with */
			gap = true;
		if (gap || all)
			continue;
		gap = member->low > reached;
		if (gap || high < reached)
			continue;
		all = high == family_max(set->family);
		reached = high + 1;
	}
	return all && !gap;
}

/* As many addresses as there are: else sorting them is for nothing. Of a set with ports all are taken
 * together. */
static bool may_hold_all(const struct set *set)
{
	/* In shares of the address space, as a sum of addresses would not fit. */
	double share = 0;
	if (set->type != SET_HASH_NET && set->type != SET_HASH_NET_PORT)
		return false;
	for (size_t i = 0; i < set->member_count && share < 0.999; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		share += member.prefix < 64 ? 1.0 / (double)((uint64_t)1 << member.prefix) : 0;
	}
	/* What is /64 and longer adds little: a set of millions of them does not make up for it. */
	return share >= 0.999;
}

static void report(struct check *check, const struct set *set, const struct prefix_member *first)
{
	struct set_member member;
	struct buffer text = {0};
	set_member_get(set, first->index, &member);
	set_member_print(set, &member, &text);
	const char *name = check_text(check, &text);
	struct found *found = check_add(
	    check, set->span, "the members of the set %.*s hold every %s address%s", (int)set->name.size,
	    set->name.data, family_name(set->family), set->type == SET_HASH_NET_PORT ? " for a port" : "");
	found_label(check, found, set_member_span(set, &member), "beginning with %s", name);
}

static int run(struct check *check)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++) {
		const struct set *set = check->ruleset->sets[i];
		struct prefix_member *members;
		size_t count, next = 0;
		if (!may_hold_all(set))
			continue;
		int error = members_sorted(set, &members, &count);
		if (error)
			return error;
		while (next < count) {
			const struct prefix_member *first = &members[next];
			if (holds_all(set, members, count, &next)) {
				report(check, set, first);
				break;
			}
		}
		free(members);
	}
	return 0;
}

const struct finding_type finding_set_everything = {
    .code = "set-everything",
    .severity = SEVERITY_WARNING,
    .title = "a set that holds every address",
    .why = "A list of bans with a /0 in it (mostly written as two halves, since ipset takes no /0) bans "
	   "everybody, the "
	   "operator too; a list of friends lets everybody in. It comes from feeds that went wrong.",
    .action =
	"Delete those members; where everything is meant, a rule without the set says so. Check lists from "
	"elsewhere for prefixes shorter than /8 before they are loaded.",
    .run = run,
};
