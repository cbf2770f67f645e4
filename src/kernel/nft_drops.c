/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A rule that looks a packet up in a set, not in what the set leaves, goes further than before when a member
 * comes: to its next expression. Where all of these only look at the packet, it either ends as before, and
 * the rules go on as they did, or drops. Of what writes anything, or keeps count of anything that rules ask
 * for, this cannot be said; nor of names that are not in the list. */
#include "kernel/nft_drops.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

static bool string_is(const struct nlattr *attribute, const char *string)
{
	size_t size = strlen(string) + 1;

	return attribute && mnl_attr_get_payload_len(attribute) == size &&
	       memcmp(mnl_attr_get_payload(attribute), string, size) == 0;
}

/* A lookup in the set, or something else that works on it. */
static bool names_set(const struct nlattr *const expression[], const char *set)
{
	static const struct {
		const char *name;
		unsigned set;
	} all[] = {
	    {"lookup", NFTA_LOOKUP_SET}, {"dynset", NFTA_DYNSET_SET_NAME}, {"objref", NFTA_OBJREF_SET_NAME}};
	const struct nlattr *values[NFTA_DYNSET_MAX + 1];

	netlink_nested(expression[NFTA_EXPR_DATA], values, NFTA_DYNSET_MAX);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (string_is(expression[NFTA_EXPR_NAME], all[i].name) && string_is(values[all[i].set], set))
			return true;
	return false;
}

/* Loads a register, or drops. */
static bool is_plain_immediate(const struct nlattr *const values[], bool *drops)
{
	const struct nlattr *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	if (ntohl(netlink_u32(values[NFTA_IMMEDIATE_DREG], 0)) != NFT_REG_VERDICT)
		return true;
	netlink_nested(values[NFTA_IMMEDIATE_DATA], data, NFTA_DATA_MAX);
	netlink_nested(data[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX);
	*drops = verdict[NFTA_VERDICT_CODE] &&
		 ntohl(netlink_u32(verdict[NFTA_VERDICT_CODE], htonl(NF_ACCEPT))) == NF_DROP;
	return *drops;
}

static bool only_looks(const struct nlattr *const expression[], bool *drops)
{
	/* Of those that also write, the attribute of what they write from. */
	static const struct {
		const char *name;
		unsigned writes;
	} all[] = {{"bitwise", 0},
		   {"cmp", 0},
		   {"counter", 0},
		   {"range", 0},
		   {"ct", NFTA_CT_SREG},
		   {"meta", NFTA_META_SREG},
		   {"payload", NFTA_PAYLOAD_SREG}};
	const struct nlattr *name = expression[NFTA_EXPR_NAME], *values[NFTA_PAYLOAD_MAX + 1];

	netlink_nested(expression[NFTA_EXPR_DATA], values, NFTA_PAYLOAD_MAX);
	if (string_is(name, "immediate"))
		return is_plain_immediate(values, drops);
	if (string_is(name, "lookup"))
		return !values[NFTA_LOOKUP_DREG] &&
		       (!values[NFTA_LOOKUP_FLAGS] || !netlink_u32(values[NFTA_LOOKUP_FLAGS], 1));
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (string_is(name, all[i].name))
			return !all[i].writes || !values[all[i].writes];
	return false;
}

static bool rule_only_drops(const struct nft_rule_image *rule, const char *set)
{
	const struct nlattr *nest, *expression[NFTA_EXPR_MAX + 1];
	bool names = false, looks = true, drops = false;

	if (rule->expressions)
		mnl_attr_for_each_nested(nest, rule->expressions)
		{
			netlink_nested(nest, expression, NFTA_EXPR_MAX);
			names |= names_set(expression, set);
			looks &= only_looks(expression, &drops);
		}
	return !names || (looks && drops);
}

bool nft_set_only_drops(const struct nft_image *image, enum family family, const char *set)
{
	const struct nft_table *table = &image->tables[family];

	for (size_t c = 0; c < table->chain_count; c++)
		for (size_t r = 0; r < table->chains[c].count; r++)
			if (!rule_only_drops(&table->chains[c].rules[r], set))
				return false;
	return true;
}
