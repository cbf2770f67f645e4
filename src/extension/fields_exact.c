/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Exact fields: addresses as far as what was declared tells them apart.
 *
 * Every range of addresses that a rule or a set speaks of is declared before sealing. Their borders cut the
 * addresses into pieces; pieces that the same declared ranges cover are one class, however far apart they
 * lie, and the field holds the class's number. Classes are numbered by their lowest address, so a range that
 * was declared is a run of consecutive classes among those whose lowest address lies in it: all addresses of
 * a class are inside or none is. A set of a million addresses that nothing else cuts is one class, and sets,
 * lists and single rules become comparable whichever way they were written down.
 *
 * Which declared ranges cover a piece is told by a sum of random numbers of 128 bits, one for each declared
 * range or set: two pieces that are covered differently have the same sum with a chance below 2^-60 for any
 * input. */
#include "extension/fields_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

typedef unsigned __int128 signature;

struct condition {
	const struct predicate_range *ranges; /* disjoint, ascending */
	size_t count;
	signature key;
};

/* Classes of one address field. */
struct exact_side {
	size_t condition_count, condition_capacity;
	struct condition *conditions;
	/* After sealing. */
	size_t piece_count;
	address *low;    /* of each piece; the next one's begin is its end */
	uint32_t *class; /* of each piece */
	size_t class_count;
	address *lowest; /* of each class, ascending */
};

/* Points of a predicate with one address each: runs of points that are the same but for the address are one
 * group. */
struct exact_pairs {
	const struct predicate *predicate;
	size_t run_count;
	struct exact_run {
		size_t first, count; /* of the predicate's points, with one address */
		uint32_t group;
	} * runs; /* by address */
	size_t group_count;
	size_t *group_runs;             /* a run of each group */
	const struct predicate *member; /* folded: there are no runs */
};

struct exact {
	struct exact_side sides[2]; /* FIELD_SOURCE, FIELD_DESTINATION */
	uint64_t random[2];
	/* What each predicate holds, by its number: predicate.variable. */
	size_t node_count, node_capacity;
	diagram_node *nodes;
	size_t hole_ranges; /* made for masks with holes */
	/* By side: the variable for a large set, NULL without folding; and whether some set has it. */
	struct predicate *members[2];
	bool folded[2];
};

_Static_assert(FIELD_SOURCE == 0 && FIELD_DESTINATION == 1, "the sides are indexed by field");

struct fields *fields_new_exact(enum family family)
{
	struct fields *fields = fields_new(family);
	struct exact *exact = fields ? arena_alloc(fields->arena, sizeof(*exact)) : NULL;
	if (!exact || getrandom(exact->random, sizeof(exact->random), 0) != sizeof(exact->random)) {
		fields_free(fields);
		return NULL;
	}
	fields_private(fields)->exact = exact;
	fields->exact = true;
	return fields;
}

static struct exact *exact_of(const struct fields *fields)
{
	return fields_private(fields)->exact;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t mixed = (*state += 0x9e3779b97f4a7c15u);
	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	return mixed ^ mixed >> 31;
}

static int add_condition(struct fields *fields, enum field field, const struct predicate_range *ranges,
			 size_t count)
{
	struct exact *exact = exact_of(fields);
	struct exact_side *side = &exact->sides[field];
	struct condition *condition =
	    arena_push(fields->arena, (void **)&side->conditions, &side->condition_count,
		       &side->condition_capacity, sizeof(*condition));
	if (!condition)
		return -ENOMEM;
	condition->ranges = ranges;
	condition->count = count;
	condition->key = (signature)next_random(&exact->random[0]) << 64 | next_random(&exact->random[1]);
	return 0;
}

int fields_need_range(struct fields *fields, enum field field, address low, address high)
{
	struct {
		char use;
		uint8_t field;
		address low, high;
	} key;
	if (!fields->exact || low > high || high > family_max(fields->family))
		return 0;
	memset(&key, 0, sizeof(key));
	key.use = 'r';
	key.field = (uint8_t)field;
	key.low = low;
	key.high = high;
	if (fields_find(fields, &key, sizeof(key)))
		return 0;
	if (fields->diagram)
		return -EBUSY;
	struct predicate_range *range = arena_alloc(fields->arena, sizeof(*range));
	if (!range)
		return -ENOMEM;
	*range = (struct predicate_range){low, high, 0};
	int result = add_condition(fields, field, range, 1);
	return result ? result : fields_keep(fields, &key, sizeof(key), range);
}

