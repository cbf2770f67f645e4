/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning/box.h"

#include "extension/extension.h"

#include <string.h>

static const struct interface_match *interface_asked(const struct interface_match *match)
{
	return match->inverted || (match->wildcard && !match->name[0]) || !match->name[0] ? NULL : match;
}

static void box_ports(struct box *box, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		struct port_bounds bounds;
		if (!match_port_bounds(&rule->matches[i], &bounds))
			continue;
		if (bounds.source_low > box->source_low)
			box->source_low = bounds.source_low;
		if (bounds.source_high < box->source_high)
			box->source_high = bounds.source_high;
		if (bounds.destination_low > box->destination_low)
			box->destination_low = bounds.destination_low;
		if (bounds.destination_high < box->destination_high)
			box->destination_high = bounds.destination_high;
	}
}

struct box box_of(const struct rule *rule)
{
	struct box box = {.source_high = UINT16_MAX, .destination_high = UINT16_MAX};

	if (rule->source.inverted) {
		box.not_source = rule->source.value;
		box.not_source_mask = rule->source.mask;
	} else {
		box.source = rule->source.value;
		box.source_mask = rule->source.mask;
	}
	if (rule->destination.inverted) {
		box.not_destination = rule->destination.value;
		box.not_destination_mask = rule->destination.mask;
	} else {
		box.destination = rule->destination.value;
		box.destination_mask = rule->destination.mask;
	}
	box.in = interface_asked(&rule->in);
	box.out = interface_asked(&rule->out);
	if (!rule->protocol_inverted)
		box.protocol = rule->protocol;
	box_ports(&box, rule);
	return box;
}

static bool interfaces_disjoint(const struct interface_match *a, const struct interface_match *b)
{
	if (!a || !b || a == b)
		return false;
	size_t a_size = strlen(a->name), b_size = strlen(b->name);
	size_t common = a_size < b_size ? a_size : b_size;
	if (memcmp(a->name, b->name, common) != 0)
		return true;
	/* One begins with the other: "eth" and "eth0". */
	if (a_size == b_size)
		return false;
	return a_size < b_size ? !a->wildcard : !b->wildcard;
}

/* All of value/mask is in the other one. */
static bool within(address value, address mask, address other, address other_mask)
{
	return other_mask && (mask & other_mask) == other_mask && (value & other_mask) == other;
}

struct box box_all(void)
{
	return (struct box){.source_high = UINT16_MAX, .destination_high = UINT16_MAX};
}

static void narrow_address(address *value, address *mask, address other, address other_mask)
{
	*value |= other;
	*mask |= other_mask;
}

static void narrow_ports(uint16_t *low, uint16_t *high, uint16_t other_low, uint16_t other_high)
{
	if (other_low > *low)
		*low = other_low;
	if (other_high < *high)
		*high = other_high;
}

void box_narrow(struct box *box, const struct box *other)
{
	narrow_address(&box->source, &box->source_mask, other->source, other->source_mask);
	narrow_address(&box->destination, &box->destination_mask, other->destination,
		       other->destination_mask);
	if (!box->not_source_mask) {
		box->not_source = other->not_source;
		box->not_source_mask = other->not_source_mask;
	}
	if (!box->not_destination_mask) {
		box->not_destination = other->not_destination;
		box->not_destination_mask = other->not_destination_mask;
	}
	narrow_ports(&box->source_low, &box->source_high, other->source_low, other->source_high);
	narrow_ports(&box->destination_low, &box->destination_high, other->destination_low,
		     other->destination_high);
	if (!box->protocol)
		box->protocol = other->protocol;
	if (!box->in)
		box->in = other->in;
	if (!box->out)
		box->out = other->out;
}

static bool interfaces_equal(const struct interface_match *a, const struct interface_match *b)
{
	return a == b || (a && b && strcmp(a->name, b->name) == 0 && a->wildcard == b->wildcard);
}

