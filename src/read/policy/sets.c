/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets worked out: their members and those of the sets they name, merged, less what is excepted. A set may
 * name one that stands below it, but no set itself. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "read/words.h"

#include <errno.h>
#include <stdlib.h>

#define SET_DEPTH_MAX 32 /* sets within each other */

/* --- private ------------------------------------------------------------------------------------- */

/* RFC 1918, 6598 (shared by carriers), 3927 (link-local), 1122 (loopback); 4193 and 4291. */
static const char *const private_ranges[] = {
    "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.168.0.0/16", "::1",           "fc00::/7",    "fe80::/10",
};

struct policy_set *policy_private(struct policy_reader *reader)
{
	static const char name[] = "private";
	struct policy_set *set = name_index_find(reader->sets, text_of(name));

	if (set)
		return set;
	set = arena_alloc(reader->arena, sizeof(*set));
	if (!set)
		return NULL;
	*set = (struct policy_set){.name = text_of(name), .type = POLICY_SET_NET, .builtin = true};
	set->parts = arena_alloc(reader->arena, sizeof(*set->parts));
	if (!set->parts)
		return NULL;
	for (size_t i = 0; i < COUNT_OF(private_ranges); i++) {
		struct address_range range;
		enum family family;
		bool masked;
		if (value_addresses(text_of(private_ranges[i]), &family, &range, &masked))
			return NULL;
		struct policy_elements *into = &set->parts->members[family];
		struct policy_element *element = arena_push(reader->arena, (void **)&into->elements,
							    &into->count, &into->capacity, sizeof(*element));
		if (!element)
			return NULL;
		*element = (struct policy_element){.low = range.low, .high = range.high};
	}
	if (name_index_add(reader->arena, &reader->sets, set->name, set) < 0)
		return NULL;
	reader->builtin = set;
	return set;
}

/* --- Names --------------------------------------------------------------------------------------- */

#define NAMES_SUGGESTED 256

struct policy_set *policy_find_set(const struct policy_tree *tree, struct text name)
{
	for (size_t i = 0; i < tree->set_count; i++)
		if (text_equal(tree->sets[i]->name, name))
			return tree->sets[i];
	return NULL;
}

struct policy_set *policy_look_up(struct policy_reader *reader, const struct policy_place *place)
{
	const char *names[NAMES_SUGGESTED];
	struct policy_set *set = place->set ? place->set : name_index_find(reader->sets, place->name);
	size_t count = 0;

	if (set)
		return set;
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "unknown-set", place->span,
			   "there is no set called %.*s", (int)place->name.size, place->name.data);
	for (size_t i = 0; said && i < reader->tree->set_count && count < NAMES_SUGGESTED; i++) {
		struct text name = reader->tree->sets[i]->name;
		names[count] = arena_copy(reader->arena, name.data, name.size);
		count += names[count] != NULL;
	}
	const char *near = said ? nearest_name(place->name, names, count) : NULL;
	if (near)
		diagnostic_hint(said, "did you mean @%s?", near);
	return NULL;
}

struct span policy_element_span(const struct policy_tree *tree, const struct policy_element *element)
{
	if (element->source == 0 || element->source >= tree->source_count)
		return (struct span){0};
	const struct source *source = tree->sources[element->source];
	uint32_t end = element->begin + element->length;
	return (struct span){source, element->begin, end < source->size ? end : source->size};
}

/* --- Working out --------------------------------------------------------------------------------- */

static int too_large(struct policy_reader *reader, const struct policy_set *set)
{
	diagnostic_add(reader->sink, SEVERITY_ERROR, "set-too-large", set->span,
		       "the set %.*s comes to more than %zu members", (int)set->name.size, set->name.data,
		       POLICY_ELEMENTS_MAX);
	return -EINVAL;
}