static uint64_t ranges_hash(const struct predicate *predicate)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < predicate->range_count; i++) {
		const struct predicate_range *range = &predicate->ranges[i];
		uint64_t mixed = hash ^ (uint64_t)range->low ^ (uint64_t)(range->low >> 64) * 31 ^
				 (uint64_t)range->high << 17 ^ (uint64_t)(range->high >> 64) * 17;
		hash = next_random(&mixed);
	}
	return hash;
}

/* Sets with the same addresses are one condition: a set of a million that both rulesets have is looked at
 * once. */
static int need_ranges(struct fields *fields, const struct predicate *predicate)
{
	struct {
		char use;
		uint8_t field;
		uint64_t hash, count;
	} key;
	enum field field = predicate->kind == PREDICATE_SOURCE ? FIELD_SOURCE : FIELD_DESTINATION;
	memset(&key, 0, sizeof(key));
	key.use = 'R';
	key.field = (uint8_t)field;
	key.hash = ranges_hash(predicate);
	key.count = predicate->range_count;
	const struct predicate *same = fields_find(fields, &key, sizeof(key));
	bool equal = same != NULL;
	for (size_t i = 0; equal && i < predicate->range_count; i++)
		equal = same->ranges[i].low == predicate->ranges[i].low &&
			same->ranges[i].high == predicate->ranges[i].high;
	if (equal)
		return 0;
	int result = add_condition(fields, field, predicate->ranges, predicate->range_count);
	if (result || same)
		return result;
	return fields_keep(fields, &key, sizeof(key), (void *)predicate);
}

/* --- pairs of address and port
 * ------------------------------------------------------------------------------------------------------- */

static int compare_runs(const void *a, const void *b, void *context)
{
	const struct exact_run *x = a, *y = b;
	const struct predicate_point *points = context;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	for (size_t i = 0; i < x->count; i++) {
		const struct predicate_point *p = &points[x->first + i], *q = &points[y->first + i];
		if (p->protocol != q->protocol)
			return p->protocol < q->protocol ? -1 : 1;
		if (p->port != q->port)
			return p->port < q->port ? -1 : 1;
	}
	return 0;
}

