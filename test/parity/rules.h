/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random rulesets as text: what iptables-restore and ipset restore load and what weir reads. */
#ifndef WEIR_TEST_PARITY_RULES_H
#define WEIR_TEST_PARITY_RULES_H

#include "base/text.h"
#include "pool.h"
#include "rules_extension.h"

struct rules_options {
	bool kernel; /* to be loaded and counted: names the sentinel, keeps silent in OUTPUT, no guesswork */
	bool opaque; /* with matches and targets that weir does not model */
	bool stateful;   /* matches on connection state and NOTRACK */
	bool forwarding; /* FORWARD is worth rules */
	bool effects;    /* LOG, REJECT, sets with counters */
	bool timed;      /* sets with members that time out */
	bool session;    /* what hangs on the packets before: limit, quota, SET ... */
	bool unknown;    /* matches of which weir mostly cannot know the answer */
	bool hours;      /* matches on hours of the day: none is near */
	bool security;   /* with the table of that name */
	bool leaving;    /* rules for what the host itself sends, and no others */
	bool nat;        /* with a table of nat, of which the targets may send packets elsewhere */
	bool nft;        /* to be loaded by iptables-nft, too */
	const struct extension_choice *extensions; /* the other matches and targets; NULL: none */
};

struct drawn_rules {
	struct buffer tables; /* iptables-save */
	struct buffer sets;   /* ipset save; empty when there is none */
	unsigned places;      /* enum extension_place, of all lines that were used */
};

#define TEST_INTERFACE "par0" /* where packets arrive in every test */
/* Comment of the rule for what the test does not send: the first one of raw OUTPUT. */
#define NOISE "noise"
#define TEST_BEHIND "pard" /* by which most that is sent on leaves */
/* One of each kind that the rules tell apart. */
#define TEST_INTERFACE_NAMES "par0", "par7", "eth9", "ppp3", "parother", "other0"

void rules_generate(struct drawn_rules *text, const struct pool *pool, const struct rules_options *options,
		    struct random *random);
void drawn_rules_fini(struct drawn_rules *text);

#endif
