/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The own networks' addresses are accepted as sources from outside. Which networks are the host's own is
 * given (check_options.own), or shown by the rules: by what NAT hides (-s OWN -o OUTSIDE -j MASQUERADE), and
 * by private networks that are accepted by an interface of their own (-i INSIDE -s OWN -j ACCEPT). Outside is
 * what is given, or where NAT hides them, or an interface by which some rule lets anybody in. Each accepting
 * rule that asks for such a source is tried with a packet that comes from there, and only what gets in by its
 * source is reported. */
#include "check/findings.h"

#include <netinet/in.h>
#include <string.h>

#define NETWORKS_MAX 32
#define OUTSIDES_MAX 16
#define TRIES_MAX 1000 /* packets, of each family */

struct network {
	struct address_match addresses;
	const struct rule *hidden; /* by this rule of NAT: its interface is outside */
	const struct rule *inside; /* accepted by this rule, and its interface is inside */
};

struct outsides {
	size_t count;
	struct interface_match interfaces[OUTSIDES_MAX];
};

struct spoofing {
	struct check *check;
	enum family family;
	size_t network_count, tries;
	struct network networks[NETWORKS_MAX];
	struct outsides outsides;
};

static bool is_exact(const struct interface_match *match)
{
	return !interface_is_any(match) && !match->inverted && !match->wildcard &&
	       strcmp(match->name, "lo") != 0;
}

static bool accepts_arrivals(const struct rule *rule)
{
	return rule->target.type->kind == TARGET_ACCEPT &&
	       rule->chain->reached & (1u << HOOK_INPUT | 1u << HOOK_FORWARD);
}

/* --- Networks and interfaces
 * -------------------------------------------------------------------------------------- */

static bool contains(const struct address_match *outer, const struct address_match *inner)
{
	return (inner->mask & outer->mask) == outer->mask && (inner->value & outer->mask) == outer->value;
}

/* RFC 1918, RFC 4193. */
static bool is_private(enum family family, const struct address_match *match)
{
	static const struct address_match ranges[] = {{.value = 0x0a000000, .mask = 0xff000000},
						      {.value = 0xac100000, .mask = 0xfff00000},
						      {.value = 0xc0a80000, .mask = 0xffff0000}};
	if (family == FAMILY_IPV6)
		return match->value >> 121 == 0xfc >> 1 && match->mask >> 121 == 0x7f;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (contains(&ranges[i], match))
			return true;
	return false;
}

static void add_network(struct spoofing *spoofing, struct network network)
{
	if (spoofing->network_count < NETWORKS_MAX)
		spoofing->networks[spoofing->network_count++] = network;
}

static void add_outside(struct spoofing *spoofing, const struct interface_match *match)
{
	struct outsides *outsides = &spoofing->outsides;
	for (size_t i = 0; i < outsides->count; i++)
		if (strcmp(outsides->interfaces[i].name, match->name) == 0)
			return;
	if (outsides->count < OUTSIDES_MAX)
		outsides->interfaces[outsides->count++] = *match;
}

static bool is_outside(const struct spoofing *spoofing, const struct interface_match *match)
{
	for (size_t i = 0; i < spoofing->outsides.count; i++)
		if (interface_matches(match, spoofing->outsides.interfaces[i].name))
			return true;
	return false;
}

static bool hides(const struct rule *rule)
{
	struct nat_range range = {0};
	if (!rule->target.type->nat || !(rule->chain->reached & 1u << HOOK_POSTROUTING) ||
	    !rule->source.mask || rule->source.inverted || !is_exact(&rule->out))
		return false;
	rule->target.type->nat(&rule->target, &range);
	return range.source || range.masquerade;
}

static bool asks_set_of_sources(const struct rule *rule)
{
	struct set_question question;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_set_question(&rule->matches[i], &question) && question.source[0])
			return true;
	return false;
}

/* New connections from any source are let in by that interface. */
static bool lets_anybody_in(const struct rule *rule)
{
	if (!accepts_arrivals(rule) || !is_exact(&rule->in) || rule_has_source(rule) ||
	    asks_set_of_sources(rule) || !(rule_states(rule) & 1u << STATE_NEW))
		return false;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!rule->matches[i].type->modelled)
			return false;
	/* All that comes by it is let in: it is trusted. */
	return rule->protocol && !rule->protocol_inverted && rule->protocol != IPPROTO_ICMP &&
	       rule->protocol != IPPROTO_ICMPV6;
}

