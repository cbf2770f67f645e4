/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m mac: the frame's source address, mac_mt() in net/netfilter/xt_mac.c. Of a packet that did not come over
 * Ethernet nothing is true, negated or not. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <string.h>

enum { MAC_SOURCE, MAC_COUNT };

static const struct guide guides[MAC_COUNT] = {
    [MAC_SOURCE] = {.name = "--mac-source", .kind = GUIDE_MAC, .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY},
};

static int mac_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, MAC_COUNT);
}

static int mac_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, MAC_COUNT, match->span,
			     "-m mac");
}

static void mac_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m mac");
	guided_print_all(match->data, guides, MAC_COUNT, rule->chain->table->family, out);
}

static enum truth mac_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *mac = match->data;
	(void)rule;
	(void)evaluation;

	if (!(packet->known & KNOWN_MAC))
		return TRUTH_UNKNOWN;
	return guided_truth(mac, MAC_SOURCE, memcmp(packet->mac, mac->values[MAC_SOURCE].mac, 6) == 0);
}

const struct match_type match_mac = {
    .name = "mac",
    .modelled = true,
    .hooks = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = mac_parse,
    .finish = mac_finish,
    .print = mac_print,
    .evaluate = mac_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
