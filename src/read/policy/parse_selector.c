/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a statement is about: protocols, with ports or ICMP types right behind them, and the clauses on, from,
 * to, port and source port, in any order, each once. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "read/reader.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/* --- ICMP types ---------------------------------------------------------------------------------- */

static const struct icmp_type_name {
	const char *name;
	enum family family;
	uint8_t type, code_low, code_high;
} icmp_names[] = {
    {"echo-reply", FAMILY_IPV4, 0, 0, 255},
    {"destination-unreachable", FAMILY_IPV4, 3, 0, 255},
    {"fragmentation-needed", FAMILY_IPV4, 3, 4, 4},
    {"redirect", FAMILY_IPV4, 5, 0, 255},
    {"echo-request", FAMILY_IPV4, 8, 0, 255},
    {"time-exceeded", FAMILY_IPV4, 11, 0, 255},
    {"parameter-problem", FAMILY_IPV4, 12, 0, 255},
    {"timestamp-request", FAMILY_IPV4, 13, 0, 255},
    {"destination-unreachable", FAMILY_IPV6, 1, 0, 255},
    {"packet-too-big", FAMILY_IPV6, 2, 0, 255},
    {"time-exceeded", FAMILY_IPV6, 3, 0, 255},
    {"parameter-problem", FAMILY_IPV6, 4, 0, 255},
    {"echo-request", FAMILY_IPV6, 128, 0, 255},
    {"echo-reply", FAMILY_IPV6, 129, 0, 255},
    {"router-solicitation", FAMILY_IPV6, 133, 0, 255},
    {"router-advertisement", FAMILY_IPV6, 134, 0, 255},
    {"neighbour-solicitation", FAMILY_IPV6, 135, 0, 255},
    {"neighbour-advertisement", FAMILY_IPV6, 136, 0, 255},
    {"redirect", FAMILY_IPV6, 137, 0, 255},
};

/* A name, a type, or TYPE/CODE. */
static bool icmp_type(struct text text, enum family family, struct policy_icmp *icmp)
{
	const char *slash = text_find(text, '/');
	uint64_t type, code = 0;

	for (size_t i = 0; i < COUNT_OF(icmp_names); i++)
		if (icmp_names[i].family == family && text_is(text, icmp_names[i].name)) {
			*icmp = (struct policy_icmp){family, icmp_names[i].type, icmp_names[i].code_low,
						     icmp_names[i].code_high};
			return true;
		}
	if (value_number(slash ? text_before(text, slash) : text, 0, 255, &type) ||
	    (slash && value_number(text_behind(text, slash), 0, 255, &code)))
		return false;
	*icmp = (struct policy_icmp){family, (uint8_t)type, (uint8_t)code, slash ? (uint8_t)code : 255};
	return true;
}

static int add_icmp(struct policy_reader *reader, struct policy_selector *selector, struct policy_icmp icmp)
{
	struct policy_icmp *slot = arena_push(reader->arena, (void **)&selector->icmp, &selector->icmp_count,
					      &selector->icmp_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = icmp;
	return 0;
}

static const char *nearest_type(struct text word, enum family family)
{
	const char *names[COUNT_OF(icmp_names)];
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(icmp_names); i++)
		if (icmp_names[i].family == family)
			names[count++] = icmp_names[i].name;
	return nearest_name(word, names, count);
}

static int unknown_type(struct policy_reader *reader, enum family family)
{
	const struct policy_token *token = policy_peek(reader);
	const char *near = token->kind == TOKEN_WORD ? nearest_type(token->text, family) : NULL;

	return policy_expected(reader, "an ICMP type (a name, TYPE or TYPE/CODE)", &near, near != NULL);
}

static int icmp_types(struct policy_reader *reader, struct policy_selector *selector, enum family family)
{
	do {
		const struct policy_token *token = policy_peek(reader);
		struct policy_icmp icmp;
		if (token->kind != TOKEN_WORD || !icmp_type(token->text, family, &icmp))
			return unknown_type(reader, family);
		int result = add_icmp(reader, selector, icmp);
		if (result < 0)
			return result;
		policy_take(reader);
		if (selector->icmp_count > POLICY_ITEMS_MAX)
			return policy_error(reader, policy_peek(reader), "too-many-items", NULL,
					    "a statement has at most %d ICMP types", POLICY_ITEMS_MAX);
	} while (policy_take_kind(reader, TOKEN_COMMA));
	return 0;
}

/* --- Protocols ----------------------------------------------------------------------------------- */

static const char *const protocol_words[] = {"tcp",  "udp", "icmp", "icmp6", "ping",    "sctp",
					     "dccp", "esp", "ah",   "gre",   "protocol"};

