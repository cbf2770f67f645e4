/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Declaring the rules of all sides, and which unknowns of one side are unknowns of the other. */
#include "extension/option.h"
#include "meaning/behaviour_private.h"
#include "meaning/head.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void places_fini(struct places *places)
{
	free(places->owners);
	for (size_t i = 0; i < PLACE_KEYS; i++) {
		free(places->index[i].sorted);
		free(places->index[i].skipped);
	}
}

static size_t owner_slot(const struct places *places, const void *owner)
{
	uint64_t hash = (uintptr_t)owner;
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
	size_t slot = (hash ^ hash >> 33) & (places->owner_capacity - 1);
	while (places->owners[slot].owner && places->owners[slot].owner != owner)
		slot = (slot + 1) & (places->owner_capacity - 1);
	return slot;
}

uint32_t behaviour_place(const struct behaviour *behaviour, const void *owner)
{
	const struct places *places = &behaviour->places;
	return places->owner_capacity ? places->owners[owner_slot(places, owner)].place : 0;
}

static bool owner_add(struct places *places, const void *owner, uint32_t place)
{
	if (2 * (places->owner_count + 1) > places->owner_capacity) {
		struct places grown = {.owner_capacity =
					   places->owner_capacity ? places->owner_capacity * 2 : 64};
		grown.owners = calloc(grown.owner_capacity, sizeof(*grown.owners));
		if (!grown.owners)
			return false;
		for (size_t i = 0; i < places->owner_capacity; i++)
			if (places->owners[i].owner)
				grown.owners[owner_slot(&grown, places->owners[i].owner)] = places->owners[i];
		free(places->owners);
		places->owners = grown.owners;
		places->owner_capacity = grown.owner_capacity;
	}
	places->owners[owner_slot(places, owner)] = (struct place_owner){owner, place + 1};
	places->owner_count++;
	return true;
}

/* Types that share what they remember by a name of their own; taken as one whichever the name. */
static unsigned shared_memory(const char *type)
{
	static const char *const shared[] = {"set",    "recent",    "hashlimit", "rateest",
					     "nfacct", "connlabel", ""};
	_Static_assert(MEMORY_SETS == 1u << 0, "sets come first");
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (strcmp(type, shared[i]) == 0)
			return 1u << i;
	return 0;
}

static const char *key_of(struct behaviour *behaviour, const struct rule *rule, struct text text,
			  unsigned precision)
{
	struct buffer key = {0};
	const struct table *table = rule->chain->table;
	buffer_printf(&key, "%s ", table_names[table->id]);
	buffer_add(&key, text.data, text.size);
	if (precision <= 1) {
		buffer_puts(&key, "\n");
		rule_print(rule, true, &key);
	}
	if (precision == 0)
		buffer_printf(&key, "\n%.*s", (int)rule->chain->name.size, rule->chain->name.data);
	const char *copy = key.failed ? NULL : arena_copy(behaviour->arena, key.data, key.size);
	buffer_fini(&key);
	return copy;
}

static bool new_place(struct behaviour *behaviour, enum table_id table, const char *text, unsigned memory,
		      uint32_t *place)
{
	struct places *places = &behaviour->places;
	struct place *fresh = arena_push(behaviour->arena, (void **)&places->all, &places->count,
					 &places->capacity, sizeof(*fresh));
	if (!fresh)
		return false;
	*fresh = (struct place){.name = text, .memory = memory, .table = table};
	*place = (uint32_t)places->count - 1;
	return true;
}

static int compare_keys(const void *a, const void *b, void *context)
{
	const struct place_wait *const *x = a, *const *y = b;
	const size_t *precision = context;
	int order = strcmp((*x)->keys[*precision], (*y)->keys[*precision]);
	return order ? order : (*x > *y) - (*x < *y);
}

/* By each of their keys, those of one key in their order. */
static bool index_waiting(struct places *places)
{
	for (size_t precision = 0; precision < PLACE_KEYS; precision++) {
		struct waiting_index *index = &places->index[precision];
		index->sorted = calloc(places->waiting_count + 1, sizeof(*index->sorted));
		index->skipped = calloc(places->waiting_count + 1, sizeof(*index->skipped));
		if (!index->sorted || !index->skipped)
			return false;
		for (size_t i = 0; i < places->waiting_count; i++)
			index->sorted[i] = &places->waiting[i];
		qsort_r(index->sorted, places->waiting_count, sizeof(*index->sorted), compare_keys,
			&precision);
	}
	return true;
}

