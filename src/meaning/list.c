/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lists: consecutive rules that differ in one key only (the source, the destination, or a destination or
 * source address with its protocol and port) become one predicate, "the key is in this list". That is what
 * lets 100,000 bans cost one variable, one trie and one counter each.
 *
 * What must stay true: the list means exactly what its rules mean one after the other. Where a rule ends the
 * walk (ACCEPT, DROP, REJECT, RETURN, goto) a packet is credited to the first that matches; where it goes on
 * (NOTRACK, LOG, a jump), no two rules of a list may match the same packet, so that one credit says it all.
 */
#include "extension/extension.h"
#include "meaning/analysis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum key_kind { KEY_NONE, KEY_SOURCE, KEY_DESTINATION, KEY_PAIR };

struct key_shape {
	enum key_kind kind;
	bool source_address, source_port; /* KEY_PAIR */
};

static bool interface_same(const struct interface_match *a, const struct interface_match *b)
{
	return a->wildcard == b->wildcard && a->inverted == b->inverted && strcmp(a->name, b->name) == 0;
}

static bool address_same(const struct address_match *a, const struct address_match *b)
{
	return a->value == b->value && a->mask == b->mask && a->inverted == b->inverted;
}

static bool address_is_prefix(const struct address_match *match, enum family family)
{
	return !match->inverted && match->mask != 0 && mask_length(family, match->mask) > 0;
}

static bool address_is_single(const struct address_match *match, enum family family)
{
	return !match->inverted && match->mask == family_max(family);
}

/* The rule's only match with a single port, when all others are comments; NULL otherwise. */
static const struct match *key_port(const struct rule *rule, bool *source, uint16_t *port)
{
	const struct match *found = NULL;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (match_is_comment(match))
			continue;
		if (found || !match_single_port(match, source, port))
			return NULL;
		found = match;
	}
	return found;
}

/* Compares what a match or target says, by its printed form: for the rare rules of a list that have more than
 * addresses. */
