/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A row of rules as a word, each rule a letter of it. Two letters that stand side by side may change places
 * where no packet can tell: because no packet is matched by both (their boxes are disjoint), or because both
 * end the walk in the same way, or both are NOTRACK and do not look at the state. Nothing changes places with
 * what has a memory or is not modelled. Words that can be made of each other so are the same to every packet,
 * and they are found by Foata's normal form (P. Cartier, D. Foata, Problèmes combinatoires de commutation et
 * réarrangements, 1969): each letter stands in the step behind the last one that holds a letter with which it
 * cannot change places. A word does the same as its steps, one after the other, whatever the order within
 * each; so words with the same letters in each step do the same.
 *
 * Before that
 * - a rule over a set is taken apart where the other side has rules for what the set holds: into as many
 * letters, and one for what is left of it;
 * - a jump to a chain that the other side has not is taken for that chain's rules, each asked for what the
 *   jump asks, too;
 * - a letter that is on one side alone, and that letters before it leave nothing of, is left out.
 * Letters of one side alone that are left, and those that stand in another step on the other side, are what
 * may be different: a packet that none of these matches meets words without them, and those are compared.
 *
 * What a letter matches is a diagram's node, the same node on both sides. What boxes say is used for what may
 * change places only, and they are never too small. */
#include "meaning/reorder_private.h"

#include "ruleset/name_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORK_MAX 500000000     /* comparisons of boxes */
#define NODES_MAX 2000000      /* made for the letters' conditions */
#define COVER_NODES_MAX 200000 /* in asking whether anything is left of one letter */
#define COVER_PASSES 9
#define ROUNDS_MAX 4 /* of leaving out what stands elsewhere */
#define DEPTH_MAX 8  /* of jumps that are followed */

/* --- letters
 * ------------------------------------------------------------------------------------------------------- */

int word_add(struct word *word, const struct letter *letter)
{
	if (word->count == LETTERS_MAX)
		return -E2BIG;
	if (word->count == word->capacity) {
		size_t capacity = word->capacity ? word->capacity * 2 : 256;
		struct letter *letters = reallocarray(word->letters, capacity, sizeof(*letters));
		if (!letters)
			return -ENOMEM;
		word->letters = letters;
		word->capacity = capacity;
	}
	word->letters[word->count++] = *letter;
	return 0;
}

static int number_target(struct reorder *reorder, const struct rule *rule, uint32_t *number)
{
	struct arena *arena = reorder->behaviour->arena;
	const struct chain *chain = rule->target.chain;
	const char *name = chain ? arena_printf(arena, "%s %.*s", rule->target.is_goto ? "-g" : "-j",
						(int)chain->name.size, chain->name.data)
				 : behaviour_target_text(reorder->behaviour, rule);
	if (!name)
		return -ENOMEM;
	struct text text = text_of(name);
	uint32_t *known = name_index_find(reorder->targets, text);
	if (!known) {
		known = arena_alloc(arena, sizeof(*known));
		int result = known ? name_index_add(arena, &reorder->targets, text, known) : -ENOMEM;
		if (result)
			return result;
		*known = ++reorder->target_count;
	}
	*number = *known;
	return 0;
}

/* Does one thing to the packets that it matches, and what it matches hangs on the packet alone. */
static bool is_simple(const struct reorder *reorder, const struct rule *rule)
{
	switch (rule->target.type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
	case TARGET_NOTRACK:
	case TARGET_CHANGE:
	case TARGET_CONTINUE:
		break;
	case TARGET_JUMP:
		if (!rule->target.chain)
			return false;
		break;
	default:
		return false;
	}
	for (uint32_t i = 0; reorder->counts && i < rule->match_count; i++)
		if (behaviour_counts(&rule->matches[i]))
			return false;
	return behaviour_is_plain(reorder->behaviour, rule) &&
	       !behaviour_place(reorder->behaviour, &rule->target);
}

static bool ends_walk(const struct rule *rule)
{
	switch (rule->target.type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
		return true;
	default:
		return rule->target.chain && rule->target.is_goto;
	}
}

/* Does nothing but count. */
static bool does_nothing(const struct rule *rule)
{
	return rule->target.type->kind == TARGET_CONTINUE && !rule->target.type->effects &&
	       !rule->target.type->print;
}

static bool hangs_on_state(const struct reorder *reorder, diagram_node condition)
{
	return reorder->raw && behaviour_any_state(reorder->behaviour, TABLE_RAW, condition) != condition;
}

