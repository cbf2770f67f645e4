/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a set says, as sorted disjoint ranges or points: the answer of ip_set_test() in the kernel for every
 * address.
 *
 * hash:ip    each address by itself; of repeated adds the last one counts. With netmask, blocks of that size.
 * The address 0 is never a member (hash_ip4_kadt()). hash:net   the longest prefix that holds the address
 * decides; when it is a nomatch entry the set does not match (mtype_test_cidrs()). hash:ip,port  (address,
 * protocol, port); see ip_set_get_ip4_port().
 *
 * A member with a timeout may be gone at any moment, and then the next shorter prefix decides. `certain`
 * holds the addresses that match whichever of the timed members are left; `timed` those that match with some
 * of them and not with others. Where a permanent member of hash:net is covered by a timed one and the answer
 * is the same, the permanent one is credited. */
#include "extension/fields_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_MAX                                                                                           \
	((size_t)1 << 24) /* of hash:ip,port members given as ranges; beyond: content not modelled */

struct piece {
	address low, high;
	uint32_t index; /* of the member */
	uint8_t prefix; /* hash:net */
};

struct range_list {
	struct predicate_range *ranges;
	size_t count, capacity;
};

/* What is being worked out: the parts of one set that stay and that time out. */
struct resolution {
	const struct set *set;
	struct range_list certain, timed;
	struct predicate_point *points; /* all of them, before they are told apart */
	size_t point_count;
};

static void resolution_fini(struct resolution *resolution)
{
	free(resolution->certain.ranges);
	free(resolution->timed.ranges);
	free(resolution->points);
}

