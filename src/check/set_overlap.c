/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Prefixes inside other prefixes of the same set, that say nothing the others do not. The longest prefix
 * decides (nomatch), so the nearest one around is what counts; and one that expires does not make another
 * needless. */
#include "check/findings.h"
#include "check/members.h"

#include <stdlib.h>

#define NESTING_MAX 129 /* prefix lengths */
#define SHOWN_MAX (FOUND_LABELS_MAX / 2)
#define SHAPES_MAX 64         /* pairs of prefix lengths in a set of pairs of networks */
#define LOOKUPS_MAX 20000000u /* in such a set: a few seconds */

struct needless {
	size_t count;
	size_t inner[SHOWN_MAX], outer[SHOWN_MAX]; /* members */
};

static void add(struct needless *needless, size_t inner, size_t outer)
{
	if (needless->count < SHOWN_MAX) {
		needless->inner[needless->count] = inner;
		needless->outer[needless->count] = outer;
	}
	needless->count++;
}

static void find_needless(const struct set *set, const struct prefix_member *members, size_t count,
			  struct needless *needless)
{
	const struct prefix_member *around[NESTING_MAX];
	size_t depth = 0;
	for (size_t i = 0; i < count; i++) {
		const struct prefix_member *member = &members[i];
		while (depth > 0 && (!prefix_comparable(around[depth - 1], member) ||
				     prefix_high(set, around[depth - 1]) < member->low))
			depth--;
		const struct prefix_member *outer = depth ? around[depth - 1] : NULL;
		if (outer && outer->nomatch == member->nomatch && !outer->timed)
			add(needless, member->index, outer->index);
		if (depth < NESTING_MAX)
			around[depth++] = member;
	}
}

/* --- Pairs of networks
 * ----------------------------------------------------------------------------------------------- */

struct shapes {
	size_t count;
	struct {
		uint8_t first, second;
	} shapes[SHAPES_MAX];
};

/* Which lengths there are. False: too many of them, or members that take out of others (which of several is
 * the nearest one is not looked into). */
static bool find_shapes(const struct set *set, struct shapes *shapes)
{
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		size_t at = 0;
		set_member_get(set, i, &member);
		if (member.nomatch)
			return false;
		while (at < shapes->count && (shapes->shapes[at].first != member.prefix ||
					      shapes->shapes[at].second != member.prefix2))
			at++;
		if (at == SHAPES_MAX)
			return false;
		if (at == shapes->count) {
			shapes->shapes[at].first = member.prefix;
			shapes->shapes[at].second = member.prefix2;
			shapes->count++;
		}
	}
	return true;
}

/* A member that is wider than this one in either network, or in both, and holds it. */
static size_t find_around(const struct set *set, const struct set_index *index, const struct shapes *shapes,
			  const struct set_member *member)
{
	for (size_t i = 0; i < shapes->count; i++) {
		struct set_member outer = *member;
		outer.prefix = shapes->shapes[i].first;
		outer.prefix2 = shapes->shapes[i].second;
		if (outer.prefix > member->prefix || outer.prefix2 > member->prefix2 ||
		    (outer.prefix == member->prefix && outer.prefix2 == member->prefix2))
			continue;
		outer.low &= prefix_mask(set->family, outer.prefix);
		outer.low2 &= prefix_mask(set->family, outer.prefix2);
		size_t found = set_index_find(index, set, &outer);
		if (found == SET_NO_MEMBER)
			continue;
		set_member_get(set, found, &outer);
		if (!outer.timed)
			return found;
	}
	return SET_NO_MEMBER;
}

static int find_needless_pairs(const struct set *set, struct needless *needless)
{
	struct shapes shapes = {0};
	struct set_index index = {0};
	int error = 0;
	if (!find_shapes(set, &shapes) || set->member_count * shapes.count > LOOKUPS_MAX)
		return 0;
	for (size_t i = 0; i < set->member_count && !error; i++)
		error = set_index_add(&index, set, i);
	for (size_t i = 0; i < set->member_count && !error; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		size_t outer = find_around(set, &index, &shapes, &member);
		if (outer != SET_NO_MEMBER)
			add(needless, i, outer);
	}
	set_index_fini(&index);
	return error;
}

/* --- Both
 * ------------------------------------------------------------------------------------------------------------
 */

static const char *member_text(struct check *check, const struct set *set, size_t index,
			       struct set_member *member)
{
	struct buffer text = {0};
	set_member_get(set, index, member);
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
	for (size_t i = 0; i < needless->count && i < SHOWN_MAX; i++) {
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
		bool pairs = set->type == SET_HASH_NET_NET || set->type == SET_HASH_NET_PORT_NET;
		int error =
		    pairs ? find_needless_pairs(set, &needless) : members_sorted(set, &members, &count);
		if (error)
			return error;
		if (!pairs) {
			find_needless(set, members, count, &needless);
			free(members);
		}
		if (needless.count)
			report(check, set, &needless);
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