static diagram_node condition_of(struct reorder *reorder, size_t side, const struct rule *rule,
				 diagram_node within)
{
	return diagram_and(reorder->diagram, within, behaviour_condition(reorder->behaviour, side, rule));
}

/* Of the rule, for packets of `within`, which are all in the box. */
static int make_letter(struct reorder *reorder, size_t side, const struct rule *rule, diagram_node within,
		       const struct box *box, struct letter *letter)
{
	*letter = (struct letter){.rule = rule, .box = box_of(rule)};
	box_narrow(&letter->box, box);
	if (!is_simple(reorder, rule)) {
		letter->keeps_place = true;
		letter->target = reorder->asks->text(reorder->asks->context, rule);
		letter->condition = reorder->asks->touch(reorder->asks->context, side, rule);
		return letter->target ? 0 : -ENOMEM;
	}
	letter->condition = condition_of(reorder, side, rule, within);
	letter->ends = ends_walk(rule);
	letter->sticky = rule->target.chain ? false
			 : rule->target.type->kind == TARGET_NOTRACK
			     ? !hangs_on_state(reorder, letter->condition)
			     : letter->ends;
	return number_target(reorder, rule, &letter->target);
}

/* Whether the rules of a chain may stand in place of a jump there: packets come back at its end only, and
 * are then what they were. */
static bool can_inline(const struct reorder *reorder, const struct chain *chain, unsigned depth)
{
	if (depth == 0)
		return false;
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		enum target_kind kind = rule->target.type->kind;
		if (!is_simple(reorder, rule) || kind == TARGET_RETURN || kind == TARGET_CHANGE ||
		    rule->target.is_goto)
			return false;
	}
	return true;
}

static bool is_shared(const struct reorder *reorder, size_t side, const struct chain *chain)
{
	return table_find_chain(reorder->rows[!side].table, chain->name) != NULL;
}

static int add_rules(struct reorder *reorder, size_t side, const struct rule *rules, size_t count,
		     diagram_node within, const struct box *box, unsigned depth);

static int add_rule(struct reorder *reorder, size_t side, const struct rule *rule, diagram_node within,
		    const struct box *box, unsigned depth)
{
	const struct chain *callee = rule->target.chain;
	struct letter letter;
	if (does_nothing(rule) && is_simple(reorder, rule))
		return 0;
	int result = make_letter(reorder, side, rule, within, box, &letter);
	if (result)
		return result;
	if (letter.condition == DIAGRAM_UNDECIDED || diagram_size(reorder->diagram) > reorder->node_limit)
		return -E2BIG;
	if (letter.condition == DIAGRAM_FALSE && !letter.keeps_place)
		return 0;
	bool inlined = callee && !letter.keeps_place && !rule->target.is_goto &&
		       !is_shared(reorder, side, callee) && !hangs_on_state(reorder, letter.condition) &&
		       can_inline(reorder, callee, depth);
	if (inlined)
		return add_rules(reorder, side, callee->rules, callee->rule_count, letter.condition,
				 &letter.box, depth - 1);
	letter.whole = within == DIAGRAM_TRUE;
	return word_add(&reorder->words[side], &letter);
}

/* Recursion is bounded by DEPTH_MAX. */
static int add_rules(struct reorder *reorder, size_t side, const struct rule *rules, size_t count,
		     diagram_node within, const struct box *box, unsigned depth)
{
	int result = 0;
	for (size_t i = 0; i < count && !result; i++)
		result = add_rule(reorder, side, &rules[i], within, box, depth);
	return result;
}

/* --- what is on both sides
 * ------------------------------------------------------------------------------------------------------- */

static bool is_less(const struct letter *a, const struct letter *b)
{
	if (a->keeps_place != b->keeps_place)
		return b->keeps_place;
	if (a->target != b->target)
		return a->target < b->target;
	return !a->keeps_place && a->condition < b->condition;
}

static bool is_same(const struct letter *a, const struct letter *b)
{
	return !is_less(a, b) && !is_less(b, a);
}

static int compare_letters(const void *left, const void *right, void *context)
{
	size_t a = *(const size_t *)left, b = *(const size_t *)right;
	const struct letter *letters = context;
	if (is_less(&letters[a], &letters[b]))
		return -1;
	if (is_less(&letters[b], &letters[a]))
		return 1;
	return (a > b) - (a < b);
}

/* By what they are, then as they stand; those that are gone are left out. */
static size_t sort_letters(struct word *word)
{
	size_t count = 0;
	for (size_t i = 0; i < word->count; i++)
		if (!word->letters[i].gone)
			word->sorted[count++] = i;
	qsort_r(word->sorted, count, sizeof(*word->sorted), compare_letters, word->letters);
	return count;
}

