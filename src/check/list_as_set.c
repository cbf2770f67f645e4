/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules in a row that differ in what could be the elements of a set. */
#include "check/findings.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <string.h>

#define LIST_MIN 8 /* a look into a set costs as much as some six rules */

/* Whether it may stand for several rules at once: what it does is done once for a packet, by whichever. */
static bool may_be_listed(const struct rule *rule)
{
	return rule->target.type->kind != TARGET_OPAQUE && rule->target.type != &target_none &&
	       !rule_has_memory(rule);
}

/* A port or protocol of members is written with the other. */
static unsigned member_parts(unsigned differs, unsigned parts)
{
	return differs & KEY_PROTOCOL ? differs | (parts & (KEY_SPORT | KEY_DPORT)) : differs;
}

/* The rule that stands for all. */
static const char *replacement(struct check *check, const struct rule *rule, unsigned differs,
			       const char *directions)
{
	struct rule rest = *rule;
	struct match kept[16];
	struct buffer text = {0};
	bool port = differs & (KEY_SPORT | KEY_DPORT);
	rest.matches = kept;
	rest.match_count = 0;
	if (differs & KEY_SOURCE)
		rest.source = (struct address_match){0};
	if (differs & KEY_DESTINATION)
		rest.destination = (struct address_match){0};
	if (differs & KEY_PROTOCOL || (port && differs & (KEY_SOURCE | KEY_DESTINATION)))
		rest.protocol = 0;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		bool source;
		uint16_t number;
		if (match_is_comment(match) ||
		    (port && match_single_port(match, &source, &number) &&
		     differs & (source ? KEY_SPORT : KEY_DPORT)) ||
		    (differs & KEY_MAC && strcmp(match->type->name, "mac") == 0))
			continue;
		if (rest.match_count == sizeof(kept) / sizeof(kept[0]))
			return NULL;
		kept[rest.match_count++] = *match;
	}
	const char *condition = rule_condition_text(check, &rest);
	buffer_printf(&text, "-A %.*s %s%s-m set --match-set NAME %s %s", (int)rule->chain->name.size,
		      rule->chain->name.data, condition, condition[0] ? " " : "", directions,
		      rule_target_text(check, rule));
	return check_text(check, &text);
}

static const char *differences(unsigned differs)
{
	bool port = differs & (KEY_SPORT | KEY_DPORT), mac = differs & KEY_MAC;
	unsigned addresses = differs & (KEY_SOURCE | KEY_DESTINATION);
	if (addresses == (KEY_SOURCE | KEY_DESTINATION))
		return port ? "the two addresses and the port" : "the two addresses";
	if (addresses == KEY_SOURCE)
		return port  ? "the source and the port"
		       : mac ? "the source and the MAC address"
			     : "the source";
	if (addresses == KEY_DESTINATION)
		return port ? "the destination and the port" : "the destination";
	return mac ? "the MAC address" : "the port";
}

/* A list that is reported, and others with the same members: one set serves them all. */
#define LISTS_MAX 512 /* that later ones are compared with */
#define TWINS_SHOWN (FOUND_LABELS_MAX - 1)

struct reported {
	const struct rule *rules;
	size_t count;
	unsigned differs, nets;
	size_t twins;
	const struct rule *twin[TWINS_SHOWN];
};

struct lists {
	size_t count, capacity;
	struct reported *lists;
};

/* Whether the rules of two lists have the same elements, in the same order. */
static int same_members(struct check *check, const struct reported *a, const struct reported *b, bool *same)
{
	*same = a->count == b->count && a->differs == b->differs && a->nets == b->nets &&
		rule_family(a->rules) == rule_family(b->rules);
	for (size_t i = 0; i < a->count && *same; i++) {
		struct rule_key one, other;
		int error = rule_key_read(check, &a->rules[i], &one);
		if (!error)
			error = rule_key_read(check, &b->rules[i], &other);
		if (error)
			return error;
		*same = !(rule_key_differs(&one, &other) & a->differs);
	}
	return 0;
}

