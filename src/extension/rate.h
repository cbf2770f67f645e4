/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rates such as 3/min, as -m limit and -m hashlimit read and print them, the kernel's clock, and the memory
 * of matches that count. */
#ifndef WEIR_EXTENSION_RATE_H
#define WEIR_EXTENSION_RATE_H

#include "extension/option.h"

/* Debian's CONFIG_HZ. Credits are given by the tick: another kernel differs by up to one tick's worth. */
#define RATE_HZ 250u

/* "3/min": *period is `scale` seconds' worth divided by the number, as iptables hands it to the kernel, and
 * *seconds those of the unit. -EINVAL; -ERANGE: the rate is so high that nothing is left. */
int rate_parse(struct text text, uint64_t scale, uint64_t *period, uint32_t *seconds);
/* " 3/min", in the unit that iptables-save takes for that period. Returns the unit's seconds. */
uint32_t rate_print(uint64_t period, uint64_t scale, struct buffer *out);
/* atoll(): blanks, a sign and digits, whatever comes behind. Stops at the ends of int64_t. */
int64_t rate_integer(struct text text);

static inline uint64_t rate_jiffies(const struct packet *packet)
{
	return packet->time / (1000000000u / RATE_HZ);
}

/* Every memory begins with this. Once a match was perhaps evaluated, and perhaps not, what it remembers is
 * not known, for the rest of the session. */
struct rate_memory {
	bool lost;
	bool begun; /* for the match to set, at its first packet */
};

/* The memory of a match that counts: the rule's own (`match` may belong to several: -s with a list), or one
 * that all share who agree on `name`. NULL: what it remembers is not known, as there is no session, or was
 * not at some time. `known`: all that it needs of this packet is. */
void *rate_memory(const struct match *match, const struct rule *rule, const char *name, size_t size,
		  bool known, struct evaluation *evaluation);

#endif
