/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A host under test: a network namespace of this process with the interface par0, the other end of its veth
 * pair (par1), and another pair (pard) to forward to. */
#ifndef WEIR_TEST_PARITY_TESTBED_H
#define WEIR_TEST_PARITY_TESTBED_H

#include "frames.h"
#include "rules.h"

/* Makes it. 0; -EPERM, -ENOENT and the like with the reason in words when this machine cannot. */
int testbed_make(struct buffer *why);
/* Whether it forwards, both families. */
int testbed_forwarding(bool on);

/* Runs a program with `input` (may be NULL) as its standard input and what it says added to `output` (may be
 * NULL). Its exit status, or -errno. */
int testbed_run(const char *const argv[], const struct buffer *input, struct buffer *output);

/* Loads sets and rules with "iptables-legacy", "iptables-nft" or their forms of IPv6. 0 or the exit status.
 */
int testbed_load(const struct drawn_rules *text, enum family family, bool nft, struct buffer *why);
/* Takes them away. */
void testbed_flush(void);
/* iptables-save -c */
int testbed_save(enum family family, bool nft, struct buffer *saved);

/* The sentinel: the first rule of raw PREROUTING in all generated rulesets counts it. */
void testbed_sentinel(enum family family, struct frame_plan *plan);

/* Sends frames to par0 from its other end, and a sentinel behind them; returns once the kernel has counted
 * the sentinel, with what it counted in `saved`. 0, -ETIMEDOUT or -errno. */
int testbed_send(const struct frame *frames, size_t count, enum family family, bool nft,
		 struct buffer *saved);

/* The host itself sends the packets that are in the frames, by a raw socket. */
int testbed_send_out(const struct frame *frames, size_t count, enum family family);

/* What the kernel does with the frame behind PREROUTING; UNSURE: not to be sent. */
enum testbed_way {
	WAY_UNSURE,
	WAY_UNSEEN /* by any rule */,
	WAY_PREROUTING /* and no further */,
	WAY_INPUT,
	WAY_FORWARD
};
/* tracked: conntrack is in use, so fragments are put together first. *out: the interface it leaves by. */
enum testbed_way testbed_way(const struct frame_plan *plan, bool forwarding, bool tracked, const char **out);
/* Makes conntrack forget what it has seen. */
int testbed_forget(void);

#endif
