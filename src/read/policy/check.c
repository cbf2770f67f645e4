/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What contradicts each other in a policy: a ban of those whom a failsafe lets in; one listener that is
 * stateless and wants connection tracking (balance rewrites addresses, SYNPROXY sequence numbers). Whether
 * two statements can be about one packet is decided on addresses, protocols and destination ports; where it
 * hangs on the host's own addresses, which may not be known, it is taken that they can. */
#include "read/policy/parse.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/* --- Whether two statements can be about one packet ---------------------------------------------- */

static bool protocols_meet(const struct policy_selector *a, const struct policy_selector *b)
{
	if (a->protocol_count == 0 || b->protocol_count == 0)
		return true;
	for (size_t i = 0; i < a->protocol_count; i++)
		for (size_t j = 0; j < b->protocol_count; j++)
			if (a->protocols[i] == b->protocols[j])
				return true;
	return false;
}

static bool has_protocol(const struct policy_selector *selector, uint8_t protocol)
{
	for (size_t i = 0; i < selector->protocol_count; i++)
		if (selector->protocols[i] == protocol)
			return true;
	return selector->protocol_count == 0;
}

static bool ports_meet(const struct policy_ports *a, const struct policy_ports *b)
{
	if (a->count == 0 || b->count == 0)
		return true;
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (a->ranges[i].low <= b->ranges[j].high && b->ranges[j].low <= a->ranges[i].high)
				return true;
	return false;
}

static bool devices_meet(const struct policy_selector *a, const struct policy_selector *b)
{
	if (a->device_count == 0 || b->device_count == 0)
		return true;
	for (size_t i = 0; i < a->device_count; i++)
		for (size_t j = 0; j < b->device_count; j++) {
			const struct interface_match *x = &a->devices[i], *y = &b->devices[j];
			size_t size = strlen(x->name), other = strlen(y->name);
			size_t shorter = size < other ? size : other;
			if (strncmp(x->name, y->name, shorter) == 0 &&
			    (size == other || (size < other ? x->wildcard : y->wildcard)))
				return true;
		}
	return false;
}

/* Elements that have no ports are of all: the statement's own ports stand beside them. */
static bool element_on(const struct policy_element *element, const struct policy_selector *selector)
{
	if (element->protocol == 0)
		return true;
	if (!has_protocol(selector, element->protocol))
		return false;
	for (size_t i = 0; i < selector->ports.count; i++)
		if (selector->ports.ranges[i].low <= element->port_high &&
		    element->port_low <= selector->ports.ranges[i].high)
			return true;
	return selector->ports.count == 0;
}

/* A set of one statement and addresses of the other. */
static bool set_meets_range(const struct policy_set *set, const struct policy_place *place,
			    const struct policy_selector *other)
{
	const struct policy_elements *elements = &set->elements[place->family];

	if (set->includes_self)
		return true;
	if (!policy_set_has_ports(set->type))
		return policy_elements_meet(elements, place->range) != NULL;
	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		if (ranges_meet((struct address_range){element->low, element->high}, place->range) &&
		    element_on(element, other))
			return true;
	}
	return false;
}

static address total(const struct policy_elements *elements)
{
	address sum = 0;

	for (size_t i = 0; i < elements->count; i++) {
		const struct policy_element *element = &elements->elements[i];
		sum += (element->high - element->low + 1) *
		       ((address)element->port_high - element->port_low + 1);
	}
	return sum;
}

/* Two sets share something when taking one off leaves less of the other. 1, 0, -ENOMEM. */
static int sets_meet(const struct policy_set *a, const struct policy_set *b)
{
	if (a->includes_self || b->includes_self)
		return 1;
	/* what has ports is taken from, so that ports of the other's statement do not matter */
	if (policy_set_has_ports(b->type) && !policy_set_has_ports(a->type)) {
		const struct policy_set *swapped = a;
		a = b;
		b = swapped;
	}
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct arena *arena = arena_new();
		if (!arena)
			return -ENOMEM;
		struct policy_elements rest = a->elements[family];
		rest.capacity = 0; /* what is left is written elsewhere */
		int result = policy_elements_subtract(arena, &rest, &b->elements[family]);
		bool less = result == 0 && total(&rest) != total(&a->elements[family]);
		arena_free(arena);
		if (result < 0)
			return result == -E2BIG ? 1 : result;
		if (less)
			return 1;
	}
	return 0;
}

