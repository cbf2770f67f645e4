/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SNPT and DNPT: put one IPv6 prefix in the place of another, without connections (RFC 6296); the packet goes
 * on, or is dropped with an answer where the address leaves no room for the checksum:
 * net/ipv6/netfilter/ip6t_NPT.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

#define PREFIX_LENGTH_MAX 64 /* ip6t_npt_checkentry() */

enum { NPT_SOURCE, NPT_DESTINATION, NPT_COUNT };

static const struct guide guides[NPT_COUNT] = {
    {.name = "--src-pfx", .kind = GUIDE_ADDRESS_MASK, .flags = GUIDE_MANDATORY},
    {.name = "--dst-pfx", .kind = GUIDE_ADDRESS_MASK, .flags = GUIDE_MANDATORY},
};

static int npt_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, NPT_COUNT);
	const struct guided *npt = target->data;

	if (result != 1)
		return result;
	const struct guided_value *value =
	    &npt->values[npt->seen == (before | 1u << NPT_SOURCE) ? NPT_SOURCE : NPT_DESTINATION];
	int length = mask_length(parser->family, value->mask);
	if (length < 0 || length > PREFIX_LENGTH_MAX || value->address & ~value->mask)
		return guided_refuse(parser, parser->argument,
				     "a prefix of at most 64 bits, such as 2001:db8::/48");
	return 1;
}

static int npt_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct guided), guides, NPT_COUNT, target->span,
			     target->type->name);
}

static void npt_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *npt = target->data;

	for (unsigned i = 0; i < NPT_COUNT; i++)
		if (npt->values[i].address) /* iptables-save leaves ::/0 out, and cannot be restored then */
			guided_print(npt, guides, i, rule->chain->table->family, out);
}

const struct target_type target_snpt = {
    .name = "SNPT",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = npt_parse,
    .finish = npt_finish,
    .print = npt_print,
    .tables = 1 << TABLE_MANGLE,
    .hooks = 1 << HOOK_INPUT | 1 << HOOK_POSTROUTING,
};

const struct target_type target_dnpt = {
    .name = "DNPT",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = npt_parse,
    .finish = npt_finish,
    .print = npt_print,
    .tables = 1 << TABLE_MANGLE,
    .hooks = 1 << HOOK_PREROUTING | 1 << HOOK_OUTPUT,
};