static int keep(struct check *check, struct lists *lists, const struct reported *list)
{
	for (size_t i = 0; i < lists->count && i < LISTS_MAX; i++) {
		struct reported *before = &lists->lists[i];
		bool same;
		int error = same_members(check, before, list, &same);
		if (error)
			return error;
		if (!same)
			continue;
		if (before->twins < TWINS_SHOWN)
			before->twin[before->twins] = list->rules;
		before->twins++;
		return 0;
	}
	struct reported *slot =
	    arena_push(check->arena, (void **)&lists->lists, &lists->count, &lists->capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = *list;
	return 0;
}

static void report(struct check *check, const struct reported *list)
{
	const char *directions;
	const struct rule *rules = list->rules;
	const char *type = key_set_type(list->differs, list->nets, &directions);
	const char *rule = type ? replacement(check, rules, list->differs, directions) : NULL;
	struct buffer twins = {0};
	if (!rule)
		return;
	bool any_family = strcmp(type, "bitmap:port") == 0 || strcmp(type, "hash:mac") == 0;
	if (list->twins)
		buffer_printf(&twins,
			      "; %zu more list%s of rules ha%s the same members, and can use the same set",
			      list->twins, list->twins == 1 ? "" : "s", list->twins == 1 ? "s" : "ve");
	struct found *found = check_add(
	    check, rules->span,
	    "%zu rules in a row differ in %s alone: one rule with a set of type %s does the same, and up to "
	    "%zu comparisons for a packet become one look-up%s",
	    list->count, differences(list->differs), type, list->count, check_text(check, &twins));
	found_label(check, found, rules[list->count - 1].span, "the last of them");
	for (size_t i = 0; i < list->twins && i < TWINS_SHOWN; i++)
		found_label(check, found, list->twin[i]->span, "a list with the same members begins here");
	found_hint(check, found, "ipset create NAME %s%s%s%s, add a member for each rule, then: %s", type,
		   strcmp(type, "bitmap:port") == 0 ? " range 0-65535" : "", any_family ? "" : " family ",
		   any_family                          ? ""
		   : rule_family(rules) == FAMILY_IPV4 ? "inet"
						       : "inet6",
		   rule);
}

struct list {
	size_t count; /* rules that one set can stand for; at least 1 */
	unsigned differs, nets;
	size_t tried; /* rules looked at */
};

/* Whether further rules may make these differences some that a set can hold. */
static bool may_become_set(unsigned differs)
{
	const char *directions;
	unsigned all = KEY_SOURCE | KEY_DESTINATION | KEY_SPORT | KEY_DPORT | KEY_MAC;
	for (unsigned wider = 0; wider <= all; wider++)
		if (!(differs & ~(unsigned)KEY_PROTOCOL & ~wider) && !(wider & ~all) &&
		    key_set_type(wider, 0, &directions))
			return true;
	return false;
}

/* The longest list from here on. */
static int find_list(struct check *check, const struct rule *rules, size_t limit, struct list *list)
{
	struct rule_key first, key;
	unsigned differs = 0, nets;
	const char *directions;
	*list = (struct list){.count = 1, .tried = 1};
	int error = rule_key_read(check, rules, &first);
	if (error || !first.parts)
		return error;
	nets = rule_key_nets(&first);
	for (; list->tried < limit && may_be_listed(&rules[list->tried]); list->tried++) {
		error = rule_key_read(check, &rules[list->tried], &key);
		if (error)
			return error;
		if (key.parts != first.parts || strcmp(key.rest, first.rest) != 0)
			break;
		differs = member_parts(differs | rule_key_differs(&key, &first), first.parts);
		nets |= rule_key_nets(&key);
		if (!differs || key_set_type(differs, nets, &directions)) {
			list->count = list->tried + 1;
			list->differs = differs;
			list->nets = nets;
		} else if (!may_become_set(differs)) {
			break;
		}
	}
	return 0;
}

static int run_chain(struct check *check, const struct chain *chain, struct lists *lists)
{
	for (size_t i = 0; i < chain->rule_count;) {
		struct list list = {.count = 1, .tried = 1};
		const struct rule *rules = &chain->rules[i];
		int error = 0;
		if (may_be_listed(rules))
			error = find_list(check, rules, chain->rule_count - i, &list);
		if (!error && list.count >= LIST_MIN && list.differs)
			error = keep(check, lists,
				     &(struct reported){.rules = rules,
							.count = list.count,
							.differs = list.differs,
							.nets = list.nets});
		if (error)
			return error;
		/* What made no list from here on makes none from the next rule on but by chance: not tried
		 * again, or hostile input would cost the square of its size. */
		i += list.count > 1 ? list.count : list.tried;
	}
	return 0;
}

static int run(struct check *check)
{
	struct lists lists = {0};
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++) {
				int error = table->chains[i]->reached
						? run_chain(check, table->chains[i], &lists)
						: 0;
				if (error)
					return error;
			}
		}
	for (size_t i = 0; i < lists.count; i++)
		report(check, &lists.lists[i]);
	return 0;
}

const struct finding_type finding_list_as_set = {
    .code = "list-as-set",
    .severity = SEVERITY_WARNING,
    .title = "a list of rules that could be one rule with a set",
    .why = "A packet is compared with the rules of a list one after the other, and with a set once, however "
	   "many "
	   "members it has. What matches none of them pays for the whole list.",
    .action =
	"Put the addresses into a set (ipset create), and one rule with -m set --match-set in place of the "
	"list. weir optimize does it, with proof.",
    .run = run,
};
