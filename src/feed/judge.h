/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether what a feed sent may take the place of the last good copy, and what that changes. */
#ifndef WEIR_FEED_JUDGE_H
#define WEIR_FEED_JUDGE_H

#include "read/policy/policy.h"

/* A list as it counts: without what expired, each address (in sets with ports: with each port) once. */
struct feed_list {
	struct policy_elements elements[FAMILY_COUNT]; /* merged */
	address addresses[FAMILY_COUNT];
	size_t members; /* as they stand in the list */
	bool wrong;     /* it has lines that are no members; the others are here */
};

struct feed_change {
	struct feed_list before, after;
	struct policy_elements added[FAMILY_COUNT], vanished[FAMILY_COUNT];
	address added_addresses[FAMILY_COUNT], vanished_addresses[FAMILY_COUNT];
};

/* What is judged. */
struct feed_case {
	const struct source *policy; /* the file that has the feed */
	const struct policy_set *set;
	const struct policy_feed *feed;
	const char *directory; /* of the copies */
	uint64_t now;
};

/* One line in words that begins with the place of the first fault goes into `why` (which may be NULL). 0,
 * also when lines are wrong; -ENOMEM. */
int feed_list_read(struct arena *arena, const struct feed_case *asked, const struct source *source,
		   struct feed_list *list, struct buffer *why);

/* 0: it may; -EINVAL: it may not, `why` says why; -ENOMEM. `before`: of the last good copy, of no members
 * where there is none. */
int feed_judge(struct arena *arena, const struct feed_case *asked, const struct feed_list *before,
	       const struct source *fresh, struct feed_change *change, struct buffer *why);

/* In decimal, or "some 2^96". */
void feed_number_print(address number, struct buffer *out);

#endif