/* The first one of the key that may still be had; what may not is passed over once. */
static struct place_wait *next_waiting(const struct places *places, size_t precision, const char *key)
{
	const struct waiting_index *index = &places->index[precision];
	size_t begin = 0, end = places->waiting_count;
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (strcmp(index->sorted[probe]->keys[precision], key) < 0)
			begin = probe + 1;
		else
			end = probe;
	}
	if (begin == places->waiting_count)
		return NULL;
	for (size_t *skipped = &index->skipped[begin]; begin + *skipped < places->waiting_count; ++*skipped) {
		struct place_wait *waiting = index->sorted[begin + *skipped];
		if (strcmp(waiting->keys[precision], key) != 0)
			return NULL;
		if (!waiting->taken && (precision == 0 || !waiting->reserved))
			return waiting;
	}
	return NULL;
}

/* Finds the first side's place that is most like this one. Those of one key are taken in order. A place that
 * has its own rule on the second side, too, is no other's: packets that no changed rule touches are not
 * compared, and ask it there. */
static struct place_wait *find_waiting(const struct places *places, const char *const *keys)
{
	struct place_wait *found = NULL;
	for (size_t precision = 0; precision < PLACE_KEYS && !found; precision++)
		found = next_waiting(places, precision, keys[precision]);
	return found;
}

static int compare_key_rules(const void *a, const void *b)
{
	const struct place_wait *const *x = a, *const *y = b;
	return strcmp((*x)->rule, (*y)->rule);
}

static void reserve_rule(struct place_wait **sorted, size_t count, const char *rule)
{
	size_t begin = 0, end = count;
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (strcmp(sorted[probe]->rule, rule) < 0)
			begin = probe + 1;
		else
			end = probe;
	}
	/* All of a rule at once. */
	for (; begin < count && !sorted[begin]->reserved && strcmp(sorted[begin]->rule, rule) == 0; begin++)
		sorted[begin]->reserved = true;
}

/* Marks the places whose rule the second side has in the same chain. */
static bool reserve_places(struct behaviour *behaviour, const struct ruleset *second)
{
	struct places *places = &behaviour->places;
	if (!places->waiting_count)
		return true;
	struct place_wait **sorted = calloc(places->waiting_count, sizeof(struct place_wait *));
	bool done = sorted != NULL;
	for (size_t i = 0; done && i < places->waiting_count; i++)
		sorted[i] = &places->waiting[i];
	if (done)
		qsort(sorted, places->waiting_count, sizeof(struct place_wait *), compare_key_rules);
	for (enum table_id id = 0; done && id < TABLE_COUNT; id++) {
		const struct table *table = &second->tables[behaviour->family][id];
		for (size_t c = 0; done && c < table->chain_count; c++)
			for (size_t r = 0; done && r < table->chains[c]->rule_count; r++) {
				const struct rule *rule = &table->chains[c]->rules[r];
				struct buffer key = {0};
				rule_print(rule, true, &key);
				buffer_printf(&key, "\n%.*s", (int)rule->chain->name.size,
					      rule->chain->name.data);
				done = !key.failed;
				if (done)
					reserve_rule(sorted, places->waiting_count, key.data);
				buffer_fini(&key);
			}
	}
	free(sorted);
	return done;
}

/* The place of a match or target; made when it is asked for the first time. TRACE_FAILED: memory is short. */
static uint32_t place_for(struct behaviour *behaviour, const void *owner, const struct rule *rule,
			  struct text text, const char *type)
{
	struct places *places = &behaviour->places;
	uint32_t place = behaviour_place(behaviour, owner);
	const char *keys[PLACE_KEYS];
	if (place)
		return place - 1;
	for (unsigned i = 0; i < PLACE_KEYS; i++) {
		keys[i] = key_of(behaviour, rule, text, i);
		if (!keys[i])
			return TRACE_FAILED;
	}
	struct place_wait *waiting = behaviour->side ? find_waiting(places, keys) : NULL;
	if (waiting) {
		waiting->taken = true;
		place = waiting->place;
		places->all[place].paired = true;
	} else if (!new_place(behaviour, rule->chain->table->id,
			      arena_copy(behaviour->arena, text.data, text.size), shared_memory(type),
			      &place)) {
		return TRACE_FAILED;
	}
	if (!behaviour->side && behaviour->side_count > 1) {
		waiting = arena_push(behaviour->arena, (void **)&places->waiting, &places->waiting_count,
				     &places->waiting_capacity, sizeof(*waiting));
		if (!waiting)
			return TRACE_FAILED;
		memcpy(waiting->keys, keys, sizeof(keys));
		waiting->place = place;
		/* Behind the names of the table and of the match: see key_of(). */
		waiting->rule = keys[0] + strlen(table_names[rule->chain->table->id]) + text.size + 2;
	}
	return owner_add(places, owner, place) ? place : TRACE_FAILED;
}

