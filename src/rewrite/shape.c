/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sets that a list of rules may become; and lists of nothing but ports, which need no set (ports.c).
 *
 * Why a member says what its rule says:
 * - hash:net: an address is in it when some member's prefix holds it; -s and -d say the same. It holds no /0,
 * and masks with holes are no prefixes.
 * - A port: ip_set_get_ip4_port() and its twin find it where -m tcp and -m udp do, in whole packets and first
 *   fragments; in later fragments both are false. The protocol is part of the member. What differs is a
 * header that is cut off: -m tcp and -m udp drop the packet at once, the set does not match
 *   (rewrite_loses_hot_drop()). Only TCP and UDP are taken.
 * - Members of the address 0 are not taken: hash:ip refuses it.
 * The set's match is asked before the rule's other matches, so that those are asked for the same packets as
 * before. */
#include "rewrite/shape.h"

#include "ruleset/protocol.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

const struct shape shapes[SHAPE_COUNT] = {
    {SET_HASH_NET, "src", SHAPE_SOURCE, SHAPE_NONE, true, SHAPE_NO_PORT, "nets"},
    {SET_HASH_NET, "dst", SHAPE_DESTINATION, SHAPE_NONE, true, SHAPE_NO_PORT, "nets"},
    {SET_HASH_IP_PORT, "dst,dst", SHAPE_DESTINATION, SHAPE_NONE, false, SHAPE_DESTINATION_PORT, "services"},
    {SET_HASH_IP_PORT, "src,src", SHAPE_SOURCE, SHAPE_NONE, false, SHAPE_SOURCE_PORT, "services"},
    {SET_HASH_IP_PORT, "src,dst", SHAPE_SOURCE, SHAPE_NONE, false, SHAPE_DESTINATION_PORT, "services"},
    {SET_HASH_IP_PORT, "dst,src", SHAPE_DESTINATION, SHAPE_NONE, false, SHAPE_SOURCE_PORT, "services"},
    {SET_HASH_NET_PORT, "dst,dst", SHAPE_DESTINATION, SHAPE_NONE, true, SHAPE_DESTINATION_PORT,
     "net-services"},
    {SET_HASH_NET_PORT, "src,src", SHAPE_SOURCE, SHAPE_NONE, true, SHAPE_SOURCE_PORT, "net-services"},
    {SET_HASH_NET_PORT, "src,dst", SHAPE_SOURCE, SHAPE_NONE, true, SHAPE_DESTINATION_PORT, "net-services"},
    {SET_HASH_NET_PORT, "dst,src", SHAPE_DESTINATION, SHAPE_NONE, true, SHAPE_SOURCE_PORT, "net-services"},
    {SET_HASH_IP_PORT_IP, "src,dst,dst", SHAPE_SOURCE, SHAPE_DESTINATION, false, SHAPE_DESTINATION_PORT,
     "flows"},
    {SET_HASH_IP_PORT_IP, "src,src,dst", SHAPE_SOURCE, SHAPE_DESTINATION, false, SHAPE_SOURCE_PORT, "flows"},
    {SET_HASH_IP_PORT_NET, "src,dst,dst", SHAPE_SOURCE, SHAPE_DESTINATION, false, SHAPE_DESTINATION_PORT,
     "net-flows", .second_nets = true},
    {SET_HASH_IP_PORT_NET, "dst,dst,src", SHAPE_DESTINATION, SHAPE_SOURCE, false, SHAPE_DESTINATION_PORT,
     "net-flows", .second_nets = true},
    {.port = SHAPE_DESTINATION_PORT, .ports = true, .name = "ports"},
    {.port = SHAPE_SOURCE_PORT, .ports = true, .name = "ports"},
};

/* --- The key
 * ------------------------------------------------------------------------------------------------------ */

static bool address_key(bool nets, enum shape_address which, const struct rule *rule, address *value,
			uint8_t *length)
{
	const struct address_match *match = which == SHAPE_SOURCE ? &rule->source : &rule->destination;
	enum family family = rule->chain->table->family;

	if (match->inverted || match->mask == 0)
		return false;
	int bits = mask_length(family, match->mask);
	if (bits <= 0 || (!nets && (unsigned)bits != family_bits(family)))
		return false;
	if (!nets && match->value == 0)
		return false;
	*value = match->value;
	*length = (uint8_t)bits;
	return true;
}

const struct match *shape_port_match(const struct shape *shape, const struct rule *rule)
{
	if (shape->port == SHAPE_NO_PORT)
		return NULL;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		bool source;
		uint16_t port, last;
		if (match_port_range(&rule->matches[i], &source, &port, &last) &&
		    (shape->ports || port == last))
			return source == (shape->port == SHAPE_SOURCE_PORT) ? &rule->matches[i] : NULL;
	}
	return NULL;
}

/* Matches that may stand in a rule which does not say its protocol. */
static bool free_of_protocol(const struct match *match)
{
	static const char *const names[] = {
	    "comment",  "state",   "conntrack", "set",  "mark", "connmark", "mac",   "pkttype", "iprange",
	    "addrtype", "physdev", "length",    "time", "ttl",  "hl",       "owner", "policy",  "devgroup"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(match->type->name, names[i]) == 0)
			return true;
	return false;
}

