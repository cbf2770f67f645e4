/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that have every packet tracked although no verdict hangs on it: no NAT, nothing that uses
 * connections, and either each match on state is true of all packets, or nothing is ever dropped. */
#include "check/findings.h"

#include <string.h>

struct uses {
	const struct rule *asks; /* the first rule with a match on state */
	const struct match *match;
	bool needed;  /* by something else than a match on state alone */
	bool decides; /* some match on state is not true of all */
};

static bool target_needs(const struct rule *rule)
{
	struct ct_template template;
	enum target_kind kind = rule->target.type->kind;
	return kind == TARGET_OPAQUE || kind == TARGET_QUEUE || rule->target.type->nat ||
	       target_ct_template(&rule->target, &template) ||
	       (!rule->target.chain && kind != TARGET_NOTRACK && target_reads_state(&rule->target));
}

/* A match that only compares the state, and does nothing with the connection. */
static bool compares_state(const struct match *match)
{
	const char *name = match->type->name;
	return match->type->modelled && (strcmp(name, "state") == 0 || strcmp(name, "conntrack") == 0);
}

static void look(const struct rule *rule, struct uses *uses)
{
	uses->needed |= target_needs(rule);
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (!match_reads_state(match))
			continue;
		if (!compares_state(match)) {
			uses->needed = true;
			continue;
		}
		if (!uses->asks) {
			uses->asks = rule;
			uses->match = match;
		}
		uses->decides |= !match_ignores_state(rule, match);
	}
}

/* Every packet, of whatever state, is accepted on every way. */
static int accepts_all(struct check *check, enum family family, bool *all)
{
	struct packet packet = {.family = family};
	struct probe input = {0}, forward = {0}, leaving = {0};
	int error = probe_arrival(check, &packet, PATH_INPUT, &input);
	if (!error)
		error = probe_arrival(check, &packet, PATH_FORWARD, &forward);
	if (!error)
		error = probe_leaving(check, &packet, &leaving);
	*all = !error && probe_accepted(&input) && probe_accepted(&forward) && probe_accepted(&leaving);
	return error;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct uses uses = {0};
		bool all = false;
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++)
					look(&table->chains[i]->rules[j], &uses);
		}
		if (!uses.asks || uses.needed)
			continue;
		int error = uses.decides ? accepts_all(check, (enum family)family, &all) : 0;
		if (error)
			return error;
		if (uses.decides && !all)
			continue;
		struct found *found =
		    check_add(check, uses.match->span,
			      "this match has every %s packet tracked, and nothing needs it: %s",
			      family_name((enum family)family),
			      all ? "all packets are accepted, whatever their state"
				  : "every match on state is true of all packets");
		found_hint(check, found,
			   "Leave out what asks for the connection state: without NAT and such matches "
			   "the kernel does not track %s connections.",
			   family_name((enum family)family));
	}
	return 0;
}

const struct finding_type finding_conntrack_for_nothing = {
    .code = "conntrack-for-nothing",
    .severity = SEVERITY_WARNING,
    .title = "connections are tracked though no verdict needs it",
    .why = "The first rule that asks for connection state switches conntrack on for all packets: some "
	   "hundred nanoseconds "
	   "each, memory for each connection, and a table that a flood fills, after which new connections "
	   "are dropped.",
    .action = "Leave out the matches on state.",
    .run = run,
};
