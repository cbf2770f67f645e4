/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An ACCEPT that does not ask for the source, in front of bans: whom they ban is let in by it. */
#include "check/findings.h"

#include <netinet/in.h>
#include <string.h>

/* Nothing but comments, ports and state: what can be said of a banned source's packets, too. */
static bool is_plain(const struct match *match)
{
	const char *name = match->type->name;
	return match->type->modelled && (match_is_comment(match) || strcmp(name, "tcp") == 0 ||
					 strcmp(name, "udp") == 0 || strcmp(name, "multiport") == 0 ||
					 strcmp(name, "state") == 0 || strcmp(name, "conntrack") == 0);
}

/* Lets new connections in, from anywhere. Pings are let in by habit. */
static bool is_unspecific(const struct rule *rule)
{
	bool icmp = rule->protocol == IPPROTO_ICMP || rule->protocol == IPPROTO_ICMPV6;
	if (rule->target.type->kind != TARGET_ACCEPT || rule_has_source(rule) || icmp ||
	    !(rule_states(rule) & 1u << STATE_NEW))
		return false;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!is_plain(&rule->matches[i]))
			return false;
	return true;
}

/* A source that the ban bans; by which interface is asked again for each packet. */
static int find_banned(struct check *check, const struct rule *ban, struct address_match *source)
{
	struct packet packet;
	int error = witness_find(check, &ban, 1, &packet);
	if (error)
		return error;
	*source = (struct address_match){.value = address_from_bytes(packet.family, packet.source),
					 .mask = family_max(packet.family)};
	return 0;
}

static bool same_interface(const struct interface_match *a, const struct interface_match *b)
{
	return strcmp(a->name, b->name) == 0 && a->wildcard == b->wildcard && a->inverted == b->inverted;
}

/* The banned packet comes to the ACCEPT, and that is the end of it. */
static int lets_in(struct check *check, const struct rule *accept, const struct rule *ban,
		   const struct address_match *source, bool *in)
{
	struct rule banned = *accept; /* what both match */
	const struct rule *only = &banned;
	struct packet packet;
	struct probe probe = {.rule = accept};
	enum path path = accept->chain->reached & 1u << HOOK_INPUT ? PATH_INPUT : PATH_FORWARD;
	*in = false;
	banned.source = *source;
	if (interface_is_any(&accept->in))
		banned.in = ban->in;
	else if (!interface_is_any(&ban->in) && !same_interface(&accept->in, &ban->in))
		return 0;
	int error = witness_find(check, &only, 1, &packet);
	if (error)
		return error == -ESRCH ? 0 : error;
	if (strcmp(packet.in, "lo") == 0)
		return 0;
	error = probe_arrival(check, &packet, path, &probe);
	*in = !error && probe.met == TRUTH_YES && probe_accepted(&probe) && probe.outcome.rule == accept;
	return error;
}

#define TRIED_MAX 32 /* accepting rules of a chain that are tried */

static int run_chain(struct check *check, const struct chain *chain)
{
	const struct rule *ban = NULL;
	struct found *found = NULL;
	size_t bans = 0, tried = 0;
	if (chain->table->id != TABLE_FILTER || !(chain->reached & (1u << HOOK_INPUT | 1u << HOOK_FORWARD)))
		return 0;
	/* From the end: the last ban stands for those before it, as it is behind all rules that any is
	 * behind. */
	for (size_t i = chain->rule_count; i-- > 0 && !ban;)
		if (rule_is_ban(&chain->rules[i]))
			ban = &chain->rules[i];
	struct address_match source;
	int none = ban ? find_banned(check, ban, &source) : -ESRCH;
	if (none)
		return none == -ESRCH ? 0 : none;
	for (const struct rule *rule = chain->rules; rule < ban; rule++) {
		bool in;
		if (!is_unspecific(rule) || tried++ >= TRIED_MAX)
			continue;
		int error = lets_in(check, rule, ban, &source, &in);
		if (error)
			return error;
		if (!in)
			continue;
		if (found) {
			found_label(check, found, rule->span, "by this one, too");
			continue;
		}
		for (const struct rule *other = rule; other <= ban; other++)
			bans += rule_is_ban(other);
		struct buffer text = {0};
		if (bans == 1)
			buffer_puts(&text, "the rule behind this one bans");
		else
			buffer_printf(&text, "%zu rules behind this one ban", bans);
		found =
		    check_add(check, rule->span,
			      "sources that %s are let in by it: it does not ask where a packet comes from",
			      check_text(check, &text));
		found_label(check, found, ban->span, bans == 1 ? "the ban" : "the last of %zu bans", bans);
		if (!found)
			return 0;
	}
	return 0;
}

static int run(struct check *check)
{
	return check_chains(check, run_chain);
}

const struct finding_type finding_accept_before_ban = {
    .code = "accept-before-ban",
    .severity = SEVERITY_WARNING,
    .title = "bans behind a rule that lets the banned in",
    .why = "The first rule that matches decides. A ban that stands behind the ACCEPT of a service keeps its "
	   "sources from all "
	   "other services, and not from that one, which is mostly the one that was attacked.",
    .action = "Move the bans in front of the rules that accept, or into raw PREROUTING, where they also cost "
	      "least.",
    .run = run,
};
