/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * DNAT without any rewriting of sources, to several back ends in turn, or to one in the network of the
 * service's own address: whether the answers come back this way hangs on routes that the rules do not show,
 * so this is a note. */
#include "check/findings.h"

static bool rewrites_source(const struct table *nat)
{
	for (size_t i = 0; i < nat->chain_count; i++)
		for (size_t j = 0; j < nat->chains[i]->rule_count; j++) {
			const struct target *target = &nat->chains[i]->rules[j].target;
			struct nat_range range = {0};
			bool rewrites = target->type->kind == TARGET_OPAQUE; /* may be anything */
			if (target->type->nat && nat->chains[i]->reached & 1u << HOOK_POSTROUTING) {
				target->type->nat(target, &range);
				rewrites = range.source || range.masquerade || range.map;
			}
			if (rewrites)
				return true;
		}
	return false;
}

/* Near enough to have the same router, most likely: IPv4 /24, IPv6 /64. */
static bool is_neighbour(const struct rule *rule, const struct nat_range *range)
{
	enum family family = rule_family(rule);
	address network = prefix_mask(family, family == FAMILY_IPV4 ? 24 : 64);
	return !rule->destination.inverted && rule->destination.mask == family_max(family) &&
	       rule->destination.value != range->low &&
	       ((rule->destination.value ^ range->low) & network) == 0;
}

static bool sends_away(const struct rule *rule)
{
	struct nat_range range = {0};
	struct statistic_share share;
	if (!rule->target.type->nat || !(rule->chain->reached & 1u << HOOK_PREROUTING))
		return false;
	rule->target.type->nat(&rule->target, &range);
	if (range.source || range.redirect || range.map || !range.has_address)
		return false;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_statistic_share(&rule->matches[i], &share))
			return true;
	return is_neighbour(rule, &range);
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct table *nat = check_table(check, (enum family)family, TABLE_NAT);
		struct found *found = NULL;
		if (!nat || rewrites_source(nat))
			continue;
		for (size_t i = 0; i < nat->chain_count; i++)
			for (size_t j = 0; j < nat->chains[i]->rule_count; j++) {
				const struct rule *rule = &nat->chains[i]->rules[j];
				if (!sends_away(rule))
					continue;
				if (found)
					found_label(check, found, rule->span, "and this one");
				else
					found = check_add(
					    check, rule->span,
					    "this rule sends connections to another host, and no rule of "
					    "POSTROUTING gives them this host's address: the back end "
					    "answers the client itself, unless its way there leads through "
					    "this host");
			}
	}
	return 0;
}

const struct finding_type finding_dnat_return = {
    .code = "dnat-return",
    .severity = SEVERITY_NOTE,
    .title = "DNAT to a back end that may answer past this host",
    .why = "The client opened a connection to this host's address. An answer that comes straight from the "
	   "back end has "
	   "another address, and the client rejects it; it only works where the back end's way to the client "
	   "leads "
	   "through this host.",
    .action = "Add -j MASQUERADE or SNAT in POSTROUTING for what goes to the back ends, or make this host "
	      "their router.",
    .run = run,
};