/* Adds the place to the name, and keeps the name. */
static void name_place(struct behaviour *behaviour, uint32_t place, struct buffer *name)
{
	struct places *places = &behaviour->places;
	if (place == TRACE_FAILED) {
		name->failed = true;
		return;
	}
	buffer_printf(name, " #%u", (unsigned)place + 1);
	if (name->failed || behaviour->fields->diagram)
		return;
	struct place_name *kept =
	    arena_push(behaviour->arena, (void **)&places->predicates, &places->predicate_count,
		       &places->predicate_capacity, sizeof(*kept));
	char *copy = kept ? arena_copy(behaviour->arena, name->data, name->size) : NULL;
	if (copy)
		*kept = (struct place_name){copy, place + 1};
	else
		name->failed = true;
}

/* --- sets
 * ------------------------------------------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
	const struct text *x = a, *y = b;
	size_t size = x->size < y->size ? x->size : y->size;
	int order = memcmp(x->data, y->data, size);
	return order ? order : (x->size > y->size) - (x->size < y->size);
}

static struct text *sorted_lines(const struct buffer *buffer, bool sort, size_t *count)
{
	size_t lines = 0;
	for (size_t i = 0; i < buffer->size; i++)
		lines += buffer->data[i] == '\n';
	struct text *list = calloc(lines + 1, sizeof(*list));
	const char *at = buffer->data;
	for (size_t i = 0; list && i < lines; i++) {
		const char *end = memchr(at, '\n', (size_t)(buffer->data + buffer->size - at));
		list[i] = (struct text){at, (size_t)(end - at)};
		at = end + 1;
	}
	if (list && sort)
		qsort(list, lines, sizeof(*list), compare_lines);
	*count = lines;
	return list;
}

/* As ipset save prints it, without what no packet meets: comments, how its memory is laid out, and how many
 * it could take of what nobody adds. */
static void print_met(const struct set *set, struct buffer *out)
{
	struct set met = *set;

	met.comment = met.has_initval = false;
	met.layout.comment = 0;
	met.hashsize = met.bucketsize = 0;
	if (!met.changing)
		met.maxelem = 0;
	ruleset_print_set(&met, out);
}

/* Whether both have the same members with the same timeouts, in any order but for lists. */
static bool set_same(const struct set *a, const struct set *b)
{
	struct buffer left = {0}, right = {0};
	size_t left_count = 0, right_count = 0;
	print_met(a, &left);
	print_met(b, &right);
	struct text *left_lines = sorted_lines(&left, a->type != SET_LIST, &left_count);
	struct text *right_lines = sorted_lines(&right, b->type != SET_LIST, &right_count);
	bool same = !left.failed && !right.failed && left_lines && right_lines && left_count == right_count;
	for (size_t i = 0; i < left_count && same; i++)
		same = text_equal(left_lines[i], right_lines[i]);
	free(left_lines);
	free(right_lines);
	buffer_fini(&left);
	buffer_fini(&right);
	return same;
}

static bool differs(const struct behaviour *behaviour, const struct set *set)
{
	const struct set *first = ruleset_find_set(behaviour->sides[0], set->name);
	return first != set && (!first || !set_same(first, set));
}

/* Of the second side, and not what the first has under that name. Asked often: kept. */
static bool is_other(struct behaviour *behaviour, const struct set *set)
{
	enum { SAME, OTHER };
	uint32_t known = behaviour_place(behaviour, set);
	if (known)
		return known - 1 == OTHER;
	bool other = behaviour->side_count > 1 && differs(behaviour, set);
	owner_add(&behaviour->places, set, other ? OTHER : SAME); /* without it, it is asked again */
	return other;
}

static void name_set(void *context, const struct set *set, struct buffer *name)
{
	if (is_other(context, set))
		buffer_puts(name, " (new)");
}

/* --map-set: what the packet gets is what the members say. */
bool behaviour_target_other(struct behaviour *behaviour, const struct target *target)
{
	struct set_uses uses;

	return target_set_uses(target, &uses) && uses.looked_up && is_other(behaviour, uses.looked_up);
}

