/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * balance: new connections of one listener are given to backends by DNAT, in table nat, which sees the first
 * packet of each. One chain a listener, for what arrives and for what the host itself asks: they share its
 * turns.
 *
 * In turn: of n slots the first takes every n-th, the next every (n-1)-th of what is left, and so on, which
 * is exact: each rule counts only what comes to it. By source: the last five bits of the address choose one
 * of 32 parts, and each part has its backend. Parts of a backend that is down go to the others, and nothing
 * else moves. */
#include "read/policy/render_private.h"

#include <netinet/in.h>
#include <stdio.h>

static bool takes(const bool *down, size_t backend)
{
	return !down || !down[backend];
}

/* As if none were down where all are. */
static const bool *some_up(const struct policy_balance *balance, const bool *down)
{
	for (size_t i = 0; i < balance->backend_count; i++)
		if (takes(down, i) && balance->backends[i].weight)
			return down;
	return NULL;
}

static uint32_t divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Spread evenly over the round: each slot goes to the backend that is most behind its share. 0 when there
 * would be more than BALANCE_SLOTS_MAX, or none. */
size_t balance_slots(const struct policy_balance *balance, const bool *down, uint16_t *slots)
{
	int64_t credit[POLICY_BACKENDS_MAX] = {0};
	uint32_t common = 0, total = 0;

	down = some_up(balance, down);
	for (size_t i = 0; i < balance->backend_count; i++)
		if (takes(down, i))
			common = divisor(balance->backends[i].weight, common);
	if (!common)
		return 0;
	for (size_t i = 0; i < balance->backend_count; i++)
		if (takes(down, i))
			total += balance->backends[i].weight / common;
	if (total > BALANCE_SLOTS_MAX)
		return 0;
	for (uint32_t slot = 0; slot < total; slot++) {
		size_t best = SIZE_MAX;
		for (size_t i = 0; i < balance->backend_count; i++) {
			if (!takes(down, i) || !balance->backends[i].weight)
				continue;
			credit[i] += balance->backends[i].weight / common;
			if (best == SIZE_MAX || credit[i] > credit[best])
				best = i;
		}
		credit[best] -= total;
		slots[slot] = (uint16_t)best;
	}
	return total;
}

static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
	hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
	return hash ^ hash >> 33;
}

/* How much a part would like to be the backend's: does not depend on the other backends. */
static uint64_t liking(const struct policy_backend *backend, unsigned part)
{
	return mix(mix((uint64_t)backend->address ^ mix((uint64_t)(backend->address >> 64))) ^
		   ((uint64_t)backend->port << 8 | part));
}

/* Parts that are not taken yet go to the backends by their weights. */
static void share_parts(const struct policy_balance *balance, const bool *down, uint16_t parts[BALANCE_PARTS],
			const bool open[BALANCE_PARTS])
{
	uint64_t quota[POLICY_BACKENDS_MAX] = {0}, total = 0;
	unsigned count = 0;

	for (size_t i = 0; i < balance->backend_count; i++)
		total += takes(down, i) ? balance->backends[i].weight : 0;
	for (unsigned part = 0; part < BALANCE_PARTS; part++)
		count += open[part];
	if (!total)
		return;
	/* In units of 1/total of a part. */
	for (size_t i = 0; i < balance->backend_count; i++)
		quota[i] = takes(down, i) ? (uint64_t)balance->backends[i].weight * count : 0;
	for (unsigned part = 0; part < BALANCE_PARTS; part++) {
		size_t best = SIZE_MAX;
		if (!open[part])
			continue;
		/* Those that have a whole part to come are first; then who has most. */
		for (size_t i = 0; i < balance->backend_count; i++) {
			if (!quota[i])
				continue;
			if (best == SIZE_MAX || (quota[i] >= total) > (quota[best] >= total) ||
			    ((quota[i] >= total) == (quota[best] >= total) &&
			     (quota[i] >= total ? liking(&balance->backends[i], part) >
						      liking(&balance->backends[best], part)
						: quota[i] > quota[best])))
				best = i;
		}
		parts[part] = (uint16_t)best;
		quota[best] -= quota[best] < total ? quota[best] : total;
	}
}

void balance_parts(const struct policy_balance *balance, const bool *down, uint16_t parts[BALANCE_PARTS])
{
	bool open[BALANCE_PARTS];

	for (unsigned part = 0; part < BALANCE_PARTS; part++)
		open[part] = true;
	share_parts(balance, NULL, parts, open);
	down = some_up(balance, down);
	if (!down)
		return;
	for (unsigned part = 0; part < BALANCE_PARTS; part++)
		open[part] = down[parts[part]];
	share_parts(balance, down, parts, open);
}

/* What a statement's rules have in common. */
struct listener {
	const struct policy_statement *statement;
	enum family family;
	const char *protocol, *address, *chain;
	uint16_t port;
};

static void put_backend(struct render *render, const struct listener *listener, const char *options,
			const struct policy_backend *backend)
{
	const char *to = render_address(render, listener->family, backend->address);

	render_rule(render, listener->family, TABLE_NAT, backend->span,
		    "-A %s -p %s%s -j DNAT --to-destination %s%s%s:%u", listener->chain, listener->protocol,
		    options, listener->family == FAMILY_IPV6 ? "[" : "", to,
		    listener->family == FAMILY_IPV6 ? "]" : "", backend->port);
}