static int compare_first(const void *a, const void *b)
{
	const struct exact_run *x = a, *y = b;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int find_groups(struct fields *fields, struct exact_pairs *pairs)
{
	const struct predicate *predicate = pairs->predicate;
	pairs->runs = arena_array(fields->arena, predicate->point_count + 1, sizeof(*pairs->runs));
	if (!pairs->runs)
		return -ENOMEM;
	for (size_t i = 0; i < predicate->point_count; i++) {
		struct exact_run *last = pairs->run_count ? &pairs->runs[pairs->run_count - 1] : NULL;
		if (last && predicate->points[last->first].address == predicate->points[i].address)
			last->count++;
		else
			pairs->runs[pairs->run_count++] = (struct exact_run){.first = i, .count = 1};
	}
	qsort_r(pairs->runs, pairs->run_count, sizeof(*pairs->runs), compare_runs, (void *)predicate->points);
	for (size_t i = 0; i < pairs->run_count; i++) {
		if (i == 0 ||
		    compare_runs(&pairs->runs[i - 1], &pairs->runs[i], (void *)predicate->points) != 0)
			pairs->group_count++;
		pairs->runs[i].group = (uint32_t)(pairs->group_count - 1);
	}
	return 0;
}

#define FOLD_MIN 4096 /* points: fewer cost little */

int fields_fold_pairs(struct fields *fields)
{
	struct exact *exact = exact_of(fields);
	int result = 0;
	for (unsigned side = 0; side < 2 && !result; side++) {
		result = fields_need_opaque(fields, "a member", true, &exact->members[side]);
		if (!result)
			exact->members[side]->is_member = true;
	}
	return result;
}

static int keep_pairs(struct fields *fields, struct exact_pairs *pairs)
{
	char key[1 + sizeof(pairs->predicate)] = {'P'};
	memcpy(key + 1, &pairs->predicate, sizeof(pairs->predicate));
	return fields_keep(fields, key, sizeof(key), pairs);
}

static int need_pairs(struct fields *fields, const struct predicate *predicate)
{
	enum field field = predicate->pair_source_address ? FIELD_SOURCE : FIELD_DESTINATION;
	struct exact *exact = exact_of(fields);
	struct exact_pairs *pairs = arena_alloc(fields->arena, sizeof(*pairs));
	if (!pairs)
		return -ENOMEM;
	pairs->predicate = predicate;
	if (exact->members[field] && !exact->folded[field] && predicate->point_count >= FOLD_MIN) {
		exact->folded[field] = true;
		pairs->member = exact->members[field];
		return keep_pairs(fields, pairs);
	}
	int result = find_groups(fields, pairs);
	struct predicate_range *ranges =
	    result ? NULL : arena_array(fields->arena, pairs->run_count + 1, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	pairs->group_runs = arena_array(fields->arena, pairs->group_count + 1, sizeof(*pairs->group_runs));
	if (!pairs->group_runs)
		return -ENOMEM;
	/* Sorted by group; within one by address, which is what conditions ask for. */
	for (size_t i = 0; i < pairs->run_count && !result;) {
		size_t end = i;
		while (end < pairs->run_count && pairs->runs[end].group == pairs->runs[i].group)
			end++;
		qsort(pairs->runs + i, end - i, sizeof(*pairs->runs), compare_first);
		for (size_t r = i; r < end; r++) {
			address value = predicate->points[pairs->runs[r].first].address;
			ranges[r] = (struct predicate_range){value, value, 0};
		}
		pairs->group_runs[pairs->runs[i].group] = pairs->runs[i].first;
		result = add_condition(fields, field, ranges + i, end - i);
		i = end;
	}
	qsort(pairs->runs, pairs->run_count, sizeof(*pairs->runs), compare_first);
	return result ? result : keep_pairs(fields, pairs);
}

int exact_need_predicate(struct fields *fields, struct predicate *predicate)
{
	struct exact *exact = exact_of(fields);
	diagram_node *node = arena_push(fields->arena, (void **)&exact->nodes, &exact->node_count,
					&exact->node_capacity, sizeof(*node));
	if (!node)
		return -ENOMEM;
	*node = DIAGRAM_UNDECIDED;
	if (predicate->kind != PREDICATE_OPAQUE) /* it has no variable */
		predicate->variable = (uint32_t)(exact->node_count - 1);
	switch (predicate->kind) {
	case PREDICATE_SOURCE:
	case PREDICATE_DESTINATION:
		return need_ranges(fields, predicate);
	case PREDICATE_PAIR:
		return need_pairs(fields, predicate);
	case PREDICATE_BOXES:
		return boxes_need(fields, predicate);
	case PREDICATE_OPAQUE:
		break;
	}
	return 0;
}

/* --- masks with holes
 * ------------------------------------------------------------------------------------------------------- */

#define HOLES_MAX 16               /* bits within a mask that are not set: each doubles the ranges */
#define HOLE_RANGES_MAX (1u << 21) /* of all masks with holes */

struct mask_key {
	char use;
	uint8_t field;
	address value, mask;
};

static void mask_key_init(struct mask_key *key, enum field field, address value, address mask)
{
	memset(key, 0, sizeof(*key));
	key->use = 'm';
	key->field = (uint8_t)field;
	key->value = value;
	key->mask = mask;
}

/* As ranges, in ascending order; or, of too many, as one unknown of that name: the same packet gets the same
 * answer. */
static int make_masked(struct fields *fields, enum field field, address value, address mask,
		       struct predicate **predicate)
{
	address low_bits = mask ? (mask & -mask) - 1 : 0,
		holes = family_max(fields->family) & ~mask & ~low_bits;
	unsigned count = 0;
	for (address rest = holes; rest; rest &= rest - 1)
		count++;
	const char *side = field == FIELD_SOURCE ? "source" : "destination";
	struct exact *exact = exact_of(fields);
	bool few = count <= HOLES_MAX && exact->hole_ranges + ((size_t)1 << count) <= HOLE_RANGES_MAX;
	if (!few) {
		const char *name = arena_printf(fields->arena, "%s & 0x%llx%016llx is 0x%llx%016llx", side,
						(unsigned long long)(mask >> 64), (unsigned long long)mask,
						(unsigned long long)(value >> 64), (unsigned long long)value);
		return name ? fields_need_opaque(fields, name, false, predicate) : -ENOMEM;
	}
	struct predicate *fresh = arena_alloc(fields->arena, sizeof(*fresh));
	struct predicate_range *ranges = arena_array(fields->arena, (size_t)1 << count, sizeof(*ranges));
	if (!fresh || !ranges)
		return -ENOMEM;
	exact->hole_ranges += (size_t)1 << count;
	address chosen = 0; /* of the holes */
	for (size_t i = 0; i < (size_t)1 << count; i++) {
		ranges[i] = (struct predicate_range){value | chosen, value | chosen | low_bits, 0};
		chosen = (chosen - holes) & holes;
	}
	*fresh = (struct predicate){
	    .kind = field == FIELD_SOURCE ? PREDICATE_SOURCE : PREDICATE_DESTINATION,
	    .name = side,
	    .ranges = ranges,
	    .range_count = (size_t)1 << count,
	};
	*predicate = fresh;
	return fields_need_predicate(fields, fresh);
}

int fields_need_masked(struct fields *fields, enum field field, address value, address mask)
{
	struct predicate *predicate = NULL;
	struct mask_key key;
	if (!fields->exact || mask_length(fields->family, mask) >= 0)
		return fields_need_range(fields, field, value, value | (family_max(fields->family) & ~mask));
	mask_key_init(&key, field, value, mask);
	if (fields_find(fields, &key, sizeof(key)))
		return 0;
	if (fields->diagram)
		return -EBUSY;
	int result = make_masked(fields, field, value, mask, &predicate);
	return result ? result : fields_keep(fields, &key, sizeof(key), predicate);
}

diagram_node exact_masked(const struct fields *fields, enum field field, address value, address mask)
{
	struct mask_key key;
	mask_key_init(&key, field, value, mask);
	const struct predicate *predicate = fields_find(fields, &key, sizeof(key));
	return predicate ? fields_predicate(fields, predicate) : DIAGRAM_UNDECIDED;
}

/* --- sealing
 * ------------------------------------------------------------------------------------------------------- */

struct change {
	address at;
	signature key;
};

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* All borders, each with what changes there; the last address's end is none. */
static struct change *find_changes(const struct fields *fields, const struct exact_side *side, size_t *count)
{
	size_t most = 0, made = 0;
	for (size_t i = 0; i < side->condition_count; i++)
		most += 2 * side->conditions[i].count;
	struct change *changes = reallocarray(NULL, most + 1, sizeof(*changes));
	if (!changes)
		return NULL;
	for (size_t i = 0; i < side->condition_count; i++) {
		const struct condition *condition = &side->conditions[i];
		for (size_t r = 0; r < condition->count; r++) {
			changes[made++] = (struct change){condition->ranges[r].low, condition->key};
			if (condition->ranges[r].high < family_max(fields->family))
				changes[made++] =
				    (struct change){condition->ranges[r].high + 1, condition->key};
		}
	}
	qsort(changes, made, sizeof(*changes), compare_changes);
	*count = made;
	return changes;
}

struct class_table {
	size_t capacity; /* a power of two */
	struct class_slot {
		signature sum;
		uint32_t class; /* + 1; 0: free */
	} * slots;
};

static uint32_t *class_slot(struct class_table *table, signature sum)
{
	size_t place = (size_t)(sum ^ sum >> 64) & (table->capacity - 1);
	while (table->slots[place].class && table->slots[place].sum != sum)
		place = (place + 1) & (table->capacity - 1);
	table->slots[place].sum = sum;
	return &table->slots[place].class;
}

static int seal_side(struct fields *fields, struct exact_side *side)
{
	size_t count = 0;
	struct change *changes = find_changes(fields, side, &count);
	struct class_table table = {.capacity = 64};
	while (table.capacity < 2 * (count + 1))
		table.capacity *= 2;
	table.slots = calloc(table.capacity, sizeof(*table.slots));
	side->low = arena_array(fields->arena, count + 1, sizeof(*side->low));
	side->class = arena_array(fields->arena, count + 1, sizeof(*side->class));
	side->lowest = arena_array(fields->arena, count + 1, sizeof(*side->lowest));
	bool failed = !changes || !table.slots || !side->low || !side->class || !side->lowest;
	signature sum = 0;
	address at = 0;
	for (size_t i = 0; !failed;) {
		for (; i < count && changes[i].at == at; i++)
			sum ^= changes[i].key;
		uint32_t *class = class_slot(&table, sum);
		if (!*class) {
			side->lowest[side->class_count++] = at;
			*class = (uint32_t)side->class_count;
		}
		side->low[side->piece_count] = at;
		side->class[side->piece_count++] = *class - 1;
		if (i == count)
			break;
		at = changes[i].at;
	}
	free(changes);
	free(table.slots);
	return failed ? -ENOMEM : 0;
}

int exact_seal(struct fields *fields)
{
	struct exact *exact = exact_of(fields);
	int result = seal_side(fields, &exact->sides[FIELD_SOURCE]);
	return result ? result : seal_side(fields, &exact->sides[FIELD_DESTINATION]);
}

size_t exact_classes(const struct fields *fields, enum field field)
{
	return exact_of(fields)->sides[field].class_count;
}

/* --- after sealing
 * ------------------------------------------------------------------------------------------------------- */

/* Index of the first of `count` ascending values that is not below. */
static size_t not_below(const address *values, size_t count, address value)
{
	size_t begin = 0, end = count;
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (values[probe] < value)
			begin = probe + 1;
		else
			end = probe;
	}
	return begin;
}

static bool is_border(const struct exact_side *side, address value)
{
	size_t place = not_below(side->low, side->piece_count, value);
	return place < side->piece_count && side->low[place] == value;
}

diagram_node exact_range(const struct fields *fields, enum field field, address low, address high)
{
	const struct exact_side *side = &exact_of(fields)->sides[field];
	address max = family_max(fields->family);
	if (low > high || low > max)
		return DIAGRAM_FALSE;
	if (!is_border(side, low) || (high < max && !is_border(side, high + 1)))
		return DIAGRAM_UNDECIDED; /* it was not declared */
	size_t first = not_below(side->lowest, side->class_count, low);
	size_t end = high < max ? not_below(side->lowest, side->class_count, high + 1) : side->class_count;
	/* Classes that begin before it are outside, by their lowest address. */
	if (first == end)
		return DIAGRAM_FALSE;
	if (!fields->bits[field])
		return DIAGRAM_TRUE;
	return diagram_interval(fields->diagram, fields->first[field], fields->bits[field], first, end - 1);
}

/* Classes and where they lead; ascending. */
static diagram_node classes_node(const struct fields *fields, enum field field,
				 const struct diagram_range *runs, size_t count)
{
	if (!fields->bits[field]) /* there is one class */
		return count ? runs[0].rest : DIAGRAM_FALSE;
	return diagram_ranges(fields->diagram, fields->first[field], fields->bits[field], runs, count,
			      DIAGRAM_FALSE);
}

static diagram_node ranges_node(const struct fields *fields, const struct predicate *predicate)
{
	enum field field = predicate->kind == PREDICATE_SOURCE ? FIELD_SOURCE : FIELD_DESTINATION;
	const struct exact_side *side = &exact_of(fields)->sides[field];
	struct diagram_range *runs = reallocarray(NULL, side->class_count + 1, sizeof(*runs));
	if (!runs)
		return DIAGRAM_UNDECIDED;
	size_t count = 0;
	for (size_t class = 0; class < side->class_count; class ++) {
		if (predicate_find(predicate, side->lowest[class]) < 0)
			continue;
		if (count && runs[count - 1].high + 1 == class)
			runs[count - 1].high = class;
		else
			runs[count++] = (struct diagram_range){class, class, DIAGRAM_TRUE};
	}
	diagram_node node = classes_node(fields, field, runs, count);
	free(runs);
	return node;
}

/* One address's protocols and ports. Where ipset reads no port there is none to ask for. */
static diagram_node points_node(const struct fields *fields, const struct predicate *predicate, size_t first,
				size_t count)
{
	struct diagram *diagram = fields->diagram;
	diagram_node all = DIAGRAM_FALSE;
	struct diagram_range *ports = reallocarray(NULL, count, sizeof(*ports));
	if (!ports)
		return DIAGRAM_UNDECIDED;
	for (size_t i = first; i < first + count;) {
		uint8_t protocol = predicate->points[i].protocol;
		enum field field;
		bool has_port = pair_field(protocol, predicate->pair_source_port, &field);
		size_t made = 0;
		for (; i < first + count && predicate->points[i].protocol == protocol; i++) {
			uint16_t port = predicate->points[i].port;
			if (made && ports[made - 1].high + 1 == port)
				ports[made - 1].high = port;
			else
				ports[made++] = (struct diagram_range){port, port, DIAGRAM_TRUE};
		}
		diagram_node node = has_port ? diagram_ranges(diagram, fields->first[field],
							      fields->bits[field], ports, made, DIAGRAM_FALSE)
					     : DIAGRAM_TRUE;
		node = diagram_and(diagram, node, fields_value(fields, FIELD_PROTOCOL, protocol));
		all = diagram_or(diagram, all, node);
	}
	free(ports);
	return all;
}

/* How many addresses each class has; of 2^128 none. NULL: memory is short. */
static address *class_sizes(const struct fields *fields, const struct exact_side *side)
{
	address *sizes = calloc(side->class_count + 1, sizeof(*sizes));
	for (size_t i = 0; sizes && i < side->piece_count; i++) {
		address last = i + 1 < side->piece_count ? side->low[i + 1] - 1 : family_max(fields->family);
		sizes[side->class[i]] += last - side->low[i] + 1;
	}
	return sizes;
}

static int compare_in_class(const void *a, const void *b)
{
	const struct predicate_point *x = a, *y = b; /* the address is the class */
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->protocol != y->protocol)
		return x->protocol < y->protocol ? -1 : 1;
	return x->port < y->port ? -1 : x->port > y->port;
}

