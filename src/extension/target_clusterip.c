/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CLUSTERIP: of hosts that share an address, takes the connections that are this host's and drops the
 * others', in kernels before 6.2 (net/ipv4/netfilter/ipt_CLUSTERIP.c). Which ones are this host's may be
 * changed in /proc at any time. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum {
	CLUSTERIP_NEW,
	CLUSTERIP_MODE,
	CLUSTERIP_MAC,
	CLUSTERIP_TOTAL,
	CLUSTERIP_LOCAL,
	CLUSTERIP_INIT,
	CLUSTERIP_COUNT,
};

#define NEEDED                                                                                               \
	(1u << CLUSTERIP_NEW | 1u << CLUSTERIP_MODE | 1u << CLUSTERIP_MAC | 1u << CLUSTERIP_TOTAL |          \
	 1u << CLUSTERIP_LOCAL)
#define NODES_MAX 16

static int parse_mode(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char *const modes[] = {"sourceip", "sourceip-sourceport",
					    "sourceip-sourceport-destport"};
	(void)value;

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (text_is(word->text, modes[i]))
			return 0;
	return guided_refuse(parser, word, "sourceip, sourceip-sourceport or sourceip-sourceport-destport");
}

static const struct guide guides[CLUSTERIP_COUNT] = {
    {.name = "--new", .kind = GUIDE_FLAG},
    {.name = "--hashmode", .kind = GUIDE_OWN, .parse = parse_mode},
    {.name = "--clustermac", .kind = GUIDE_MAC},
    {.name = "--total-nodes", .kind = GUIDE_NUMBER, .max = NODES_MAX},
    {.name = "--local-node", .kind = GUIDE_NUMBER, .min = 1, .max = NODES_MAX},
    {.name = "--hash-init", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
};

static int clusterip_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, CLUSTERIP_COUNT);
	const struct guided *clusterip = target->data;

	if (result != 1 || clusterip->seen != (before | 1u << CLUSTERIP_MAC))
		return result;
	if (!(clusterip->values[CLUSTERIP_MAC].mac[0] & 1))
		return guided_refuse(parser, parser->argument, "a multicast address: the first byte is odd");
	return 1;
}

static int clusterip_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, CLUSTERIP_COUNT,
				  target->span, "CLUSTERIP");
	const struct guided *clusterip = target->data;

	if (error || !clusterip->seen || (clusterip->seen & NEEDED) == NEEDED)
		return error;
	diagnostic_hint(
	    option_error(parser, target->span, "missing-option", "CLUSTERIP with options needs most of them"),
	    "--new, --hashmode, --clustermac, --total-nodes and --local-node, or none");
	return -EINVAL;
}

static void clusterip_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *clusterip = target->data;
	const struct guided_value *values = clusterip->values;
	const uint8_t *mac = values[CLUSTERIP_MAC].mac;
	struct text mode = values[CLUSTERIP_MODE].text;
	(void)rule;

	if (!guided_seen(clusterip, CLUSTERIP_NEW))
		return;
	buffer_printf(out, " --new --hashmode %.*s --clustermac %02X:%02X:%02X:%02X:%02X:%02X",
		      (int)mode.size, mode.data, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	buffer_printf(out, " --total-nodes %u --local-node %u --hash-init %u",
		      (unsigned)values[CLUSTERIP_TOTAL].number, (unsigned)values[CLUSTERIP_LOCAL].number,
		      (unsigned)values[CLUSTERIP_INIT].number);
}

const struct target_type target_clusterip = {
    .name = "CLUSTERIP",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = clusterip_parse,
    .finish = clusterip_finish,
    .print = clusterip_print,
};