static int add_range(struct range_list *list, address low, address high, uint32_t element)
{
	struct predicate_range *last = list->count ? &list->ranges[list->count - 1] : NULL;
	if (last && last->element == element && last->high + 1 == low) {
		last->high = high;
		return 0;
	}
	if (!list->ranges || list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 64;
		struct predicate_range *moved = reallocarray(list->ranges, capacity, sizeof(*moved));
		if (!moved)
			return -ENOMEM;
		list->ranges = moved;
		list->capacity = capacity;
	}
	list->ranges[list->count++] = (struct predicate_range){low, high, element};
	return 0;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* A heap of piece numbers, the latest member on top. */
struct heap {
	const struct piece *pieces;
	uint32_t *entries;
	size_t count;
};

static bool heap_later(const struct heap *heap, size_t a, size_t b)
{
	return heap->pieces[heap->entries[a]].index > heap->pieces[heap->entries[b]].index;
}

static void heap_swap(struct heap *heap, size_t a, size_t b)
{
	uint32_t entry = heap->entries[a];
	heap->entries[a] = heap->entries[b];
	heap->entries[b] = entry;
}

static void heap_push(struct heap *heap, uint32_t piece)
{
	size_t place = heap->count++;
	heap->entries[place] = piece;
	for (; place > 0 && heap_later(heap, place, (place - 1) / 2); place = (place - 1) / 2)
		heap_swap(heap, place, (place - 1) / 2);
}

static void heap_pop(struct heap *heap)
{
	heap->entries[0] = heap->entries[--heap->count];
	for (size_t place = 0;;) {
		size_t best = place, child = 2 * place + 1;
		for (size_t i = child; i < child + 2 && i < heap->count; i++)
			if (heap_later(heap, i, best))
				best = i;
		if (best == place)
			return;
		heap_swap(heap, place, best);
		place = best;
	}
}

/* hash:ip: at each address the latest of the pieces that hold it. */
static int overlay(struct resolution *resolution, const struct piece *pieces, size_t count)
{
	struct heap heap = {.pieces = pieces, .entries = reallocarray(NULL, count + 1, sizeof(uint32_t))};
	if (!heap.entries)
		return -ENOMEM;
	int result = 0;
	size_t next = 0;
	address position = 0;
	while (result == 0) {
		while (heap.count && pieces[heap.entries[0]].high < position)
			heap_pop(&heap);
		if (heap.count == 0) {
			if (next == count)
				break;
			if (position < pieces[next].low)
				position = pieces[next].low;
		}
		while (next < count && pieces[next].low <= position)
			heap_push(&heap, (uint32_t)next++);
		while (heap.count && pieces[heap.entries[0]].high < position)
			heap_pop(&heap);
		if (heap.count == 0)
			continue;
		const struct piece *top = &pieces[heap.entries[0]];
		address end = top->high;
		if (next < count && pieces[next].low <= end)
			end = pieces[next].low - 1;
		bool timed = resolution->set->members[top->index].timed;
		result =
		    add_range(timed ? &resolution->timed : &resolution->certain, position, end, top->index);
		if (end == family_max(resolution->set->family))
			break;
		position = end + 1;
	}
	free(heap.entries);
	return result;
}

static int resolve_addresses(struct resolution *resolution)
{
	const struct set *set = resolution->set;
	unsigned bits = family_bits(set->family);
	unsigned netmask = set->netmask && set->netmask < bits ? set->netmask : bits;
	address host = family_max(set->family) & ~prefix_mask(set->family, netmask);
	struct piece *pieces = reallocarray(NULL, set->member_count + 1, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	size_t count = 0;
	for (size_t i = 0; i < set->member_count; i++) {
		const struct set_member *member = &set->members[i];
		address low = member->low & ~host, high = member->high | host;
		if (low == 0)
			low = host + 1;
		if (member->low <= member->high && low <= high && high <= family_max(set->family))
			pieces[count++] = (struct piece){low, high, (uint32_t)i, 0};
	}
	qsort(pieces, count, sizeof(*pieces), compare_pieces);
	int result = overlay(resolution, pieces, count);
	free(pieces);
	return result;
}

/* What can become of the addresses in a prefix that no longer one holds. */
struct level {
	address high;
	bool can_match, can_miss;
	uint32_t element; /* when it matches */
};

static struct level level_below(const struct level *outer, const struct set *set, const struct piece *piece)
{
	const struct set_member *member = &set->members[piece->index];
	struct level level = {.high = piece->high, .element = piece->index};
	if (!member->timed) {
		level.can_match = !member->nomatch;
		level.can_miss = member->nomatch;
	} else if (member->nomatch) {
		level.can_match = outer && outer->can_match;
		level.can_miss = true;
		level.element = outer ? outer->element : 0;
	} else {
		level.can_match = true;
		level.can_miss = !outer || outer->can_miss;
		if (!level.can_miss)
			level.element = outer->element;
	}
	return level;
}

static int add_level(struct resolution *resolution, address low, address high, const struct level *level)
{
	if (!level->can_match || low > high)
		return 0;
	return add_range(level->can_miss ? &resolution->timed : &resolution->certain, low, high,
			 level->element);
}

/* hash:net: prefixes nest, so a stack holds those around the current address, the longest on top. */
static int nest(struct resolution *resolution, const struct piece *pieces, size_t count)
{
	struct level stack[129]; /* one for each length of prefix */
	size_t depth = 0;
	address position = 0;
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++) {
		const struct piece *piece = &pieces[i];
		if (i + 1 < count && pieces[i + 1].low == piece->low && pieces[i + 1].prefix == piece->prefix)
			continue; /* added again later */
		while (result == 0 && depth && stack[depth - 1].high < piece->low) {
			const struct level *top = &stack[--depth];
			result = add_level(resolution, position, top->high, top);
			position = top->high + 1;
		}
		if (result == 0 && depth && position < piece->low)
			result = add_level(resolution, position, piece->low - 1, &stack[depth - 1]);
		position = piece->low;
		stack[depth] = level_below(depth ? &stack[depth - 1] : NULL, resolution->set, piece);
		depth++;
	}
	while (result == 0 && depth) {
		const struct level *top = &stack[--depth];
		result = add_level(resolution, position, top->high, top);
		if (top->high == family_max(resolution->set->family))
			break;
		position = top->high + 1;
	}
	return result;
}

/* -EDOM when a member is no prefix. */
static int resolve_networks(struct resolution *resolution)
{
	const struct set *set = resolution->set;
	struct piece *pieces = reallocarray(NULL, set->member_count + 1, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	int result = 0;
	for (size_t i = 0; i < set->member_count && result == 0; i++) {
		const struct set_member *member = &set->members[i];
		address host = member->low ^ member->high;
		int prefix = mask_length(set->family, family_max(set->family) & ~host);
		if (prefix < 0 || host > family_max(set->family) || member->low & host)
			result = -EDOM;
		else
			pieces[i] = (struct piece){member->low, member->high, (uint32_t)i, (uint8_t)prefix};
	}
	if (result == 0) {
		qsort(pieces, set->member_count, sizeof(*pieces), compare_pieces);
		result = nest(resolution, pieces, set->member_count);
	}
	free(pieces);
	return result;
}

static int compare_points(const void *a, const void *b)
{
	const struct predicate_point *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return x->element < y->element ? -1 : x->element > y->element;
}

/* hash_ipport4_uadt(): other protocols are kept with port 0. */
static bool member_has_port(const struct set *set, uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP ||
	       protocol == (set->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* -EDOM when there are too many. */
static int resolve_points(struct resolution *resolution)
{
	const struct set *set = resolution->set;
	size_t count = 0;
	for (size_t i = 0; i < set->member_count; i++) {
		const struct set_member *member = &set->members[i];
		address more = member->high - member->low;
		if (member->low > member->high || member->high > family_max(set->family) ||
		    more >= POINTS_MAX - count)
			return -EDOM;
		count += (size_t)more + 1;
	}
	struct predicate_point *points = reallocarray(NULL, count + 1, sizeof(*points));
	if (!points)
		return -ENOMEM;
	size_t next = 0;
	for (size_t i = 0; i < set->member_count; i++) {
		const struct set_member *member = &set->members[i];
		uint16_t port = member_has_port(set, member->protocol) ? member->port : 0;
		for (address value = member->low;; value++) {
			points[next++] = (struct predicate_point){value, (uint32_t)i, port, member->protocol};
			if (value == member->high)
				break;
		}
	}
	qsort(points, count, sizeof(*points), compare_points);
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (kept && points[kept - 1].address == points[i].address &&
		    points[kept - 1].port == points[i].port &&
		    points[kept - 1].protocol == points[i].protocol)
			kept--; /* added again later */
		points[kept++] = points[i];
	}
	resolution->points = points;
	resolution->point_count = kept;
	return 0;
}

/* The points whose members are timed, or not, into the arena; the order stays. */
static int take_points(struct fields *fields, const struct resolution *resolution, bool timed,
		       struct predicate *predicate)
{
	size_t count = 0;
	for (size_t i = 0; i < resolution->point_count; i++)
		count += resolution->set->members[resolution->points[i].element].timed == timed;
	struct predicate_point *points = arena_array(fields->arena, count, sizeof(*points));
	if (!points)
		return -ENOMEM;
	predicate->points = points;
	predicate->point_count = count;
	for (size_t i = 0; i < resolution->point_count; i++)
		if (resolution->set->members[resolution->points[i].element].timed == timed)
			*points++ = resolution->points[i];
	return 0;
}

static int take_ranges(struct fields *fields, const struct range_list *list, struct predicate *predicate)
{
	struct predicate_range *ranges = arena_array(fields->arena, list->count, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	if (list->count)
		memcpy(ranges, list->ranges, list->count * sizeof(*ranges));
	predicate->ranges = ranges;
	predicate->range_count = list->count;
	return 0;
}

/* A predicate of what was resolved, declared. NULL in *declared when it is empty and not wanted. */
static int declare_part(struct fields *fields, const struct resolution *resolution, const bool *source,
			bool timed, const char *name, struct predicate **declared)
{
	struct predicate *predicate = arena_alloc(fields->arena, sizeof(*predicate));
	if (!predicate)
		return -ENOMEM;
	predicate->name = name;
	predicate->set = resolution->set;
	int result;
	if (resolution->points) {
		predicate->kind = PREDICATE_PAIR;
		predicate->pair_source_address = source[0];
		predicate->pair_source_port = source[1];
		result = take_points(fields, resolution, timed, predicate);
	} else {
		predicate->kind = source[0] ? PREDICATE_SOURCE : PREDICATE_DESTINATION;
		result = take_ranges(fields, timed ? &resolution->timed : &resolution->certain, predicate);
	}
	if (result)
		return result;
	if (timed && predicate->range_count == 0 && predicate->point_count == 0) {
		*declared = NULL;
		return 0;
	}
	result = fields_need_predicate(fields, predicate);
	if (result == 0)
		*declared = predicate;
	return result;
}

/* "set bans src" */
static const char *set_name(struct fields *fields, const struct set *set, unsigned dimensions,
			    const bool *source)
{
	struct buffer name = {0};
	buffer_printf(&name, "set %.*s ", (int)set->name.size, set->name.data);
	for (unsigned i = 0; i < dimensions; i++)
		buffer_printf(&name, "%s%s", i ? "," : "", source[i] ? "src" : "dst");
	char *copy = name.failed ? NULL : arena_copy(fields->arena, name.data, name.size);
	buffer_fini(&name);
	return copy;
}

static int declare_opaque(struct fields *fields, const struct set *set, const char *name,
			  struct predicate **declared)
{
	int result = fields_need_opaque(fields, name, true, declared);
	if (result == 0)
		(*declared)->set = set;
	return result;
}

static int resolve(struct resolution *resolution)
{
	switch (resolution->set->type) {
	case SET_HASH_IP:
		return resolve_addresses(resolution);
	case SET_HASH_NET:
		return resolve_networks(resolution);
	case SET_HASH_IP_PORT:
		return resolve_points(resolution);
	case SET_OPAQUE:
		break;
	}
	return -EDOM;
}

static int declare_set(struct fields *fields, const struct set *set, unsigned dimensions, const bool *source,
		       struct set_meaning *meaning)
{
	const char *name = set_name(fields, set, dimensions, source);
	if (!name)
		return -ENOMEM;
	if (set->type == SET_OPAQUE || set->changing)
		return declare_opaque(fields, set, name, &meaning->expiry);
	/* ip_set_test(): another family, or fewer dimensions than the set has, never match. */
	unsigned wanted = set->type == SET_HASH_IP_PORT ? 2 : 1;
	struct set nothing = *set;
	nothing.type = SET_HASH_IP;
	nothing.member_count = 0;
	bool never = set->family != fields->family || dimensions < wanted;
	static const bool no_dimensions[2];
	struct resolution resolution = {.set = never ? &nothing : set};
	int result = resolve(&resolution);
	if (result == -EDOM) {
		result = declare_opaque(fields, set, name, &meaning->expiry);
	} else if (result == 0) {
		resolution.set = set;
		source = dimensions ? source : no_dimensions;
		result = declare_part(fields, &resolution, source, false, name, &meaning->certain);
		if (result == 0)
			result = declare_part(fields, &resolution, source, true, name, &meaning->timed);
		if (result == 0 && meaning->timed)
			result = declare_opaque(fields, set, name, &meaning->expiry);
	}
	resolution_fini(&resolution);
	return result;
}

int fields_need_set(struct fields *fields, const struct set *set, unsigned dimensions, const bool *source,
		    struct set_meaning *meaning)
{
	struct {
		char use;
		uint8_t count;
		bool source[6]; /* IPSET_DIM_MAX */
		const struct set *set;
	} key;
	if (dimensions > sizeof(key.source))
		return -EINVAL;
	memset(&key, 0, sizeof(key));
	key.use = 's';
	key.count = (uint8_t)dimensions;
	for (unsigned i = 0; i < dimensions; i++)
		key.source[i] = source[i];
	key.set = set;
	const struct set_meaning *known = fields_find(fields, &key, sizeof(key));
	if (known) {
		*meaning = *known;
		return 0;
	}
	if (fields->diagram)
		return -EBUSY;
	struct set_meaning *fresh = arena_alloc(fields->arena, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	int result = declare_set(fields, set, dimensions, source, fresh);
	if (result == 0)
		result = fields_keep(fields, &key, sizeof(key), fresh);
	if (result == 0)
		*meaning = *fresh;
	return result;
}