bool boxes_equal(const struct box *a, const struct box *b)
{
	return a->source == b->source && a->source_mask == b->source_mask &&
	       a->destination == b->destination && a->destination_mask == b->destination_mask &&
	       a->not_source == b->not_source && a->not_source_mask == b->not_source_mask &&
	       a->not_destination == b->not_destination &&
	       a->not_destination_mask == b->not_destination_mask && a->source_low == b->source_low &&
	       a->source_high == b->source_high && a->destination_low == b->destination_low &&
	       a->destination_high == b->destination_high && a->protocol == b->protocol &&
	       interfaces_equal(a->in, b->in) && interfaces_equal(a->out, b->out);
}

bool boxes_disjoint(const struct box *a, const struct box *b)
{
	if ((a->source ^ b->source) & a->source_mask & b->source_mask)
		return true;
	if ((a->destination ^ b->destination) & a->destination_mask & b->destination_mask)
		return true;
	if (a->protocol && b->protocol) {
		if (a->protocol != b->protocol)
			return true;
		/* Boxes with ports have the protocol that they are of. */
		if (a->destination_high < b->destination_low || b->destination_high < a->destination_low ||
		    a->source_high < b->source_low || b->source_high < a->source_low)
			return true;
	}
	if (interfaces_disjoint(a->in, b->in) || interfaces_disjoint(a->out, b->out))
		return true;
	return within(a->source, a->source_mask, b->not_source, b->not_source_mask) ||
	       within(b->source, b->source_mask, a->not_source, a->not_source_mask) ||
	       within(a->destination, a->destination_mask, b->not_destination, b->not_destination_mask) ||
	       within(b->destination, b->destination_mask, a->not_destination, a->not_destination_mask);
}

static bool interface_within(const struct interface_match *inner, const struct interface_match *outer)
{
	if (!outer || inner == outer)
		return true;
	if (!inner)
		return false;
	size_t size = strlen(outer->name);
	return outer->wildcard ? strncmp(inner->name, outer->name, size) == 0
			       : !inner->wildcard && strcmp(inner->name, outer->name) == 0;
}

bool box_within(const struct box *inner, const struct box *outer)
{
	return (!outer->source_mask ||
		within(inner->source, inner->source_mask, outer->source, outer->source_mask)) &&
	       (!outer->destination_mask || within(inner->destination, inner->destination_mask,
						   outer->destination, outer->destination_mask)) &&
	       !outer->not_source_mask && !outer->not_destination_mask &&
	       (!outer->protocol || outer->protocol == inner->protocol) &&
	       inner->source_low >= outer->source_low && inner->source_high <= outer->source_high &&
	       inner->destination_low >= outer->destination_low &&
	       inner->destination_high <= outer->destination_high && interface_within(inner->in, outer->in) &&
	       interface_within(inner->out, outer->out);
}

static void widen_address(address *value, address *mask, address other, address other_mask)
{
	address same = *mask & other_mask & ~(*value ^ other);

	*value &= same;
	*mask = same;
}

void box_widen(struct box *box, const struct box *other)
{
	widen_address(&box->source, &box->source_mask, other->source, other->source_mask);
	widen_address(&box->destination, &box->destination_mask, other->destination, other->destination_mask);
	if (box->not_source != other->not_source || box->not_source_mask != other->not_source_mask)
		box->not_source = box->not_source_mask = 0;
	if (box->not_destination != other->not_destination ||
	    box->not_destination_mask != other->not_destination_mask)
		box->not_destination = box->not_destination_mask = 0;
	if (other->source_low < box->source_low)
		box->source_low = other->source_low;
	if (other->source_high > box->source_high)
		box->source_high = other->source_high;
	if (other->destination_low < box->destination_low)
		box->destination_low = other->destination_low;
	if (other->destination_high > box->destination_high)
		box->destination_high = other->destination_high;
	if (box->protocol != other->protocol)
		box->protocol = 0;
	if (box->in != other->in &&
	    !(box->in && other->in && memcmp(box->in, other->in, sizeof(*box->in)) == 0))
		box->in = NULL;
	if (box->out != other->out &&
	    !(box->out && other->out && memcmp(box->out, other->out, sizeof(*box->out)) == 0))
		box->out = NULL;
}