static void each_rule(struct spoofing *spoofing, enum table_id id,
		      void (*visit)(struct spoofing *spoofing, const struct rule *rule))
{
	const struct table *table = check_table(spoofing->check, spoofing->family, id);
	for (size_t i = 0; table && i < table->chain_count; i++)
		for (size_t j = 0; j < table->chains[i]->rule_count; j++)
			visit(spoofing, &table->chains[i]->rules[j]);
}

static void find_hidden(struct spoofing *spoofing, const struct rule *rule)
{
	if (!hides(rule))
		return;
	add_network(spoofing, (struct network){.addresses = rule->source, .hidden = rule});
	if (!spoofing->check->options->outside)
		add_outside(spoofing, &rule->out);
}

static void find_outside(struct spoofing *spoofing, const struct rule *rule)
{
	if (lets_anybody_in(rule))
		add_outside(spoofing, &rule->in);
}

static void find_inside(struct spoofing *spoofing, const struct rule *rule)
{
	if (accepts_arrivals(rule) && is_exact(&rule->in) && !is_outside(spoofing, &rule->in) &&
	    rule->source.mask && !rule->source.inverted && is_private(spoofing->family, &rule->source))
		add_network(spoofing, (struct network){.addresses = rule->source, .inside = rule});
}

static void find_networks(struct spoofing *spoofing)
{
	const struct check_options *options = spoofing->check->options;
	if (options->outside) {
		struct interface_match outside = {0};
		memcpy(outside.name, options->outside, strnlen(options->outside, sizeof(outside.name) - 1));
		add_outside(spoofing, &outside);
	}
	for (size_t i = 0; i < options->own_count; i++) {
		const struct region_local *own = &options->own[i];
		if (own->family == spoofing->family)
			add_network(spoofing,
				    (struct network){.addresses = {.value = own->low,
								   .mask = family_max(own->family) &
									   ~(own->low ^ own->high)}});
	}
	each_rule(spoofing, TABLE_NAT, find_hidden);
	if (!options->outside)
		each_rule(spoofing, TABLE_FILTER, find_outside);
	each_rule(spoofing, TABLE_FILTER, find_inside);
}

/* --- Packets
 * ------------------------------------------------------------------------------------------------------ */

/* The sources of the network that the rule asks for: *source. False: none, or it asks for none. */
static bool sources_in(const struct rule *rule, const struct address_match *network,
		       struct address_match *source)
{
	if (!rule_has_source(rule)) {
		*source = *network;
		return asks_set_of_sources(rule);
	}
	if (rule->source.inverted || !rule->source.mask)
		return false;
	*source = contains(network, &rule->source) ? rule->source : *network;
	return contains(network, &rule->source) || contains(&rule->source, network);
}

/* Some other source gets in there as well. */
static int anybody_gets_in(struct check *check, const struct packet *packet, enum path path, bool *in)
{
	struct packet other = *packet;
	struct probe probe = {0};
	probe_source(&other, packet->family == FAMILY_IPV4 ? 0xc6123456 : (address)0x20010db8 << 96 | 0xfff7);
	int error = probe_arrival(check, &other, path, &probe);
	*in = !error && !probe_closed(&probe);
	return error;
}

/* Whether a packet of the network that comes by that interface gets in by the rule, and by its source. */
static int gets_in(struct spoofing *spoofing, const struct rule *rule, const struct network *network,
		   const struct interface_match *outside, bool *in)
{
	struct check *check = spoofing->check;
	struct packet packet;
	struct rule outer = *rule;
	const struct rule *only = &outer;
	enum path path = rule->chain->reached & 1u << HOOK_INPUT ? PATH_INPUT : PATH_FORWARD;
	*in = false;
	if (!sources_in(rule, &network->addresses, &outer.source) ||
	    !interface_matches(&rule->in, outside->name) || spoofing->tries++ >= TRIES_MAX)
		return 0;
	outer.in = *outside;
	int error = witness_find(check, &only, 1, &packet);
	if (error)
		return error == -ESRCH ? 0 : error;
	if (path == PATH_FORWARD && strcmp(packet.in, packet.out) == 0)
		return 0;
	probe_state(&packet, STATE_NEW);
	struct probe probe = {.rule = rule};
	bool anybody;
	error = probe_arrival(check, &packet, path, &probe);
	if (error || probe.met != TRUTH_YES)
		return error;
	error = anybody_gets_in(check, &packet, path, &anybody);
	*in = !error && !anybody;
	return error;
}

