/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules beside each other: which of their parts could be elements of a set, and what is left of them then. */
#include "check/context.h"
#include "packet/address.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static bool address_is_asked(const struct address_match *match)
{
	return match->mask != 0 || match->inverted;
}

bool rule_has_source(const struct rule *rule)
{
	return address_is_asked(&rule->source);
}

bool rule_has_destination(const struct rule *rule)
{
	return address_is_asked(&rule->destination);
}

bool interface_is_any(const struct interface_match *match)
{
	return match->name[0] == '\0' && !match->inverted;
}

bool interface_matches(const struct interface_match *match, const char *name)
{
	bool equal = match->wildcard || match->name[0] == '\0'
			 ? strncmp(name, match->name, strlen(match->name)) == 0
			 : strcmp(name, match->name) == 0;
	return equal != match->inverted;
}

bool rule_is_unconditional(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!match_is_comment(&rule->matches[i]))
			return false;
	return !rule_has_source(rule) && !rule_has_destination(rule) && interface_is_any(&rule->in) &&
	       interface_is_any(&rule->out) && rule->protocol == 0 && rule->fragment == FRAGMENT_ANY;
}

bool rule_has_memory(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (!match->type->modelled ||
		    (match->type->effects && match->type->effects(match) & (EFFECT_STATE | EFFECT_UNKNOWN)))
			return true;
	}
	return false;
}

bool rule_reads_state(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_reads_state(&rule->matches[i]))
			return true;
	return false;
}

/* What the match says of a packet in that state of which nothing else is known. */
static enum truth match_in_state(const struct rule *rule, const struct match *match,
				 enum connection_state state)
{
	const struct packet packet = {.family = rule_family(rule)};
	struct evaluation evaluation = {
	    .hook = HOOK_INPUT,
	    .has_state = state == STATE_INVALID ? TRUTH_NO : TRUTH_YES,
	    .state_known = true,
	    .state = state,
	};
	return match->type->evaluate(match, rule, &packet, &evaluation);
}

unsigned rule_states(const struct rule *rule)
{
	unsigned states = STATES_ALL;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		for (unsigned state = 0; state < STATE_COUNT && match_reads_state(match); state++)
			if (match_in_state(rule, match, (enum connection_state)state) == TRUTH_NO)
				states &= ~(1u << state);
	}
	return states;
}

bool match_ignores_state(const struct rule *rule, const struct match *match)
{
	if (!match_reads_state(match))
		return false;
	for (unsigned state = 0; state < STATE_COUNT; state++)
		if (match_in_state(rule, match, (enum connection_state)state) != TRUTH_YES)
			return false;
	return true;
}

static bool set_of_sources(const struct match *match)
{
	struct set_question question;
	return match_set_question(match, &question) && !question.inverted && question.dimensions == 1 &&
	       question.source[0];
}

bool rule_is_ban(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	bool sources = rule->source.mask && !rule->source.inverted;
	if ((kind != TARGET_DROP && kind != TARGET_REJECT) || rule->protocol || rule_has_destination(rule) ||
	    rule->fragment != FRAGMENT_ANY)
		return false;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		if (set_of_sources(&rule->matches[i]))
			sources = true;
		else if (!match_is_comment(&rule->matches[i]))
			return false;
	}
	return sources;
}

/* --- keys
 * -------------------------------------------------------------------------------------------------------------
 */

static bool key_address(enum family family, struct address_match *match, struct address_range *range)
{
	if (match->inverted || match->mask == 0 || mask_length(family, match->mask) < 0)
		return false;
	*range = (struct address_range){match->value, match->value | (family_max(family) & ~match->mask)};
	*match = (struct address_match){0};
	return true;
}

static const char *match_text(struct check *check, const struct match *match, const struct rule *rule)
{
	struct buffer text = {0};
	match->type->print(match, rule, &text);
	return check_text(check, &text);
}

