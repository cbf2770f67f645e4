/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Declaring predicates, laying out the variables, and the diagrams of single fields. What must stay true: the
 * layout is the one that fields.h documents. */
#include "extension/fields.h"

#include "extension/fields_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATE_BITS 3

static const uint8_t field_bits[FIELD_COUNT] = {
    [FIELD_PROTOCOL] = 8,  [FIELD_ICMP] = 16,    [FIELD_SPORT] = 16,  [FIELD_DPORT] = 16,
    [FIELD_TCP_FLAGS] = 8, [FIELD_FRAGMENT] = 2, [FIELD_PAYLOAD] = 1, [FIELD_STATE] = STATE_BITS,
};

struct fields *fields_new(enum family family)
{
	struct fields_private *own = calloc(1, sizeof(*own));
	struct arena *arena = arena_new();
	if (!own || !arena) {
		arena_free(arena);
		free(own);
		return NULL;
	}
	own->fields.family = family;
	own->fields.arena = arena;
	return &own->fields;
}

void fields_free(struct fields *fields)
{
	if (!fields)
		return;
	struct fields_private *own = fields_private(fields);
	diagram_free(fields->diagram);
	arena_free(fields->arena);
	free(own->names.slots);
	free(own);
}

static size_t name_place(const struct name_index *names, const void *key, size_t size)
{
	const unsigned char *bytes = key;
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	size_t place = (hash ^ hash >> 32) & (names->capacity - 1);
	for (; names->slots[place].object; place = (place + 1) & (names->capacity - 1)) {
		const struct name_entry *entry = &names->slots[place];
		if (entry->size == size && memcmp(entry->key, key, size) == 0)
			break;
	}
	return place;
}

void *fields_find(const struct fields *fields, const void *key, size_t size)
{
	const struct name_index *names = &fields_private(fields)->names;
	return names->capacity ? names->slots[name_place(names, key, size)].object : NULL;
}

int fields_keep(struct fields *fields, const void *key, size_t size, void *object)
{
	struct name_index *names = &fields_private(fields)->names;
	if (fields->diagram)
		return -EBUSY;
	char *copy = arena_copy(fields->arena, key, size);
	if (!copy)
		return -ENOMEM;
	if (names->count + 1 > names->capacity / 2) {
		struct name_index grown = {.count = names->count,
					   .capacity = names->capacity ? names->capacity * 2 : 64};
		grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
		if (!grown.slots)
			return -ENOMEM;
		for (size_t i = 0; i < names->capacity; i++) {
			const struct name_entry *entry = &names->slots[i];
			if (entry->object)
				grown.slots[name_place(&grown, entry->key, entry->size)] = *entry;
		}
		free(names->slots);
		*names = grown;
	}
	names->slots[name_place(names, copy, size)] = (struct name_entry){copy, size, object};
	names->count++;
	return 0;
}

int fields_need_predicate(struct fields *fields, struct predicate *predicate)
{
	uintptr_t place = (uintptr_t)predicate;
	char key[1 + sizeof(place)] = {'p'};
	memcpy(key + 1, &place, sizeof(place));
	if (fields_find(fields, key, sizeof(key)))
		return 0;
	if (fields->diagram)
		return -EBUSY;
	struct predicate **slot =
	    arena_push(fields->arena, (void **)&fields->predicates, &fields->predicate_count,
		       &fields->predicate_capacity, sizeof(struct predicate *));
	if (!slot)
		return -ENOMEM;
	int result = fields_keep(fields, key, sizeof(key), predicate);
	if (!result && fields->exact)
		result = exact_need_predicate(fields, predicate);
	if (result)
		fields->predicate_count--;
	else
		*slot = predicate;
	return result;
}

