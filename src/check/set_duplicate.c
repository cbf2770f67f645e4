/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines of an ipset file that add what is a member already. That happens to lists put together by hand or by
 * scripts, never to what ipset save has written. */
#include "check/findings.h"

static struct span line_span(const struct set *set, uint32_t begin)
{
	const struct set_member line = {.begin = begin};
	return set_member_span(set, &line);
}

static int run(struct check *check)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++) {
		const struct set *set = check->ruleset->sets[i];
		const struct set_repeats *repeats = &set->repeats;
		if (!repeats->count)
			continue;
		struct found *found =
		    check_add(check, line_span(set, repeats->lines[0].again),
			      "%zu line%s to the set %.*s what is in it already", repeats->count,
			      repeats->count == 1 ? " adds" : "s add", (int)set->name.size, set->name.data);
		for (size_t j = 0; j < repeats->count && j < SET_REPEATS_MAX; j++) {
			if (j)
				found_label(check, found, line_span(set, repeats->lines[j].again),
					    "and this one");
			found_label(check, found, line_span(set, repeats->lines[j].before),
				    "it is added here");
		}
	}
	return 0;
}

const struct finding_type finding_set_duplicate = {
    .code = "set-duplicate",
    .severity = SEVERITY_WARNING,
    .title = "a member that is added twice",
    .why = "At such a line ipset restore ends with an error: the members behind it, and the sets, are not "
	   "loaded, and rules that use those sets are refused. With -exist it goes on.",
    .action = "Take the repeated lines out (sort -u), or load the file with ipset restore -exist.",
    .run = run,
};
