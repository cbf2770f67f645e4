/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Statements once all sets are known: the sets they name, ports that their protocols have, and the families
 * that they can be about. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <netinet/in.h>

static int resolve_places(struct policy_reader *reader, struct policy_places *places, bool *ports)
{
	for (size_t i = 0; i < places->count; i++) {
		struct policy_place *place = &places->places[i];
		if (place->kind != PLACE_SET)
			continue;
		place->set = policy_look_up(reader, place);
		if (!place->set)
			return -EINVAL;
		*ports |= policy_set_has_ports(place->set->type);
	}
	return 0;
}

/* Ports beside a set that has ports itself would leave open which of them are meant. */
static int ports_twice(struct policy_reader *reader, const struct policy_places *places,
		       const struct policy_ports *ports)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct policy_place *place = &places->places[i];
		if (place->kind != PLACE_SET || !policy_set_has_ports(place->set->type))
			continue;
		struct diagnostic *said = diagnostic_add(
		    reader->sink, SEVERITY_ERROR, "ports-twice", ports->span,
		    "the members of %.*s have ports already", (int)place->name.size, place->name.data);
		diagnostic_label(said, place->span, "here it is named");
		diagnostic_label(said, place->set->span, "here it is declared");
		return -EINVAL;
	}
	return 0;
}

/* A port, be it of a set or not, is one of a protocol that has ports. */
static int check_ports(struct policy_reader *reader, struct policy_selector *selector, bool set_ports)
{
	struct span where = selector->ports.count ? selector->ports.span : selector->source_ports.span;
	bool ports = selector->ports.count || selector->source_ports.count;
	struct diagnostic *said;

	if (ports && selector->protocol_count == 0) {
		said = diagnostic_add(reader->sink, SEVERITY_ERROR, "no-protocol", where,
				      "ports are of a protocol, which is missing here");
		diagnostic_hint(said, "say tcp, udp or both (tcp, udp) first");
		return -EINVAL;
	}
	for (size_t i = 0; (ports || set_ports) && i < selector->protocol_count; i++) {
		if (protocol_has_ports(selector->protocols[i]))
			continue;
		const char *name = protocol_name(selector->protocols[i]);
		diagnostic_add(reader->sink, SEVERITY_ERROR, "no-ports", ports ? where : selector->span,
			       "%s has no ports", name ? name : "this protocol");
		return -EINVAL;
	}
	int result = selector->ports.count ? ports_twice(reader, &selector->to, &selector->ports) : 0;
	if (result == 0 && selector->source_ports.count)
		result = ports_twice(reader, &selector->from, &selector->source_ports);
	return result;
}

/* The families of addresses: a set may get members of either. */
static void place_families(const struct policy_places *places, bool *families)
{
	families[FAMILY_IPV4] = families[FAMILY_IPV6] = places->count == 0;
	for (size_t i = 0; i < places->count; i++) {
		if (places->places[i].kind == PLACE_RANGE)
			families[places->places[i].family] = true;
		else
			families[FAMILY_IPV4] = families[FAMILY_IPV6] = true;
	}
}

static bool protocol_in(const struct policy_selector *selector, enum family family)
{
	uint8_t other = family == FAMILY_IPV4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	for (size_t i = 0; i < selector->protocol_count; i++)
		if (selector->protocols[i] != other)
			return true;
	return selector->protocol_count == 0;
}

static int check_families(struct policy_reader *reader, struct policy_selector *selector)
{
	bool from[FAMILY_COUNT], to[FAMILY_COUNT];

	place_families(&selector->from, from);
	place_families(&selector->to, to);
	for (int family = 0; family < FAMILY_COUNT; family++)
		selector->families[family] =
		    from[family] && to[family] && protocol_in(selector, (enum family)family);
	if (selector->families[FAMILY_IPV4] || selector->families[FAMILY_IPV6])
		return 0;
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "wrong-family", selector->span,
			   "no packet is of this: one part is of IPv4 alone, another of IPv6 alone");
	if (selector->from.span.source)
		diagnostic_label(said, selector->from.span, "from %s",
				 from[0] && from[1] ? "either"
				 : from[0]          ? "IPv4"
						    : "IPv6");
	if (selector->to.span.source)
		diagnostic_label(said, selector->to.span, "to %s",
				 to[0] && to[1] ? "either"
				 : to[0]        ? "IPv4"
						: "IPv6");
	return -EINVAL;
}

static int resolve_statement(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_selector *selector = &statement->selector;
	bool ports = false;
	int result = resolve_places(reader, &selector->from, &ports);

	if (result == 0)
		result = resolve_places(reader, &selector->to, &ports);
	if (result == 0)
		result = check_ports(reader, selector, ports);
	return result < 0 ? result : check_families(reader, selector);
}

int policy_resolve_statements(struct policy_reader *reader)
{
	struct policy_tree *tree = reader->tree;

	for (size_t i = 0; i < tree->statement_count; i++)
		if (tree->statements[i].kind != STATEMENT_RULES &&
		    resolve_statement(reader, &tree->statements[i]) == -ENOMEM)
			return -ENOMEM;
	return 0;
}
