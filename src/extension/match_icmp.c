/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m icmp: names and numbers of ICMP types. Type 255 stands for all of them. */
#include "extension/icmp.h"
#include "extension/types.h"

#include <netinet/in.h>

static const struct icmp_name names[] = {
    {"any", ICMP_TYPE_ANY, 0, 255},
    {"echo-reply", 0, 0, 255},
    {"pong", 0, 0, 255},
    {"destination-unreachable", 3, 0, 255},
    {"network-unreachable", 3, 0, 0},
    {"host-unreachable", 3, 1, 1},
    {"protocol-unreachable", 3, 2, 2},
    {"port-unreachable", 3, 3, 3},
    {"fragmentation-needed", 3, 4, 4},
    {"source-route-failed", 3, 5, 5},
    {"network-unknown", 3, 6, 6},
    {"host-unknown", 3, 7, 7},
    {"network-prohibited", 3, 9, 9},
    {"host-prohibited", 3, 10, 10},
    {"TOS-network-unreachable", 3, 11, 11},
    {"TOS-host-unreachable", 3, 12, 12},
    {"communication-prohibited", 3, 13, 13},
    {"host-precedence-violation", 3, 14, 14},
    {"precedence-cutoff", 3, 15, 15},
    {"source-quench", 4, 0, 255},
    {"redirect", 5, 0, 255},
    {"network-redirect", 5, 0, 0},
    {"host-redirect", 5, 1, 1},
    {"TOS-network-redirect", 5, 2, 2},
    {"TOS-host-redirect", 5, 3, 3},
    {"echo-request", 8, 0, 255},
    {"ping", 8, 0, 255},
    {"router-advertisement", 9, 0, 255},
    {"router-solicitation", 10, 0, 255},
    {"time-exceeded", 11, 0, 255},
    {"ttl-exceeded", 11, 0, 255},
    {"ttl-zero-during-transit", 11, 0, 0},
    {"ttl-zero-during-reassembly", 11, 1, 1},
    {"parameter-problem", 12, 0, 255},
    {"ip-header-bad", 12, 0, 0},
    {"required-option-missing", 12, 1, 1},
    {"timestamp-request", 13, 0, 255},
    {"timestamp-reply", 14, 0, 255},
    {"address-mask-request", 17, 0, 255},
    {"address-mask-reply", 18, 0, 255},
};

static const struct icmp_kind kind = {
    .match = "-m icmp",
    .option = "--icmp-type",
    .what = "ICMP",
    .protocol_name = "icmp",
    .protocol = IPPROTO_ICMP,
    .has_any = true,
    .names = names,
    .name_count = sizeof(names) / sizeof(*names),
};

static int icmp4_parse(struct rule_parser *parser, struct match *match)
{
	return icmp_parse(&kind, parser, match);
}

static int icmp4_finish(struct rule_parser *parser, struct match *match)
{
	return icmp_finish(&kind, parser, match);
}

static void icmp4_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	icmp_print(&kind, match, out);
}

static enum truth icmp4_evaluate(const struct match *match, const struct rule *rule,
				 const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	return icmp_evaluate(&kind, match, packet, evaluation);
}

static diagram_node icmp4_mean(const struct match *match, const struct rule *rule,
			       const struct fields *fields)
{
	(void)rule;
	return icmp_mean(&kind, match, fields);
}

const struct match_type match_icmp = {
    .name = "icmp",
    .modelled = true,
    .parse = icmp4_parse,
    .finish = icmp4_finish,
    .print = icmp4_print,
    .evaluate = icmp4_evaluate,
    .mean = icmp4_mean,
};
