/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Prefixes inside other prefixes of the same set, that say nothing the others do not. The longest prefix
 * decides (nomatch), so the nearest one around is what counts; and one that expires does not make another
 * needless. */
#include "check/findings.h"
#include "check/members.h"

#include <stdlib.h>

#define NESTING_MAX 129 /* prefix lengths */

struct needless {
	size_t count;
	size_t kept;
	const struct prefix_member *inner[FOUND_LABELS_MAX / 2], *outer[FOUND_LABELS_MAX / 2];
};

static void find_needless(const struct set *set, const struct prefix_member *members, size_t count,
			  struct needless *needless)
{
	const struct prefix_member *around[NESTING_MAX];
	size_t depth = 0;
	for (size_t i = 0; i < count; i++) {
		const struct prefix_member *member = &members[i];
		while (depth > 0 && (around[depth - 1]->protocol != member->protocol ||
				     around[depth - 1]->port != member->port ||
				     prefix_high(set, around[depth - 1]) < member->low))
			depth--;
		const struct prefix_member *outer = depth ? around[depth - 1] : NULL;
		if (outer && outer->nomatch == member->nomatch && !outer->timed) {
			if (needless->kept < FOUND_LABELS_MAX / 2) {
				needless->inner[needless->kept] = member;
				needless->outer[needless->kept++] = outer;
			}
			needless->count++;
		}
		if (depth < NESTING_MAX)
			around[depth++] = member;
	}
}

static const char *member_text(struct check *check, const struct set *set, const struct prefix_member *prefix,
			       struct set_member *member)
{
	struct buffer text = {0};
	set_member_get(set, prefix->index, member);
	set_member_print(set, member, &text);
	return check_text(check, &text);
}

static void report(struct check *check, const struct set *set, const struct needless *needless)
{
	bool one = needless->count == 1;
	struct found *found =
	    check_add(check, set->span,
		      "%zu member%s of the set %.*s %s inside wider members of it and change%s nothing",
		      needless->count, one ? "" : "s", (int)set->name.size, set->name.data,
		      one ? "lies" : "lie", one ? "s" : "");
	for (size_t i = 0; i < needless->kept; i++) {
		struct set_member member;
		const char *outer = member_text(check, set, needless->outer[i], &member);
		const char *inner = member_text(check, set, needless->inner[i], &member);
		found_label(check, found, set_member_span(set, &member), "%s lies inside %s", inner, outer);
	}
}

static int run(struct check *check)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++) {
		const struct set *set = check->ruleset->sets[i];
		struct prefix_member *members;
		struct needless needless = {0};
		size_t count;
		int error = members_sorted(set, &members, &count);
		if (error)
			return error;
		find_needless(set, members, count, &needless);
		if (needless.count)
			report(check, set, &needless);
		free(members);
	}
	return 0;
}

const struct finding_type finding_set_overlap = {
    .code = "set-overlap",
    .severity = SEVERITY_NOTE,
    .title = "members of a set inside others",
    .why = "They take memory, and each further prefix length costs every look-up a probe. Who deletes the "
	   "narrow one to let "
	   "somebody in finds that the wide one still bans him.",
    .action = "Merge the list before it is loaded (iprange, aggregate), or delete the narrower members.",
    .run = run,
};