static int append(struct arena *arena, struct policy_elements *into, const struct policy_elements *from)
{
	if (from->count == 0)
		return 0;
	if (into->count + from->count > POLICY_ELEMENTS_MAX)
		return -E2BIG;
	struct policy_element *fresh = arena_array(arena, into->count + from->count, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	if (into->count)
		memcpy(fresh, into->elements, into->count * sizeof(*fresh));
	memcpy(fresh + into->count, from->elements, from->count * sizeof(*fresh));
	into->count += from->count;
	into->elements = fresh;
	into->capacity = into->count;
	return 0;
}

static int resolve(struct policy_reader *reader, struct policy_set *set, unsigned depth);

/* The set that is named in another one, worked out. -EINVAL: it cannot be. */
static int named_set(struct policy_reader *reader, const struct policy_set *set,
		     const struct policy_place *place, unsigned depth, struct policy_set **named)
{
	struct policy_set *other = policy_look_up(reader, place);

	if (!other)
		return -EINVAL;
	if (other->parts->state == PARTS_BUSY) {
		diagnostic_label(diagnostic_add(reader->sink, SEVERITY_ERROR, "set-loop", place->span,
						"the set %.*s is made of itself", (int)set->name.size,
						set->name.data),
				 other->span, "this set is made of the other");
		return -EINVAL;
	}
	if (depth == SET_DEPTH_MAX) {
		diagnostic_add(reader->sink, SEVERITY_ERROR, "set-depth", place->span,
			       "more than %d sets are made of each other", SET_DEPTH_MAX);
		return -EINVAL;
	}
	int result = resolve(reader, other, depth + 1);
	*named = other;
	return result;
}

static int wrong_type(struct policy_reader *reader, const struct policy_set *set,
		      const struct policy_place *place, const struct policy_set *other)
{
	bool ports = policy_set_has_ports(other->type);
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "wrong-type", place->span,
			   ports ? "the members of %.*s have ports, and those of this set have none"
				 : "the members of %.*s have no ports, and those of this set have some",
			   (int)other->name.size, other->name.data);

	diagnostic_label(said, set->span, "this set");
	diagnostic_label(said, other->span, "that one");
	return -EINVAL;
}

static int wide_members(struct policy_reader *reader, const struct policy_set *set,
			const struct policy_place *place, const struct policy_set *other)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < other->elements[family].count; i++) {
			const struct policy_element *element = &other->elements[family].elements[i];
			if (!policy_range_fits(set->type,
					       (struct address_range){element->low, element->high}))
				continue;
			diagnostic_label(
			    diagnostic_add(reader->sink, SEVERITY_ERROR, "range-too-wide", place->span,
					   "%.*s has networks that are too wide for a set of addresses",
					   (int)other->name.size, other->name.data),
			    policy_element_span(reader->tree, element), "such as this one");
			return -EINVAL;
		}
	return 0;
}

/* The host's addresses would be needed. */
static int self_unknown(struct policy_reader *reader, struct span span, const char *what)
{
	diagnostic_hint(diagnostic_add(reader->sink, SEVERITY_ERROR, "self-unknown", span, "%s", what),
			"the host's own addresses are known when the policy is applied; here they are not");
	return -EINVAL;
}

static int add_sets(struct policy_reader *reader, struct policy_set *set, unsigned depth)
{
	const struct policy_places *sets = &set->parts->sets;

	for (size_t i = 0; i < sets->count; i++) {
		const struct policy_place *place = &sets->places[i];
		struct policy_set *other;
		int result = named_set(reader, set, place, depth, &other);
		if (result < 0)
			return result;
		if (policy_set_has_ports(set->type) != policy_set_has_ports(other->type))
			return wrong_type(reader, set, place, other);
		if (other->excepts_self)
			return self_unknown(reader, place->span,
					    "a set with \"except self\" cannot be a part of another one");
		if (wide_members(reader, set, place, other) < 0)
			return -EINVAL;
		set->includes_self |= other->includes_self;
		for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
			result = append(reader->arena, &set->elements[family], &other->elements[family]);
		if (result < 0)
			return result;
	}
	return 0;
}

static int except_sets(struct policy_reader *reader, struct policy_set *set, unsigned depth)
{
	const struct policy_places *sets = &set->parts->except_sets;

	for (size_t i = 0; i < sets->count; i++) {
		const struct policy_place *place = &sets->places[i];
		struct policy_set *other;
		int result = named_set(reader, set, place, depth, &other);
		if (result < 0)
			return result;
		if (policy_set_has_ports(other->type) && !policy_set_has_ports(set->type))
			return wrong_type(reader, set, place, other);
		if (other->excepts_self)
			return self_unknown(reader, place->span,
					    "a set with \"except self\" cannot be excepted from another one");
		if (other->includes_self)
			set->excepts_self = true;
		for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
			result = policy_elements_subtract(reader->arena, &set->elements[family],
							  &other->elements[family]);
		if (result < 0)
			return result;
	}
	return 0;
}

/* self, where it is known, as elements. */
static int self_elements(struct policy_reader *reader, enum family family, struct span span,
			 struct policy_elements *into)
{
	const struct policy_options *options = reader->options;

	for (size_t i = 0; i < options->self_count[family]; i++) {
		struct policy_element *element = arena_push(reader->arena, (void **)&into->elements,
							    &into->count, &into->capacity, sizeof(*element));
		if (!element)
			return -ENOMEM;
		*element = (struct policy_element){.low = options->self[family][i].low,
						   .high = options->self[family][i].high,
						   .begin = span.begin,
						   .length = (uint16_t)(span.end - span.begin)};
		for (size_t j = 1; j < reader->tree->source_count; j++)
			if (reader->tree->sources[j] == span.source)
				element->source = (uint16_t)j;
	}
	return 0;
}

