/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The own networks' addresses are accepted as sources from outside. Which networks are the host's own, and
 * which interface is outside, is taken from what the rules of nat hide behind it: -s OWN -o OUTSIDE -j
 * MASQUERADE or SNAT. Each accepting rule is tried with a packet that comes from there. */
#include "check/findings.h"

#include <string.h>

#define NETWORKS_MAX 16

struct network {
	const struct rule *rule; /* that hides it */
};

/* Whether all that the rule asks of the source lies in the network. */
static bool lies_in(const struct rule *rule, const struct address_match *network)
{
	const struct address_match *source = &rule->source;
	return !source->inverted && source->mask && (source->mask & network->mask) == network->mask &&
	       (source->value & network->mask) == network->value;
}

static bool hides(const struct rule *rule)
{
	struct nat_range range = {0};
	if (!rule->target.type->nat || !(rule->chain->reached & 1u << HOOK_POSTROUTING) ||
	    !rule->source.mask || rule->source.inverted || interface_is_any(&rule->out) ||
	    rule->out.inverted || rule->out.wildcard || strcmp(rule->out.name, "lo") == 0)
		return false;
	rule->target.type->nat(&rule->target, &range);
	return range.source || range.masquerade;
}

static int try_rule(struct check *check, const struct rule *rule, const struct rule *hidden)
{
	struct packet packet;
	struct rule outside = *rule;
	const struct rule *only = &outside;
	enum path path = rule->chain->reached & 1u << HOOK_INPUT ? PATH_INPUT : PATH_FORWARD;
	if (!lies_in(rule, &hidden->source) || !interface_matches(&rule->in, hidden->out.name))
		return 0;
	/* A tunnel's packets have passed through IPsec: they may come from there. */
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!rule->matches[i].type->modelled || strcmp(rule->matches[i].type->name, "policy") == 0)
			return 0;
	outside.in = hidden->out;
	int error = witness_find(check, &only, 1, &packet);
	if (error)
		return error == -ESRCH ? 0 : error;
	if (path == PATH_FORWARD && strcmp(packet.in, packet.out) == 0)
		return 0;
	probe_state(&packet, STATE_NEW);
	struct probe probe = {.rule = rule};
	error = probe_arrival(check, &packet, path, &probe);
	if (error || probe.met != TRUTH_YES)
		return error;
	struct found *found = check_add(
	    check, rule->span, "accepts sources of the own network by %s, too, where they can only be forged",
	    hidden->out.name);
	found_label(check, found, hidden->span, "this network is behind the host, and %s is outside",
		    hidden->out.name);
	found_hint(check, found,
		   "Ask for the network's own interface (-i), or drop its sources by %s in front: -A "
		   "PREROUTING -i %s -s "
		   "NETWORK -j DROP in raw, or -m rpfilter --invert.",
		   hidden->out.name, hidden->out.name);
	return 0;
}

static int run_family(struct check *check, enum family family)
{
	const struct table *nat = check_table(check, family, TABLE_NAT);
	const struct table *filter = check_table(check, family, TABLE_FILTER);
	struct network networks[NETWORKS_MAX];
	size_t count = 0;
	if (!nat || !filter)
		return 0;
	for (size_t i = 0; i < nat->chain_count; i++)
		for (size_t j = 0; j < nat->chains[i]->rule_count; j++)
			if (count < NETWORKS_MAX && hides(&nat->chains[i]->rules[j]))
				networks[count++].rule = &nat->chains[i]->rules[j];
	for (size_t i = 0; count && i < filter->chain_count; i++)
		for (size_t j = 0; j < filter->chains[i]->rule_count; j++) {
			const struct rule *rule = &filter->chains[i]->rules[j];
			bool tried = rule->target.type->kind == TARGET_ACCEPT &&
				     rule->chain->reached & (1u << HOOK_INPUT | 1u << HOOK_FORWARD);
			for (size_t n = 0; tried && n < count; n++) {
				int error = try_rule(check, rule, networks[n].rule);
				if (error)
					return error;
			}
		}
	return 0;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		int error = run_family(check, (enum family)family);
		if (error)
			return error;
	}
	return 0;
}

const struct finding_type finding_spoof_own = {
    .code = "spoof-own",
    .severity = SEVERITY_WARNING,
    .title = "own addresses are accepted as sources from outside",
    .why = "Who writes an inside address into his packets passes the rules that were made for the inside. "
	   "Reverse path "
	   "filtering (rp_filter=1) stops that for IPv4 where it is on; IPv6 has none.",
    .action = "Tie the rule to the inside interface, or drop own sources that come by the outside one.",
    .run = run,
};
