/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check/taken.h"
#include "packet/address.h"

#include <errno.h>

/* Nothing that matches the rule goes on behind it. */
static bool ends_walk(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	return kind_is_terminal(kind) || rule->target.type->nat ||
	       (kind == TARGET_JUMP && rule->target.is_goto);
}

static bool address_within(const struct address_match *inner, const struct address_match *outer)
{
	if (!outer->mask && !outer->inverted)
		return true;
	if (inner->inverted || outer->inverted)
		return inner->inverted && outer->inverted; /* the diagram tells */
	return (inner->mask & outer->mask) == outer->mask && (inner->value & outer->mask) == outer->value;
}

/* Cheap: whether it is worth a diagram. */
static bool may_cover(const struct rule *outer, const struct rule *rule)
{
	return ends_walk(outer) && address_within(&rule->source, &outer->source) &&
	       address_within(&rule->destination, &outer->destination) &&
	       (!outer->protocol || outer->protocol_inverted || outer->protocol == rule->protocol);
}

#define COVERS_TRIED 64 /* diagrams made for one rule */

static int find_cover(struct check *check, const struct rule *rule, const struct rule **cover)
{
	size_t tried = 0;
	*cover = NULL;
	for (const struct rule *outer = rule->chain->rules; outer < rule && tried < COVERS_TRIED; outer++) {
		bool inside;
		if (!may_cover(outer, rule))
			continue;
		tried++;
		int error = rule_lies_in(check, rule, outer, &inside);
		if (error)
			return error;
		if (inside) {
			*cover = outer;
			return 0;
		}
	}
	return 0;
}

/* The last rule before this one that asks nothing, when no rule of the chain behind it sees a packet. */
static const struct rule *find_end(struct check *check, const struct rule *rule)
{
	const struct chain *chain = rule->chain;
	const struct rule *end = rule;
	while (end > chain->rules && !rule_is_unconditional(end - 1))
		end--;
	if (end == chain->rules)
		return NULL;
	for (const struct rule *behind = end; behind < chain->rules + chain->rule_count; behind++) {
		const struct rule_reach *reach = check_reach(check, behind);
		if (!reach || reach->reach != REACH_TAKEN)
			return NULL;
	}
	return end - 1;
}

static bool all_oppose(const struct rule *rule, const struct taking *taking)
{
	/* Of those that are not named nothing is known. */
	if (!taking->taker_count || taking->more)
		return false;
	for (size_t i = 0; i < taking->taker_count; i++)
		if (!decisions_oppose(rule, taking->takers[i]))
			return false;
	return true;
}

static bool is_plain(const struct rule *rule)
{
	struct set_question question;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!rule->matches[i].type->modelled || match_set_question(&rule->matches[i], &question))
			return false;
	return true;
}

static bool are_plain(const struct rule *rule, const struct rule_reach *reach)
{
	bool plain = is_plain(rule);
	for (size_t i = 0; i < reach->taker_count; i++)
		plain &= is_plain(reach->takers[i]);
	return plain;
}

/* Where packets end before they come to the chain, rules of the chain that would have nothing to do with them
 * may be among those that reach.h names. */
static int find_takers(struct check *check, const struct rule *rule, const struct rule_reach *reach,
		       struct taking *taking)
{
	enum truth all = TRUTH_UNKNOWN;
	int error = 0;
	if (reach->taker_count && !reach->more && are_plain(rule, reach))
		error = rule_lies_among(check, rule, reach->takers, reach->taker_count, &all);
	taking->in_part = !error && all == TRUTH_NO;
	taking->more = reach->more;
	for (size_t i = 0; i < reach->taker_count && !error; i++) {
		const struct rule *both[] = {rule, reach->takers[i]};
		struct packet packet;
		error = taking->in_part ? witness_find(check, both, 2, &packet) : 0;
		if (!error)
			taking->takers[taking->taker_count++] = reach->takers[i];
		else if (error == -ESRCH)
			error = 0;
	}
	return error;
}

