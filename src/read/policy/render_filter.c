/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Table filter. In each chain first what a default that drops brings with it, and failsafe statements; then
 * stateless, allow, deny and reject in the order of the policy: the first that matches decides. Default is
 * the chain's policy. */
#include "read/policy/render_private.h"

#include <netinet/in.h>
#include <stdio.h>

static const char *const chain_names[DIRECTION_COUNT] = {
    [DIRECTION_IN] = "INPUT", [DIRECTION_FORWARD] = "FORWARD", [DIRECTION_OUT] = "OUTPUT"};
static const enum hook hooks[DIRECTION_COUNT] = {
    [DIRECTION_IN] = HOOK_INPUT, [DIRECTION_FORWARD] = HOOK_FORWARD, [DIRECTION_OUT] = HOOK_OUTPUT};

/* One chain that is being filled. */
struct filling {
	enum family family;
	enum policy_direction direction;
	const char *chain;
	struct selector_place place;
	const struct policy_default *standing;
};

__attribute__((format(printf, 4, 5))) static void put(struct render *render, const struct filling *filling,
						      struct span span, const char *format, ...)
{
	struct buffer text = {0};
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(&text, format, arguments);
	va_end(arguments);
	render->failed |= text.failed;
	render_rule(render, filling->family, TABLE_FILTER, span, "-A %s%s", filling->chain,
		    text.data ? text.data : "");
	buffer_fini(&text);
}

static void put_statement(struct render *render, const struct filling *filling,
			  const struct policy_statement *statement, bool answers, const char *action)
{
	struct selector_place place = filling->place;
	struct conditions conditions = {0};

	place.answers = answers;
	selector_conditions(render, &statement->selector, &place, &conditions);
	for (size_t i = 0; i < conditions.count; i++)
		put(render, filling, statement->span, "%s%s", conditions.texts[i], action);
}

static const char *refusal(enum family family)
{
	return family == FAMILY_IPV4 ? " -j REJECT --reject-with icmp-port-unreachable"
				     : " -j REJECT --reject-with icmp6-port-unreachable";
}

/* TCP is answered as where nobody listens, all else as where no port is open. */
static void put_reject(struct render *render, const struct filling *filling,
		       const struct policy_statement *statement)
{
	const char *reset = " -j REJECT --reject-with tcp-reset";
	struct selector_place place = filling->place;
	struct conditions conditions = {0};
	bool tcp = !statement->selector.protocol_count;

	for (size_t i = 0; i < statement->selector.protocol_count; i++)
		tcp |= statement->selector.protocols[i] == IPPROTO_TCP;
	if (tcp) {
		place.protocol = IPPROTO_TCP;
		selector_conditions(render, &statement->selector, &place, &conditions);
		for (size_t i = 0; i < conditions.count; i++)
			put(render, filling, statement->span, "%s%s", conditions.texts[i], reset);
	}
	place.protocol = 0;
	place.but_protocol = tcp && statement->selector.protocol_count ? IPPROTO_TCP : 0;
	conditions.count = 0;
	selector_conditions(render, &statement->selector, &place, &conditions);
	for (size_t i = 0; i < conditions.count; i++)
		put(render, filling, statement->span, "%s%s", conditions.texts[i], refusal(filling->family));
}

/* Errors about packets that conntrack does not know are INVALID, those that come and those that the host
 * sends. */
static void put_errors(struct render *render, const struct filling *filling, struct span span)
{
	static const uint8_t types[FAMILY_COUNT][4] = {
	    [FAMILY_IPV4] = {3, 11, 12}, [FAMILY_IPV6] = {1, 2, 3, 4}};

	for (size_t i = 0; i < 4 && types[filling->family][i]; i++)
		put(render, filling, span,
		    filling->family == FAMILY_IPV4 ? " -p icmp -m icmp --icmp-type %u -j ACCEPT"
						   : " -p ipv6-icmp -m icmp6 --icmpv6-type %u -j ACCEPT",
		    types[filling->family][i]);
}

