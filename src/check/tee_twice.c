/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two TEE rules that copy the same packet to the same gateway. A copy itself is never copied again by the
 * host that made it (nf_dup_ipv4() looks at nf_skb_duplicated); the packet goes on, and may meet the next
 * rule. */
#include "check/findings.h"

#include <string.h>

#define TEES_MAX 64 /* rules whose pairs are compared */

struct tees {
	size_t count;
	const struct rule *rules[TEES_MAX];
	uint8_t gateways[TEES_MAX][16];
};

/* Hooks that one packet may come to, one after the other. */
static bool on_one_way(unsigned a, unsigned b)
{
	static const unsigned ways[] = {
	    1u << HOOK_PREROUTING | 1u << HOOK_INPUT,
	    1u << HOOK_PREROUTING | 1u << HOOK_FORWARD | 1u << HOOK_POSTROUTING,
	    1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING,
	};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (a & ways[i] && b & ways[i])
			return true;
	return false;
}

static void find_tees(const struct table *table, struct tees *tees)
{
	for (size_t i = 0; i < table->chain_count; i++)
		for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
			const struct rule *rule = &table->chains[i]->rules[j];
			if (tees->count < TEES_MAX && rule->chain->reached &&
			    target_tee(&rule->target, table->family, tees->gateways[tees->count]))
				tees->rules[tees->count++] = rule;
		}
}

/* Between the two rules the walk may end for the packet: then only the engine could tell. */
static bool may_end_between(const struct rule *a, const struct rule *b)
{
	if (a->chain != b->chain)
		return false;
	for (const struct rule *rule = a + 1; rule < b; rule++)
		if (rule->target.type->kind != TARGET_CONTINUE && rule->target.type->kind != TARGET_CHANGE)
			return true;
	return false;
}

/* One asks where packets go and the other where they come from: what both match is nobody's traffic. */
static bool asks_opposite_ports(struct check *check, const struct rule *a, const struct rule *b)
{
	bool from_a = rule_asks_port(check, a, true), to_a = rule_asks_port(check, a, false);
	bool from_b = rule_asks_port(check, b, true), to_b = rule_asks_port(check, b, false);
	return from_a != to_a && from_b != to_b && from_a == to_b;
}

static int compare(struct check *check, const struct tees *tees, size_t a, size_t b)
{
	const struct rule *pair[] = {tees->rules[a], tees->rules[b]};
	struct packet packet;
	if (memcmp(tees->gateways[a], tees->gateways[b], sizeof(tees->gateways[a])) != 0 ||
	    !on_one_way(pair[0]->chain->reached, pair[1]->chain->reached) ||
	    may_end_between(pair[0], pair[1]) || rule_has_memory(pair[0]) || rule_has_memory(pair[1]) ||
	    asks_opposite_ports(check, pair[0], pair[1]))
		return 0;
	int error = witness_find(check, pair, 2, &packet);
	if (error)
		return error == -ESRCH ? 0 : error;
	struct found *found = check_add(
	    check, pair[1]->span, "this rule copies packets to a gateway that already got a copy of them");
	found_label(check, found, pair[0]->span, "by this rule, from the same packet");
	return 0;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct tees tees = {0};
		for (int id = 0; id < TABLE_COUNT; id++)
			if (check->ruleset->tables[family][id].present)
				find_tees(&check->ruleset->tables[family][id], &tees);
		for (size_t i = 0; i < tees.count; i++)
			for (size_t j = 0; j < i; j++) {
				int error = compare(check, &tees, j, i);
				if (error)
					return error;
			}
	}
	return 0;
}

const struct finding_type finding_tee_twice = {
    .code = "tee-twice",
    .severity = SEVERITY_WARNING,
    .title = "two copies of the same packet",
    .why = "A forwarded packet comes through PREROUTING, FORWARD and POSTROUTING, and each TEE makes a copy: "
	   "the gateway "
	   "gets the traffic twice, and counts it twice.",
    .action = "Copy at one hook only, or let the conditions exclude each other.",
    .run = run,
};
