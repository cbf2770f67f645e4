/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that others take all packets from. Nobody above this folder includes it. */
#ifndef WEIR_CHECK_TAKEN_H
#define WEIR_CHECK_TAKEN_H

#include "check/reaches.h"

/* Who takes all packets of a rule. */
struct taking {
	const struct rule *cover; /* an earlier rule of its chain that wants all of them; NULL: none alone */
	const struct rule *end;   /* without a cover: nothing goes on behind this rule of its chain */
	bool in_part;             /* rules of its chain take some of them, and the others do not come there */
	/* Without a cover or an end: those of its chain that take some of them. None: no packet that it could
	 * match comes to its chain. */
	size_t taker_count;
	const struct rule *takers[REACH_TAKERS];
	bool more;     /* others do, too */
	bool opposite; /* whoever takes them does the opposite */
};

/* Reports the rules whose packets are taken, by whoever does the opposite, or by others; rules in a row with
 * the same takers together. */
int taken_report(struct check *check, bool opposite, const char *one, const char *many);

#endif
