/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lists of rules become sets: rules that are alike but for one key (shape.c) become one rule that looks the
 * key up.
 *
 * Why it is right: a rule joins the list that it fits by moving up to it, past all that stands between, each
 * time in a way that no packet can tell (entries_commute()). What then stands together means the same as one
 * rule over the set: if the target ends the walk, or twice is as good as once, whichever of them matches;
 * else (LOG, MARK, a jump) no two of them match the same packet. Where a rule cannot move to its list, a new
 * list begins: opposite verdicts keep their order. */
#include "rewrite/shape.h"

#include "ruleset/name_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A look-up in a set costs about what so many rules cost; -m multiport about what two do. */
#define LIST_MIN 8
#define PORTS_MIN 3
#define PASS_MAX 4

struct slot {
	uint64_t hash; /* of a rest; 0: free */
	uint32_t count;
	struct entry *open; /* the list that rules join now */
	size_t place;       /* of open, in the new row */
};

struct lists {
	struct rewrite *rewrite;
	struct plan_chain *chain;
	uint64_t seed;
	size_t slot_count; /* a power of two */
	struct slot *slots;
	int8_t *best;     /* shape of each entry; -1: none */
	uint16_t *failed; /* shapes that came to nothing, as bits */
	size_t count;     /* the new row */
	struct entry **entries;
	size_t barrier; /* nothing moves past what stands before this place */
};

static size_t list_min(const struct shape *shape)
{
	return shape->ports ? PORTS_MIN : LIST_MIN;
}