static int find_taking(struct check *check, const struct rule *rule, const struct rule_reach *reach,
		       struct taking *taking)
{
	*taking = (struct taking){0};
	int error = find_cover(check, rule, &taking->cover);
	if (error)
		return error;
	if (!taking->cover)
		taking->end = find_end(check, rule);
	error = taking->cover || taking->end ? 0 : find_takers(check, rule, reach, taking);
	if (error)
		return error;
	if (taking->cover)
		taking->opposite = decisions_oppose(rule, taking->cover);
	else
		taking->opposite = taking->end ? decisions_oppose(rule, taking->end)
					       : !taking->in_part && all_oppose(rule, taking);
	return check->failed ? -ENOMEM : 0;
}

static bool same_taking(const struct taking *a, const struct taking *b)
{
	if (a->cover != b->cover || a->end != b->end || a->in_part != b->in_part ||
	    a->taker_count != b->taker_count || a->more != b->more)
		return false;
	for (size_t i = 0; i < a->taker_count; i++)
		if (a->takers[i] != b->takers[i])
			return false;
	return true;
}

struct dead {
	struct check *check;
	const char *one, *many;
	struct row row;
	struct taking taking; /* of the first one */
};

static void flush(struct dead *dead)
{
	const struct row row = dead->row;
	const struct taking *taking = &dead->taking;
	struct check *check = dead->check;
	struct found *found;
	const struct rule *taker = dead->taking.cover ? dead->taking.cover : dead->taking.end;
	if (!row.count)
		return;
	bool nobody = !taker && !taking->taker_count, in_part = dead->taking.in_part;
	dead->row.count = 0;
	if (row.count == 1)
		found = check_add(
		    check, row.first->span, "%s",
		    nobody    ? "no packet that it could match comes to its chain"
		    : in_part ? "no packet comes to match this rule: rules before it take some of them, "
				"and the others do not come to its chain"
			      : dead->one);
	else
		found = check_add(
		    check, row.first->span, "%zu rules from here on: %s", row.count,
		    nobody    ? "no packet that they could match comes to their chain"
		    : in_part ? "no packet comes to match them: rules before them take some of them, and "
				"the others do not come to their chain"
			      : dead->many);
	if (nobody || in_part)
		found_hint(check, found,
			   "See what leads to the chain, and where those packets end before (weir explain "
			   "tells of one packet): "
			   "then delete the rule, or move it to where they come by.");
	if (row.count > 1)
		found_label(check, found, row.last->span, "the last of them");
	if (dead->taking.cover)
		found_label(check, found, taker->span, "this rule matches all that %s, and comes first",
			    row.count == 1 ? "it matches" : "they match");
	else if (taker)
		found_label(check, found, taker->span, "nothing goes on behind this rule");
	for (size_t i = 0; !taker && i < taking->taker_count; i++)
		found_label(check, found, taking->takers[i]->span,
			    i + 1 == taking->taker_count && taking->more ? "by this rule, and by others"
									 : "by this rule");
}

static int look_at(struct dead *dead, const struct rule *rule, bool opposite)
{
	const struct rule_reach *reach = check_reach(dead->check, rule);
	struct taking taking;
	if (dead->check->failed)
		return -ENOMEM;
	if (!reach || reach->reach != REACH_TAKEN)
		return 0;
	int error = find_taking(dead->check, rule, reach, &taking);
	if (error || taking.opposite != opposite)
		return error;
	if (dead->row.count && same_taking(&taking, &dead->taking) && row_extend(&dead->row, rule))
		return 0;
	flush(dead);
	row_begin(&dead->row, rule);
	dead->taking = taking;
	return 0;
}

int taken_report(struct check *check, bool opposite, const char *one, const char *many)
{
	struct dead dead = {.check = check, .one = one, .many = many};
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
					int error = look_at(&dead, &table->chains[i]->rules[j], opposite);
					if (error)
						return error;
				}
		}
	flush(&dead);
	return 0;
}
