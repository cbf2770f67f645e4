/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A TEE of what is dropped afterwards, whichever way it goes: a note, since it may be what is wanted. The
 * probe knows of the packet only what the rule says, so that the drop holds for all that it copies. */
#include "check/findings.h"

/* The packet is copied, and dropped for certain on both ways. */
static int is_dropped(struct check *check, const struct packet *packet, struct probe *input, bool *dropped)
{
	struct probe forward = {.rule = input->rule};
	int error = probe_arrival(check, packet, PATH_INPUT, input);
	if (!error)
		error = probe_arrival(check, packet, PATH_FORWARD, &forward);
	*dropped = !error && input->met != TRUTH_NO && probe_closed(input) && probe_closed(&forward);
	return error;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	uint8_t gateway[16];
	bool dropped, only_new = false;
	if (!(rule->chain->reached & 1u << HOOK_PREROUTING) ||
	    !target_tee(&rule->target, rule_family(rule), gateway))
		return 0;
	struct packet packet = probe_of_rule(rule);
	struct probe input = {.rule = rule};
	int error = is_dropped(check, &packet, &input, &dropped);
	/* Where no connection to that port is let in, the rule that accepts known connections has none to
	 * accept. */
	if (!error && !dropped && rule_asks_port(check, rule, false) && !rule_reads_state(rule)) {
		only_new = true;
		probe_state(&packet, STATE_NEW);
		error = is_dropped(check, &packet, &input, &dropped);
	}
	if (error || !dropped)
		return error;
	struct found *found = check_add(
	    check, rule->span, "%s",
	    only_new
		? "what this rule copies is dropped later: new connections are, and so there are no others"
		: "what this rule copies is dropped later");
	if (input.outcome.rule)
		found_label(check, found, input.outcome.rule->span, "here");
	else if (input.outcome.chain)
		found_label(check, found, input.outcome.chain->span, "by this policy");
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_tee_dropped = {
    .code = "tee-dropped",
    .severity = SEVERITY_NOTE,
    .title = "a TEE of what is dropped later",
    .why = "The gateway sees traffic that this host does not let in. For measuring an attack that is right; "
	   "for mirroring a "
	   "service it doubles the attack.",
    .action = "Where only accepted traffic is to be copied, put the TEE into INPUT or FORWARD of mangle and "
	      "drop in raw, "
	      "or give both the same conditions.",
    .run = run,
};