static bool printed_same(const struct rule *a, const struct rule *b)
{
	struct buffer left = {0}, right = {0};
	for (uint32_t i = 0; i < a->match_count; i++)
		if (!match_is_comment(&a->matches[i]))
			a->matches[i].type->print(&a->matches[i], a, &left);
	for (uint32_t i = 0; i < b->match_count; i++)
		if (!match_is_comment(&b->matches[i]))
			b->matches[i].type->print(&b->matches[i], b, &right);
	bool same = !left.failed && !right.failed && left.size == right.size &&
		    (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
	buffer_fini(&left);
	buffer_fini(&right);
	return same;
}

static bool target_same(const struct rule *a, const struct rule *b)
{
	if (a->target.type != b->target.type || a->target.chain != b->target.chain ||
	    a->target.is_goto != b->target.is_goto)
		return false;
	if (!a->target.type->print)
		return true;
	struct buffer left = {0}, right = {0};
	a->target.type->print(&a->target, a, &left);
	b->target.type->print(&b->target, b, &right);
	bool same = !left.failed && !right.failed && left.size == right.size &&
		    (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
	buffer_fini(&left);
	buffer_fini(&right);
	return same;
}

static bool has_matches(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (!match_is_comment(&rule->matches[i]))
			return true;
	return false;
}

/* A rule whose matches keep state of their own, or have effects, is never part of a list: each counts for
 * itself. */
static bool matches_listable(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match_type *type = rule->matches[i].type;
		if (!type->modelled || type->unseen || (type->effects && type->effects(&rule->matches[i])))
			return false;
	}
	return true;
}

static bool target_listable(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	return rule->target.type->modelled && kind != TARGET_OPAQUE && kind != TARGET_CHANGE &&
	       kind != TARGET_REWRITE && kind != TARGET_QUEUE;
}

/* Whether rule `b` can stand in one list with `a` under this shape, keys apart. */
static bool rest_same(const struct rule *a, const struct rule *b, struct key_shape shape, enum family family)
{
	if (!interface_same(&a->in, &b->in) || !interface_same(&a->out, &b->out) ||
	    a->fragment != b->fragment || !target_same(a, b))
		return false;
	if (shape.kind == KEY_PAIR) {
		bool source;
		uint16_t port;
		if (b->protocol_inverted || b->protocol == 0 || !key_port(b, &source, &port) ||
		    source != shape.source_port)
			return false;
		if (shape.source_address)
			return address_is_single(&b->source, family) &&
			       address_same(&a->destination, &b->destination);
		return address_is_single(&b->destination, family) && address_same(&a->source, &b->source);
	}
	if (a->protocol != b->protocol || a->protocol_inverted != b->protocol_inverted ||
	    !matches_listable(b))
		return false;
	if (shape.kind == KEY_SOURCE) {
		if (!address_is_prefix(&b->source, family) || !address_same(&a->destination, &b->destination))
			return false;
	} else if (!address_is_prefix(&b->destination, family) || !address_same(&a->source, &b->source)) {
		return false;
	}
	bool bare = !has_matches(a);
	return bare ? !has_matches(b) : has_matches(b) && printed_same(a, b);
}

/* How many rules from `rules` on fit one list of this shape. */
static size_t run_length(const struct rule *rules, size_t count, struct key_shape shape, enum family family)
{
	size_t length = 0;
	while (length < count && rest_same(rules, rules + length, shape, family))
		length++;
	return length;
}

static bool ends_walk(const struct target *target)
{
	switch (target->type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
		return true;
	case TARGET_JUMP:
		return target->is_goto;
	default:
		return false;
	}
}

static int range_compare(const void *left, const void *right)
{
	const struct predicate_range *a = left, *b = right;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	if (a->high != b->high)
		return a->high > b->high ? -1 : 1; /* the wider prefix first */
	return a->element < b->element ? -1 : a->element > b->element;
}

/* Prefixes nest: a stack of those that are open. `emit` everywhere the first rule that covers the address. */
struct flatten {
	const struct predicate_range *in;
	size_t count;
	struct predicate_range *out;
	size_t out_count;
};

static void flatten_emit(struct flatten *flatten, address low, address high, uint32_t element)
{
	struct predicate_range *last = flatten->out_count ? &flatten->out[flatten->out_count - 1] : NULL;
	if (last && last->element == element && last->high + 1 == low)
		last->high = high;
	else
		flatten->out[flatten->out_count++] = (struct predicate_range){low, high, element};
}

/* At most two pieces for each prefix: out has room for 2 * count. The stack is at most 129 deep, plus
 * duplicates that are skipped. */
static void flatten_prefixes(struct flatten *flatten)
{
	struct {
		address high;
		uint32_t element; /* the first rule among those open */
	} stack[130];
	size_t depth = 0;
	address at = 0; /* first address not yet emitted, while depth > 0 */
	for (size_t i = 0; i <= flatten->count; i++) {
		const struct predicate_range *next = i < flatten->count ? &flatten->in[i] : NULL;
		/* cppcheck-suppress uninitvar ; what is below depth was set */
		while (depth > 0 && (!next || stack[depth - 1].high < next->low)) {
			address high = stack[depth - 1].high;
			if (at <= high)
				flatten_emit(flatten, at, high, stack[depth - 1].element);
			depth--;
			if (depth > 0 && at <= high) {
				if (high == stack[depth - 1].high) {
					/* the outer one ends here too: nothing of it is left */
					while (depth > 0 && stack[depth - 1].high == high)
						depth--;
				}
				at = high + 1;
			}
		}
		if (!next)
			break;
		if (depth > 0 && at < next->low)
			flatten_emit(flatten, at, next->low - 1, stack[depth - 1].element);
		at = next->low;
		uint32_t element = next->element;
		if (depth > 0 && stack[depth - 1].element < element)
			element = stack[depth - 1].element;
		if (depth > 0 && stack[depth - 1].high == next->high) {
			stack[depth - 1].element = element;
			continue;
		}
		stack[depth].high = next->high;
		stack[depth].element = element;
		depth++;
	}
}

static int make_ranges(struct analysis *analysis, const struct rule *rules, size_t count,
		       struct key_shape shape, bool disjoint, size_t *used, struct predicate *predicate)
{
	struct predicate_range *sorted = calloc(count, sizeof(*sorted));
	struct predicate_range *out = arena_array(analysis->fields->arena, 2 * count, sizeof(*out));
	if (!sorted || !out) {
		free(sorted);
		return -ENOMEM;
	}
	address all = family_max(analysis->family);
	for (size_t i = 0; i < count; i++) {
		const struct address_match *match =
		    shape.kind == KEY_SOURCE ? &rules[i].source : &rules[i].destination;
		sorted[i] =
		    (struct predicate_range){match->value, match->value | (all & ~match->mask), (uint32_t)i};
	}
	qsort(sorted, count, sizeof(*sorted), range_compare);
	if (disjoint) {
		/* The longest start of the run in which no two overlap: cut before the later rule of each
		 * clash. */
		size_t limit = count;
		address high = 0;
		uint32_t holder = 0;
		for (size_t i = 0; i < count; i++) {
			if (i > 0 && sorted[i].low <= high) {
				uint32_t later = sorted[i].element > holder ? sorted[i].element : holder;
				if (later < limit)
					limit = later;
			}
			if (i == 0 || sorted[i].high > high) {
				high = sorted[i].high;
				holder = sorted[i].element;
			}
		}
		if (limit < count) {
			free(sorted);
			*used = limit;
			return 0;
		}
	}
	struct flatten flatten = {.in = sorted, .count = count, .out = out};
	flatten_prefixes(&flatten);
	free(sorted);
	predicate->kind = shape.kind == KEY_SOURCE ? PREDICATE_SOURCE : PREDICATE_DESTINATION;
	predicate->ranges = out;
	predicate->range_count = flatten.out_count;
	*used = count;
	return 0;
}

static int point_compare(const void *left, const void *right)
{
	const struct predicate_point *a = left, *b = right;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return a->element < b->element ? -1 : a->element > b->element;
}

static int make_points(struct analysis *analysis, const struct rule *rules, size_t count,
		       struct key_shape shape, bool disjoint, size_t *used, struct predicate *predicate)
{
	struct predicate_point *points = arena_array(analysis->fields->arena, count, sizeof(*points));
	if (!points)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		bool source;
		uint16_t port = 0;
		key_port(&rules[i], &source, &port);
		points[i] = (struct predicate_point){
		    .address = shape.source_address ? rules[i].source.value : rules[i].destination.value,
		    .element = (uint32_t)i,
		    .port = port,
		    .protocol = rules[i].protocol,
		};
	}
	qsort(points, count, sizeof(*points), point_compare);
	size_t kept = 0, limit = count;
	for (size_t i = 0; i < count; i++) {
		bool again = kept > 0 && points[kept - 1].address == points[i].address &&
			     points[kept - 1].protocol == points[i].protocol &&
			     points[kept - 1].port == points[i].port;
		if (!again)
			points[kept++] = points[i];
		else if (points[i].element < limit)
			limit = points[i].element;
	}
	if (disjoint && limit < count) {
		*used = limit;
		return 0;
	}
	predicate->kind = PREDICATE_PAIR;
	predicate->points = points;
	predicate->point_count = kept;
	predicate->pair_source_address = shape.source_address;
	predicate->pair_source_port = shape.source_port;
	*used = count;
	return 0;
}

