/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One ruleset and the frames that are sent to it, on the real kernel. */
#ifndef WEIR_TEST_PARITY_TRIAL_H
#define WEIR_TEST_PARITY_TRIAL_H

#include "predict.h"
#include "rules.h"

#define TRIAL_FRAMES 160

struct trial {
	uint64_t seed;
	enum family family;
	struct rules_options rules;
	struct drawn_rules text;
	bool nft;       /* loaded by iptables-nft, too */
	bool fragments; /* with nft: they are sent, too */
	bool in_front;  /* with weir in front, too */
	bool bounds;    /* see struct prediction */
	bool tracked;
	/* With fragments, and packets that the routing drops: weir counts such where the kernel may not (it
	 * puts fragments together, and has no rule for what has no route), so only verdicts are compared. */
	bool odd;
	struct sent_frame frames[TRIAL_FRAMES + 1];
	size_t frame_count;
	struct ruleset *ruleset;
	struct prediction prediction;
};

/* Reads the text, and takes the frames out that are not certain. 0; -EINVAL: it is not read, with the reason;
 * -EDOM: the sentinel is not certain; -errno. trial_fini() in any case. */
int trial_prepare(struct trial *trial, struct buffer *why);
void trial_fini(struct trial *trial);

/* Whether the kernel counted what was not predicted, with the first of it in words. */
bool trial_differs(const struct trial *trial, bool nft, const struct rule_tally *counted, struct buffer *why);

/* Loads the text, with nothing else beside it. */
bool trial_load(const struct trial *trial, bool nft, struct buffer *why);
/* Sends all frames to what is loaded and counts, in a tally that tally_init() made. *saved (may be NULL):
 * what iptables-save said, read. */
bool trial_send(const struct trial *trial, bool nft, struct rule_tally *tally, struct ruleset **saved,
		struct buffer *why);

#endif