static void put_established(struct render *render, const struct filling *filling)
{
	if (filling->standing->verdict != VERDICT_ACCEPT && filling->standing->implied & IMPLIED_ESTABLISHED)
		put(render, filling, filling->standing->span,
		    " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
}

static void put_icmp(struct render *render, const struct filling *filling)
{
	const struct policy_default *standing = filling->standing;

	if (standing->verdict == VERDICT_ACCEPT)
		return;
	if (standing->implied & IMPLIED_NEIGHBOURS && filling->direction != DIRECTION_FORWARD)
		render_neighbours(render, filling->family, TABLE_FILTER, filling->chain, standing->span);
	if (standing->implied & IMPLIED_ERRORS)
		put_errors(render, filling, standing->span);
}

static void put_loopback(struct render *render, const struct filling *filling)
{
	if (filling->standing->verdict != VERDICT_ACCEPT && filling->standing->implied & IMPLIED_LOOPBACK)
		put(render, filling, filling->standing->span, " -%c lo -j ACCEPT",
		    filling->direction == DIRECTION_IN ? 'i' : 'o');
}

/* SYNPROXY answers in the host's place and hands on only what has answered back:
 * net/netfilter/nf_synproxy_core.c. The SYN was untracked in raw; the ACK that comes back is INVALID where
 * nf_conntrack_tcp_loose is 0, which applying the policy sees to. */
static void put_synproxy(struct render *render, const struct filling *filling,
			 const struct policy_statement *statement)
{
	const char *mss = filling->family == FAMILY_IPV4 ? "1460" : "1440";
	struct conditions conditions = {0};

	selector_conditions(render, &statement->selector, &filling->place, &conditions);
	for (size_t i = 0; i < conditions.count; i++) {
		put(render, filling, statement->span,
		    "%s -m conntrack --ctstate INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp "
		    "--wscale 7 --mss %s",
		    conditions.texts[i], mss);
		put(render, filling, statement->span, "%s -m conntrack --ctstate INVALID -j DROP",
		    conditions.texts[i]);
	}
}

/* Connections that were given to a backend, which may be this host, too: their packets have the backend's
 * address by now. */
static void put_balance(struct render *render, const struct filling *filling,
			const struct policy_statement *statement)
{
	const struct policy_balance *balance = &statement->balance;
	const char *protocol = statement->selector.protocols[0] == IPPROTO_UDP ? "udp" : "tcp";
	/* The host's own checks ask the backend itself. */
	bool checks = filling->direction == DIRECTION_OUT && balance->check_every;

	if (balance->family != filling->family)
		return;
	for (size_t i = 0; i < balance->backend_count; i++)
		put(render, filling, balance->backends[i].span,
		    " -d %s/%u -p %s -m %s --dport %u%s -j ACCEPT",
		    render_address(render, filling->family, balance->backends[i].address),
		    family_bits(filling->family), protocol, protocol, balance->backends[i].port,
		    checks ? "" : " -m conntrack --ctstate DNAT");
}

/* Copies are sent as if the host had made them, with the addresses that they have; nothing tracks them. */
static void put_copies(struct render *render, const struct filling *filling,
		       const struct policy_statement *statement)
{
	char device[INTERFACE_NAME_MAX + 8] = "";

	if (!statement->mirror.has_gateway[filling->family])
		return;
	if (statement->mirror.device[0])
		snprintf(device, sizeof(device), " -o %s", statement->mirror.device);
	for (int answers = 0; answers <= statement->both_directions; answers++) {
		struct selector_place place = filling->place;
		struct conditions conditions = {0};
		place.answers = answers;
		place.no_devices = true;
		selector_conditions(render, &statement->selector, &place, &conditions);
		for (size_t i = 0; i < conditions.count; i++)
			put(render, filling, statement->span,
			    "%s%s -m conntrack --ctstate UNTRACKED -j ACCEPT", device, conditions.texts[i]);
	}
}

/* What comes before the statements that the policy puts in order. */
static void put_first(struct render *render, const struct filling *filling)
{
	const struct policy_tree *tree = render->tree;

	if (filling->direction != DIRECTION_FORWARD)
		put_loopback(render, filling);
	for (size_t i = 0; i < tree->statement_count; i++)
		if (tree->statements[i].kind == STATEMENT_FAILSAFE && filling->direction != DIRECTION_FORWARD)
			put_statement(render, filling, &tree->statements[i],
				      filling->direction == DIRECTION_OUT, " -j ACCEPT");
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if (statement->kind == STATEMENT_BLOCK && filling->direction == DIRECTION_FORWARD &&
		    (statement->direction == DIRECTION_FORWARD || statement->both_directions))
			put_statement(render, filling, statement, statement->direction != DIRECTION_FORWARD,
				      " -j DROP");
		else if (statement->kind == STATEMENT_LIMIT && filling->direction == DIRECTION_IN &&
			 statement->limit.with == LIMIT_SYNPROXY)
			put_synproxy(render, filling, statement);
	}
	put_established(render, filling);
	put_icmp(render, filling);
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if (statement->kind == STATEMENT_BALANCE)
			put_balance(render, filling, statement);
		else if (statement->kind == STATEMENT_MIRROR && filling->direction == DIRECTION_OUT)
			put_copies(render, filling, statement);
	}
}

