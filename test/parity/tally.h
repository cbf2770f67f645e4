/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counters of a ruleset's rules and policies, from whoever counted: the engine, iptables-save -c, weir. */
#ifndef WEIR_TEST_PARITY_TALLY_H
#define WEIR_TEST_PARITY_TALLY_H

#include "oracle.h"

struct count {
	uint64_t packets, bytes;
};

#define TALLY_CHAINS 64

struct rule_tally {
	const struct ruleset *ruleset;
	enum family family;
	size_t chain_count;
	struct tally_chain {
		const struct chain *chain;
		size_t base; /* counts[base] is the policy's, counts[base + n] rule n's */
	} chains[TALLY_CHAINS];
	size_t count;
	struct count *counts;
};

/* All zero. 0, -ENOMEM, -E2BIG. */
int tally_init(struct rule_tally *tally, const struct ruleset *ruleset, enum family family);
void tally_fini(struct rule_tally *tally);
/* Where rule `number` (0: the policy) of that chain is counted; NULL when there is none. */
struct count *tally_find(struct rule_tally *tally, enum table_id table, struct text chain, uint32_t number);
/* Adds what a trace met for sure, and to the other (may be NULL) what it perhaps met besides. Bytes of
 * packets whose length is not known are as many as may be. */
void tally_add_trace(struct rule_tally *tally, struct rule_tally *perhaps, const struct trace *trace);
/* Adds the counters that were read with another ruleset of the same shape; -ESRCH when a chain or rule is not
 * in both. */
int tally_add_saved(struct rule_tally *tally, const struct ruleset *saved);
/* The first differences in words; false when there is none. perhaps: what b may have more than a; NULL:
 * nothing. Built-in chains of `hooks` (1 << enum hook) are compared, and all chains of users. */
bool tally_difference(const struct rule_tally *a, const struct rule_tally *perhaps,
		      const struct rule_tally *b, bool policies, unsigned hooks, struct buffer *why);
#define TALLY_RECEIVED (1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD)

#endif
