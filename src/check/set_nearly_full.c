/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set that holds nearly as many members as it may. */
#include "check/findings.h"

#define FULL_PERCENT 90 /* what grows reaches the rest soon; what is fixed was made to measure */

static uint64_t limit_of(const struct set *set)
{
	if (set->type == SET_LIST)
		return set->size;
	return set->type >= SET_HASH_IP && set->type < SET_LIST ? set->maxelem : 0;
}

static int run(struct check *check)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++) {
		const struct set *set = check->ruleset->sets[i];
		uint64_t limit = limit_of(set);
		if (!limit || (uint64_t)set->member_count * 100 < limit * FULL_PERCENT)
			continue;
		struct found *found = check_add(
		    check, set->span, "the set %.*s holds %zu members of at most %llu", (int)set->name.size,
		    set->name.data, set->member_count, (unsigned long long)limit);
		found_hint(check, found,
			   "Make a set of the same type with %s %llu or more, fill it, and put it in its "
			   "place with ipset "
			   "swap.",
			   set->type == SET_LIST ? "size" : "maxelem", (unsigned long long)limit * 2);
	}
	return 0;
}

const struct finding_type finding_set_nearly_full = {
    .code = "set-nearly-full",
    .severity = SEVERITY_WARNING,
    .title = "a set that is nearly full",
    .why = "At maxelem the kernel refuses further members (with forceadd it throws others out): bans that "
	   "come in later "
	   "are lost, often with nothing but a line in the log of the program that adds them.",
    .action = "Make a larger set, fill it, and swap the two.",
    .run = run,
};