static void put_turns(struct render *render, const struct listener *listener, const bool *down)
{
	const struct policy_balance *balance = &listener->statement->balance;
	uint16_t *slots = arena_array(render->arena, BALANCE_SLOTS_MAX, sizeof(*slots));
	size_t count = slots ? balance_slots(balance, down, slots) : 0;

	render->failed |= !slots;
	if (slots && !count)
		render_refuse(render, listener->statement->span,
			      "use weights such as 1, 2, 5, with a common divisor",
			      "these weights make more than %d turns of one round", BALANCE_SLOTS_MAX);
	for (size_t slot = 0; slot < count; slot++) {
		char options[96] = "";
		if (slot + 1 < count)
			snprintf(options, sizeof(options), " -m statistic --mode nth --every %zu --packet 0",
				 count - slot);
		put_backend(render, listener, options, &balance->backends[slots[slot]]);
	}
}

/* A mask with holes asks for the last bits of an address: what iptables, nftables and proofs know exactly,
 * which a hash such as -m cluster they do not. */
static void put_parts(struct render *render, const struct listener *listener, const bool *down)
{
	const struct policy_balance *balance = &listener->statement->balance;
	const char *mask = render_address(render, listener->family, BALANCE_PARTS - 1);
	uint16_t parts[BALANCE_PARTS] = {0};

	balance_parts(balance, down, parts);
	for (unsigned part = 0; part < BALANCE_PARTS; part++) {
		char options[128];
		snprintf(options, sizeof(options), " -s %s/%s",
			 render_address(render, listener->family, part), mask);
		put_backend(render, listener, options, &balance->backends[parts[part]]);
	}
}

/* Whether another listener gives the same backend connections whose source is to be another. */
static bool source_differs(const struct policy_tree *tree, const struct listener *listener,
			   const struct policy_backend *backend)
{
	const struct policy_balance *own = &listener->statement->balance;

	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		const struct policy_balance *other = &statement->balance;
		if (statement->kind != STATEMENT_BALANCE || statement == listener->statement ||
		    other->family != own->family ||
		    (other->source == own->source && other->snat == own->snat))
			continue;
		for (size_t j = 0; j < other->backend_count; j++)
			if (other->backends[j].address == backend->address &&
			    other->backends[j].port == backend->port)
				return true;
	}
	return false;
}

/* Of connections that were given to the backend: what the host itself opens to it keeps its source. */
static void put_source(struct render *render, const struct listener *listener)
{
	const struct policy_balance *balance = &listener->statement->balance;
	const char *target = "MASQUERADE";

	if (balance->source == BALANCE_KEEPS_SOURCE)
		return;
	if (balance->source == BALANCE_SNAT)
		target = arena_printf(render->arena, "SNAT --to-source %s",
				      render_address(render, listener->family, balance->snat));
	render->failed |= !target;
	for (size_t i = 0; i < balance->backend_count && target; i++) {
		const struct policy_backend *backend = &balance->backends[i];
		const char *way = "";
		if (source_differs(render->tree, listener, backend))
			way = arena_printf(render->arena, " --ctorigdst %s --ctorigdstport %u",
					   listener->address, listener->port);
		render->failed |= !way;
		render_rule(
		    render, listener->family, TABLE_NAT, backend->span,
		    "-A POSTROUTING -d %s/%u -p %s -m %s --dport %u -m conntrack --ctstate DNAT%s -j %s",
		    render_address(render, listener->family, backend->address), family_bits(listener->family),
		    listener->protocol, listener->protocol, backend->port, way ? way : "", target);
	}
}

static void put_balance(struct render *render, const struct policy_statement *statement, enum family family)
{
	static const struct {
		enum hook hook;
		const char *name;
	} ways[] = {{HOOK_PREROUTING, "PREROUTING"}, {HOOK_OUTPUT, "OUTPUT"}};
	const struct policy_balance *balance = &statement->balance;
	const struct policy_selector *selector = &statement->selector;
	bool down[POLICY_BACKENDS_MAX] = {false};
	struct listener listener = {
	    .statement = statement,
	    .family = family,
	    .protocol = selector->protocols[0] == IPPROTO_UDP ? "udp" : "tcp",
	    .address = render_address(render, family, selector->to.places[0].range.low),
	    .chain = arena_printf(render->arena, "weir-balance-%u", render_number(render, statement)),
	    .port = selector->ports.ranges[0].low,
	};

	if (!listener.chain) {
		render->failed = true;
		return;
	}
	for (size_t i = 0; i < balance->backend_count && render->options && render->options->backend_down;
	     i++)
		down[i] = render->options->backend_down(render->options->context, statement, i);
	render_chain(render, family, TABLE_NAT, statement->span, listener.chain);
	for (size_t i = 0; i < 2; i++) {
		const struct selector_place place = {.family = family, .hook = ways[i].hook};
		struct conditions conditions = {0};
		if (ways[i].hook == HOOK_OUTPUT && selector->device_count)
			continue;
		selector_conditions(render, selector, &place, &conditions);
		for (size_t j = 0; j < conditions.count; j++)
			render_rule(render, family, TABLE_NAT, statement->span, "-A %s%s -j %s", ways[i].name,
				    conditions.texts[j], listener.chain);
	}
	if (balance->method == BALANCE_ROUND_ROBIN)
		put_turns(render, &listener, down);
	else
		put_parts(render, &listener, down);
	put_source(render, &listener);
}

void render_balances(struct render *render, enum family family)
{
	for (size_t i = 0; i < render->tree->statement_count; i++) {
		const struct policy_statement *statement = &render->tree->statements[i];
		if (statement->kind == STATEMENT_BALANCE && statement->balance.family == family)
			put_balance(render, statement, family);
	}
}
