/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules whose own conditions exclude each other. The diagram tells for what it has fields for; of the others
 * (length, time to live, type of service, packet type) each value is tried on the matches themselves, and of
 * marks and hardware addresses two matches are compared. */
#include "check/findings.h"
#include "check/reaches.h"

#include <stdlib.h>
#include <string.h>

/* --- Each value is tried
 * ------------------------------------------------------------------------------------------ */

static void set_length(struct packet *packet, unsigned value)
{
	packet->length = value;
	packet->known |= KNOWN_LENGTH;
}

static void set_ttl(struct packet *packet, unsigned value)
{
	packet->ttl = (uint8_t)value;
	packet->known |= KNOWN_TTL;
}

static void set_tos(struct packet *packet, unsigned value)
{
	packet->tos = (uint8_t)value;
	packet->known |= KNOWN_TOS;
}

static void set_type(struct packet *packet, unsigned value)
{
	packet->type = (enum packet_type)value;
	packet->known |= KNOWN_TYPE;
}

static const struct space {
	const char *matches[2]; /* that look at this one value and at nothing else */
	void (*set)(struct packet *packet, unsigned value);
	unsigned values;
	unsigned least; /* matches: types of packets there are more than those that arrive */
} spaces[] = {
    {{"length"}, set_length, UINT16_MAX + 1, 1},
    {{"ttl", "hl"}, set_ttl, 256, 1},
    {{"dscp", "tos"}, set_tos, 256, 1},
    {{"pkttype"}, set_type, PACKET_MULTICAST + 1, 2},
};

static bool in_space(const struct space *space, const struct match *match)
{
	for (size_t i = 0; i < 2 && space->matches[i]; i++)
		if (match->type->modelled && strcmp(match->type->name, space->matches[i]) == 0)
			return true;
	return false;
}

static bool may_be(const struct rule *rule, const struct space *space, unsigned value)
{
	struct packet packet = {.family = rule_family(rule)};
	struct evaluation evaluation = {.hook = HOOK_INPUT};
	space->set(&packet, value);
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (in_space(space, &rule->matches[i]) &&
		    rule->matches[i].type->evaluate(&rule->matches[i], rule, &packet, &evaluation) ==
			TRUTH_NO)
			return false;
	return true;
}

static bool excludes_all(const struct rule *rule, const struct space *space)
{
	unsigned asked = 0;
	for (uint32_t i = 0; i < rule->match_count; i++)
		asked += in_space(space, &rule->matches[i]);
	if (asked < space->least)
		return false;
	for (unsigned value = 0; value < space->values; value++)
		if (may_be(rule, space, value))
			return false;
	return true;
}

/* --- Two matches are compared
 * ------------------------------------------------------------------------------------- */

/* "-m mark --mark 0x1/0xff" */
static bool read_mark(const char *text, unsigned long *value, unsigned long *mask)
{
	const char *number = strstr(text, " --mark ");
	char *end;
	if (!number || strstr(text, " ! "))
		return false;
	*value = strtoul(number + strlen(" --mark "), &end, 0);
	*mask = *end == '/' ? strtoul(end + 1, &end, 0) : UINT32_MAX;
	return *end == '\0';
}

static bool pair_excludes(const char *name, const char *a, const char *b)
{
	unsigned long value_a, mask_a, value_b, mask_b;
	if (strcmp(name, "mac") == 0)
		return !strstr(a, " ! ") && !strstr(b, " ! ") && strcmp(a, b) != 0;
	return read_mark(a, &value_a, &mask_a) && read_mark(b, &value_b, &mask_b) &&
	       ((value_a ^ value_b) & mask_a & mask_b) != 0;
}

static const char *match_text(struct check *check, const struct match *match, const struct rule *rule)
{
	struct buffer text = {0};
	match->type->print(match, rule, &text);
	return check_text(check, &text);
}

static bool some_pair_excludes(struct check *check, const struct rule *rule)
{
	static const char *const names[] = {"mac", "mark", "connmark"};
	for (uint32_t i = 0; i < rule->match_count; i++)
		for (uint32_t j = 0; j < i; j++) {
			const struct match *a = &rule->matches[j], *b = &rule->matches[i];
			if (a->type != b->type || !a->type->modelled)
				continue;
			for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
				if (strcmp(a->type->name, names[n]) == 0 &&
				    pair_excludes(names[n], match_text(check, a, rule),
						  match_text(check, b, rule)))
					return true;
		}
	return false;
}

/* A match that changes what those behind it look at stands for itself. */
static bool contradicts(struct check *check, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].type->changes)
			return false;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (excludes_all(rule, &spaces[i]))
			return true;
	return some_pair_excludes(check, rule);
}

/* Nothing is in it now: bans come and go, and a policy's set has one of each family. */
static bool asks_empty_set(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		struct set_question question;
		if (match_set_question(&rule->matches[i], &question) && !question.inverted &&
		    !question.set->member_count)
			return true;
	}
	return false;
}

static int run_rule(struct check *check, const struct rule *rule)
{
	if (asks_empty_set(rule))
		return 0;
	const struct rule_reach *reach = check_reach(check, rule);
	if (check->failed)
		return -ENOMEM;
	if ((reach && reach->reach == REACH_CONTRADICTS) || contradicts(check, rule))
		check_add(check, rule->span,
			  "no packet can match this rule: its own conditions exclude each other");
	return check->failed ? -ENOMEM : 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_rule_contradicts = {
    .code = "rule-contradicts",
    .severity = SEVERITY_WARNING,
    .title = "a rule that no packet can match",
    .why = "Two of its conditions cannot be true of one packet: two ports, a range that ends before it "
	   "begins, an interface "
	   "where there is "
	   "none, a state that traffic without tracking does not have. The rule does nothing.",
    .action = "Find the condition that was meant otherwise; two values of one thing need two rules, or -m "
	      "multiport.",
    .run = run,
};