static int note_different(struct reorder *reorder, diagram_node node)
{
	if (reorder->node_count == reorder->node_capacity) {
		size_t capacity = reorder->node_capacity ? reorder->node_capacity * 2 : 64;
		diagram_node *nodes = reallocarray(reorder->nodes, capacity, sizeof(*nodes));
		if (!nodes)
			return -ENOMEM;
		reorder->nodes = nodes;
		reorder->node_capacity = capacity;
	}
	if (node != DIAGRAM_FALSE)
		reorder->nodes[reorder->node_count++] = node;
	return 0;
}

static unsigned count_bits(address mask)
{
	return (unsigned)(__builtin_popcountll((uint64_t)(mask >> 64)) +
			  __builtin_popcountll((uint64_t)mask));
}

/* Bits that its box asks of addresses. */
static unsigned narrowness(const struct letter *letter)
{
	return count_bits(letter->box.source_mask) + count_bits(letter->box.destination_mask);
}

/* What it matches does not come to `letter`, or no matter. */
static bool takes_from(const struct reorder *reorder, const struct letter *before,
		       const struct letter *letter)
{
	bool again = before->sticky && letter->sticky && before->target == letter->target;
	return !before->keeps_place && (before->ends || again) &&
	       !boxes_disjoint(&before->box, &letter->box) && !hangs_on_state(reorder, before->condition);
}

/* Nothing is left of it by those before it. The widest are asked first: few of them leave nothing, or none
 * does. */
static bool is_covered(struct reorder *reorder, const struct word *word, size_t index)
{
	const struct letter *letter = &word->letters[index];
	diagram_node rest = letter->condition;
	size_t limit = diagram_size(reorder->diagram) + COVER_NODES_MAX;
	unsigned all = 2 * family_bits(reorder->behaviour->family), step = all / (COVER_PASSES - 1);
	if (letter->keeps_place || hangs_on_state(reorder, rest))
		return false;
	/* Most of thousands of bans meet none. */
	size_t first = 0;
	while (first < index && !takes_from(reorder, &word->letters[first], letter))
		first++;
	if (first == index)
		return rest == DIAGRAM_FALSE;
	for (unsigned most = step; most <= COVER_PASSES * step && rest != DIAGRAM_FALSE; most += step) {
		for (size_t i = first; i < index && rest != DIAGRAM_FALSE; i++) {
			const struct letter *before = &word->letters[i];
			unsigned bits = narrowness(before);
			if (bits >= most || bits + step < most || !takes_from(reorder, before, letter))
				continue;
			rest = diagram_minus(reorder->diagram, rest, before->condition);
			if (rest == DIAGRAM_UNDECIDED || diagram_size(reorder->diagram) > limit)
				return false;
		}
	}
	return rest == DIAGRAM_FALSE;
}

static int leave_out(struct reorder *reorder, struct word *word, size_t index)
{
	struct letter *letter = &word->letters[index];
	letter->gone = true;
	if (reorder->work < COVER_PASSES * index)
		return -E2BIG;
	reorder->work -= COVER_PASSES * index;
	if (is_covered(reorder, word, index))
		return 0;
	const struct rule *rule = letter->rule;
	return note_different(
	    reorder, behaviour_any_state(reorder->behaviour, rule->chain->table->id, letter->condition));
}

/* Letters of one side alone; of those of both sides, in the order of `sorted`, the same places are partners.
 */
static int leave_singles_out(struct reorder *reorder, size_t counts[SIDES_MAX])
{
	struct word *first = &reorder->words[0], *second = &reorder->words[1];
	size_t a = 0, b = 0, kept = 0;
	int result = 0;
	counts[0] = sort_letters(first);
	counts[1] = sort_letters(second);
	while ((a < counts[0] || b < counts[1]) && !result) {
		const struct letter *left = a < counts[0] ? &first->letters[first->sorted[a]] : NULL;
		const struct letter *right = b < counts[1] ? &second->letters[second->sorted[b]] : NULL;
		if (left && right && is_same(left, right)) {
			first->sorted[kept] = first->sorted[a++];
			second->sorted[kept++] = second->sorted[b++];
		} else if (left && (!right || is_less(left, right))) {
			result = leave_out(reorder, first, first->sorted[a++]);
		} else {
			result = leave_out(reorder, second, second->sorted[b++]);
		}
	}
	counts[0] = counts[1] = kept;
	return result;
}

