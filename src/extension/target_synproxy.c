/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SYNPROXY: answers SYN packets in the server's place, and takes or drops the ACK that comes back; all else
 * goes on: net/ipv4/netfilter/ipt_SYNPROXY.c, net/ipv6/netfilter/ip6t_SYNPROXY.c. Whether an ACK carries a
 * cookie nobody but the kernel can say. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>

/* In the order in which iptables-save prints them. */
enum { SYNPROXY_SACK, SYNPROXY_TIMESTAMP, SYNPROXY_SCALE, SYNPROXY_MSS, SYNPROXY_ECN, SYNPROXY_COUNT };

static const struct guide guides[SYNPROXY_COUNT] = {
    {.name = "--sack-perm", .kind = GUIDE_FLAG},
    {.name = "--timestamp", .kind = GUIDE_FLAG},
    {.name = "--wscale", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    {.name = "--mss", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    {.name = "--ecn", .kind = GUIDE_FLAG},
};

static int synproxy_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct guided), guides, SYNPROXY_COUNT);
}

static int synproxy_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, SYNPROXY_COUNT,
				  target->span, "SYNPROXY");
	struct guided *synproxy = target->data;

	if (error)
		return error;
	/* struct xt_synproxy_info has 8 and 16 bits for what iptables takes 32 of. */
	synproxy->values[SYNPROXY_SCALE].number &= UINT8_MAX;
	synproxy->values[SYNPROXY_MSS].number &= UINT16_MAX;
	return option_require_protocol(parser, target->span, "SYNPROXY", IPPROTO_TCP, "tcp");
}

static void synproxy_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	guided_print_all(target->data, guides, SYNPROXY_COUNT, rule->chain->table->family, out);
}

const struct target_type target_synproxy = {
    .name = "SYNPROXY",
    .modelled = true,
    .kind = TARGET_QUEUE,
    .parse = synproxy_parse,
    .finish = synproxy_finish,
    .print = synproxy_print,
    .hooks = 1 << HOOK_INPUT | 1 << HOOK_FORWARD,
};
