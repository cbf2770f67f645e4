/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Large sets on their way into the kernel. The nft program takes a second and 100 MB for 100,000 members: it
 * gets a few of each such set, so that what the rules do with it is tried and proven; the others are written
 * here, in the kernel's own form, and read back with all the rest once they are in force. */
#ifndef WEIR_COMMAND_APPLY_MEMBERS_H
#define WEIR_COMMAND_APPLY_MEMBERS_H

#include "kernel/nft_image.h"
#include "ruleset/ruleset.h"

struct large_set {
	struct set *set;
	size_t count; /* of its members */
};

struct large_sets {
	size_t count;
	struct large_set *list;
};

/* Finds the sets of the ruleset that are large, and of a kind that is written here, and leaves them a few of
 * their members until large_sets_restore(). 0 or -ENOMEM. */
int large_sets_cut(struct arena *arena, struct ruleset *ruleset, struct large_sets *large);
void large_sets_restore(const struct large_sets *large);

/* Gives the sets of a staged image all their members: *image is replaced. 0 or -errno. */
int large_sets_fill(const struct large_sets *large, struct nft_image **image);

#endif