/* The shape under which most rules from here on make one list. */
static struct key_shape best_shape(const struct rule *rules, size_t count, enum family family, size_t *length)
{
	struct key_shape shapes[4];
	size_t shape_count = 0;
	bool source;
	uint16_t port;
	if (matches_listable(rules)) {
		if (address_is_prefix(&rules->source, family))
			shapes[shape_count++] = (struct key_shape){KEY_SOURCE, false, false};
		if (address_is_prefix(&rules->destination, family))
			shapes[shape_count++] = (struct key_shape){KEY_DESTINATION, false, false};
	}
	if (rules->protocol != 0 && !rules->protocol_inverted && key_port(rules, &source, &port)) {
		if (address_is_single(&rules->destination, family))
			shapes[shape_count++] = (struct key_shape){KEY_PAIR, false, source};
		if (address_is_single(&rules->source, family))
			shapes[shape_count++] = (struct key_shape){KEY_PAIR, true, source};
	}
	struct key_shape best = {KEY_NONE, false, false};
	*length = 0;
	for (size_t i = 0; i < shape_count; i++) {
		size_t run = run_length(rules, count, shapes[i], family);
		if (run > *length) {
			*length = run;
			best = shapes[i];
		}
	}
	return best;
}

/* A list seen before with the same keys in the same order: a listener's NOTRACK and ACCEPT rules, say.
 * Sharing its predicate tells the diagram that both hold for the same packets. */