int fields_need_opaque(struct fields *fields, const char *text, bool unique, struct predicate **predicate)
{
	size_t size = strlen(text) + 1;
	char *key = arena_printf(fields->arena, "o%s", text);
	if (!key)
		return -ENOMEM;
	if (!unique) {
		struct predicate *known = fields_find(fields, key, size);
		if (known) {
			*predicate = known;
			return 0;
		}
	}
	if (fields->diagram)
		return -EBUSY;
	struct predicate *fresh = arena_alloc(fields->arena, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	*fresh = (struct predicate){.kind = PREDICATE_OPAQUE, .name = key + 1};
	int result = fields_need_predicate(fields, fresh);
	if (result == 0 && !unique)
		result = fields_keep(fields, key, size, fresh);
	if (result == 0)
		*predicate = fresh;
	return result;
}

/* Bits that tell `count` values apart. */
static uint32_t bits_for(size_t count)
{
	uint32_t bits = 0;
	while (count > (size_t)1 << bits)
		bits++;
	return bits;
}

static uint64_t place_predicates(struct fields *fields, enum predicate_kind kind, uint64_t next)
{
	for (size_t i = 0; i < fields->predicate_count; i++)
		if (fields->predicates[i]->kind == kind) {
			if (next < DIAGRAM_VARIABLES_MAX)
				fields->predicates[i]->variable = (uint32_t)next;
			next++;
		}
	return next;
}

/* Exact fields have no variable for what the addresses tell. */
static uint64_t place_known(struct fields *fields, enum predicate_kind kind, uint64_t next)
{
	return fields->exact ? next : place_predicates(fields, kind, next);
}

static uint32_t address_bits(const struct fields *fields, enum field field)
{
	return fields->exact ? bits_for(exact_classes(fields, field)) : family_bits(fields->family);
}

static uint64_t place_field(struct fields *fields, enum field field, uint32_t bits, uint64_t next)
{
	fields->first[field] = next < DIAGRAM_VARIABLES_MAX ? (uint32_t)next : 0;
	fields->bits[field] = bits;
	return next + bits;
}

int fields_seal(struct fields *fields, size_t budget)
{
	if (fields->diagram)
		return -EBUSY;
	int result = interfaces_seal(fields);
	if (!result && fields->exact)
		result = exact_seal(fields);
	if (result)
		return result;
	uint32_t interface_bits = bits_for(fields->interface_count);
	uint64_t next = place_field(fields, FIELD_IN, interface_bits, 0);
	next = place_field(fields, FIELD_OUT, interface_bits, next);
	next = place_field(fields, FIELD_STATE, field_bits[FIELD_STATE], next);
	uint64_t first_known = next;
	next = place_known(fields, PREDICATE_SOURCE, next);
	next = place_field(fields, FIELD_SOURCE, address_bits(fields, FIELD_SOURCE), next);
	next = place_known(fields, PREDICATE_DESTINATION, next);
	next = place_field(fields, FIELD_DESTINATION, address_bits(fields, FIELD_DESTINATION), next);
	for (enum field field = FIELD_PROTOCOL; field <= FIELD_PAYLOAD; field++)
		next = place_field(fields, field, field_bits[field], next);
	next = place_known(fields, PREDICATE_PAIR, next);
	uint64_t first_opaque = next;
	next = place_predicates(fields, PREDICATE_OPAQUE, next);
	if (next > DIAGRAM_VARIABLES_MAX)
		return -E2BIG;
	bool *unknown = arena_array(fields->arena, next, sizeof(*unknown));
	if (!unknown)
		return -ENOMEM;
	for (uint64_t i = 0; i < next; i++)
		unknown[i] = i < first_known || i >= first_opaque;
	size_t most = ((size_t)1 << 30) - 1;
	struct diagram *diagram = diagram_new((uint32_t)next, budget < most ? budget : most);
	if (!diagram)
		return -ENOMEM;
	fields->unknown = unknown;
	fields->diagram = diagram;
	return 0;
}

static bool is_class(const struct fields *fields, enum field field)
{
	return fields->exact && (field == FIELD_SOURCE || field == FIELD_DESTINATION);
}

diagram_node fields_range(const struct fields *fields, enum field field, uint64_t low, uint64_t high)
{
	if (is_class(fields, field))
		return exact_range(fields, field, low, high);
	return diagram_interval(fields->diagram, fields->first[field], fields->bits[field], low, high);
}

diagram_node fields_value(const struct fields *fields, enum field field, uint64_t value)
{
	return fields_range(fields, field, value, value);
}

diagram_node fields_addresses(const struct fields *fields, enum field field, address low, address high)
{
	if (is_class(fields, field))
		return exact_range(fields, field, low, high);
	return diagram_interval(fields->diagram, fields->first[field], fields->bits[field], low, high);
}

diagram_node fields_masked(const struct fields *fields, enum field field, address value, address mask)
{
	if (is_class(fields, field) && mask == 0)
		return value ? DIAGRAM_FALSE : DIAGRAM_TRUE;
	if (is_class(fields, field))
		return mask_length(fields->family, mask) < 0
			   ? exact_masked(fields, field, value, mask)
			   : exact_range(fields, field, value, value | (family_max(fields->family) & ~mask));
	if (fields->bits[field] < 128 && (value & mask) >> fields->bits[field])
		return DIAGRAM_FALSE; /* asks for a bit that the field does not have */
	return diagram_cube(fields->diagram, fields->first[field], fields->bits[field], value, mask);
}

diagram_node fields_predicate(const struct fields *fields, const struct predicate *predicate)
{
	bool of_ranges = predicate->kind == PREDICATE_SOURCE || predicate->kind == PREDICATE_DESTINATION;
	bool never = predicate->kind == PREDICATE_PAIR ? predicate->point_count == 0
						       : of_ranges && predicate->range_count == 0;
	if (never)
		return DIAGRAM_FALSE;
	if (fields->exact && predicate->kind != PREDICATE_OPAQUE)
		return exact_predicate(fields, predicate);
	return diagram_make(fields->diagram, predicate->variable, DIAGRAM_FALSE, DIAGRAM_TRUE);
}

diagram_node fields_set(const struct fields *fields, const struct set_meaning *meaning)
{
	if (!meaning->certain)
		return fields_predicate(fields, meaning->expiry);
	diagram_node certain = fields_predicate(fields, meaning->certain);
	if (meaning->rest)
		certain = diagram_or(fields->diagram, certain, fields_predicate(fields, meaning->rest));
	if (!meaning->timed)
		return certain;
	diagram_node timed = diagram_and(fields->diagram, fields_predicate(fields, meaning->timed),
					 fields_predicate(fields, meaning->expiry));
	return diagram_or(fields->diagram, certain, timed);
}

diagram_node fields_apart(const struct fields *fields)
{
	diagram_node apart = DIAGRAM_TRUE;
	for (size_t i = 0; i + 1 < fields->apart_count; i += 2) {
		diagram_node both = diagram_and(fields->diagram, fields_predicate(fields, fields->apart[i]),
						fields_predicate(fields, fields->apart[i + 1]));
		apart = diagram_minus(fields->diagram, apart, both);
	}
	return apart;
}

diagram_node fields_domain(const struct fields *fields)
{
	struct diagram *diagram = fields->diagram;
	diagram_node domain = fields_range(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE, FRAGMENT_LATE);
	for (enum field field = FIELD_SOURCE; field <= FIELD_DESTINATION && fields->exact; field++)
		if (fields->bits[field])
			domain =
			    diagram_and(diagram, domain,
					diagram_interval(diagram, fields->first[field], fields->bits[field],
							 0, exact_classes(fields, field) - 1));
	domain = diagram_and(diagram, domain, fields_range(fields, FIELD_IN, 0, fields->interface_count - 1));
	domain =
	    diagram_and(diagram, domain, fields_range(fields, FIELD_OUT, 0, fields->interface_count - 1));
	return diagram_and(diagram, domain, fields_range(fields, FIELD_STATE, 0, STATE_COUNT - 1));
}

int64_t predicate_find(const struct predicate *predicate, address value)
{
	size_t begin = 0, end = predicate->range_count; /* first range that ends at or behind value */
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (predicate->ranges[probe].high >= value)
			end = probe;
		else
			begin = probe + 1;
	}
	if (begin == predicate->range_count || predicate->ranges[begin].low > value)
		return -1;
	return predicate->ranges[begin].element;
}

int64_t predicate_find_point(const struct predicate *predicate, address value, uint8_t protocol,
			     uint16_t port)
{
	size_t begin = 0, end = predicate->point_count;
	uint32_t rest = (uint32_t)protocol << 16 | port;
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		const struct predicate_point *point = &predicate->points[probe];
		uint32_t point_rest = (uint32_t)point->protocol << 16 | point->port;
		if (point->address == value && point_rest == rest)
			return point->element;
		if (point->address < value || (point->address == value && point_rest < rest))
			begin = probe + 1;
		else
			end = probe;
	}
	return -1;
}