/* Of one class: where all of its addresses are members, and where some are. Points [0, count), each once for
 * each member; they are put together. */
static diagram_node folded_class(const struct fields *fields, const struct exact_pairs *pairs,
				 struct predicate_point *points, size_t count, address size)
{
	struct predicate all = *pairs->predicate, some = all;
	struct predicate_point *taken = reallocarray(NULL, count, sizeof(*taken));
	if (!taken)
		return DIAGRAM_UNDECIDED;
	all.points = points;
	some.points = taken;
	all.point_count = some.point_count = 0;
	for (size_t i = 0; i < count;) {
		size_t end = i;
		while (end < count && compare_in_class(&points[i], &points[end]) == 0)
			end++;
		if (end - i == size)
			points[all.point_count++] = points[i];
		else
			taken[some.point_count++] = points[i];
		i = end;
	}
	diagram_node node = diagram_or(
	    fields->diagram, all.point_count ? points_node(fields, &all, 0, all.point_count) : DIAGRAM_FALSE,
	    diagram_and(fields->diagram,
			some.point_count ? points_node(fields, &some, 0, some.point_count) : DIAGRAM_FALSE,
			fields_predicate(fields, pairs->member)));
	free(taken);
	return node;
}

static diagram_node folded_node(const struct fields *fields, const struct exact_pairs *pairs)
{
	const struct predicate *predicate = pairs->predicate;
	enum field field = predicate->pair_source_address ? FIELD_SOURCE : FIELD_DESTINATION;
	const struct exact_side *side = &exact_of(fields)->sides[field];
	struct predicate_point *points = reallocarray(NULL, predicate->point_count, sizeof(*points));
	struct diagram_range *runs = reallocarray(NULL, side->class_count + 1, sizeof(*runs));
	address *sizes = class_sizes(fields, side);
	diagram_node node = DIAGRAM_UNDECIDED;
	size_t count = 0;
	if (!points || !runs || !sizes)
		goto done;
	for (size_t i = 0; i < predicate->point_count; i++) {
		points[i] = predicate->points[i];
		points[i].address = exact_class(fields, field, points[i].address);
	}
	qsort(points, predicate->point_count, sizeof(*points), compare_in_class);
	for (size_t i = 0; i < predicate->point_count;) {
		size_t class = (size_t)points[i].address, end = i;
		while (end < predicate->point_count && points[end].address == class)
			end++;
		runs[count++] = (struct diagram_range){
		    class, class, folded_class(fields, pairs, points + i, end - i, sizes[class])};
		i = end;
	}
	node = classes_node(fields, field, runs, count);
done:
	free(points);
	free(runs);
	free(sizes);
	return node;
}