/* The rules themselves take the network for one that is there. */
static bool expected_there(const struct spoofing *spoofing, const struct network *network,
			   const struct interface_match *outside)
{
	const struct table *filter = check_table(spoofing->check, spoofing->family, TABLE_FILTER);
	for (size_t i = 0; filter && i < filter->chain_count; i++)
		for (size_t j = 0; j < filter->chains[i]->rule_count; j++) {
			const struct rule *rule = &filter->chains[i]->rules[j];
			if (accepts_arrivals(rule) && is_exact(&rule->in) &&
			    strcmp(rule->in.name, outside->name) == 0 && rule->source.mask &&
			    !rule->source.inverted &&
			    (contains(&network->addresses, &rule->source) ||
			     contains(&rule->source, &network->addresses)))
				return true;
		}
	return false;
}

static void report(struct check *check, const struct rule *rule, const struct network *network,
		   const char *outside)
{
	struct found *found = check_add(
	    check, rule->span, "accepts sources of the own network by %s, too, where they can only be forged",
	    outside);
	if (network->hidden)
		found_label(check, found, network->hidden->span,
			    "this network is behind the host, and %s is outside", outside);
	else if (network->inside)
		found_label(check, found, network->inside->span, "this network is behind %s",
			    network->inside->in.name);
	found_hint(check, found,
		   "Ask for the network's own interface (-i), or drop its sources by %s in front: -A "
		   "PREROUTING -i %s -s "
		   "NETWORK -j DROP in raw, or -m rpfilter --invert.",
		   outside, outside);
}

static void report_host(struct check *check, const struct rule *rule)
{
	struct found *found = check_add(
	    check, rule->span,
	    "accepts sources of this host itself by other interfaces than lo, where they can only be forged");
	found_hint(check, found,
		   "Ask for -i lo in place of the source, or drop such sources in front: -A PREROUTING ! -i "
		   "lo -s ADDRESS -j "
		   "DROP in raw.");
}

/* What has an address of the host itself comes by lo alone: all others are outside. */
static int try_host(struct spoofing *spoofing, const struct rule *rule, const struct network *network,
		    bool *in)
{
	const struct interfaces *interfaces = check_interfaces(spoofing->check, spoofing->family);
	for (size_t i = 0; interfaces && i < interfaces->count && !*in; i++) {
		struct interface_match outside = {0};
		memcpy(outside.name, interfaces->names[i], sizeof(interfaces->names[i]));
		int error = gets_in(spoofing, rule, network, &outside, in);
		if (error)
			return error;
		if (*in)
			report_host(spoofing->check, rule);
	}
	return interfaces ? 0 : -ENOMEM;
}

static int try_network(struct spoofing *spoofing, const struct rule *rule, const struct network *network,
		       bool *in)
{
	const struct outsides *outsides = &spoofing->outsides;
	bool given = !network->hidden && !network->inside;
	if (given && network->addresses.mask == family_max(spoofing->family) &&
	    !spoofing->check->options->outside)
		return try_host(spoofing, rule, network, in);
	for (size_t i = 0; i < outsides->count && !*in; i++) {
		const struct interface_match *outside = &outsides->interfaces[i];
		if (network->hidden && strcmp(network->hidden->out.name, outside->name) != 0)
			continue;
		if (network->inside && expected_there(spoofing, network, outside))
			continue;
		int error = gets_in(spoofing, rule, network, outside, in);
		if (error)
			return error;
		if (*in)
			report(spoofing->check, rule, network, outside->name);
	}
	return 0;
}

static int try_rule(struct spoofing *spoofing, const struct rule *rule)
{
	bool in = false;
	/* A tunnel's packets have passed through IPsec: they may come from there. */
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!rule->matches[i].type->modelled || strcmp(rule->matches[i].type->name, "policy") == 0)
			return 0;
	for (size_t i = 0; i < spoofing->network_count && !in; i++) {
		int error = try_network(spoofing, rule, &spoofing->networks[i], &in);
		if (error)
			return error;
	}
	return 0;
}

static int run_family(struct check *check, enum family family)
{
	struct spoofing spoofing = {.check = check, .family = family};
	const struct table *filter = check_table(check, family, TABLE_FILTER);
	if (!filter)
		return 0;
	find_networks(&spoofing);
	for (size_t i = 0; spoofing.network_count && i < filter->chain_count; i++)
		for (size_t j = 0; j < filter->chains[i]->rule_count; j++) {
			const struct rule *rule = &filter->chains[i]->rules[j];
			int error = accepts_arrivals(rule) ? try_rule(&spoofing, rule) : 0;
			if (error)
				return error;
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