static void put_in_order(struct render *render, const struct filling *filling,
			 const struct policy_statement *statement)
{
	if (statement->kind == STATEMENT_STATELESS) {
		if (filling->direction != DIRECTION_FORWARD)
			put_statement(render, filling, statement, filling->direction == DIRECTION_OUT,
				      " -j ACCEPT");
		return;
	}
	if (statement->direction != filling->direction)
		return;
	if (statement->kind == STATEMENT_ALLOW)
		put_statement(render, filling, statement, false, " -j ACCEPT");
	else if (statement->kind == STATEMENT_DENY)
		put_statement(render, filling, statement, false, " -j DROP");
	else if (statement->kind == STATEMENT_REJECT)
		put_reject(render, filling, statement);
}

/* Where no connection may begin none is established. Files of rules may let some begin. */
static bool forwards(const struct policy_tree *tree)
{
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if ((statement->kind == STATEMENT_ALLOW && statement->direction == DIRECTION_FORWARD) ||
		    statement->kind == STATEMENT_BALANCE || statement->kind == STATEMENT_RULES)
			return true;
	}
	return false;
}

/* A chain that drops nothing needs no rules that accept, but those that a policy says; one that drops, or
 * rejects, all needs none that do the same. */
static bool needs_rules(const struct render *render, enum policy_direction direction)
{
	const struct policy_tree *tree = render->tree;

	if (direction == DIRECTION_IN)
		return true;
	enum policy_verdict standing = tree->defaults[direction].verdict;
	if (standing != VERDICT_ACCEPT && (direction == DIRECTION_OUT || forwards(tree)))
		return true;
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		bool drops = statement->kind == STATEMENT_DENY || statement->kind == STATEMENT_BLOCK;
		bool ordered = (standing == VERDICT_ACCEPT && statement->kind == STATEMENT_ALLOW) ||
			       (standing != VERDICT_DROP && drops) ||
			       (standing != VERDICT_REJECT && statement->kind == STATEMENT_REJECT);
		if (ordered && statement->direction == direction &&
		    !(statement->kind == STATEMENT_BLOCK && direction == DIRECTION_OUT))
			return true;
		if (direction == DIRECTION_FORWARD && standing != VERDICT_DROP &&
		    statement->kind == STATEMENT_BLOCK && statement->both_directions)
			return true;
	}
	return false;
}

static void put_tail(struct render *render, const struct filling *filling)
{
	struct section *tail = &render->tail[filling->family];
	struct span span = filling->standing->span;

	if (filling->standing->verdict != VERDICT_REJECT)
		return;
	section_line(render, tail, span);
	section_add(render, tail, "-A %s -p tcp -j REJECT --reject-with tcp-reset\n", filling->chain);
	section_line(render, tail, span);
	section_add(render, tail, "-A %s%s\n", filling->chain, refusal(filling->family));
}

void render_filter(struct render *render, enum family family)
{
	for (int direction = 0; direction < DIRECTION_COUNT; direction++) {
		const struct filling filling = {
		    .family = family,
		    .direction = (enum policy_direction)direction,
		    .chain = chain_names[direction],
		    .place = {.family = family, .hook = hooks[direction]},
		    .standing = &render->tree->defaults[direction],
		};
		if (needs_rules(render, filling.direction)) {
			put_first(render, &filling);
			for (size_t i = 0; i < render->tree->statement_count; i++)
				put_in_order(render, &filling, &render->tree->statements[i]);
		}
		put_tail(render, &filling);
	}
}
