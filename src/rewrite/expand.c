/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For the proof: a ruleset with the rules that some sets stand for in place of the look-up, as text. Diagrams
 * have no field for a pair of addresses or for a network with a port, so what was read back is compared in
 * this form. It is made from what was read back, not from the plan.
 *
 * Why it is right: `--match-set NAME src,dst` is true of a packet if and only if some member of NAME is what
 * the packet has there (no member of the sets at hand has nomatch or a timeout, so that all count alike). One
 * rule for each member, in any order, then does what the one rule did, where it ends the walk or twice is as
 * good as once; where it does not, difference_compute() finds out. */
#include "rewrite/plan.h"
#include "rewrite/prove.h"

#include "extension/fields.h"
#include "ruleset/protocol.h"
#include "ruleset/rule_parser.h"

#include <stdlib.h>
#include <string.h>

struct look_up {
	const struct match *match;
	const struct set *set;
	bool source[SET_PARTS_MAX];
};

static bool set_expands(const struct ruleset *before, const struct set *set)
{
	if (fields_expresses_set(set) || set->changing || ruleset_find_set(before, set->name))
		return false;
	switch (set->type) {
	case SET_HASH_NET_PORT:
	case SET_HASH_IP_PORT_IP:
	case SET_HASH_IP_PORT_NET:
		break;
	default:
		return false;
	}
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (member.timed || member.nomatch)
			return false;
	}
	return set->mask == family_max(set->family);
}

/* "-m set --match-set NAME src,dst", and nothing else. */
static bool read_look_up(const struct ruleset *before, const struct ruleset *ruleset,
			 const struct match *match, const struct rule *rule, struct look_up *look_up)
{
	static const char lead[] = "-m set --match-set ";
	struct buffer text = {0};
	bool found = false;

	if (!match->type->modelled || strcmp(match->type->name, "set") != 0)
		return false;
	match->type->print(match, rule, &text);
	char *blank = !text.failed && text.size && text_starts((struct text){text.data, text.size}, lead)
			  ? strchr(text.data + sizeof(lead) - 1, ' ')
			  : NULL;
	if (blank && !strchr(blank + 1, ' ')) {
		const char *name = text.data + sizeof(lead) - 1, *at = blank + 1;
		look_up->match = match;
		look_up->set = ruleset_find_set(ruleset, (struct text){name, (size_t)(blank - name)});
		found = look_up->set && look_up->set->family == rule->chain->table->family &&
			set_expands(before, look_up->set);
		unsigned parts = found ? look_up->set->dimensions : 0;
		for (unsigned i = 0; i < parts && found; i++) {
			look_up->source[i] = strncmp(at, "src", 3) == 0;
			found = strlen(at) >= 3 && at[3] == (i + 1 < parts ? ',' : '\0');
			at += 4;
		}
	}
	buffer_fini(&text);
	return found;
}

struct port_text {
	uint8_t protocol;
	bool source;
	uint16_t port;
};

static void print_port(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct port_text *port = match->data;
	(void)rule;

	buffer_printf(out, "-m %s --%cport %u", protocol_name(port->protocol), port->source ? 's' : 'd',
		      port->port);
}

static const struct match_type match_port = {.name = "port", .modelled = true, .print = print_port};

static bool place_address(struct rule *rule, bool source, const struct set *set, address low, uint8_t length)
{
	struct address_match *match = source ? &rule->source : &rule->destination;

	if (match->mask || match->inverted)
		return false;
	match->value = low;
	match->mask = prefix_mask(set->family, length);
	return true;
}

/* The rule that this member stands for. `matches` has room for the rule's. */
static bool member_rule(const struct rule *rule, const struct look_up *look_up, size_t index,
			struct match *matches, struct port_text *port, struct rule *made)
{
	struct set_member member;
	bool second = false;
	uint32_t count = 0;

	*made = *rule;
	made->matches = matches;
	set_member_get(look_up->set, index, &member);
	for (unsigned i = 0; i < look_up->set->dimensions; i++) {
		enum set_part part = set_types[look_up->set->type].parts[i];
		if (part == SET_PART_PORT) {
			if (rule->protocol || (member.protocol != 6 && member.protocol != 17))
				return false;
			made->protocol = member.protocol;
			*port = (struct port_text){member.protocol, look_up->source[i], member.port};
			matches[count++] = (struct match){.type = &match_port, .data = port};
			continue;
		}
		if (!place_address(made, look_up->source[i], look_up->set, second ? member.low2 : member.low,
				   second ? member.prefix2 : member.prefix))
			return false;
		second = true;
	}
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (&rule->matches[i] != look_up->match)
			matches[count++] = rule->matches[i];
	made->match_count = count;
	return true;
}

static bool expand_rule(const struct ruleset *before, const struct ruleset *ruleset, const struct rule *rule,
			struct buffer *out)
{
	struct look_up look_up = {0};
	bool found = false;
	size_t begin = out->size;

	for (uint32_t i = 0; i < rule->match_count && !found; i++)
		found = read_look_up(before, ruleset, &rule->matches[i], rule, &look_up);
	if (!found)
		return false;
	struct match *matches = calloc((size_t)rule->match_count + 1, sizeof(*matches));
	if (!matches) {
		out->failed = true;
		return false;
	}
	for (size_t i = 0; i < look_up.set->member_count && found; i++) {
		struct port_text port;
		struct rule made;
		found = member_rule(rule, &look_up, i, matches, &port, &made);
		if (found) {
			rule_print(&made, false, out);
			buffer_puts(out, "\n");
		}
	}
	free(matches);
	if (!found && !out->failed && out->data)
		out->data[out->size = begin] = '\0';
	return found;
}

static void expand_table(const struct ruleset *before, const struct ruleset *ruleset,
			 const struct table *table, struct buffer *out)
{
	buffer_printf(out, "*%s\n", table_names[table->id]);
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *chain = table->chains[i];
		buffer_puts(out, ":");
		buffer_add(out, chain->name.data, chain->name.size);
		buffer_printf(out, " %s [0:0]\n",
			      !chain->builtin                ? "-"
			      : chain->policy == POLICY_DROP ? "DROP"
							     : "ACCEPT");
	}
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *chain = table->chains[i];
		for (size_t k = 0; k < chain->rule_count; k++) {
			if (expand_rule(before, ruleset, &chain->rules[k], out))
				continue;
			rule_print(&chain->rules[k], false, out);
			buffer_puts(out, "\n");
		}
	}
	buffer_puts(out, "COMMIT\n");
}

void expand_rules(const struct ruleset *before, const struct ruleset *ruleset, enum family family,
		  struct buffer *out)
{
	buffer_printf(out, "%s for %s-restore\n", rewrite_mark,
		      family == FAMILY_IPV4 ? "iptables" : "ip6tables");
	for (uint32_t order = 1; order <= TABLE_COUNT * FAMILY_COUNT; order++)
		for (int id = 0; id < TABLE_COUNT; id++)
			if (ruleset->tables[family][id].present && ruleset->tables[family][id].order == order)
				expand_table(before, ruleset, &ruleset->tables[family][id], out);
}

bool expand_wanted(const struct ruleset *before, const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (set_expands(before, ruleset->sets[i]))
			return true;
	return false;
}
