/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A DNAT that asks neither where the connection goes nor by which interface it came: besides those meant for
 * this host it catches all that only pass through. */
#include "check/findings.h"

#include <string.h>

/* A match that may say which connections are meant: their destination, their interface, their sender. */
static bool may_narrow(const struct match *match)
{
	bool source;
	uint16_t port;
	struct statistic_share share;
	const char *name = match->type->name;
	return !(match_is_comment(match) || match_single_port(match, &source, &port) ||
		 match_statistic_share(match, &share) || match_reads_state(match) ||
		 (name &&
		  (strcmp(name, "tcp") == 0 || strcmp(name, "udp") == 0 || strcmp(name, "multiport") == 0)));
}

static bool is_narrow(const struct rule *rule)
{
	if (rule_has_source(rule) || rule_has_destination(rule) || !interface_is_any(&rule->in))
		return true;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (may_narrow(&rule->matches[i]))
			return true;
	return false;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	struct nat_range range = {0};
	/* Of a chain of one's own, who jumps there may have asked. */
	if (!rule->target.type->nat || !rule->chain->builtin || rule->chain->hook != HOOK_PREROUTING ||
	    is_narrow(rule))
		return 0;
	rule->target.type->nat(&rule->target, &range);
	if (range.source || range.redirect || range.map || !range.has_address)
		return 0;
	/* What leaves the chain before it may be all the others. */
	for (const struct rule *before = rule->chain->rules; before < rule; before++)
		if (before->target.type->kind == TARGET_ACCEPT ||
		    before->target.type->kind == TARGET_RETURN || before->target.type->kind == TARGET_OPAQUE)
			return 0;
	check_add(check, rule->span,
		  "this DNAT asks neither for a destination nor for an interface: connections that only pass "
		  "through this "
		  "host to others, and those of the hosts behind it, are caught, too");
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_dnat_catches_all = {
    .code = "dnat-catches-all",
    .severity = SEVERITY_NOTE,
    .title = "a DNAT that catches whatever passes",
    .why = "Where this host forwards, its clients can no longer reach that port anywhere else: every "
	   "connection to it ends "
	   "at the back end; what the back end itself opens to that port comes back to it.",
    .action = "Add the service's address (-d) or the interface that clients come by (-i).",
    .run = run,
};
