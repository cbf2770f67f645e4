/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TPROXY: gives the packet to a socket of this host, whatever its destination, and marks it; accepts it then,
 * and drops it where there is no such socket: net/netfilter/xt_TPROXY.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>

/* In the order in which iptables-save prints them. */
enum { TPROXY_PORT, TPROXY_ADDRESS, TPROXY_MARK, TPROXY_COUNT };

static const struct guide guides[TPROXY_COUNT] = {
    {.name = "--on-port", .kind = GUIDE_PORT, .flags = GUIDE_MANDATORY},
    {.name = "--on-ip", .kind = GUIDE_ADDRESS},
    {.name = "--tproxy-mark", .kind = GUIDE_MASKED, .max = UINT32_MAX},
};

static int tproxy_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct guided), guides, TPROXY_COUNT);
}

static int tproxy_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, TPROXY_COUNT,
				  target->span, "TPROXY");
	const struct rule *rule = parser->rule;

	if (error ||
	    (!rule->protocol_inverted && (rule->protocol == IPPROTO_TCP || rule->protocol == IPPROTO_UDP)))
		return error;
	diagnostic_hint(option_error(parser, target->span, "protocol-required",
				     "TPROXY needs -p tcp or -p udp in the same rule"),
			"the kernel refuses it without");
	return -EINVAL;
}

static void tproxy_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *tproxy = target->data;
	const struct guided_value *mark = &tproxy->values[TPROXY_MARK];

	buffer_printf(out, " --on-port %u --on-ip ", (unsigned)tproxy->values[TPROXY_PORT].number);
	address_print(rule->chain->table->family, tproxy->values[TPROXY_ADDRESS].address, out);
	buffer_printf(out, " --tproxy-mark 0x%llx/0x%llx", (unsigned long long)mark->number,
		      (unsigned long long)mark->second);
}

const struct target_type target_tproxy = {
    .name = "TPROXY",
    .modelled = true,
    .kind = TARGET_QUEUE,
    .parse = tproxy_parse,
    .finish = tproxy_finish,
    .print = tproxy_print,
    .tables = 1 << TABLE_MANGLE,
    .hooks = 1 << HOOK_PREROUTING,
};