/* What two of one kind may do otherwise. */
static int compare_partners(struct reorder *reorder, size_t count)
{
	int result = 0;
	for (size_t i = 0; i < count && !result; i++) {
		const struct letter *left = &reorder->words[0].letters[reorder->words[0].sorted[i]];
		const struct letter *right = &reorder->words[1].letters[reorder->words[1].sorted[i]];
		if (!left->keeps_place && !left->rule->target.chain)
			continue;
		if (!left->keeps_place && !(left->whole && right->whole)) {
			/* The chain that both jump to may do something else to whatever comes by. */
			result = note_different(reorder, left->condition);
			continue;
		}
		result = note_different(reorder,
					reorder->asks->pair(reorder->asks->context, left->rule, right->rule));
	}
	return result;
}

/* --- steps
 * ------------------------------------------------------------------------------------------------------- */

static bool commute(const struct letter *a, const struct letter *b)
{
	if (a->keeps_place || b->keeps_place)
		return false;
	return (a->sticky && b->sticky && a->target == b->target) || boxes_disjoint(&a->box, &b->box);
}

/* Letters that have their step, found by the first bits of their source: most have such bits, and those of
 * others have none in common with them. */
struct placed {
	struct entry {
		uint32_t step;
		uint32_t next; /* in its bucket, + 1 */
		const struct letter *letter;
	} * entries;
	size_t count;
	uint32_t *buckets, wide;
	unsigned bits; /* of the number of buckets */
	unsigned shift;
};

#define SOURCE_BITS_V4 16
#define SOURCE_BITS_V6 48

static uint32_t *bucket_of(struct placed *placed, const struct letter *letter)
{
	uint64_t hash = (uint64_t)(letter->box.source >> placed->shift) * 0x9e3779b97f4a7c15u;
	address mask = letter->box.source_mask >> placed->shift;
	unsigned bits = placed->shift == 32 - SOURCE_BITS_V4 ? SOURCE_BITS_V4 : SOURCE_BITS_V6;
	if (mask != ((address)1 << bits) - 1)
		return &placed->wide;
	return &placed->buckets[hash >> (64 - placed->bits)];
}

static void look_back(const struct entry *entry, struct letter *letter)
{
	if (entry->step >= letter->step && !commute(entry->letter, letter))
		letter->step = entry->step + 1;
}

static size_t follow_bucket(const struct placed *placed, uint32_t at, struct letter *letter)
{
	size_t looked = 0;
	for (; at; at = placed->entries[at - 1].next, looked++)
		look_back(&placed->entries[at - 1], letter);
	return looked;
}

/* Behind the last of those before it with which it cannot change places. */
static size_t find_step(struct placed *placed, struct letter *letter)
{
	uint32_t *bucket = bucket_of(placed, letter);
	size_t looked = 0;
	letter->step = 0;
	if (bucket != &placed->wide && !letter->keeps_place) {
		looked = follow_bucket(placed, *bucket, letter) + follow_bucket(placed, placed->wide, letter);
	} else {
		for (; looked < placed->count; looked++)
			look_back(&placed->entries[placed->count - 1 - looked], letter);
	}
	/* What keeps its place is met by all. */
	if (letter->keeps_place)
		bucket = &placed->wide;
	placed->entries[placed->count] = (struct entry){letter->step, *bucket, letter};
	*bucket = (uint32_t)++placed->count;
	return looked;
}

static void placed_reset(struct placed *placed)
{
	memset(placed->buckets, 0, sizeof(*placed->buckets) << placed->bits);
	placed->wide = 0;
	placed->count = 0;
}

static int find_steps(struct reorder *reorder, struct word *word, struct placed *placed)
{
	placed_reset(placed);
	for (size_t i = 0; i < word->count; i++) {
		if (word->letters[i].gone)
			continue;
		size_t looked = find_step(placed, &word->letters[i]);
		if (reorder->work < looked)
			return -E2BIG;
		reorder->work -= looked;
	}
	return 0;
}

static int compare_steps(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return (a > b) - (a < b);
}

/* Of letters that are the same, whichever stands in a step may. Whether both sides have them in the same
 * steps. */
static bool same_steps(const struct reorder *reorder, size_t begin, size_t end, uint32_t *steps)
{
	size_t count = end - begin;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		const struct word *word = &reorder->words[side];
		for (size_t i = 0; i < count; i++)
			steps[side * count + i] = word->letters[word->sorted[begin + i]].step;
		qsort(steps + side * count, count, sizeof(*steps), compare_steps);
	}
	return memcmp(steps, steps + count, count * sizeof(*steps)) == 0;
}

