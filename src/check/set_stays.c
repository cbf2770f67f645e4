/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members without a timeout in a set whose members expire. */
#include "check/findings.h"

static void examine(struct check *check, const struct set *set)
{
	size_t stay = 0, expire = 0, kept = 0;
	struct set_member members[FOUND_LABELS_MAX];
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (member.timed)
			expire++;
		else if (stay++ < FOUND_LABELS_MAX)
			members[kept++] = member;
	}
	if (!stay || (!expire && !set->timeout))
		return; /* timeout 0: to stay is what the set is for */
	struct found *found =
	    check_add(check, set->span,
		      "%zu of the %zu members of the set %.*s never expire, though its members have "
		      "timeouts",
		      stay, set->member_count, (int)set->name.size, set->name.data);
	for (size_t i = 0; i < kept; i++) {
		struct buffer text = {0};
		set_member_print(set, &members[i], &text);
		found_label(check, found, set_member_span(set, &members[i]), "%s stays",
			    check_text(check, &text));
	}
}

static int run(struct check *check)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++)
		if (check->ruleset->sets[i]->has_timeout && check->ruleset->sets[i]->type != SET_LIST)
			examine(check, check->ruleset->sets[i]);
	return 0;
}

const struct finding_type finding_set_stays = {
    .code = "set-stays",
    .severity = SEVERITY_NOTE,
    .title = "members that never expire in a set with timeouts",
    .why = "Everything else in the set goes by itself; these stay until somebody deletes them. Mostly a ban "
	   "was added with "
	   "timeout 0 by hand, or a list was restored without its timeouts.",
    .action = "Add them again with a timeout (ipset add -exist NAME MEMBER timeout N), or keep what shall "
	      "stay in a "
	      "set of its own.",
    .run = run,
};
