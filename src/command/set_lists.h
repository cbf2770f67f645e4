/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What weir set must know of the sets of the policy that is in force: how long members stay that are added
 * later, the list files, and whom
 * failsafes let in. It is kept with the state, as the policy may have changed since. */
#ifndef WEIR_COMMAND_SET_LISTS_H
#define WEIR_COMMAND_SET_LISTS_H

#include "kernel/state_store.h"
#include "read/policy/policy.h"
#include "ruleset/ruleset.h"

#define STATE_LISTS "lists" /* a file of a state */

/* What a failsafe lets in: no member may cover it. */
struct set_failsafe {
	enum family family;
	struct address_range range;
	const char *place; /* "edge.weir:5" */
};

struct set_lists {
	bool found; /* it is a set of a policy */
	enum policy_set_type type;
	uint32_t timeout; /* seconds; 0: members that are added later stay */
	size_t count, capacity;
	const char **files; /* absolute */
	size_t failsafe_count, failsafe_capacity;
	struct set_failsafe *failsafes;
};

/* Of the sets of the ruleset's policies; nothing: "". */
void set_lists_print(const struct ruleset *ruleset, struct buffer *out);
/* Of one set, by its name in the policy. 0, also where there is none; -EBADMSG and others, in words. */
int set_lists_read(struct state_store *store, struct arena *arena, uint32_t number, const char *name,
		   struct set_lists *lists, struct buffer *why);

#endif
