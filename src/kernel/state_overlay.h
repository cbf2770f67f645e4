/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What weir daemon changes in the rules of the state in force without making another state of them: which
 * backends new connections are given to. It is of whole chains, "nat-weir-balance-1" and the like, and of
 * their rules alone:
 *
 *	DIRECTORY/states/NUMBER/overlay       the rules that these chains have in place of the state's
 *	DIRECTORY/states/NUMBER/overlay.next  the same while they are being changed
 *
 * It is no part of the state: a move to any state takes it away, but where the chains are the same in both.
 * Where a file is of rules that the kernel does not hold, it says nothing.
 *
 * All of it is called with the store's lock held. */
#ifndef WEIR_KERNEL_STATE_OVERLAY_H
#define WEIR_KERNEL_STATE_OVERLAY_H

#include "kernel/nft_part.h"
#include "kernel/state_store.h"

#define STATE_OVERLAY_WORD "nat-weir-balance-" /* the names of its chains begin so */

#define DAEMON_LOCK "daemon.lock" /* in the directory of states: held by the daemon that runs */

/* Whether a daemon looks after these states. Without one, what it left is to go with the next weir apply. */
bool state_overlay_held(const struct state_store *store);

/* The chains of a state as they are without it. */
int state_overlay_base(struct state_store *store, uint32_t number, struct nft_image **base,
		       struct buffer *why);

/* Makes `target` the rules of its chains, in one transaction; `base`: of that state. -ESTALE: the kernel's
 * are neither the state's nor those of an overlay: nothing is changed. Other -errno, in words in `why`. */
int state_overlay_put(struct state_store *store, uint32_t number, const struct nft_image *base,
		      const struct nft_image *target, struct buffer *why);

/* What was read from the kernel with the state's own rules in place of those of an overlay. NULL: it has
 * none.
 */
int state_overlay_lifted(struct state_store *store, uint32_t number, const struct nft_image *image,
			 struct nft_image **lifted);
/* The same in the place of what was read. */
int state_overlay_lift(struct state_store *store, uint32_t number, struct nft_image **live);

/* Where the chains of `target`, which is to be in force as state `number`, are those of state `from`, they
 * keep the overlay that is in force, while a daemon runs. */
int state_overlay_keep(struct state_store *store, uint32_t from, uint32_t number, struct nft_image **target);

#endif