/* Some element of a set with ports is to be on the other's ports, whatever the addresses. */
static bool set_on(const struct policy_set *set, const struct policy_selector *other)
{
	if (!policy_set_has_ports(set->type))
		return true;
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < set->elements[family].count; i++)
			if (element_on(&set->elements[family].elements[i], other))
				return true;
	return false;
}

static int place_meets(const struct policy_place *a, const struct policy_selector *of_a,
		       const struct policy_place *b, const struct policy_selector *of_b)
{
	if (a->kind == PLACE_SELF || b->kind == PLACE_SELF) {
		/* which addresses these are may not be known */
		if (a->kind == PLACE_SET)
			return set_on(a->set, of_b);
		return b->kind == PLACE_SET ? set_on(b->set, of_a) : 1;
	}
	if (a->kind == PLACE_RANGE && b->kind == PLACE_RANGE)
		return a->family == b->family && ranges_meet(a->range, b->range);
	if (a->kind == PLACE_RANGE)
		return set_meets_range(b->set, a, of_a);
	if (b->kind == PLACE_RANGE)
		return set_meets_range(a->set, b, of_b);
	return a->set == b->set ? 1 : sets_meet(a->set, b->set);
}

/* Against any address. */
static bool any_place_on(const struct policy_places *places, const struct policy_selector *other)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->places[i].kind != PLACE_SET || set_on(places->places[i].set, other))
			return true;
	return false;
}

/* Of the destinations. 1, 0, -ENOMEM. */
static int destinations_meet(const struct policy_selector *a, const struct policy_selector *b)
{
	if (a->to.count == 0 && b->to.count == 0)
		return 1;
	if (a->to.count == 0)
		return any_place_on(&b->to, a);
	if (b->to.count == 0)
		return any_place_on(&a->to, b);
	for (size_t i = 0; i < a->to.count; i++)
		for (size_t j = 0; j < b->to.count; j++) {
			int result = place_meets(&a->to.places[i], a, &b->to.places[j], b);
			if (result)
				return result;
		}
	return 0;
}

/* Sources apart. 1, 0, -ENOMEM. */
static int statements_meet(const struct policy_statement *a, const struct policy_statement *b)
{
	const struct policy_selector *x = &a->selector, *y = &b->selector;
	bool families = (x->families[0] && y->families[0]) || (x->families[1] && y->families[1]);

	if (!families || !protocols_meet(x, y) || !ports_meet(&x->ports, &y->ports) || !devices_meet(x, y))
		return 0;
	return destinations_meet(x, y);
}

/* --- stateless, against what needs connection tracking ------------------------------------------- */

static bool needs_tracking(const struct policy_statement *statement)
{
	return statement->kind == STATEMENT_BALANCE ||
	       (statement->kind == STATEMENT_LIMIT && statement->limit.with == LIMIT_SYNPROXY);
}

static int check_stateless(struct policy_reader *reader, const struct policy_statement *stateless)
{
	const struct policy_tree *tree = reader->tree;

	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *other = &tree->statements[i];
		if (!needs_tracking(other))
			continue;
		int meet = statements_meet(stateless, other);
		if (meet < 0)
			return meet;
		if (meet == 0)
			continue;
		bool balance = other->kind == STATEMENT_BALANCE;
		struct diagnostic *said =
		    diagnostic_add(reader->sink, SEVERITY_ERROR, "stateless-and-tracked", other->span,
				   "%s needs connection tracking, which the same listener is kept out of",
				   balance ? "balance" : "synproxy");
		diagnostic_label(said, stateless->span, "by this statement");
		diagnostic_hint(said, balance ? "take the listener out of the stateless statement"
					      : "for a stateless listener: limit syn without synproxy");
	}
	return 0;
}

/* --- failsafe, against bans ---------------------------------------------------------------------- */

static bool block_reaches(const struct policy_statement *block)
{
	return block->kind == STATEMENT_BLOCK && block->direction == DIRECTION_IN &&
	       block->selector.from.count > 0;
}

