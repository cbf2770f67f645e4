/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m icmp6: names and numbers of ICMPv6 types. Unlike -m icmp it has no type that stands for all. */
#include "extension/icmp.h"
#include "extension/types.h"

#include <netinet/in.h>

static const struct icmp_name names[] = {
    {"destination-unreachable", 1, 0, 255},
    {"no-route", 1, 0, 0},
    {"communication-prohibited", 1, 1, 1},
    {"beyond-scope", 1, 2, 2},
    {"address-unreachable", 1, 3, 3},
    {"port-unreachable", 1, 4, 4},
    {"failed-policy", 1, 5, 5},
    {"reject-route", 1, 6, 6},
    {"packet-too-big", 2, 0, 255},
    {"time-exceeded", 3, 0, 255},
    {"ttl-exceeded", 3, 0, 255},
    {"ttl-zero-during-transit", 3, 0, 0},
    {"ttl-zero-during-reassembly", 3, 1, 1},
    {"parameter-problem", 4, 0, 255},
    {"bad-header", 4, 0, 0},
    {"unknown-header-type", 4, 1, 1},
    {"unknown-option", 4, 2, 2},
    {"echo-request", 128, 0, 255},
    {"ping", 128, 0, 255},
    {"echo-reply", 129, 0, 255},
    {"pong", 129, 0, 255},
    {"router-solicitation", 133, 0, 255},
    {"router-advertisement", 134, 0, 255},
    {"neighbour-solicitation", 135, 0, 255},
    {"neighbor-solicitation", 135, 0, 255},
    {"neighbour-advertisement", 136, 0, 255},
    {"neighbor-advertisement", 136, 0, 255},
    {"redirect", 137, 0, 255},
};

static const struct icmp_kind kind = {
    .match = "-m icmp6",
    .option = "--icmpv6-type",
    .what = "ICMPv6",
    .protocol_name = "ipv6-icmp",
    .protocol = IPPROTO_ICMPV6,
    .names = names,
    .name_count = sizeof(names) / sizeof(*names),
};

static int icmp6_parse(struct rule_parser *parser, struct match *match)
{
	return icmp_parse(&kind, parser, match);
}

static int icmp6_finish(struct rule_parser *parser, struct match *match)
{
	return icmp_finish(&kind, parser, match);
}

static void icmp6_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	icmp_print(&kind, match, out);
}

static enum truth icmp6_evaluate(const struct match *match, const struct rule *rule,
				 const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	return icmp_evaluate(&kind, match, packet, evaluation);
}

static diagram_node icmp6_mean(const struct match *match, const struct rule *rule,
			       const struct fields *fields)
{
	(void)rule;
	return icmp_mean(&kind, match, fields);
}

const struct match_type match_icmp6 = {
    .name = "icmp6",
    .modelled = true,
    .parse = icmp6_parse,
    .finish = icmp6_finish,
    .print = icmp6_print,
    .evaluate = icmp6_evaluate,
    .mean = icmp6_mean,
};