static diagram_node pairs_node(const struct fields *fields, const struct predicate *predicate)
{
	enum field field = predicate->pair_source_address ? FIELD_SOURCE : FIELD_DESTINATION;
	const struct exact_side *side = &exact_of(fields)->sides[field];
	char key[1 + sizeof(predicate)] = {'P'};
	memcpy(key + 1, &predicate, sizeof(predicate));
	const struct exact_pairs *pairs = fields_find(fields, key, sizeof(key));
	if (!pairs)
		return DIAGRAM_UNDECIDED;
	if (pairs->member)
		return folded_node(fields, pairs);
	diagram_node *groups = reallocarray(NULL, pairs->group_count + 1, sizeof(*groups));
	struct diagram_range *runs = reallocarray(NULL, side->class_count + 1, sizeof(*runs));
	diagram_node node = DIAGRAM_UNDECIDED;
	size_t count = 0, at = 0;
	if (!groups || !runs)
		goto done;
	memset(groups, 0xff, (pairs->group_count + 1) * sizeof(*groups)); /* DIAGRAM_UNDECIDED */
	for (size_t class = 0; class < side->class_count && at < pairs->run_count; class ++) {
		while (at < pairs->run_count &&
		       predicate->points[pairs->runs[at].first].address < side->lowest[class])
			at++;
		if (at == pairs->run_count ||
		    predicate->points[pairs->runs[at].first].address != side->lowest[class])
			continue;
		const struct exact_run *run = &pairs->runs[at];
		if (groups[run->group] == DIAGRAM_UNDECIDED)
			groups[run->group] = points_node(fields, predicate, run->first, run->count);
		runs[count++] = (struct diagram_range){class, class, groups[run->group]};
	}
	node = classes_node(fields, field, runs, count);
done:
	free(groups);
	free(runs);
	return node;
}