static int with_self(struct policy_reader *reader, struct policy_set *set)
{
	struct span span = set->parts->includes_self;

	if (!span.source)
		return 0;
	if (policy_set_has_ports(set->type)) {
		diagnostic_add(reader->sink, SEVERITY_ERROR, "no-port", span,
			       "self has no port, which the members of this set have");
		return -EINVAL;
	}
	if (!reader->options->self_known) {
		set->includes_self = true;
		return 0;
	}
	int result = 0;
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++)
		result = self_elements(reader, (enum family)family, span, &set->elements[family]);
	return result;
}

static int without_self(struct policy_reader *reader, struct policy_set *set)
{
	struct span span = set->parts->excepts_self;
	int result = 0;

	if (!span.source)
		return 0;
	if (!reader->options->self_known) {
		set->excepts_self = true;
		return 0;
	}
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++) {
		struct policy_elements off = {0};
		result = self_elements(reader, (enum family)family, span, &off);
		if (result == 0)
			result = policy_elements_merge(reader->arena, (enum family)family, &off);
		if (result == 0)
			result = policy_elements_subtract(reader->arena, &set->elements[family], &off);
	}
	return result;
}

static int work_out(struct policy_reader *reader, struct policy_set *set, unsigned depth)
{
	struct policy_set_parts *parts = set->parts;
	int result = 0;

	for (int family = 0; family < FAMILY_COUNT; family++)
		set->elements[family] = parts->members[family];
	result = with_self(reader, set);
	if (result == 0)
		result = add_sets(reader, set, depth);
	for (int family = 0; family < FAMILY_COUNT && result == 0; family++) {
		result = policy_elements_merge(reader->arena, (enum family)family, &set->elements[family]);
		if (result == 0)
			result = policy_elements_merge(reader->arena, (enum family)family,
						       &parts->excepted[family]);
		if (result == 0)
			result = policy_elements_subtract(reader->arena, &set->elements[family],
							  &parts->excepted[family]);
	}
	if (result == 0)
		result = except_sets(reader, set, depth);
	if (result == 0)
		result = without_self(reader, set);
	/* (elements and self) less something is not (elements less it) and self */
	bool excepts = parts->except_sets.count || parts->excepted[0].count || parts->excepted[1].count;
	if (result == 0 && set->includes_self && excepts)
		result = self_unknown(reader, set->span, "a set that has self in it excepts something");
	if (set->excepts_self)
		set->includes_self = false;
	return result;
}

/* Addresses are single members in sets of addresses, each with each of its ports. */
static int check_size(struct policy_reader *reader, const struct policy_set *set)
{
	if (set->type == POLICY_SET_NET)
		return 0;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		uint64_t members = 0;
		for (size_t i = 0; i < set->elements[family].count; i++) {
			const struct policy_element *element = &set->elements[family].elements[i];
			uint64_t ports = (uint64_t)element->port_high - element->port_low + 1;
			uint64_t addresses = set->type == POLICY_SET_NET_PORT
						 ? 1
						 : (uint64_t)(element->high - element->low) + 1;
			members += ports * addresses;
		}
		if (members > POLICY_ELEMENTS_MAX)
			return too_large(reader, set);
	}
	return 0;
}

static int resolve(struct policy_reader *reader, struct policy_set *set, unsigned depth)
{
	struct policy_set_parts *parts = set->parts;

	if (parts->state == PARTS_DONE)
		return 0;
	if (parts->state == PARTS_FAILED)
		return -EINVAL;
	parts->state = PARTS_BUSY;
	int result = work_out(reader, set, depth);
	if (result == -E2BIG)
		result = too_large(reader, set);
	if (result == 0)
		result = check_size(reader, set);
	parts->state = result == 0 ? PARTS_DONE : PARTS_FAILED;
	return result;
}

int policy_resolve_sets(struct policy_reader *reader)
{
	struct policy_tree *tree = reader->tree;
	int result = 0;

	for (size_t i = 0; i < tree->set_count && result != -ENOMEM; i++)
		result = resolve(reader, tree->sets[i], 0);
	if (result == -ENOMEM)
		return result;
	if (!reader->builtin)
		return 0;
	struct policy_set **slot = arena_push(reader->arena, (void **)&tree->sets, &tree->set_count,
					      &tree->set_capacity, sizeof(struct policy_set *));
	if (!slot)
		return -ENOMEM;
	*slot = reader->builtin;
	return resolve(reader, reader->builtin, 0);
}