/* By name alone: a bare number would be mistaken for a port. */
static bool protocol_of(const struct policy_token *token, uint8_t *protocol)
{
	if (token->kind != TOKEN_WORD || (token->text.data[0] >= '0' && token->text.data[0] <= '9'))
		return false;
	if (text_is(token->text, "icmp6")) {
		*protocol = IPPROTO_ICMPV6;
		return true;
	}
	return protocol_parse(token->text, protocol) == 0 && *protocol != 0;
}

static int add_protocol(struct policy_reader *reader, struct policy_selector *selector, uint8_t protocol)
{
	size_t at = 0;

	while (at < selector->protocol_count && selector->protocols[at] < protocol)
		at++;
	if (at < selector->protocol_count && selector->protocols[at] == protocol)
		return 0;
	if (!arena_push(reader->arena, (void **)&selector->protocols, &selector->protocol_count,
			&selector->protocol_capacity, sizeof(protocol)))
		return -ENOMEM;
	memmove(selector->protocols + at + 1, selector->protocols + at, selector->protocol_count - at - 1);
	selector->protocols[at] = protocol;
	return 0;
}

static int add_ping(struct policy_reader *reader, struct policy_selector *selector)
{
	int result = add_protocol(reader, selector, IPPROTO_ICMP);

	if (result == 0)
		result = add_protocol(reader, selector, IPPROTO_ICMPV6);
	if (result == 0)
		result = add_icmp(reader, selector, (struct policy_icmp){FAMILY_IPV4, 8, 0, 255});
	if (result == 0)
		result = add_icmp(reader, selector, (struct policy_icmp){FAMILY_IPV6, 128, 0, 255});
	return result;
}

/* One protocol, when one is next: 1; 0: none is; or an error. */
static int one_protocol(struct policy_reader *reader, struct policy_selector *selector, bool *ping)
{
	uint64_t number;
	uint8_t protocol;
	int result;

	if (policy_take_word(reader, "ping")) {
		*ping = true;
		result = add_ping(reader, selector);
		return result < 0 ? result : 1;
	}
	if (policy_take_word(reader, "protocol")) {
		result = parse_number(reader, "the number of an IP protocol", 1, 255, &number);
		if (result < 0)
			return result;
		protocol = (uint8_t)number;
	} else {
		if (!protocol_of(policy_peek(reader), &protocol))
			return 0;
		policy_take(reader);
	}
	result = add_protocol(reader, selector, protocol);
	return result < 0 ? result : 1;
}

static bool all_have_ports(const struct policy_selector *selector)
{
	for (size_t i = 0; i < selector->protocol_count; i++)
		if (!protocol_has_ports(selector->protocols[i]))
			return false;
	return selector->protocol_count > 0;
}

/* tcp 22, icmp echo-request: what may stand right behind protocols. */
static int protocol_arguments(struct policy_reader *reader, struct policy_selector *selector)
{
	const struct policy_token *token = policy_peek(reader);
	bool digit = token->kind == TOKEN_WORD && token->text.data[0] >= '0' && token->text.data[0] <= '9';
	struct policy_icmp icmp;

	if (all_have_ports(selector))
		return digit || token->kind == TOKEN_OPEN ? parse_ports(reader, &selector->ports) : 0;
	if (selector->protocol_count != 1)
		return 0;
	uint8_t protocol = selector->protocols[0];
	if (protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6)
		return 0;
	enum family family = protocol == IPPROTO_ICMP ? FAMILY_IPV4 : FAMILY_IPV6;
	if (digit || (token->kind == TOKEN_WORD &&
		      (icmp_type(token->text, family, &icmp) || nearest_type(token->text, family))))
		return icmp_types(reader, selector, family);
	return 0;
}

int parse_protocols(struct policy_reader *reader, struct policy_selector *selector)
{
	bool ping = false, others = false;
	struct policy_token begin = *policy_peek(reader);
	int result = one_protocol(reader, selector, &ping);

	if (result <= 0)
		return result;
	others = !ping;
	while (policy_take_kind(reader, TOKEN_COMMA)) {
		bool one_ping = false;
		result = one_protocol(reader, selector, &one_ping);
		if (result < 0)
			return result;
		if (result == 0)
			return policy_expected(reader, "a protocol", protocol_words,
					       COUNT_OF(protocol_words));
		ping |= one_ping;
		others |= !one_ping;
	}
	if (ping && others && selector->protocol_count == 2)
		return policy_error(reader, &begin, "ping-and-icmp", NULL,
				    "ping is a part of icmp and icmp6");
	return protocol_arguments(reader, selector);
}

/* --- Clauses ------------------------------------------------------------------------------------- */

