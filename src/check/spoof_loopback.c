/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Loopback sources are accepted from elsewhere. The kernel itself drops them behind PREROUTING as martians,
 * unless route_localnet is set, so this is a note. */
#include "check/findings.h"

#include <string.h>

static bool is_loopback(enum family family, const struct address_match *match)
{
	if (match->inverted)
		return false;
	if (family == FAMILY_IPV6)
		return match->mask == family_max(family) && match->value == 1;
	return match->value >> 24 == 127 && match->mask >> 24 == 255;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	struct packet packet;
	if (rule->target.type->kind != TARGET_ACCEPT || !is_loopback(rule_family(rule), &rule->source) ||
	    !(rule->chain->reached & 1u << HOOK_INPUT) ||
	    interface_matches(&rule->in, "lo") != interface_is_any(&rule->in))
		return 0;
	struct probe probe = {.rule = rule};
	int error = witness_find(check, &rule, 1, &packet);
	if (error == -ESRCH || (!error && strcmp(packet.in, "lo") == 0))
		return 0;
	if (!error)
		error = probe_arrival(check, &packet, PATH_INPUT, &probe);
	if (!error && probe.met == TRUTH_YES)
		check_add(check, rule->span, "accepts loopback sources by other interfaces than lo");
	return error;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_spoof_loopback = {
    .code = "spoof-loopback",
    .severity = SEVERITY_NOTE,
    .title = "loopback sources are accepted from outside",
    .why = "A packet with such a source that comes by another interface is forged. The kernel drops it as a "
	   "martian, unless "
	   "net.ipv4.conf.*.route_localnet is set, as some container networks do: then this rule lets it in.",
    .action = "Ask for -i lo in place of the source.",
    .run = run,
};