struct set_naming {
	struct behaviour *behaviour;
	bool other;
};

static void look_at_set(void *context, const struct set *set)
{
	struct set_naming *naming = context;
	naming->other |= is_other(naming->behaviour, set);
}

/* --- matches
 * ------------------------------------------------------------------------------------------------------- */

/* What hangs on the clock or the processor is the same all along the walk. */
static bool is_momentary(const char *type)
{
	return strcmp(type, "time") == 0 || strcmp(type, "cpu") == 0;
}

/* What the packet itself has, and what it looks up for: nothing but NAT, a target or another program makes it
 * another on the way. Not what looks at any byte: forwarding counts the time to live down. */
static void look_at_parts(void *context, const struct set *set)
{
	bool *has_interface = context;

	for (unsigned i = 0; i < set->dimensions; i++)
		*has_interface |= set_types[set->type].parts[i] == SET_PART_INTERFACE;
}

static bool lasts(const struct match *match)
{
	static const char *const types[] = {"set",    "mark", "length", "dscp",   "tos",
					    "tcpmss", "tcp",  "ecn",    "pkttype"};
	/* Where there is no such device yet, a set that asks for one does not match. */
	bool has_interface = false;
	match_each_set(match, look_at_parts, &has_interface);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(match->type->name, types[i]) == 0)
			return !has_interface;
	return false;
}

static void note_passing(struct behaviour *behaviour, const struct match *match, struct buffer *name)
{
	if (name->failed || behaviour->fields->diagram ||
	    (behaviour->passing_count &&
	     strcmp(behaviour->passing[behaviour->passing_count - 1].name, name->data) == 0))
		return;
	struct passing *fresh =
	    arena_push(behaviour->arena, (void **)&behaviour->passing, &behaviour->passing_count,
		       &behaviour->passing_capacity, sizeof(*fresh));
	char *copy = fresh ? arena_copy(behaviour->arena, name->data, name->size) : NULL;
	if (copy)
		*fresh = (struct passing){copy, lasts(match)};
	else
		name->failed = true;
}

static void name_match(void *context, const struct match *match, const struct rule *rule, int sharing,
		       struct buffer *name)
{
	struct behaviour *behaviour = context;
	struct set_naming sets = {.behaviour = behaviour};
	const char *type = match->type->name;
	struct text text = {name->data, name->size};
	match_each_set(match, look_at_set, &sets);
	bool by_place =
	    sharing == OPAQUE_RULE || (sharing == OPAQUE_TABLE && behaviour->changes[rule->chain->table->id]);
	if (sharing == OPAQUE_TABLE || strcmp(type, "set") == 0)
		behaviour->needs |= LOOK_CHANGES;
	if (by_place && !is_momentary(type)) {
		uint32_t place = place_for(behaviour, match, rule, text, type);
		if (sets.other)
			buffer_puts(name, " (new)");
		name_place(behaviour, place, name);
		return;
	}
	if (sets.other)
		buffer_puts(name, " (new)");
	if (sharing == OPAQUE_TABLE)
		note_passing(behaviour, match, name);
}

/* "-j TEXT" of a target that may end the walk or go on. */
static bool name_target(struct behaviour *behaviour, const struct rule *rule, struct buffer *name)
{
	const struct target *target = &rule->target;
	buffer_printf(name, "-j %s", target->type->name);
	if (target->type->print)
		target->type->print(target, rule, name);
	if (behaviour_target_other(behaviour, target))
		buffer_puts(name, " (new)");
	struct text text = {name->data, name->size};
	if (!name->failed)
		name_place(behaviour, place_for(behaviour, target, rule, text, target->type->name), name);
	return !name->failed;
}

static bool may_end(const struct target *target)
{
	struct ct_template template;
	switch (target->type->kind) {
	case TARGET_REWRITE:
		return !target->type->nat && !target_ct_template(target, &template);
	case TARGET_QUEUE:
	case TARGET_OPAQUE:
		return true;
	default:
		return false;
	}
}

bool behaviour_target_rewrites(const struct target *target)
{
	return may_end(target) && target->type->kind != TARGET_QUEUE;
}

