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

static void report(struct check *check, const struct rule *rules, size_t count, unsigned differs,
		   unsigned nets)
{
	const char *directions;
	const char *type = key_set_type(differs, nets, &directions);
	const char *rule = type ? replacement(check, rules, differs, directions) : NULL;
	if (!rule || !rules->chain->reached)
		return;
	bool any_family = strcmp(type, "bitmap:port") == 0 || strcmp(type, "hash:mac") == 0;
	struct found *found = check_add(
	    check, rules->span,
	    "%zu rules in a row differ in %s alone: one rule with a set of type %s does the same, and up to "
	    "%zu comparisons for a packet become one look-up",
	    count, differences(differs), type, count);
	found_label(check, found, rules[count - 1].span, "the last of them");
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

static int run_chain(struct check *check, const struct chain *chain)
{
	for (size_t i = 0; i < chain->rule_count;) {
		struct list list = {.count = 1, .tried = 1};
		int error = 0;
		if (may_be_listed(&chain->rules[i]))
			error = find_list(check, &chain->rules[i], chain->rule_count - i, &list);
		if (error)
			return error;
		if (list.count >= LIST_MIN && list.differs)
			report(check, &chain->rules[i], list.count, list.differs, list.nets);
		/* What made no list from here on makes none from the next rule on but by chance: not tried
		 * again, or hostile input would cost the square of its size. */
		i += list.count > 1 ? list.count : list.tried;
	}
	return 0;
}

static int run(struct check *check)
{
	return check_chains(check, run_chain);
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
