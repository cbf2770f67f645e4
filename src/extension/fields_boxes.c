/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets of several parts (a network and a port, two addresses ...) in exact fields: a packet is in the set
 * when some member is what it has in each dimension. Members with a timeout or nomatch are not modelled here:
 * then longer prefixes would hide shorter ones. */
#include "extension/fields_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Whether the members are plain boxes: none that the kernel treats in a way of its own. */
static bool has_plain_members(const struct set *set)
{
	const enum set_part *parts = set_types[set->type].parts;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (member.timed || member.nomatch || set_member_removed(set, i))
			return false;
		address first = member.low, second = member.low2;
		uint8_t prefix = member.prefix, second_prefix = member.prefix2;
		for (unsigned d = 0; d < set->dimensions; d++) {
			if ((parts[d] == SET_PART_ADDRESS && first == 0) ||
			    (parts[d] == SET_PART_NET && prefix == 0))
				return false;
			if (parts[d] == SET_PART_ADDRESS || parts[d] == SET_PART_NET) {
				first = second;
				prefix = second_prefix;
			}
		}
	}
	return true;
}

bool fields_expresses_boxes(const struct fields *fields, const struct set *set)
{
	switch (set->type) {
	case SET_HASH_NET_PORT:
	case SET_HASH_IP_PORT_IP:
	case SET_HASH_IP_PORT_NET:
	case SET_HASH_NET_NET:
	case SET_HASH_NET_PORT_NET:
		return fields->exact && set->mask == family_max(set->family) && has_plain_members(set);
	default:
		return false;
	}
}

static enum field address_field(const struct predicate *predicate, unsigned dimension)
{
	return predicate->box_source[dimension] ? FIELD_SOURCE : FIELD_DESTINATION;
}

/* What a member asks of one dimension: FIELD_PROTOCOL stands for protocol and port. */
struct side {
	enum field field;
	address low, high;
};

static unsigned member_sides(const struct predicate *predicate, size_t index,
			     struct side sides[SET_PARTS_MAX], struct set_member *member)
{
	const struct set *set = predicate->set;
	const enum set_part *parts = set_types[set->type].parts;
	bool second = false;
	set_member_get(set, index, member);
	for (unsigned d = 0; d < set->dimensions; d++) {
		if (parts[d] == SET_PART_PORT) {
			sides[d] = (struct side){.field = FIELD_PROTOCOL};
			continue;
		}
		sides[d] = (struct side){address_field(predicate, d), second ? member->low2 : member->low,
					 second ? member->high2 : member->high};
		second = true;
	}
	return set->dimensions;
}

int boxes_need(struct fields *fields, const struct predicate *predicate)
{
	int result = 0;
	for (size_t i = 0; i < predicate->set->member_count && !result; i++) {
		struct side sides[SET_PARTS_MAX];
		struct set_member member;
		unsigned count = member_sides(predicate, i, sides, &member);
		for (unsigned d = 0; d < count && !result; d++)
			if (sides[d].field != FIELD_PROTOCOL)
				result =
				    fields_need_range(fields, sides[d].field, sides[d].low, sides[d].high);
	}
	return result;
}

static diagram_node port_node(const struct fields *fields, const struct predicate *predicate,
			      unsigned dimension, const struct set_member *member)
{
	diagram_node node = fields_value(fields, FIELD_PROTOCOL, member->protocol);
	enum field field;
	if (pair_field(member->protocol, predicate->box_source[dimension], &field))
		node = diagram_and(fields->diagram, node, fields_value(fields, field, member->port));
	return node;
}

static diagram_node member_node(const struct fields *fields, const struct predicate *predicate, size_t index)
{
	struct side sides[SET_PARTS_MAX];
	struct set_member member;
	unsigned count = member_sides(predicate, index, sides, &member);
	diagram_node all = DIAGRAM_TRUE;
	for (unsigned d = 0; d < count; d++) {
		diagram_node own =
		    sides[d].field == FIELD_PROTOCOL
			? port_node(fields, predicate, d, &member)
			: fields_addresses(fields, sides[d].field, sides[d].low, sides[d].high);
		all = diagram_and(fields->diagram, all, own);
	}
	return all;
}

/* Depth: log2 of the number of members. */
static diagram_node members_node(const struct fields *fields, const struct predicate *predicate, size_t first,
				 size_t count)
{
	if (count == 0)
		return DIAGRAM_FALSE;
	if (count == 1)
		return member_node(fields, predicate, first);
	return diagram_or(fields->diagram, members_node(fields, predicate, first, count / 2),
			  members_node(fields, predicate, first + count / 2, count - count / 2));
}

diagram_node boxes_node(const struct fields *fields, const struct predicate *predicate)
{
	return members_node(fields, predicate, 0, predicate->set->member_count);
}