const struct predicate *behaviour_target_predicate(const struct behaviour *behaviour, const struct rule *rule)
{
	struct buffer name = {0};
	struct predicate *predicate = NULL;
	if (name_target((struct behaviour *)behaviour, rule, &name) &&
	    fields_need_opaque(behaviour->fields, name.data, false, &predicate))
		predicate = NULL;
	buffer_fini(&name);
	return predicate;
}

static int declare_rule(struct behaviour *behaviour, const struct rule *rule)
{
	int result = head_declare(behaviour->fields, rule);
	for (uint32_t i = 0; i < rule->match_count && !result; i++) {
		const struct match *match = &rule->matches[i];
		if (match->type->declare)
			result = match->type->declare(match, rule, behaviour->fields);
		if (match_reads_state(match))
			behaviour->needs |= LOOK_TRACKING;
		if (strcmp(match->type->name, "rateest") == 0) /* -j RATEEST */
			behaviour->needs |= LOOK_CHANGES;
	}
	behaviour->rewrites[rule->chain->table->id] |= behaviour_target_rewrites(&rule->target);
	if (target_reads_state(&rule->target) || rule->chain->table->id == TABLE_NAT)
		behaviour->needs |= LOOK_TRACKING;
	if (!result && may_end(&rule->target) && !behaviour_target_predicate(behaviour, rule))
		result = -ENOMEM;
	return result;
}

/* What rules of the other family learn these may be asked: sets that have no family, and rates. */
static void look_at_shared(void *context, const struct set *set)
{
	struct behaviour *behaviour = context;
	if (set->changing && (set_types[set->type].any_family || set->type == SET_LIST))
		behaviour->needs |= LOOK_CHANGES;
}

static void look_at_other_family(struct behaviour *behaviour, const struct ruleset *side)
{
	enum family other = behaviour->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	for (enum table_id id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &side->tables[other][id];
		for (size_t c = 0; c < table->chain_count; c++)
			for (size_t r = 0; r < table->chains[c]->rule_count; r++) {
				const struct rule *rule = &table->chains[c]->rules[r];
				for (uint32_t m = 0; m < rule->match_count; m++) {
					match_each_set(&rule->matches[m], look_at_shared, behaviour);
					if (strcmp(rule->matches[m].type->name, "rateest") == 0)
						behaviour->needs |= LOOK_CHANGES;
				}
			}
	}
}

/* A built-in chain of nat that drops by its policy does not see untracked packets. */
static bool nat_drops(const struct table *nat)
{
	bool drops = false;
	for (enum hook hook = 0; hook < HOOK_COUNT; hook++)
		drops |= nat->present && nat->hooks[hook] && nat->hooks[hook]->policy == POLICY_DROP;
	return drops;
}

int behaviour_declare(struct behaviour *behaviour)
{
	int result = 0;
	behaviour->naming = (struct fields_naming){behaviour, name_match, name_set};
	behaviour->fields->naming = &behaviour->naming;
	for (size_t side = 0; side < behaviour->side_count; side++)
		for (enum table_id id = 0; id < TABLE_COUNT; id++)
			behaviour->changes[id] |=
			    behaviour->sides[side]->tables[behaviour->family][id].changes;
	for (size_t side = 0; side < behaviour->side_count; side++) {
		const struct ruleset *ruleset = behaviour->sides[side];
		look_at_other_family(behaviour, ruleset);
		if (nat_drops(&ruleset->tables[behaviour->family][TABLE_NAT]))
			behaviour->needs |= LOOK_TRACKING;
		behaviour->side = side;
		if (side && (!index_waiting(&behaviour->places) || !reserve_places(behaviour, ruleset)))
			return -ENOMEM;
		for (enum table_id id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[behaviour->family][id];
			for (size_t c = 0; c < table->chain_count && !result; c++)
				for (size_t r = 0; r < table->chains[c]->rule_count && !result; r++)
					result = declare_rule(behaviour, &table->chains[c]->rules[r]);
		}
	}
	return result;
}

int behaviour_declare_spares(struct behaviour *behaviour, size_t count)
{
	behaviour->spares = arena_array(behaviour->arena, count, sizeof(*behaviour->spares));
	if (!behaviour->spares)
		return -ENOMEM;
	for (; behaviour->spare_count < count; behaviour->spare_count++) {
		struct spare *spare = &behaviour->spares[behaviour->spare_count];
		int result = fields_need_opaque(behaviour->fields, "", true, &spare->predicate);
		if (result)
			return result;
	}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct place_name *)a)->name, ((const struct place_name *)b)->name);
}

