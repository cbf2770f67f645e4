/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a set says, as sorted disjoint ranges or points: the answer of ip_set_test() in the kernel for every
 * address.
 *
 * hash:ip, bitmap:ip: each address by itself; of repeated adds the last one counts. With netmask, blocks of
 * that size. The address 0 is never a member of hash:ip (hash_ip4_kadt()). hash:net: the longest prefix that
 * holds the address decides; when it is a nomatch entry the set does not match (mtype_test_cidrs()).
 * hash:ip,port: (address, protocol, port); see ip_set_get_ip4_port().
 * The other types look at more than an address and a port, or at two addresses: what they hold is not
 * modelled here.
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

struct piece {
	address low, high;
	uint32_t index; /* of the member */
	uint8_t prefix; /* hash:net */
	bool timed, nomatch;
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

/* hash:ip and bitmap:ip: each address, or block of a netmask, by itself; of equal ones the last counts. */
static int resolve_addresses(struct resolution *resolution)
{
	const struct set *set = resolution->set;
	struct piece *pieces = reallocarray(NULL, set->member_count + 1, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		pieces[i] = (struct piece){member.low, member.high, (uint32_t)i, 0, member.timed, false};
	}
	qsort(pieces, set->member_count, sizeof(*pieces), compare_pieces);
	int result = 0;
	for (size_t i = 0; i < set->member_count && result == 0; i++) {
		const struct piece *piece = &pieces[i];
		if (i + 1 < set->member_count && pieces[i + 1].low == piece->low)
			continue; /* added again later */
		if (piece->low == 0 && set->type == SET_HASH_IP)
			continue;
		result = add_range(piece->timed ? &resolution->timed : &resolution->certain, piece->low,
				   piece->high, piece->index);
	}
	free(pieces);
	return result;
}

/* What can become of the addresses in a prefix that no longer one holds. */
struct level {
	address high;
	bool can_match, can_miss;
	uint32_t element; /* when it matches */
};

static struct level level_below(const struct level *outer, const struct piece *piece)
{
	struct level level = {.high = piece->high, .element = piece->index};
	if (!piece->timed) {
		level.can_match = !piece->nomatch;
		level.can_miss = piece->nomatch;
	} else if (piece->nomatch) {
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
		stack[depth] = level_below(depth ? &stack[depth - 1] : NULL, piece);
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

static int resolve_networks(struct resolution *resolution)
{
	const struct set *set = resolution->set;
	struct piece *pieces = reallocarray(NULL, set->member_count + 1, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		pieces[i] = (struct piece){member.low,    member.high,  (uint32_t)i,
					   member.prefix, member.timed, member.nomatch};
	}
	qsort(pieces, set->member_count, sizeof(*pieces), compare_pieces);
	int result = nest(resolution, pieces, set->member_count);
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

static int resolve_points(struct resolution *resolution)
{
	const struct set *set = resolution->set;
	struct predicate_point *points = reallocarray(NULL, set->member_count + 1, sizeof(*points));
	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		points[i] = (struct predicate_point){member.low, (uint32_t)i,
						     member_has_port(set, member.protocol) ? member.port : 0,
						     member.protocol};
	}
	qsort(points, set->member_count, sizeof(*points), compare_points);
	size_t kept = 0;
	for (size_t i = 0; i < set->member_count; i++) {
		if (kept && points[kept - 1].address == points[i].address &&
		    points[kept - 1].port == points[i].port &&
		    points[kept - 1].protocol == points[i].protocol)
			kept--; /* added again later */
		if (points[i].address)
			points[kept++] = points[i];
	}
	resolution->points = points;
	resolution->point_count = kept;
	return 0;
}

static bool element_timed(const struct set *set, uint32_t element)
{
	struct set_member member;
	if (!set->has_timeout)
		return false;
	set_member_get(set, element, &member);
	return member.timed;
}

/* The points whose members are timed, or not, into the arena; the order stays. */
static int take_points(struct fields *fields, const struct resolution *resolution, bool timed,
		       struct predicate *predicate)
{
	size_t count = 0;
	for (size_t i = 0; i < resolution->point_count; i++)
		count += element_timed(resolution->set, resolution->points[i].element) == timed;
	struct predicate_point *points = arena_array(fields->arena, count, sizeof(*points));
	if (!points)
		return -ENOMEM;
	predicate->points = points;
	predicate->point_count = count;
	for (size_t i = 0; i < resolution->point_count; i++)
		if (element_timed(resolution->set, resolution->points[i].element) == timed)
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

/* A predicate of what was resolved. */
static int make_part(struct fields *fields, const struct resolution *resolution, const bool *source,
		     bool timed, const char *name, struct predicate **made)
{
	struct predicate *predicate = arena_alloc(fields->arena, sizeof(*predicate));
	if (!predicate)
		return -ENOMEM;
	*made = predicate;
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
	return result;
}

/* The same, declared. NULL in *declared when it is empty and not wanted. */
static int declare_part(struct fields *fields, const struct resolution *resolution, const bool *source,
			bool timed, const char *name, struct predicate **declared)
{
	struct predicate *predicate;
	int result = make_part(fields, resolution, source, timed, name, &predicate);
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

/* --- Beside the set of that name of another ruleset ----------------------------------------------- */

/* Of a what is within b, or, `without`, what is not; the elements are those of a. */
static size_t cut_ranges(const struct predicate *a, const struct predicate *b, bool without,
			 struct predicate_range *out)
{
	size_t count = 0, k = 0;
	for (size_t i = 0; i < a->range_count; i++) {
		struct predicate_range left = a->ranges[i];
		bool whole = true; /* something is left behind what was looked at */
		while (k < b->range_count && b->ranges[k].high < left.low)
			k++;
		for (size_t j = k; whole && j < b->range_count && b->ranges[j].low <= left.high; j++) {
			const struct predicate_range *cut = &b->ranges[j];
			struct predicate_range piece = left;
			if (without) {
				piece.high = cut->low - 1;
				if (cut->low > left.low)
					out[count++] = piece;
			} else {
				piece.low = cut->low > left.low ? cut->low : left.low;
				piece.high = cut->high < left.high ? cut->high : left.high;
				out[count++] = piece;
			}
			whole = cut->high < left.high;
			left.low = cut->high + 1;
		}
		if (without && whole)
			out[count++] = left;
	}
	return count;
}

static int compare_key(const struct predicate_point *a, const struct predicate_point *b)
{
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	return a->port < b->port ? -1 : a->port > b->port;
}

static size_t cut_points(const struct predicate *a, const struct predicate *b, bool without,
			 struct predicate_point *out)
{
	size_t count = 0, k = 0;
	for (size_t i = 0; i < a->point_count; i++) {
		while (k < b->point_count && compare_key(&b->points[k], &a->points[i]) < 0)
			k++;
		bool in = k < b->point_count && compare_key(&b->points[k], &a->points[i]) == 0;
		if (in != without)
			out[count++] = a->points[i];
	}
	return count;
}

static int cut(struct fields *fields, const struct predicate *a, const struct predicate *b, bool without,
	       struct predicate *out)
{
	*out = *a;
	out->meaning = NULL;
	if (a->kind == PREDICATE_PAIR) {
		struct predicate_point *points =
		    arena_array(fields->arena, a->point_count + 1, sizeof(*points));
		if (!points)
			return -ENOMEM;
		out->point_count = cut_points(a, b, without, points);
		out->points = points;
		return 0;
	}
	struct predicate_range *ranges =
	    arena_array(fields->arena, a->range_count + b->range_count + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	out->range_count = cut_ranges(a, b, without, ranges);
	out->ranges = ranges;
	return 0;
}

/* What a holds and b does not, declared; NULL: nothing. */
static int declare_rest(struct fields *fields, const struct predicate *a, const struct predicate *b,
			struct predicate **rest)
{
	struct predicate *made = arena_alloc(fields->arena, sizeof(*made));
	int result = made ? cut(fields, a, b, true, made) : -ENOMEM;
	if (!result && (made->range_count || made->point_count)) {
		result = fields_need_predicate(fields, made);
		*rest = made;
	}
	return result;
}

static struct predicate *find_other(const struct fields *fields, const struct predicate *predicate)
{
	for (size_t i = 0; i < fields->predicate_count && !fields->exact; i++) {
		struct predicate *known = fields->predicates[i];
		if (known->meaning && !known->meaning->rest && known->set != predicate->set &&
		    known->kind == predicate->kind &&
		    known->pair_source_address == predicate->pair_source_address &&
		    known->pair_source_port == predicate->pair_source_port &&
		    text_equal(known->set->name, predicate->set->name))
			return known;
	}
	return NULL;
}

/* Two rulesets that are seen in one diagram have sets of one name, the most of which is often the same: what
 * both hold is one predicate, so that one can be seen to hold the other, and what only one of them holds
 * another. */
static int declare_beside(struct fields *fields, struct predicate *known, struct predicate *predicate,
			  struct set_meaning *meaning)
{
	struct predicate common;
	int result = cut(fields, known, predicate, false, &common);
	if (!result)
		result = declare_rest(fields, known, predicate, &known->meaning->rest);
	if (!result)
		result = declare_rest(fields, predicate, known, &meaning->rest);
	if (result)
		return result;
	known->range_count = common.range_count;
	known->ranges = common.ranges;
	known->point_count = common.point_count;
	known->points = common.points;
	meaning->certain = known;
	struct predicate *const pair[] = {known->meaning->rest, meaning->rest};
	for (size_t i = 0; pair[0] && pair[1] && i < 2; i++) {
		struct predicate **slot =
		    arena_push(fields->arena, (void **)&fields->apart, &fields->apart_count,
			       &fields->apart_capacity, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = pair[i];
	}
	return 0;
}

static int declare_certain(struct fields *fields, const struct resolution *resolution, const bool *source,
			   const char *name, struct set_meaning *meaning)
{
	struct predicate *predicate;
	int result = make_part(fields, resolution, source, false, name, &predicate);
	if (result)
		return result;
	struct predicate *known = find_other(fields, predicate);
	if (known)
		return declare_beside(fields, known, predicate, meaning);
	predicate->meaning = meaning;
	result = fields_need_predicate(fields, predicate);
	if (result == 0)
		meaning->certain = predicate;
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
	struct buffer own = {0};
	int result;
	if (fields->naming) { /* one for what is the same set on both sides */
		buffer_puts(&own, name);
		fields->naming->set(fields->naming->context, set, &own);
		result = own.failed ? -ENOMEM : fields_need_opaque(fields, own.data, false, declared);
		buffer_fini(&own);
		return result;
	}
	result = fields_need_opaque(fields, name, true, declared);
	if (result == 0)
		(*declared)->set = set;
	return result;
}

bool fields_expresses_set(const struct set *set)
{
	switch (set->type) {
	case SET_BITMAP_IP:
	case SET_HASH_NET:
		return true;
	case SET_HASH_IP:
		return set_mask_is_prefix(set);
	case SET_HASH_IP_PORT:
		return set->mask == family_max(set->family);
	default:
		return false;
	}
}

static int resolve(struct resolution *resolution)
{
	switch (resolution->set->type) {
	case SET_HASH_NET:
		return resolve_networks(resolution);
	case SET_HASH_IP_PORT:
		return resolve_points(resolution);
	default:
		return resolve_addresses(resolution);
	}
}

/* ip_set_test(): another family, or fewer dimensions than the set has, never match. */
static int declare_boxes(struct fields *fields, const struct set *set, const char *name, unsigned dimensions,
			 const bool *source, struct set_meaning *meaning)
{
	bool never = set->family != fields->family || dimensions < set->dimensions;
	struct predicate *predicate = arena_alloc(fields->arena, sizeof(*predicate));
	if (!predicate)
		return -ENOMEM;
	*predicate =
	    (struct predicate){.kind = never ? PREDICATE_SOURCE : PREDICATE_BOXES, .name = name, .set = set};
	for (unsigned i = 0; i < SET_PARTS_MAX && i < dimensions; i++)
		predicate->box_source[i] = source[i];
	int result = fields_need_predicate(fields, predicate);
	if (result == 0)
		meaning->certain = predicate;
	return result;
}

static int declare_set(struct fields *fields, const struct set *set, unsigned dimensions, const bool *source,
		       struct set_meaning *meaning)
{
	const char *name = set_name(fields, set, dimensions, source);
	if (!name)
		return -ENOMEM;
	if (fields_expresses_boxes(fields, set) && !set->changing)
		return declare_boxes(fields, set, name, dimensions, source, meaning);
	if (!fields_expresses_set(set) || set->changing)
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
	if (result == 0) {
		resolution.set = set;
		source = dimensions ? source : no_dimensions;
		result = declare_certain(fields, &resolution, source, name, meaning);
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