/* The first element that bans one of the addresses. */
static const struct policy_element *banned(const struct policy_elements *bans, enum family family,
					   const struct policy_places *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		const struct policy_place *place = &sources->places[i];
		if (place->kind == PLACE_RANGE && place->family == family) {
			const struct policy_element *found = policy_elements_meet(bans, place->range);
			if (found)
				return found;
		}
		if (place->kind != PLACE_SET)
			continue;
		const struct policy_elements *elements = &place->set->elements[family];
		for (size_t j = 0; j < elements->count; j++) {
			const struct policy_element *found =
			    policy_elements_meet(bans, (struct address_range){elements->elements[j].low,
									      elements->elements[j].high});
			if (found)
				return found;
		}
	}
	return NULL;
}

static bool names_set(const struct policy_places *places, const struct policy_set *set)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->places[i].kind == PLACE_SET && places->places[i].set == set)
			return true;
	return false;
}

bool policy_failsafe_conflict(const struct policy_tree *tree, const struct policy_set *set,
			      enum family family, const struct policy_elements *elements,
			      struct policy_conflict *conflict)
{
	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *block = &tree->statements[i];
		if (!block_reaches(block) || !names_set(&block->selector.from, set))
			continue;
		for (size_t j = 0; j < tree->statement_count; j++) {
			const struct policy_statement *failsafe = &tree->statements[j];
			if (failsafe->kind != STATEMENT_FAILSAFE || statements_meet(block, failsafe) == 0)
				continue;
			const struct policy_element *found =
			    banned(elements, family, &failsafe->selector.from);
			if (!found)
				continue;
			*conflict = (struct policy_conflict){found, failsafe, block};
			return true;
		}
	}
	return false;
}

static int take_sources(const struct policy_statement *failsafe,
			int (*take)(void *context, const struct policy_statement *failsafe,
				    enum family family, struct address_range range),
			void *context)
{
	const struct policy_places *from = &failsafe->selector.from;
	int result = 0;

	for (size_t i = 0; i < from->count && !result; i++) {
		const struct policy_place *place = &from->places[i];
		if (place->kind == PLACE_RANGE)
			result = take(context, failsafe, place->family, place->range);
		for (int family = 0; family < FAMILY_COUNT && place->kind == PLACE_SET; family++) {
			const struct policy_elements *elements = &place->set->elements[family];
			for (size_t k = 0; k < elements->count && !result; k++)
				result = take(context, failsafe, (enum family)family,
					      (struct address_range){elements->elements[k].low,
								     elements->elements[k].high});
		}
	}
	return result;
}

int policy_failsafe_sources(const struct policy_tree *tree, const struct policy_set *set,
			    int (*take)(void *context, const struct policy_statement *failsafe,
					enum family family, struct address_range range),
			    void *context)
{
	int result = 0;

	for (size_t i = 0; i < tree->statement_count && !result; i++) {
		const struct policy_statement *failsafe = &tree->statements[i];
		bool meets = false;
		for (size_t k = 0; k < tree->statement_count && failsafe->kind == STATEMENT_FAILSAFE; k++) {
			const struct policy_statement *block = &tree->statements[k];
			meets |= block_reaches(block) && names_set(&block->selector.from, set) &&
				 statements_meet(block, failsafe) != 0;
		}
		if (meets)
			result = take_sources(failsafe, take, context);
	}
	return result;
}

static void say_banned(struct policy_reader *reader, const struct policy_set *set, enum family family,
		       const struct policy_conflict *conflict)
{
	const struct policy_element *element = conflict->element;
	struct buffer text = {0};

	address_print(family, element->low, &text);
	if (element->low != element->high) {
		buffer_puts(&text, " to ");
		address_print(family, element->high, &text);
	}
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "failsafe-banned",
			   element->source ? policy_element_span(reader->tree, element) : set->span,
			   "%s is in %.*s, which is blocked, and a failsafe lets it in",
			   text.data ? text.data : "", (int)set->name.size, set->name.data);
	buffer_fini(&text);
	diagnostic_label(said, conflict->failsafe->span, "the failsafe");
	diagnostic_label(said, conflict->block->span, "the block");
	diagnostic_hint(
	    said, "in the set: except %.*s",
	    (int)(conflict->failsafe->selector.from.span.end - conflict->failsafe->selector.from.span.begin),
	    conflict->failsafe->selector.from.span.source->data +
		conflict->failsafe->selector.from.span.begin);
}

