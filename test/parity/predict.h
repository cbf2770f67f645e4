/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the engine says that frames will be counted on, in a host whose ways are known. */
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
	bool tracked;  /* conntrack is in use */
	bool session;  /* the packets are one capture: what is remembered and what conntrack makes of them is
			  followed */
	bool nft;      /* only frames that both flavours take alike */
	bool in_front; /* only frames that weir counts as the rules do */
	bool odd;      /* with those that are routed nowhere, and fragments */
	bool lowers;   /* some rule may lower the TTL */
	struct rule_tally tally; /* out */
	uint64_t unseen, unsure; /* out: frames that no rule sees; those that were taken out */
};

/* Takes those frames out of which it is not certain what they are counted on; adds the others and the
 * sentinel to prediction->tally, which tally_init() made. There is room for one more behind them. 0, -EDOM
 * when the sentinel itself is not certain, -errno. */
int predict(struct prediction *prediction, struct sent_frame *frames, size_t *count);

#endif