static diagram_node predicate_node(const struct fields *fields, const struct predicate *predicate)
{
	switch (predicate->kind) {
	case PREDICATE_PAIR:
		return pairs_node(fields, predicate);
	case PREDICATE_BOXES:
		return boxes_node(fields, predicate);
	default:
		return ranges_node(fields, predicate);
	}
}

/* Asked for each rule that has it, and made once. */
diagram_node exact_predicate(const struct fields *fields, const struct predicate *predicate)
{
	diagram_node *kept = &exact_of(fields)->nodes[predicate->variable];
	if (*kept == DIAGRAM_UNDECIDED)
		*kept = predicate_node(fields, predicate);
	return *kept;
}

uint32_t exact_class(const struct fields *fields, enum field field, address value)
{
	const struct exact_side *side = &exact_of(fields)->sides[field];
	size_t place = not_below(side->low, side->piece_count, value);
	if (place == side->piece_count || side->low[place] > value)
		place--; /* the first piece begins at 0 */
	return side->class[place];
}

address exact_address(const struct fields *fields, enum field field, uint32_t class, address preferred)
{
	const struct exact_side *side = &exact_of(fields)->sides[field];
	if (exact_class(fields, field, preferred) == class)
		return preferred;
	address low = side->lowest[class];
	size_t place = not_below(side->low, side->piece_count, low);
	address end = place + 1 < side->piece_count ? side->low[place + 1] - 1 : family_max(fields->family);
	/* The first address of all is nobody's, and that of a network is rarely a host's. */
	if (low == 0)
		return end;
	return end > low ? low + 1 : low;
}

size_t fields_classes(const struct fields *fields, enum field field)
{
	return exact_classes(fields, field);
}

int fields_visit_classes(const struct fields *fields, enum field field, const bool *chosen,
			 fields_visit visit, void *context)
{
	const struct exact_side *side = &exact_of(fields)->sides[field];
	int result = 0;
	for (size_t i = 0; i < side->piece_count && !result;) {
		size_t end = i;
		while (end < side->piece_count && chosen[side->class[end]])
			end++;
		if (end == i) {
			i++;
			continue;
		}
		result = visit(context, side->low[i],
			       end < side->piece_count ? side->low[end] - 1 : family_max(fields->family));
		i = end;
	}
	return result;
}
