/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * TCP that conntrack calls INVALID is dropped. */
#include "check/findings.h"

#include <netinet/in.h>

static bool drops_invalid(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	unsigned hooks = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD;
	bool tcp = rule->protocol == 0 || (rule->protocol == IPPROTO_TCP) != rule->protocol_inverted;
	return (kind == TARGET_DROP || kind == TARGET_REJECT) && rule->chain->table->id != TABLE_RAW &&
	       rule->chain->reached & hooks && tcp && rule_reads_state(rule) &&
	       rule_states(rule) == 1u << STATE_INVALID;
}

static int run(struct check *check)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct found *found = NULL;
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
					const struct rule *rule = &table->chains[i]->rules[j];
					if (!drops_invalid(rule))
						continue;
					if (found)
						found_label(check, found, rule->span, "here, too");
					else
						found = check_add(
						    check, rule->span,
						    "packets that conntrack calls INVALID are dropped, "
						    "whatever would accept them further down");
				}
		}
	}
	return 0;
}

const struct finding_type finding_invalid_dropped = {
    .code = "invalid-dropped",
    .severity = SEVERITY_NOTE,
    .title = "INVALID is dropped",
    .why = "INVALID is also what belongs to a connection but has a sequence number outside the window that "
	   "conntrack "
	   "reckons with: behind middleboxes that rewrite or hold back segments, on asymmetric routes and "
	   "after the "
	   "table was lost, these are good packets, and their connections hang.",
    .action = "Where connections hang, set net.netfilter.nf_conntrack_tcp_be_liberal=1 (and look at the "
	      "counter of this "
	      "rule): segments outside the window are then no longer INVALID.",
    .run = run,
};
