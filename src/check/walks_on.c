/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A list of rules whose target does not end the walk, and nothing behind each that does: the packet that one
 * of them is meant for is held against all the others, too.
 *
 * NOTRACK, however its rules look: the first one wins (xt_ct_target()), the others cannot do anything. Other
 * targets: only where the rules are of one shape and no packet can match two, or each does the same, so that
 * ending the walk changes nothing. */
#include "check/findings.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <string.h>

#define WALK_MIN 8         /* fewer cost less than looking into a set does */
#define DISJOINT_MAX 2048u /* rules of a run whose pairs are compared: 2 million comparisons */

struct listed {
	struct rule_key key; /* of the rule without its target */
	const char *target;
};

static bool goes_on(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	return kind == TARGET_CONTINUE || kind == TARGET_NOTRACK || kind == TARGET_CHANGE;
}

static int list_rule(struct check *check, const struct rule *rule, struct listed *listed)
{
	struct rule bare = *rule;
	bare.target = (struct target){.type = &target_none};
	listed->target = rule_target_text(check, rule);
	return rule_key_read(check, &bare, &listed->key);
}

static bool counts_only(const struct rule *rule)
{
	return rule->target.type == &target_none;
}

/* Whether the second rule goes on with a list that the first one is in. */
static bool same_list(const struct rule *first, const struct listed *a, const struct rule *second,
		      const struct listed *b)
{
	if (first->target.type->kind == TARGET_NOTRACK)
		return second->target.type->kind == TARGET_NOTRACK;
	return first->target.type == second->target.type && strcmp(a->key.rest, b->key.rest) == 0 &&
	       (counts_only(first) || a->key.parts == b->key.parts) && b->key.parts &&
	       !rule_has_memory(second);
}

/* Ending the walk behind one of them would change nothing. */
static bool ends_freely(const struct rule *rules, const struct listed *list, size_t count)
{
	bool same = true;
	if (rules->target.type->kind == TARGET_NOTRACK)
		return true;
	/* A mark that is set to what it is; not one that is XORed, a copy or a line in the log. */
	for (size_t i = 1; i < count && same; i++)
		same = strcmp(list[i].target, list[0].target) == 0;
	if (same && counts_only(rules))
		return true;
	if (count > DISJOINT_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (!rule_key_disjoint(&list[i].key, &list[j].key))
				return false;
	return true;
}

/* Nothing is behind the list in its chain, so that a verdict there takes nothing away. */
static bool ends_chain(const struct rule *rules, size_t count)
{
	const struct chain *chain = rules->chain;
	return rules + count == chain->rules + chain->rule_count &&
	       (!chain->builtin || chain->policy != POLICY_DROP);
}

static void hint(struct check *check, struct found *found, const struct rule *rules,
		 const struct listed *list, size_t count)
{
	const char *directions, *type;
	unsigned differs = 0, nets = 0;
	bool same = true;
	for (size_t i = 0; i < count; i++) {
		same = same && strcmp(list[i].target, list[0].target) == 0;
		differs |= rule_key_differs(&list[i].key, &list[0].key);
		nets |= rule_key_nets(&list[i].key);
	}
	if (differs & KEY_PROTOCOL)
		differs |= list[0].key.parts & (KEY_SPORT | KEY_DPORT);
	type = key_set_type(differs, nets, &directions);
	if (counts_only(rules)) {
		found_hint(check, found,
			   "Let a set count: one rule with -m set --match-set NAME src and one with dst, on "
			   "a set of type "
			   "%s created with \"counters\", count for each member.",
			   nets ? "hash:net" : "hash:ip");
		return;
	}
	struct buffer set = {0};
	bool ends = ends_chain(rules, count);
	if (type && same)
		buffer_printf(
		    &set, "; or put the list into a set of type %s (--match-set NAME %s): %s in place of %zu",
		    type, directions,
		    !ends                   ? "one rule"
		    : rules->chain->builtin ? "two rules, one of them -j ACCEPT,"
					    : "two rules, one of them -j RETURN,",
		    count);
	const char *alternative = check_text(check, &set);
	if (ends)
		found_hint(check, found,
			   "Behind each rule put another one with the same match and -j %s, which ends the "
			   "walk here%s%s.",
			   rules->chain->builtin ? "ACCEPT" : "RETURN",
			   rules->chain->builtin ? " (later tables still see the packet)" : "", alternative);
	else
		found_hint(check, found,
			   "Move the list into a chain of its own, jump to it from here, and behind each "
			   "rule put another one "
			   "with the same match and -j RETURN, which goes on behind the list%s.",
			   alternative);
}

static const char *target_word(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	return kind == TARGET_NOTRACK ? "NOTRACK" : counts_only(rule) ? "counting" : rule->target.type->name;
}

static void report(struct check *check, const struct rule *rules, const struct listed *list, size_t count)
{
	const struct chain *chain = rules->chain;
	if (!chain->reached)
		return;
	struct found *found = counts_only(rules)
				  ? check_add(check, rules->span,
					      "%zu rules in a row have no target: every packet that comes to "
					      "%.*s walks all %zu, only to be "
					      "counted",
					      count, (int)chain->name.size, chain->name.data, count)
				  : check_add(check, rules->span,
					      "%zu %s rules in a row without a verdict (ACCEPT, RETURN) "
					      "behind them: a packet that one of "
					      "them matches walks on through the rest, %zu rules in all",
					      count, target_word(rules), count);
	found_label(check, found, rules[count - 1].span, "the last of them");
	hint(check, found, rules, list, count);
}

static int run_chain(struct check *check, const struct chain *chain)
{
	for (size_t i = 0; i < chain->rule_count;) {
		const struct rule *rules = &chain->rules[i];
		size_t count = 0, limit = chain->rule_count - i, same = 0;
		while (same < limit && goes_on(&rules[same]) &&
		       rules[same].target.type->kind == rules->target.type->kind)
			same++;
		if (same < WALK_MIN || rule_is_unconditional(rules) || rule_has_memory(rules)) {
			i++;
			continue;
		}
		struct listed *list = arena_array(check->arena, same, sizeof(*list));
		if (!list)
			return -ENOMEM;
		while (count < same) {
			int error = list_rule(check, &rules[count], &list[count]);
			if (error)
				return error;
			if (count > 0 && !same_list(rules, list, &rules[count], &list[count]))
				break;
			count++;
		}
		if (count >= WALK_MIN && ends_freely(rules, list, count))
			report(check, rules, list, count);
		i += count;
	}
	return 0;
}

static int run(struct check *check)
{
	return check_chains(check, run_chain);
}

const struct finding_type finding_walks_on = {
    .code = "walks-on",
    .severity = SEVERITY_WARNING,
    .title = "a list that packets walk to its end though they matched",
    .why = "Rules that do not end the walk (NOTRACK, MARK, rules that only count) leave the packet that "
	   "matched to be "
	   "compared with all the others of the list: under load each packet costs the whole list, and the "
	   "wanted ones "
	   "pay first of all.",
    .action = "Put a verdict with the same match behind each rule, or one set in place of the list.",
    .run = run,
};
