/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A TEE on arrival that does not ask where the packet comes from. The copy keeps its destination: a gateway
 * that routes sends it on to where it was going, which is here. */
#include "check/findings.h"

#include <string.h>

static bool asks_origin(const struct rule *rule)
{
	if (!interface_is_any(&rule->in))
		return true;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const char *name = rule->matches[i].type->name;
		if (!rule->matches[i].type->modelled ||
		    (name && (strcmp(name, "mac") == 0 || strcmp(name, "ttl") == 0 ||
			      strcmp(name, "hl") == 0 || strcmp(name, "mark") == 0 ||
			      strcmp(name, "devgroup") == 0 || strcmp(name, "physdev") == 0)))
			return true;
	}
	return false;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	uint8_t gateway[16];
	/* Who jumps to a chain of one's own may have asked. */
	if (!rule->chain->builtin ||
	    (rule->chain->hook != HOOK_PREROUTING && rule->chain->hook != HOOK_INPUT) ||
	    !target_tee(&rule->target, rule_family(rule), gateway) || asks_origin(rule))
		return 0;
	for (const struct rule *before = rule->chain->rules; before < rule; before++)
		if (before->target.type->kind != TARGET_CONTINUE &&
		    before->target.type->kind != TARGET_CHANGE)
			return 0;
	check_add(check, rule->span,
		  "copies are made of whatever arrives, by any interface: a copy that the gateway routes on "
		  "to where it was "
		  "going comes back here, and is copied again");
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_tee_loop = {
    .code = "tee-loop",
    .severity = SEVERITY_NOTE,
    .title = "a TEE that copies what comes back from its gateway",
    .why = "TEE changes the next hop only, not the destination. A gateway that forwards sends the copy to "
	   "this host, where "
	   "the same rule matches it: it goes round until its TTL is used up, each packet some thirty times.",
    .action =
	"Add -i with the interface that clients come by, or let the gateway not forward (it only listens).",
    .run = run,
};