static uint64_t hash_rest(const struct lists *lists, const struct shape_rest *rest)
{
	const unsigned char *bytes = (const unsigned char *)rest;
	uint64_t hash = lists->seed;

	for (size_t i = 0; i < sizeof(*rest); i += 8) {
		uint64_t word = 0;
		memcpy(&word, bytes + i, sizeof(*rest) - i < 8 ? sizeof(*rest) - i : 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return hash ? hash : 1;
}

/* There is room for all: half of the slots stay free. */
static struct slot *find_slot(const struct lists *lists, uint64_t hash)
{
	size_t at = hash & (lists->slot_count - 1);

	while (lists->slots[at].hash && lists->slots[at].hash != hash)
		at = (at + 1) & (lists->slot_count - 1);
	lists->slots[at].hash = hash;
	return &lists->slots[at];
}

/* What a list may consist of. */
static bool rule_fits(const struct rule *rule, const struct facts *facts)
{
	const struct target_type *type = rule->target.type;

	if (facts->traits & TRAIT_LOUD)
		return false;
	if (type->kind == TARGET_CONTINUE)
		return !(type->effects & ~(unsigned)EFFECT_LOG);
	return type->kind != TARGET_CHANGE || !(facts->traits & TRAIT_MOODY);
}

/* Calls for each shape that the entry may have: counts it, or finds the one that most others have, too. */
static int each_shape(struct lists *lists, size_t index, bool counting)
{
	const struct rule *rule = lists->chain->entries[index]->rules[0];
	uint32_t most = 0;

	lists->best[index] = -1;
	if (!rule_fits(rule, facts_of(lists->rewrite, rule)))
		return 0;
	for (size_t i = 0; i < SHAPE_COUNT; i++) {
		struct shape_key key;
		struct shape_rest rest;
		if (lists->failed[index] >> i & 1 || !shape_key(&shapes[i], rule, &key))
			continue;
		int error = shape_rest(lists->rewrite, &shapes[i], rule, &rest);
		if (error)
			return error;
		struct slot *slot = find_slot(lists, hash_rest(lists, &rest));
		if (counting)
			slot->count++;
		else if (slot->count >= list_min(&shapes[i]) &&
			 slot->count >= most + !shapes[i].ports) { /* of two alike the ports are cheaper */
			most = slot->count;
			lists->best[index] = (int8_t)i;
		}
	}
	return 0;
}

/* The list that the entry can join, past all that stands behind it. */
static bool can_join(struct lists *lists, const struct slot *slot, const struct entry *entry)
{
	struct rewrite *rewrite = lists->rewrite;
	const struct facts *facts = facts_of(rewrite, entry->rules[0]);

	if (!slot->open || slot->place < lists->barrier)
		return false;
	if (facts_of(rewrite, slot->open->rules[0])->target != facts->target)
		return false; /* two rests of one hash */
	for (size_t i = lists->count; i-- > slot->place + 1;)
		if (!entries_commute(rewrite, lists->entries[i], entry))
			return false;
	return facts->terminal || (facts->idempotent && !(facts->traits & TRAIT_MOODY)) ||
	       entries_disjoint(rewrite, slot->open, entry);
}

static bool same_rest(struct lists *lists, const struct slot *slot, const struct shape *shape,
		      const struct shape_rest *rest, int *error)
{
	struct shape_rest other = {0};

	*error = slot->open ? shape_rest(lists->rewrite, shape, slot->open->rules[0], &other) : 0;
	/* Gaps are zero: see shape_rest(). NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	bool same = !*error && memcmp(&other, rest, sizeof(other)) == 0;
	return slot->open && slot->open->shape == shape && same;
}

static int place_entry(struct lists *lists, size_t index)
{
	struct entry *entry = lists->chain->entries[index];
	const struct rule *rule = entry->rules[0];
	const struct shape *shape = lists->best[index] < 0 ? NULL : &shapes[lists->best[index]];
	struct slot *slot = NULL;

	if (shape) {
		struct shape_rest rest;
		int error = shape_rest(lists->rewrite, shape, rule, &rest);
		if (error)
			return error;
		slot = find_slot(lists, hash_rest(lists, &rest));
		bool same = same_rest(lists, slot, shape, &rest, &error);
		if (error)
			return error;
		if (same && can_join(lists, slot, entry)) {
			facts_of(lists->rewrite, rule)->moved = slot->place + 1 < lists->count;
			return entry_take(lists->rewrite, slot->open, rule);
		}
	}
	struct entry *fresh = plan_entry(lists->rewrite, shape ? ENTRY_SET : ENTRY_RULE);
	if (!fresh)
		return -ENOMEM;
	fresh->chain = lists->chain;
	fresh->shape = shape;
	facts_of(lists->rewrite, rule)->moved = false;
	if (facts_of(lists->rewrite, rule)->traits & TRAIT_LOUD)
		lists->barrier = lists->count;
	if (slot) {
		slot->open = fresh;
		slot->place = lists->count;
	}
	lists->entries[lists->count++] = fresh;
	return entry_take(lists->rewrite, fresh, rule);
}

static int compare_rules(const void *left, const void *right, void *context)
{
	const struct shape *shape = context;
	struct shape_key a, b;

	shape_key(shape, *(const struct rule *const *)left, &a);
	shape_key(shape, *(const struct rule *const *)right, &b);
	return shape_key_compare(&a, &b);
}

static size_t count_keys(const struct entry *entry)
{
	size_t count = entry->count;

	if (count < list_min(entry->shape) || count > 64) /* of so many, 8 are different or all repeat */
		return count;
	const struct rule *sorted[64];
	memcpy(sorted, entry->rules, count * sizeof(*sorted));
	qsort_r(sorted, count, sizeof(*sorted), compare_rules, (void *)entry->shape);
	size_t keys = 1;
	for (size_t i = 1; i < count; i++)
		keys += compare_rules(&sorted[i - 1], &sorted[i], (void *)entry->shape) != 0;
	return keys;
}

/* Lists that came out too short are not tried again. Whether there were any. */
static bool forget_short(struct lists *lists)
{
	bool any = false;

	for (size_t i = 0; i < lists->chain->count; i++) {
		if (lists->best[i] < 0)
			continue;
		const struct entry *list =
		    facts_of(lists->rewrite, lists->chain->entries[i]->rules[0])->entry;
		if (count_keys(list) >= list_min(list->shape))
			continue;
		lists->failed[i] |= (uint16_t)(1u << lists->best[i]);
		any = true;
	}
	return any;
}

static int one_pass(struct lists *lists)
{
	int error = 0;

	memset(lists->slots, 0, lists->slot_count * sizeof(*lists->slots));
	lists->count = lists->barrier = 0;
	for (size_t i = 0; i < lists->chain->count && !error; i++)
		error = each_shape(lists, i, true);
	for (size_t i = 0; i < lists->chain->count && !error; i++)
		error = each_shape(lists, i, false);
	for (size_t i = 0; i < lists->chain->count && !error; i++)
		error = place_entry(lists, i);
	return error;
}

/* What is too short for a set stands as rules, one behind the other. */
static int settle(struct lists *lists)
{
	struct plan_chain *chain = lists->chain;
	size_t count = 0;

	for (size_t i = 0; i < lists->count; i++) {
		struct entry *entry = lists->entries[i];
		bool list = entry->kind == ENTRY_SET && count_keys(entry) >= list_min(entry->shape);
		if (list && entry->shape->ports) {
			int error = ports_settle(lists->rewrite, entry, chain, &count);
			if (error)
				return error;
			continue;
		}
		if (entry->kind == ENTRY_RULE || list) {
			chain->entries[count++] = entry;
			continue;
		}
		for (size_t k = 0; k < entry->count; k++) {
			struct entry *single = plan_entry(lists->rewrite, ENTRY_RULE);
			int error = single ? entry_take(lists->rewrite, single, entry->rules[k]) : -ENOMEM;
			if (error)
				return error;
			single->chain = chain;
			chain->entries[count++] = single;
		}
	}
	chain->count = count;
	return 0;
}

static int lists_run(struct lists *lists)
{
	int error = one_pass(lists);

	for (int pass = 1; pass < PASS_MAX && !error && forget_short(lists); pass++)
		error = one_pass(lists);
	return error ? error : settle(lists);
}

static size_t count_shapes(const struct plan_chain *chain)
{
	struct shape_key key;
	size_t count = 0;

	for (size_t i = 0; i < chain->count; i++)
		for (size_t k = 0; k < SHAPE_COUNT; k++)
			count += shape_key(&shapes[k], chain->entries[i]->rules[0], &key);
	return count;
}

static int chain_lists(struct rewrite *rewrite, struct plan_chain *chain)
{
	struct lists lists = {
	    .rewrite = rewrite, .chain = chain, .seed = name_index_seed(), .slot_count = 64};

	if (chain->count < PORTS_MIN)
		return 0;
	size_t wanted = 2 * count_shapes(chain);
	while (lists.slot_count < wanted)
		lists.slot_count *= 2;
	lists.slots = calloc(lists.slot_count, sizeof(*lists.slots));
	lists.best = calloc(chain->count, sizeof(*lists.best));
	lists.failed = calloc(chain->count, sizeof(*lists.failed));
	lists.entries = calloc(chain->count, sizeof(struct entry *));
	int error = lists.slots && lists.best && lists.failed && lists.entries ? lists_run(&lists) : -ENOMEM;
	free(lists.slots);
	free(lists.best);
	free(lists.failed);
	free(lists.entries);
	return error;
}

int step_lists(struct rewrite *rewrite)
{
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		int error = chain_lists(rewrite, rewrite->chains[i]);
		if (error)
			return error;
	}
	return 0;
}