static struct predicate *find_same(const struct analysis *analysis, const struct predicate *predicate)
{
	for (size_t i = 0; i < analysis->list_count; i++) {
		struct predicate *other = analysis->lists[i];
		if (other->kind != predicate->kind || other->range_count != predicate->range_count ||
		    other->point_count != predicate->point_count ||
		    other->pair_source_address != predicate->pair_source_address ||
		    other->pair_source_port != predicate->pair_source_port)
			continue;
		bool same = true;
		for (size_t r = 0; r < predicate->range_count && same; r++)
			same = other->ranges[r].low == predicate->ranges[r].low &&
			       other->ranges[r].high == predicate->ranges[r].high &&
			       other->ranges[r].element == predicate->ranges[r].element;
		for (size_t p = 0; p < predicate->point_count && same; p++)
			same = other->points[p].address == predicate->points[p].address &&
			       other->points[p].protocol == predicate->points[p].protocol &&
			       other->points[p].port == predicate->points[p].port &&
			       other->points[p].element == predicate->points[p].element;
		if (same)
			return other;
	}
	return NULL;
}

int list_find(struct analysis *analysis, const struct rule *rules, size_t count, struct item *item,
	      struct predicate **made)
{
	size_t length;
	if (count < LIST_MIN || !target_listable(rules))
		return 0;
	struct key_shape shape = best_shape(rules, count, analysis->family, &length);
	if (length < LIST_MIN || shape.kind == KEY_NONE)
		return 0;
	struct predicate *predicate = arena_alloc(analysis->fields->arena, sizeof(*predicate));
	if (!predicate)
		return -ENOMEM;
	bool disjoint = !ends_walk(&rules->target);
	if (disjoint && analysis->list_clashes > LIST_CLASHES_MAX)
		return 0;
	/* A clash cuts the run, and what is left is looked at again. */
	for (size_t used = 0; used != length;) {
		if (used) {
			length = used;
			analysis->list_clashes++;
		}
		int result = shape.kind == KEY_PAIR
				 ? make_points(analysis, rules, length, shape, disjoint, &used, predicate)
				 : make_ranges(analysis, rules, length, shape, disjoint, &used, predicate);
		if (result)
			return result;
		if (used < LIST_MIN)
			return 0;
	}
	struct predicate *same = find_same(analysis, predicate);
	struct predicate **kept =
	    same ? &same
		 : arena_push(analysis->arena, (void **)&analysis->lists, &analysis->list_count,
			      &analysis->list_capacity, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	if (!same)
		*kept = predicate;
	const struct chain *chain = rules->chain;
	predicate->name = arena_printf(analysis->fields->arena, "rules %u to %u of %.*s", rules[0].number,
				       rules[length - 1].number, (int)chain->name.size, chain->name.data);
	if (!predicate->name)
		return -ENOMEM;
	bool source;
	uint16_t port;
	item->rule = rules;
	item->count = length;
	item->predicate = *kept;
	item->key_match = shape.kind == KEY_PAIR ? key_port(rules, &source, &port) : NULL;
	*made = *kept;
	return 1;
}