static int compare_passing(const void *a, const void *b)
{
	return strcmp(((const struct passing *)a)->name, ((const struct passing *)b)->name);
}

/* Whether anything on the way may make another packet of one, in what such matches look at. */
static bool may_change(const struct behaviour *behaviour)
{
	for (enum table_id id = 0; id < TABLE_COUNT; id++)
		if (behaviour->changes[id] || behaviour->rewrites[id])
			return true;
	return behaviour_has_nat(behaviour);
}

bool behaviour_has_nat(const struct behaviour *behaviour)
{
	for (size_t side = 0; side < behaviour->side_count; side++) {
		const struct table *nat = &behaviour->sides[side]->tables[behaviour->family][TABLE_NAT];
		for (size_t i = 0; i < nat->chain_count; i++)
			if (nat->chains[i]->rule_count)
				return true;
	}
	return false;
}

/* Behind the places. */
static int find_unsteady(struct behaviour *behaviour)
{
	const struct fields *fields = behaviour->fields;
	uint32_t variables = diagram_variables(fields->diagram);
	bool changes = may_change(behaviour);
	behaviour->unsteady = arena_array(behaviour->arena, variables + 1, sizeof(bool));
	if (!behaviour->unsteady)
		return -ENOMEM;
	for (uint32_t i = 0; i < variables; i++)
		behaviour->unsteady[i] = behaviour->place_of[i] != 0;
	if (!behaviour->passing_count)
		return 0;
	qsort(behaviour->passing, behaviour->passing_count, sizeof(*behaviour->passing), compare_passing);
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		struct passing wanted = {.name = predicate->name};
		const struct passing *found =
		    predicate->kind != PREDICATE_OPAQUE
			? NULL
			: bsearch(&wanted, behaviour->passing, behaviour->passing_count, sizeof(wanted),
				  compare_passing);
		if (found)
			behaviour->unsteady[predicate->variable] |= changes || !found->lasts;
	}
	return 0;
}

static int find_place_variables(struct behaviour *behaviour)
{
	const struct fields *fields = behaviour->fields;
	struct places *places = &behaviour->places;
	behaviour->place_of = arena_array(behaviour->arena, diagram_variables(fields->diagram) + 1,
					  sizeof(*behaviour->place_of));
	behaviour->asked = arena_array(behaviour->arena, places->count + 1, sizeof(bool));
	if (!behaviour->place_of || !behaviour->asked)
		return -ENOMEM;
	if (!places->predicate_count)
		return 0;
	qsort(places->predicates, places->predicate_count, sizeof(*places->predicates), compare_names);
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		struct place_name wanted = {.name = predicate->name};
		const struct place_name *found =
		    predicate->kind != PREDICATE_OPAQUE
			? NULL
			: bsearch(&wanted, places->predicates, places->predicate_count, sizeof(wanted),
				  compare_names);
		if (found)
			behaviour->place_of[predicate->variable] = found->place;
	}
	return 0;
}

int behaviour_find_places(struct behaviour *behaviour)
{
	int result = find_place_variables(behaviour);
	return result ? result : find_unsteady(behaviour);
}

const uint32_t *behaviour_places(const struct behaviour *behaviour, size_t *count)
{
	*count = behaviour->places.count;
	return behaviour->place_of;
}

struct counter_search {
	bool found;
};

static void look_for_counters(void *context, const struct set *set)
{
	((struct counter_search *)context)->found |= set->counters;
}

bool behaviour_counts(const struct match *match)
{
	struct counter_search search = {false};
	match_each_set(match, look_for_counters, &search);
	return search.found;
}

void behaviour_look(struct behaviour *behaviour, unsigned look, const bool *asked)
{
	const struct places *places = &behaviour->places;
	behaviour->look = look | LOOK_ALWAYS;
	for (size_t i = 0; i < places->count; i++)
		behaviour->asked[i] = asked && asked[i];
	/* What one of a group remembers the others change. */
	behaviour_share_memory(behaviour, behaviour->asked);
	behaviour->counts = false;
	for (size_t i = 0; i < places->count; i++)
		behaviour->counts |= behaviour->asked[i] && places->all[i].memory == MEMORY_SETS;
}

void behaviour_look_at_all(struct behaviour *behaviour)
{
	behaviour_look(behaviour, LOOK_TRACKING | LOOK_CHANGES | LOOK_TELLS, NULL);
	for (size_t i = 0; i < behaviour->places.count; i++)
		behaviour->asked[i] = true;
	behaviour->counts = true;
}
