/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m eui64: whether the lower half of the IPv6 source address was made from the frame's source MAC
 * (RFC 4291, appendix A): net/ipv6/netfilter/ip6t_eui64.c. */
#include "extension/option.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <string.h>

static int eui64_parse(struct rule_parser *parser, struct match *match)
{
	(void)parser;
	(void)match;
	return 0; /* it has no options */
}

static void eui64_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)match;
	(void)rule;
	buffer_puts(out, "-m eui64");
}

static enum truth eui64_evaluate(const struct match *match, const struct rule *rule,
				 const struct packet *packet, struct evaluation *evaluation)
{
	const uint8_t *mac = packet->mac;
	(void)match;
	(void)rule;
	(void)evaluation;

	if (!(packet->known & KNOWN_MAC) || !(packet->known & KNOWN_SOURCE))
		return TRUTH_UNKNOWN;
	const uint8_t expected[8] = {mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
	return truth_of(memcmp(packet->source + 8, expected, 8) == 0);
}

const struct match_type match_eui64 = {
    .name = "eui64",
    .modelled = true,
    .hooks = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = eui64_parse,
    .print = eui64_print,
    .evaluate = eui64_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
