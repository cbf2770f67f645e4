/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that are shadowed in part: an earlier rule does the opposite with some of their packets, and neither
 * is a special case of the other. An exception in front of a general rule, or a special case that comes too
 * late for some, is how rules are written; two rules that cross each other hang on their order, and mostly
 * nobody chose it. Bans behind an ACCEPT are told of in accept_before_ban.c. */
#include "check/findings.h"
#include "check/reaches.h"

#include <string.h>

/* Rules on state, and those for loopback, stand in front by design. */
static bool crosses(const struct rule *rule, const struct rule *taker)
{
	return decisions_oppose(rule, taker) && !rule_reads_state(taker) && !rule_reads_state(rule) &&
	       strcmp(taker->in.name, "lo") != 0 && !rule_has_memory(rule) && !rule_has_memory(taker);
}

/* Bans of sources by a set, whatever else the set goes by, stand in front of what lets others in. */
static bool bans_by_set(const struct rule *rule)
{
	struct set_question question;
	for (uint32_t i = 0; i < rule->match_count && rule_decision(rule) == DECISION_DROP; i++)
		if (match_set_question(&rule->matches[i], &question) && !question.inverted &&
		    question.source[0])
			return true;
	return false;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	const struct rule_reach *reach = rule_decision(rule) ? check_reach(check, rule) : NULL;
	if (check->failed)
		return -ENOMEM;
	if (!reach || reach->reach != REACH_SOME || !reach->partly_taken || rule_is_ban(rule))
		return 0;
	for (size_t i = 0; i < reach->taker_count; i++) {
		const struct rule *taker = reach->takers[i];
		bool inside = true;
		if (taker->chain != rule->chain || !crosses(rule, taker) || rule_is_ban(taker) ||
		    bans_by_set(taker))
			continue;
		/* That the rule has packets which the taker does not want is why it is reached at all. */
		int error = rule_lies_in(check, taker, rule, &inside);
		if (error)
			return error;
		if (inside)
			continue;
		struct found *found = check_add(
		    check, rule->span,
		    "an earlier rule does the opposite with some of its packets, and neither of the "
		    "two is a special case of the other");
		found_label(check, found, taker->span, "this rule, which comes first for what both match");
		return 0;
	}
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_rule_overlaps = {
    .code = "rule-overlaps",
    .severity = SEVERITY_NOTE,
    .title = "a rule that crosses an earlier one of the opposite verdict",
    .why = "What both rules match gets the verdict of the one that comes first. Where the two ask about "
	   "different things "
	   "(one about the source, the other about the port), the order decides, and whoever adds a rule in "
	   "between "
	   "changes it.",
    .action = "Make sure that the order is meant; writing the exception out as a rule of its own says so.",
    .run = run,
};