/* REJECT --reject-with tcp-reset, a DNAT with ports and their kind want -p tcp. */
static bool target_free_of_protocol(const struct rule *rule)
{
	struct buffer text = {0};
	bool free = true;

	switch (rule->target.type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_RETURN:
	case TARGET_JUMP:
	case TARGET_NOTRACK:
	case TARGET_CONTINUE:
		return true;
	case TARGET_REJECT:
		if (rule->target.type->print)
			rule->target.type->print(&rule->target, rule, &text);
		free = text.data && !strstr(text.data, "tcp");
		buffer_fini(&text);
		return free;
	default:
		return false;
	}
}

/* All but the port stays in the rule. */
static bool ports_key(const struct shape *shape, const struct rule *rule, struct shape_key *key)
{
	bool source;
	const struct match *port = shape_port_match(shape, rule);

	if (!port || rule->fragment != FRAGMENT_ANY)
		return false;
	key->protocol = (uint8_t)rule->protocol;
	return match_port_range(port, &source, &key->port, &key->last_port);
}

static bool port_key(const struct shape *shape, const struct rule *rule, struct shape_key *key)
{
	bool source;
	const struct match *port = shape_port_match(shape, rule);

	if (!port || rule->protocol_inverted || rule->fragment != FRAGMENT_ANY ||
	    !target_free_of_protocol(rule) ||
	    (rule->protocol != IPPROTO_TCP && rule->protocol != IPPROTO_UDP))
		return false;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (&rule->matches[i] != port && !free_of_protocol(&rule->matches[i]))
			return false;
	key->protocol = rule->protocol;
	return match_single_port(port, &source, &key->port);
}

bool shape_key(const struct shape *shape, const struct rule *rule, struct shape_key *key)
{
	*key = (struct shape_key){0};
	if (shape->ports)
		return ports_key(shape, rule, key);
	return address_key(shape->nets, shape->first, rule, &key->first, &key->first_length) &&
	       (shape->second == SHAPE_NONE || address_key(shape->nets || shape->second_nets, shape->second,
							   rule, &key->second, &key->second_length)) &&
	       (shape->port == SHAPE_NO_PORT || port_key(shape, rule, key));
}

int shape_key_compare(const struct shape_key *a, const struct shape_key *b)
{
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->first_length != b->first_length)
		return a->first_length < b->first_length ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->last_port != b->last_port)
		return a->last_port < b->last_port ? -1 : 1;
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	return (a->second_length > b->second_length) - (a->second_length < b->second_length);
}

static void print_net(enum family family, address value, unsigned length, struct buffer *out)
{
	address_print(family, value, out);
	if (length != family_bits(family))
		buffer_printf(out, "/%u", length);
}

void shape_key_print(const struct shape *shape, enum family family, const struct shape_key *key,
		     struct buffer *out)
{
	if (shape->ports) {
		buffer_printf(out, "%s:%u", protocol_name(key->protocol), key->port);
		if (key->last_port != key->port)
			buffer_printf(out, "-%u", key->last_port);
		return;
	}
	print_net(family, key->first, key->first_length, out);
	if (shape->port != SHAPE_NO_PORT)
		buffer_printf(out, ",%s:%u", protocol_name(key->protocol), key->port);
	if (shape->second != SHAPE_NONE) {
		buffer_puts(out, ",");
		print_net(family, key->second, key->second_length, out);
	}
}

/* --- The rest
 * ----------------------------------------------------------------------------------------------------- */

static void copy_interface(struct interface_match *to, const struct interface_match *from)
{
	memcpy(to->name, from->name, strnlen(from->name, sizeof(from->name) - 1));
	to->wildcard = from->wildcard;
	to->inverted = from->inverted;
}

static void copy_address(struct address_match *to, const struct address_match *from)
{
	to->value = from->value;
	to->mask = from->mask;
	to->inverted = from->inverted;
}

/* A number for the matches without the key's port: of a rule that has no other than comments it is 0. */
static int other_matches(struct rewrite *rewrite, const struct match *port, const struct rule *rule,
			 uint32_t *number)
{
	struct buffer text = {0};

	*number = 0;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		if (&rule->matches[i] == port || match_is_comment(&rule->matches[i]))
			continue;
		buffer_puts(&text, " ");
		rule->matches[i].type->print(&rule->matches[i], rule, &text);
	}
	int error = text.size || text.failed
			? plan_intern(rewrite, &rewrite->matches, &rewrite->match_count, &text, number)
			: 0;
	buffer_fini(&text);
	return error;
}

int shape_rest(struct rewrite *rewrite, const struct shape *shape, const struct rule *rule,
	       struct shape_rest *rest)
{
	const struct facts *facts = facts_of(rewrite, rule);
	bool source = shape->first == SHAPE_SOURCE || shape->second == SHAPE_SOURCE;
	bool destination = shape->first == SHAPE_DESTINATION || shape->second == SHAPE_DESTINATION;

	memset(rest, 0, sizeof(*rest)); /* with the gaps between its parts */
	if (!source)
		copy_address(&rest->source, &rule->source);
	if (!destination)
		copy_address(&rest->destination, &rule->destination);
	copy_interface(&rest->in, &rule->in);
	copy_interface(&rest->out, &rule->out);
	rest->shape = (uint32_t)(shape - shapes);
	rest->target = facts->target;
	rest->fragment = rule->fragment;
	rest->matches = facts->matches;
	if (shape->port == SHAPE_NO_PORT || shape->ports)
		rest->protocol = rule->protocol | (uint32_t)rule->protocol_inverted << 8;
	if (shape->port == SHAPE_NO_PORT)
		return 0;
	return other_matches(rewrite, shape_port_match(shape, rule), rule, &rest->matches);
}
