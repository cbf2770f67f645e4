/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that act, and without which everything would come out the same: one finding for each chain. Left out
 * is what is told otherwise (jumps to empty chains, the first of two equal rules), and what saves packets the
 * rest of the chain by design: the early way out for established connections, an ACCEPT behind a NOTRACK. */
#include "check/findings.h"
#include "check/reaches.h"

#include <string.h>

/* The rule behind it that it makes dead is the one too many. */
static bool takes_all_of_another(struct check *check, const struct rule *rule)
{
	const struct chain *chain = rule->chain;
	for (const struct rule *behind = rule + 1; behind < chain->rules + chain->rule_count; behind++) {
		const struct rule_reach *reach = check_reach(check, behind);
		for (size_t i = 0; reach && reach->reach == REACH_TAKEN && i < reach->taker_count; i++)
			if (reach->takers[i] == rule)
				return true;
	}
	return false;
}

/* Ends the walk for what the rule before it matched and let go on: NOTRACK, then ACCEPT. */
static bool ends_walk_of_previous(struct check *check, const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind, before;
	if (rule == rule->chain->rules || (kind != TARGET_ACCEPT && kind != TARGET_RETURN))
		return false;
	before = (rule - 1)->target.type->kind;
	return (before == TARGET_CONTINUE || before == TARGET_NOTRACK || before == TARGET_CHANGE) &&
	       strcmp(rule_condition_text(check, rule - 1), rule_condition_text(check, rule)) == 0;
}

/* One of the rules that a policy's statement becomes: nobody can take it out by itself. A rule of a `rules`
 * file stands there as iptables has it. */
static bool is_of_statement(const struct check *check, const struct rule *rule)
{
	struct text text = rule->span.source ? span_text(rule->span) : (struct text){0};

	return check->ruleset->translated && text.size && text.data[0] != '-';
}

static bool is_redundant(struct check *check, const struct rule *rule)
{
	const struct rule_reach *reach = check_reach(check, rule);
	if (!reach || reach->reach != REACH_SOME || !reach->redundant || rule_reads_state(rule) ||
	    is_of_statement(check, rule))
		return false;
	if (rule->target.chain && !rule->target.chain->rule_count)
		return false;
	return !ends_walk_of_previous(check, rule) && !takes_all_of_another(check, rule);
}

#define BEHIND_TRIED 64 /* rules behind it that are compared */

/* What does the same with its packets: a rule behind it, or the policy where nothing behind it decides
 * otherwise. Where several together do, nothing is named. */
static int name_other(struct check *check, struct found *found, const struct rule *rule)
{
	const struct chain *chain = rule->chain;
	const char *target = rule_target_text(check, rule);
	enum decision decision = rule_decision(rule);
	bool decided = false;
	size_t tried = 0;
	for (const struct rule *behind = rule + 1; behind < chain->rules + chain->rule_count; behind++) {
		bool inside;
		decided |= behind->target.chain || behind->target.type->kind == TARGET_OPAQUE ||
			   (rule_decision(behind) && rule_decision(behind) != decision);
		if (tried == BEHIND_TRIED || strcmp(rule_target_text(check, behind), target) != 0)
			continue;
		tried++;
		int error = rule_lies_in(check, rule, behind, &inside);
		if (error)
			return error;
		if (inside) {
			found_label(check, found, behind->span,
				    "this rule does the same with all its packets");
			return 0;
		}
	}
	if (!decided && decision != DECISION_NONE && chain->builtin &&
	    (chain->policy == POLICY_ACCEPT) == (decision == DECISION_ACCEPT))
		found_label(check, found, chain->span, "the policy does the same");
	return 0;
}

static int run_chain(struct check *check, const struct chain *chain)
{
	struct found *found = NULL;
	const struct rule *first = NULL;
	size_t count = 0;
	for (size_t i = 0; i < chain->rule_count; i++)
		if (is_redundant(check, &chain->rules[i]) && count++ == 0)
			first = &chain->rules[i];
	if (check->failed)
		return -ENOMEM;
	if (!count)
		return 0;
	if (count == 1)
		found = check_add(
		    check, first->span,
		    "without this rule all packets would come to the same end: nothing but its counter would "
		    "be missed");
	else
		found = check_add(
		    check, first->span,
		    "without this rule all packets would come to the same end, and so it is with %zu more of "
		    "the chain, each by itself: nothing but their counters would be missed",
		    count - 1);
	int error = found ? name_other(check, found, first) : 0;
	if (error)
		return error;
	for (const struct rule *rule = first + 1; rule < chain->rules + chain->rule_count; rule++)
		if (is_redundant(check, rule))
			found_label(check, found, rule->span, "so it is with this one");
	return 0;
}

static int run(struct check *check)
{
	return check_chains(check, run_chain);
}

const struct finding_type finding_rule_redundant = {
    .code = "rule-redundant",
    .severity = SEVERITY_NOTE,
    .title = "a rule without which nothing would change",
    .why = "What is behind it does the same with its packets. It may be there for its counter, or save them "
	   "a walk; else "
	   "it is one more thing to read.",
    .action = "Delete it, unless its counter is read or it is there to end the walk early; then look again, "
	      "as each is "
	      "told by itself. What a tool such as Docker or ufw has written may stay.",
    .run = run,
};