static int add_device(struct policy_reader *reader, struct policy_selector *selector,
		      const struct interface_match *device)
{
	for (size_t i = 0; i < selector->device_count; i++)
		if (strcmp(selector->devices[i].name, device->name) == 0 &&
		    selector->devices[i].wildcard == device->wildcard)
			return 0;
	if (selector->device_count == POLICY_DEVICES_MAX)
		return policy_error(reader, policy_peek(reader), "too-many-interfaces", NULL,
				    "a statement is about at most %d devices", POLICY_DEVICES_MAX);
	struct interface_match *slot =
	    arena_push(reader->arena, (void **)&selector->devices, &selector->device_count,
		       &selector->device_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = *device;
	return 0;
}

static bool device_is(const struct interface_match *device, struct text name)
{
	size_t size = strlen(device->name);

	if (!device->wildcard)
		return text_is(name, device->name);
	return name.size == size + 1 && name.data[size] == '*' && memcmp(name.data, device->name, size) == 0;
}

/* A device that some group has, by its own name. */
static const struct interface_match *find_device(const struct policy_tree *tree, struct text name)
{
	for (size_t i = 0; i < tree->interface_count; i++)
		for (size_t j = 0; j < tree->interfaces[i]->device_count; j++)
			if (device_is(&tree->interfaces[i]->devices[j], name))
				return &tree->interfaces[i]->devices[j];
	return NULL;
}

#define NAMES_SUGGESTED 256

static int unknown_interface(struct policy_reader *reader, const struct policy_token *token)
{
	const char *names[NAMES_SUGGESTED];
	const struct policy_tree *tree = reader->tree;
	size_t count = 0;

	for (size_t i = 0; i < tree->interface_count && count < NAMES_SUGGESTED; i++) {
		struct text name = tree->interfaces[i]->name;
		names[count] = arena_copy(reader->arena, name.data, name.size);
		if (!names[count++])
			return -ENOMEM;
		for (size_t j = 0; j < tree->interfaces[i]->device_count && count < NAMES_SUGGESTED; j++)
			names[count++] = tree->interfaces[i]->devices[j].name;
	}
	struct diagnostic *said;
	const char *near = nearest_name(token->text, names, count);
	int size = (int)token->text.size;
	policy_error(reader, token, "unknown-interface", &said, "no interface is called %.*s above", size,
		     token->text.data);
	if (near)
		diagnostic_hint(said, "did you mean %s?", near);
	else
		diagnostic_hint(said, "name it first: interface public { %.*s }", size, token->text.data);
	return -EINVAL;
}

static int parse_on(struct policy_reader *reader, struct policy_selector *selector)
{
	struct span begin = policy_peek(reader)->span;

	do {
		const struct policy_token *token = policy_peek(reader);
		int result = 0;
		if (token->kind != TOKEN_WORD)
			return policy_expected(reader, "an interface", NULL, 0);
		const struct policy_interface *group = name_index_find(reader->interfaces, token->text);
		const struct interface_match *device = find_device(reader->tree, token->text);
		if (!group && !device)
			return unknown_interface(reader, token);
		if (!group)
			result = add_device(reader, selector, device);
		for (size_t i = 0; group && i < group->device_count && result == 0; i++)
			result = add_device(reader, selector, &group->devices[i]);
		if (result < 0)
			return result;
		policy_take(reader);
	} while (policy_take_kind(reader, TOKEN_COMMA));
	selector->on = span_join(begin, reader->last);
	return 0;
}

static int said_twice(struct policy_reader *reader, struct span first)
{
	const struct policy_token *token = policy_peek(reader);
	struct diagnostic *said;

	policy_error(reader, token, "said-twice", &said, "%.*s stands twice in one statement",
		     (int)token->text.size, token->text.data);
	diagnostic_label(said, first, "here it is first");
	return -EINVAL;
}

int parse_clause(struct policy_reader *reader, struct policy_selector *selector, bool *taken)
{
	static const char *const names[] = {"on", "from", "to", "port", "source"};
	static const char *const port_word[] = {"port"};
	struct span before[] = {selector->on, selector->from.span, selector->to.span, selector->ports.span,
				selector->source_ports.span};
	size_t which = 0;

	while (which < COUNT_OF(names) && !policy_next_is_word(reader, names[which]))
		which++;
	*taken = which < COUNT_OF(names);
	if (!*taken)
		return 0;
	if (before[which].source)
		return said_twice(reader, before[which]);
	policy_take(reader);
	switch (which) {
	case 0:
		return parse_on(reader, selector);
	case 1:
		return parse_places(reader, &selector->from);
	case 2:
		return parse_places(reader, &selector->to);
	case 3:
		return parse_ports(reader, &selector->ports);
	default:
		if (!policy_take_word(reader, "port"))
			return policy_expected(reader, "port", port_word, 1);
		return parse_ports(reader, &selector->source_ports);
	}
}