/* Takes the match's part over into the key. false: it stays with the rest. */
static bool key_match(struct check *check, const struct rule *rule, const struct match *match,
		      struct rule_key *key)
{
	bool source;
	uint16_t port;
	if (match_is_comment(match))
		return true;
	if (match_single_port(match, &source, &port) && !rule->protocol_inverted &&
	    (rule->protocol == IPPROTO_TCP || rule->protocol == IPPROTO_UDP) &&
	    !(key->parts & (KEY_SPORT | KEY_DPORT))) {
		key->parts |= (source ? KEY_SPORT : KEY_DPORT) | KEY_PROTOCOL;
		*(source ? &key->sport : &key->dport) = port;
		key->protocol = rule->protocol;
		return true;
	}
	if (match->type->modelled && strcmp(match->type->name, "mac") == 0 && !(key->parts & KEY_MAC)) {
		const char *text = match_text(check, match, rule);
		if (strstr(text, " ! "))
			return false;
		key->parts |= KEY_MAC;
		key->mac = text;
		return true;
	}
	return false;
}

int rule_key_read(struct check *check, const struct rule *rule, struct rule_key *key)
{
	enum family family = rule_family(rule);
	struct rule rest = *rule;
	struct match kept[16];
	*key = (struct rule_key){0};
	rest.match_count = 0;
	rest.matches = kept;
	if (rule->match_count > sizeof(kept) / sizeof(kept[0])) {
		rest.matches = arena_array(check->arena, rule->match_count, sizeof(*kept));
		if (!rest.matches)
			return -ENOMEM;
	}
	if (key_address(family, &rest.source, &key->source))
		key->parts |= KEY_SOURCE;
	if (key_address(family, &rest.destination, &key->destination))
		key->parts |= KEY_DESTINATION;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!key_match(check, rule, &rule->matches[i], key))
			rest.matches[rest.match_count++] = rule->matches[i];
	if (key->parts & KEY_PROTOCOL)
		rest.protocol = 0;
	struct buffer text = {0};
	rule_print(&rest, true, &text);
	key->rest = check_text(check, &text);
	return check->failed ? -ENOMEM : 0;
}

static bool range_equal(struct address_range a, struct address_range b)
{
	return a.low == b.low && a.high == b.high;
}

unsigned rule_key_differs(const struct rule_key *a, const struct rule_key *b)
{
	unsigned differs = a->parts ^ b->parts, both = a->parts & b->parts;
	if (both & KEY_SOURCE && !range_equal(a->source, b->source))
		differs |= KEY_SOURCE;
	if (both & KEY_DESTINATION && !range_equal(a->destination, b->destination))
		differs |= KEY_DESTINATION;
	if (both & KEY_PROTOCOL && a->protocol != b->protocol)
		differs |= KEY_PROTOCOL;
	if (both & KEY_SPORT && a->sport != b->sport)
		differs |= KEY_SPORT;
	if (both & KEY_DPORT && a->dport != b->dport)
		differs |= KEY_DPORT;
	if (both & KEY_MAC && strcmp(a->mac, b->mac) != 0)
		differs |= KEY_MAC;
	return differs;
}

static bool range_disjoint(struct address_range a, struct address_range b)
{
	return a.high < b.low || b.high < a.low;
}

bool rule_key_disjoint(const struct rule_key *a, const struct rule_key *b)
{
	unsigned both = a->parts & b->parts;
	return (both & KEY_SOURCE && range_disjoint(a->source, b->source)) ||
	       (both & KEY_DESTINATION && range_disjoint(a->destination, b->destination)) ||
	       (rule_key_differs(a, b) & both & (KEY_PROTOCOL | KEY_SPORT | KEY_DPORT | KEY_MAC)) != 0;
}

const char *rule_target_text(struct check *check, const struct rule *rule)
{
	struct rule bare = {.chain = rule->chain, .target = rule->target};
	struct buffer text = {0};
	rule_print(&bare, true, &text);
	return check_text(check, &text);
}

const char *rule_condition_text(struct check *check, const struct rule *rule)
{
	struct rule bare = *rule;
	struct buffer text = {0};
	bare.target = (struct target){.type = &target_none};
	rule_print(&bare, true, &text);
	return check_text(check, &text);
}

unsigned rule_key_nets(const struct rule_key *key)
{
	unsigned nets = 0;
	if (key->parts & KEY_SOURCE && key->source.low != key->source.high)
		nets |= KEY_SOURCE;
	if (key->parts & KEY_DESTINATION && key->destination.low != key->destination.high)
		nets |= KEY_DESTINATION;
	return nets;
}

