/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the engine says that frames will be counted on, for sure and perhaps, in a host whose ways are known.
 */
#ifndef WEIR_TEST_PARITY_PREDICT_H
#define WEIR_TEST_PARITY_PREDICT_H

#include "frames.h"
#include "tally.h"

struct sent_frame {
	struct frame_plan plan;
	struct frame frame;
};

struct prediction {
	const struct ruleset *ruleset;
	enum family family;
	bool forwarding;
	bool tracked;   /* conntrack is in use */
	bool session;   /* the packets are one capture: what is remembered and what conntrack makes of them is
			   followed */
	bool nft;       /* only frames that both flavours take alike */
	bool fragments; /* with nft: those, too */
	bool in_front;  /* only frames that weir counts as the rules do */
	bool odd;       /* with those that are routed nowhere, and fragments */
	bool lowers;    /* some rule may lower the TTL */
	/* Frames of which it is not certain what they are counted on are sent, too: what they perhaps are is
	 * in `perhaps`. Else they are taken out. */
	bool bounds;
	bool turns;   /* some rule may make of what came for a group what came for the host */
	bool leaving; /* the host itself sends the frames, but for the sentinel */
	bool nat;     /* destinations change on the way: all that is sent on leaves by one interface */
	struct rule_tally tally, perhaps; /* out */
	/* out: frames that no rule sees; those that were taken out; those that are counted in `perhaps` */
	uint64_t unseen, unsure, doubtful;
};

/* Takes those frames out of which nothing can be said; adds the others and the sentinel to the tallies, which
 * tally_init() made. There is room for one more behind them. 0, -EDOM when the sentinel itself is not
 * certain, -errno. */
int predict(struct prediction *prediction, struct sent_frame *frames, size_t *count);

#endif
