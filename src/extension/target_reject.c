/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * REJECT: drops and answers: net/ipv4/netfilter/ipt_REJECT.c, net/ipv6/netfilter/ip6t_REJECT.c. Of the filter
 * table. */
#include "extension/option.h"
#include "extension/types.h"

#include <errno.h>
#include <netinet/in.h>

struct reject_name {
	const char *name, *alias;
};

struct reject_target {
	unsigned seen;
	const char *with;
};

/* In the order in which iptables compares abbreviations. */
static const struct reject_name names4[] = {
    {"icmp-net-unreachable", "net-unreach"},
    {"icmp-host-unreachable", "host-unreach"},
    {"icmp-proto-unreachable", "proto-unreach"},
    {"icmp-port-unreachable", "port-unreach"},
    {"icmp-net-prohibited", "net-prohib"},
    {"icmp-host-prohibited", "host-prohib"},
    {"tcp-reset", "tcp-rst"},
    {"icmp-admin-prohibited", "admin-prohib"},
    {NULL, NULL},
};
static const struct reject_name names6[] = {
    {"icmp6-no-route", "no-route"},
    {"icmp6-adm-prohibited", "adm-prohibited"},
    {"icmp6-addr-unreachable", "addr-unreach"},
    {"icmp6-port-unreachable", "port-unreach"},
    {"tcp-reset", "tcp-reset"},
    {"icmp6-policy-fail", "policy-fail"},
    {"icmp6-reject-route", "reject-route"},
    {NULL, NULL},
};

static int reject_parse(struct rule_parser *parser, struct target *target)
{
	struct reject_target *reject = option_data(parser, &target->data, sizeof(*reject));
	if (!reject)
		return -ENOMEM;
	if (!parser_option_is(parser, "--reject-with"))
		return 0;
	int error = parser_refuse_inversion(parser);
	if (!error)
		error = option_once(parser, &reject->seen, 1, 0);
	if (error)
		return error;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	const struct reject_name *name = parser->family == FAMILY_IPV4 ? names4 : names6;
	while (name->name && !text_abbreviates(word->text, name->name) &&
	       !text_abbreviates(word->text, name->alias))
		name++;
	if (!name->name) {
		struct diagnostic *diagnostic = parser_error(
		    parser, word, "bad-value", "\"%.*s\" is not a way to reject an IPv%d packet",
		    (int)word->text.size, word->text.data, parser->family == FAMILY_IPV4 ? 4 : 6);
		diagnostic_hint(
		    diagnostic, "%s",
		    parser->family == FAMILY_IPV4
			? "icmp-net-unreachable, icmp-host-unreachable, icmp-proto-unreachable, "
			  "icmp-port-unreachable, icmp-net-prohibited, icmp-host-prohibited, "
			  "icmp-admin-prohibited or tcp-reset"
			: "icmp6-no-route, icmp6-adm-prohibited, icmp6-addr-unreachable, "
			  "icmp6-port-unreachable, icmp6-policy-fail, icmp6-reject-route or tcp-reset");
		return -EINVAL;
	}
	reject->with = name->name;
	return 1;
}

static int reject_finish(struct rule_parser *parser, struct target *target)
{
	struct reject_target *reject = option_data(parser, &target->data, sizeof(*reject));
	if (!reject)
		return -ENOMEM;
	if (!reject->with)
		reject->with =
		    parser->family == FAMILY_IPV4 ? "icmp-port-unreachable" : "icmp6-port-unreachable";
	if (text_is(text_of(reject->with), "tcp-reset"))
		return option_require_protocol(parser, target->span, "REJECT --reject-with tcp-reset",
					       IPPROTO_TCP, "tcp");
	return 0;
}

static void reject_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct reject_target *reject = target->data;
	(void)rule;

	buffer_printf(out, " --reject-with %s", reject->with);
}

const struct target_type target_reject = {
    .name = "REJECT",
    .modelled = true,
    .kind = TARGET_REJECT,
    .effects = EFFECT_REJECT,
    .parse = reject_parse,
    .finish = reject_finish,
    .print = reject_print,
    .tables = 1 << TABLE_FILTER,
};