/* The types of ipset(8). One that takes prefixes takes single addresses, too; hash:ip,port,net has its prefix
 * in the second address. */
static const struct {
	unsigned differs, nets;
	const char *type, *directions;
} set_forms[] = {
    {KEY_SOURCE, 0, "hash:ip", "src"},
    {KEY_SOURCE, KEY_SOURCE, "hash:net", "src"},
    {KEY_DESTINATION, 0, "hash:ip", "dst"},
    {KEY_DESTINATION, KEY_DESTINATION, "hash:net", "dst"},
    {KEY_SPORT, 0, "bitmap:port", "src"},
    {KEY_DPORT, 0, "bitmap:port", "dst"},
    {KEY_MAC, 0, "hash:mac", "src"},
    {KEY_SOURCE | KEY_MAC, 0, "hash:ip,mac", "src,src"},
    {KEY_SOURCE | KEY_SPORT, 0, "hash:ip,port", "src,src"},
    {KEY_SOURCE | KEY_SPORT, KEY_SOURCE, "hash:net,port", "src,src"},
    {KEY_SOURCE | KEY_DPORT, 0, "hash:ip,port", "src,dst"},
    {KEY_SOURCE | KEY_DPORT, KEY_SOURCE, "hash:net,port", "src,dst"},
    {KEY_DESTINATION | KEY_SPORT, 0, "hash:ip,port", "dst,src"},
    {KEY_DESTINATION | KEY_SPORT, KEY_DESTINATION, "hash:net,port", "dst,src"},
    {KEY_DESTINATION | KEY_DPORT, 0, "hash:ip,port", "dst,dst"},
    {KEY_DESTINATION | KEY_DPORT, KEY_DESTINATION, "hash:net,port", "dst,dst"},
    {KEY_SOURCE | KEY_DESTINATION, KEY_SOURCE | KEY_DESTINATION, "hash:net,net", "src,dst"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_SPORT, 0, "hash:ip,port,ip", "src,src,dst"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_DPORT, 0, "hash:ip,port,ip", "src,dst,dst"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_DPORT, KEY_DESTINATION, "hash:ip,port,net", "src,dst,dst"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_DPORT, KEY_SOURCE, "hash:ip,port,net", "dst,dst,src"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_SPORT, KEY_DESTINATION, "hash:ip,port,net", "src,src,dst"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_SPORT, KEY_SOURCE, "hash:ip,port,net", "dst,src,src"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_DPORT, KEY_SOURCE | KEY_DESTINATION, "hash:net,port,net",
     "src,dst,dst"},
    {KEY_SOURCE | KEY_DESTINATION | KEY_SPORT, KEY_SOURCE | KEY_DESTINATION, "hash:net,port,net",
     "src,src,dst"},
};

const char *key_set_type(unsigned differs, unsigned nets, const char **directions)
{
	/* A member of a type with ports has its protocol, except in a bitmap. */
	bool addressed = differs & (KEY_SOURCE | KEY_DESTINATION);
	bool has_port = differs & (KEY_SPORT | KEY_DPORT);
	unsigned plain = addressed && has_port ? differs & ~(unsigned)KEY_PROTOCOL : differs;
	for (size_t i = 0; i < sizeof(set_forms) / sizeof(set_forms[0]); i++)
		if (set_forms[i].differs == plain && !(nets & differs & ~set_forms[i].nets)) {
			*directions = set_forms[i].directions;
			return set_forms[i].type;
		}
	return NULL;
}

bool rule_asks_port(struct check *check, const struct rule *rule, bool source)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		struct set_question question;
		const struct match *match = &rule->matches[i];
		if (match_set_question(match, &question)) {
			for (unsigned j = 0; j < question.dimensions && j < SET_PARTS_MAX; j++) {
				enum set_part part = set_types[question.set->type].parts[j];
				if ((part == SET_PART_PORT || part == SET_PART_BARE_PORT) &&
				    question.source[j] == source)
					return true;
			}
			continue;
		}
		const char *text = match->type->modelled ? match_text(check, match, rule) : "";
		if (strstr(text, source ? " --sport" : " --dport") || strstr(text, " --ports "))
			return true;
	}
	return false;
}