/* Literal addresses of a block. */
static void check_literals(struct policy_reader *reader, const struct policy_statement *block,
			   const struct policy_statement *failsafe)
{
	const struct policy_places *from = &block->selector.from;

	for (size_t i = 0; i < from->count; i++) {
		const struct policy_place *place = &from->places[i];
		if (place->kind != PLACE_RANGE)
			continue;
		struct policy_element element = {.low = place->range.low, .high = place->range.high};
		struct policy_elements one = {&element, 1, 1};
		if (!banned(&one, place->family, &failsafe->selector.from))
			continue;
		struct diagnostic *said =
		    diagnostic_add(reader->sink, SEVERITY_ERROR, "failsafe-banned", place->span,
				   "this is blocked, and a failsafe lets some of it in");
		diagnostic_label(said, failsafe->span, "the failsafe");
		diagnostic_hint(said, "make it a set that excepts what the failsafe is from");
	}
}

static int check_block(struct policy_reader *reader, const struct policy_statement *block)
{
	const struct policy_tree *tree = reader->tree;

	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *failsafe = &tree->statements[i];
		if (failsafe->kind != STATEMENT_FAILSAFE)
			continue;
		int meet = statements_meet(block, failsafe);
		if (meet < 0)
			return meet;
		if (meet)
			check_literals(reader, block, failsafe);
	}
	return 0;
}

/* SYNPROXY knows the segment that answers its own by conntrack's taking no connection up in its middle. */
static void check_synproxy(struct policy_reader *reader, const struct policy_statement *statement)
{
	const struct policy_conntrack *conntrack = &reader->tree->conntrack;

	if (statement->limit.with != LIMIT_SYNPROXY || conntrack->tcp_loose != SWITCH_ON)
		return;
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "synproxy-and-loose", statement->limit.with_span,
			   "synproxy does not work with tcp-loose on");
	diagnostic_label(said, conntrack->span, "on is said here");
	diagnostic_hint(said, "leave tcp-loose out: weir apply turns it off for synproxy");
}

/* A mirror of which no family has a gateway and packets; or one of two that have packets has none. */
static void check_mirror(struct policy_reader *reader, const struct policy_statement *statement)
{
	static const char *const names[FAMILY_COUNT] = {"IPv4", "IPv6"};
	const struct policy_mirror *mirror = &statement->mirror;
	int without = -1;
	bool some = false;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		bool copied = mirror->has_gateway[family] && statement->selector.families[family];
		some |= copied;
		if (!copied && statement->selector.families[family])
			without = family;
	}
	if (!some)
		diagnostic_hint(
		    diagnostic_add(reader->sink, SEVERITY_ERROR, "mirror-of-nothing", statement->span,
				   "the packets are of one family, the receiver's address of the other"),
		    "name a receiver of the same family");
	else if (without >= 0)
		diagnostic_hint(diagnostic_add(reader->sink, SEVERITY_WARNING, "mirror-of-one-family",
					       statement->span, "packets of %s are not copied",
					       names[without]),
				"name both of the receiver's addresses: to 192.0.2.77, 2001:db8::77 via %s",
				mirror->device);
}

int policy_check(struct policy_reader *reader)
{
	const struct policy_tree *tree = reader->tree;
	struct policy_conflict conflict;
	int result = 0;

	for (size_t i = 0; i < tree->set_count; i++)
		for (enum family family = FAMILY_IPV4; family < FAMILY_COUNT; family++)
			if (policy_failsafe_conflict(tree, tree->sets[i], family,
						     &tree->sets[i]->elements[family], &conflict))
				say_banned(reader, tree->sets[i], family, &conflict);
	for (size_t i = 0; i < tree->statement_count && result == 0; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		if (statement->kind == STATEMENT_MIRROR)
			check_mirror(reader, statement);
		else if (statement->kind == STATEMENT_LIMIT)
			check_synproxy(reader, statement);
		if (statement->kind == STATEMENT_STATELESS)
			result = check_stateless(reader, statement);
		else if (block_reaches(statement))
			result = check_block(reader, statement);
	}
	return result;
}