/* Leaves out what stands in another step. *settled: nothing does. */
static int compare_words(struct reorder *reorder, size_t count, uint32_t *steps, bool *settled)
{
	struct word *first = &reorder->words[0], *second = &reorder->words[1];
	int result = 0;
	*settled = true;
	for (size_t begin = 0, end; begin < count && !result; begin = end) {
		for (end = begin + 1; end < count && is_same(&first->letters[first->sorted[begin]],
							     &first->letters[first->sorted[end]]);)
			end++;
		if (same_steps(reorder, begin, end, steps))
			continue;
		*settled = false;
		for (size_t i = begin; i < end && !result; i++) {
			result = leave_out(reorder, first, first->sorted[i]);
			if (!result)
				result = leave_out(reorder, second, second->sorted[i]);
		}
	}
	return result;
}

static int compare_rounds(struct reorder *reorder, struct placed *placed, uint32_t *steps)
{
	bool settled = false;
	int result = 0;
	for (unsigned round = 0; round < ROUNDS_MAX && !settled && !result; round++) {
		size_t counts[SIDES_MAX];
		result = leave_singles_out(reorder, counts);
		for (size_t side = 0; side < SIDES_MAX && !result; side++)
			result = find_steps(reorder, &reorder->words[side], placed);
		if (!result)
			result = compare_words(reorder, counts[0], steps, &settled);
		if (!result && settled)
			result = compare_partners(reorder, counts[0]);
	}
	return result ? result : settled ? 0 : -E2BIG;
}

static int compare_all(struct reorder *reorder)
{
	size_t most = reorder->words[0].count > reorder->words[1].count ? reorder->words[0].count
									: reorder->words[1].count;
	bool short_addresses = reorder->behaviour->family == FAMILY_IPV4;
	struct placed placed = {.bits = 6,
				.shift = short_addresses ? 32 - SOURCE_BITS_V4 : 128 - SOURCE_BITS_V6};
	while (placed.bits < 20 && (size_t)1 << placed.bits < most)
		placed.bits++;
	placed.entries = calloc(most + 1, sizeof(*placed.entries));
	placed.buckets = calloc((size_t)1 << placed.bits, sizeof(*placed.buckets));
	uint32_t *steps = reallocarray(NULL, 2 * most + 1, sizeof(*steps));
	int result = placed.entries && placed.buckets && steps ? 0 : -ENOMEM;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		reorder->words[side].sorted = reallocarray(NULL, most + 1, sizeof(size_t));
		if (!reorder->words[side].sorted)
			result = -ENOMEM;
	}
	if (!result)
		result = compare_rounds(reorder, &placed, steps);
	free(placed.entries);
	free(placed.buckets);
	free(steps);
	return result;
}

/* Some match looks at what sets have counted. */
static bool sets_are_remembered(const struct behaviour *behaviour)
{
	for (size_t i = 0; i < behaviour->places.count; i++)
		if (behaviour->places.all[i].memory & MEMORY_SETS)
			return true;
	return false;
}

int reorder_find(struct behaviour *behaviour, const struct reorder_row rows[SIDES_MAX],
		 const struct reorder_asks *asks, diagram_node **nodes, size_t *count)
{
	struct reorder reorder = {
	    .behaviour = behaviour,
	    .diagram = behaviour_fields(behaviour)->diagram,
	    .asks = asks,
	    .rows = rows,
	    .work = WORK_MAX,
	    .raw = rows[0].table->id == TABLE_RAW,
	    .counts = sets_are_remembered(behaviour),
	};
	const struct box all = box_all();
	/* Behind what may have made another packet of it boxes say nothing. */
	int result = behaviour_rewrites(behaviour, rows[0].table->id) ? -E2BIG : 0;
	reorder.node_limit = diagram_size(reorder.diagram) + NODES_MAX;
	for (size_t side = 0; side < SIDES_MAX && !result; side++)
		result = add_rules(&reorder, side, rows[side].rules, rows[side].count, DIAGRAM_TRUE, &all,
				   DEPTH_MAX);
	for (size_t side = 0; side < SIDES_MAX && !result; side++)
		result = reorder_take_sets_apart(&reorder, side);
	if (!result)
		result = compare_all(&reorder);
	for (size_t side = 0; side < SIDES_MAX; side++) {
		free(reorder.words[side].letters);
		free(reorder.words[side].sorted);
	}
	if (result) {
		free(reorder.nodes);
		return result;
	}
	*nodes = reorder.nodes;
	*count = reorder.node_count;
	return 0;
}
