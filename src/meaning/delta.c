/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains of one name are laid side by side, rules of the same text matched in order (E. Myers, An O(ND)
 * Difference Algorithm and Its Variations, 1986). What is left over on either side was changed. */
#include "meaning/delta.h"

#include "extension/extension.h"
#include "meaning/reorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EDITS_MAX 512      /* of one chain, that are looked for */
#define CHANGED_MAX 200000 /* rules of one chain: beyond, all packets are asked about */
#define NODES_MAX 500000   /* made for what the changed ones touch: as well */

#define REORDER_MIN 16  /* changed rules: of fewer it is cheaper to ask about what they touch */
#define TOUCHED_MAX 512 /* nodes: a region with more holes costs more than it spares */

/* Texts of rules as numbers: equal texts have equal ones. */
struct texts {
	struct text_slot {
		char *text;
		uint32_t number; /* + 1 */
	} * slots;
	size_t capacity, count;
};

struct delta {
	struct behaviour *behaviour;
	const struct ruleset *sides[SIDES_MAX];
	enum family family;
	struct texts texts;
	/* By table, and by a chain's order on the first side: packets that it may treat otherwise. */
	diagram_node *chains[TABLE_COUNT];
	bool alone; /* what is called is not looked at */
};

int delta_new(struct behaviour *behaviour, const struct ruleset *const *sides, enum family family,
	      struct delta **delta)
{
	struct delta *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->behaviour = behaviour;
	fresh->sides[0] = sides[0];
	fresh->sides[1] = sides[1];
	fresh->family = family;
	*delta = fresh;
	return 0;
}

static void texts_fini(struct texts *texts)
{
	for (size_t i = 0; i < texts->capacity; i++)
		free(texts->slots[i].text);
	free(texts->slots);
}

void delta_free(struct delta *delta)
{
	if (!delta)
		return;
	texts_fini(&delta->texts);
	for (unsigned i = 0; i < TABLE_COUNT; i++)
		free(delta->chains[i]);
	free(delta);
}

static size_t text_slot(const struct texts *texts, const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (const char *at = text; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
	size_t slot = (hash ^ hash >> 32) & (texts->capacity - 1);
	while (texts->slots[slot].text && strcmp(texts->slots[slot].text, text) != 0)
		slot = (slot + 1) & (texts->capacity - 1);
	return slot;
}

static bool texts_grow(struct texts *texts)
{
	struct texts grown = {.capacity = texts->capacity ? texts->capacity * 2 : 1024,
			      .count = texts->count};
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	if (!grown.slots)
		return false;
	for (size_t i = 0; i < texts->capacity; i++)
		if (texts->slots[i].text)
			grown.slots[text_slot(&grown, texts->slots[i].text)] = texts->slots[i];
	free(texts->slots);
	*texts = grown;
	return true;
}

/* 0: memory is short. */
static uint32_t number_of(struct texts *texts, const struct rule *rule)
{
	struct buffer out = {0};
	rule_print(rule, true, &out);
	if (out.failed || (2 * (texts->count + 1) > texts->capacity && !texts_grow(texts))) {
		buffer_fini(&out);
		return 0;
	}
	struct text_slot *slot = &texts->slots[text_slot(texts, out.data ? out.data : "")];
	if (!slot->text) {
		slot->text = out.data ? out.data : strdup("");
		slot->number = (uint32_t)++texts->count;
		return slot->text ? slot->number : 0;
	}
	buffer_fini(&out);
	return slot->number;
}

/* Rules of two chains, and which of them have a partner. */
struct pairing {
	const struct chain *chains[SIDES_MAX]; /* NULL: not there */
	size_t count[SIDES_MAX];
	uint32_t *numbers[SIDES_MAX];
	uint32_t *partner;             /* of the first side's rules: index + 1; 0: none */
	bool *has_partner;             /* of the second side's */
	size_t begin, ends[SIDES_MAX]; /* outside of these they are paired one by one */
};

static void pairing_fini(struct pairing *pairing)
{
	free(pairing->numbers[0]);
	free(pairing->numbers[1]);
	free(pairing->partner);
	free(pairing->has_partner);
}

static void pair_up(struct pairing *pairing, size_t first, size_t second)
{
	pairing->partner[first] = (uint32_t)second + 1;
	pairing->has_partner[second] = true;
}

#define NOWHERE (INT32_MIN / 2)

/* The furthest point on diagonal k (x - y) after one more edit, before it slides: from the diagonal below by
 * leaving a rule of the first side out, from the one above by leaving one of the second out. */
static int32_t step(const int32_t *last, int k, int d, int32_t n, int32_t m, bool *down)
{
	int32_t right = k > -d ? last[k - 1] + 1 : NOWHERE;
	int32_t below = k < d ? last[k + 1] : NOWHERE;
	if (right > n || right - k > m)
		right = NOWHERE;
	if (below > n || below - k > m)
		below = NOWHERE;
	*down = below > right;
	return *down ? below : right;
}

static int32_t slide(const struct pairing *pairing, size_t offset, int32_t x, int k, int32_t n, int32_t m)
{
	const uint32_t *a = pairing->numbers[0] + offset, *b = pairing->numbers[1] + offset;
	while (x >= 0 && x < n && x - k >= 0 && x - k < m && a[x] == b[x - k])
		x++;
	return x;
}

/* The way back through the furthest points of each number of edits. */
static void trace_back(struct pairing *pairing, int32_t *const *rows, int edits, int32_t n, int32_t m,
		       size_t offset)
{
	int32_t x = n, y = m;
	for (int d = edits; d >= 0; d--) {
		bool down = false;
		int k = x - y;
		int32_t from = d ? step(rows[d - 1] + EDITS_MAX, k, d, n, m, &down) : 0;
		while (x > from) {
			x--;
			y--;
			pair_up(pairing, offset + (size_t)x, offset + (size_t)y);
		}
		if (down)
			y--;
		else
			x--;
	}
}

/* Rules [offset, offset + n) and [offset, offset + m): none is paired where they differ too much. 0 or
 * -ENOMEM. */
static int pair_middle(struct pairing *pairing, size_t offset, int32_t n, int32_t m)
{
	int32_t *rows[EDITS_MAX + 1] = {NULL};
	int result = 0, found = -1;
	if (n == 0 || m == 0)
		return 0;
	for (int d = 0; d <= EDITS_MAX && d <= n + m && !result && found < 0; d++) {
		rows[d] = malloc((2 * EDITS_MAX + 3) * sizeof(int32_t));
		if (!rows[d]) {
			result = -ENOMEM;
			break;
		}
		for (int k = -d; k <= d; k += 2) {
			bool down;
			int32_t x = d ? step(rows[d - 1] + EDITS_MAX, k, d, n, m, &down) : 0;
			x = slide(pairing, offset, x, k, n, m);
			rows[d][EDITS_MAX + k] = x;
			if (x == n && x - k == m)
				found = d;
		}
	}
	if (found >= 0)
		trace_back(pairing, rows, found, n, m, offset);
	for (int d = 0; d <= EDITS_MAX; d++)
		free(rows[d]);
	return result;
}

static int pair_rules(struct delta *delta, struct pairing *pairing)
{
	for (size_t side = 0; side < SIDES_MAX; side++) {
		pairing->count[side] = pairing->chains[side] ? pairing->chains[side]->rule_count : 0;
		pairing->numbers[side] = calloc(pairing->count[side] + 1, sizeof(uint32_t));
		for (size_t i = 0; pairing->numbers[side] && i < pairing->count[side]; i++) {
			pairing->numbers[side][i] =
			    number_of(&delta->texts, &pairing->chains[side]->rules[i]);
			if (!pairing->numbers[side][i])
				return -ENOMEM;
		}
	}
	pairing->partner = calloc(pairing->count[0] + 1, sizeof(*pairing->partner));
	pairing->has_partner = calloc(pairing->count[1] + 1, sizeof(*pairing->has_partner));
	if (!pairing->numbers[0] || !pairing->numbers[1] || !pairing->partner || !pairing->has_partner)
		return -ENOMEM;
	size_t begin = 0, ends[SIDES_MAX] = {pairing->count[0], pairing->count[1]};
	while (begin < ends[0] && begin < ends[1] &&
	       pairing->numbers[0][begin] == pairing->numbers[1][begin]) {
		pair_up(pairing, begin, begin);
		begin++;
	}
	while (ends[0] > begin && ends[1] > begin &&
	       pairing->numbers[0][ends[0] - 1] == pairing->numbers[1][ends[1] - 1])
		pair_up(pairing, --ends[0], --ends[1]);
	pairing->begin = begin;
	memcpy(pairing->ends, ends, sizeof(ends));
	if (ends[0] > INT32_MAX / 4 || ends[1] > INT32_MAX / 4)
		return 0;
	return pair_middle(pairing, begin, (int32_t)(ends[0] - begin), (int32_t)(ends[1] - begin));
}

int delta_partners(const struct chain *before, const struct chain *after, bool *has_partner[SIDES_MAX])
{
	struct delta delta = {0}; /* its texts */
	struct pairing pairing = {.chains = {before, after}};
	int result = pair_rules(&delta, &pairing);
	bool *first = calloc(pairing.count[0] + 1, sizeof(*first));
	if (!result && !first)
		result = -ENOMEM;
	for (size_t i = 0; !result && i < pairing.count[0]; i++)
		first[i] = pairing.partner[i];
	if (!result) {
		has_partner[0] = first;
		has_partner[1] = pairing.has_partner;
		pairing.has_partner = NULL;
	} else {
		free(first);
	}
	pairing_fini(&pairing);
	texts_fini(&delta.texts);
	return result;
}

/* --- what the changed ones touch
 * ------------------------------------------------------------------------------------------------------- */

/* Many conditions, as a balanced tree; everything when they become too many nodes. */
static diagram_node any_of(struct diagram *diagram, const diagram_node *nodes, size_t count, size_t limit)
{
	if (count == 0)
		return DIAGRAM_FALSE;
	if (count == 1)
		return nodes[0];
	if (diagram_size(diagram) > limit)
		return DIAGRAM_TRUE;
	return diagram_or(diagram, any_of(diagram, nodes, count / 2, limit),
			  any_of(diagram, nodes + count / 2, count - count / 2, limit));
}

static void note_set(void *context, const struct set *set)
{
	(void)set;
	*(bool *)context = true;
}

static bool asks_sets(const struct rule *rule)
{
	bool found = false;
	for (uint32_t i = 0; i < rule->match_count; i++)
		match_each_set(&rule->matches[i], note_set, &found);
	return found;
}

/* What either of two rules touches whose sets are not the same. */
static diagram_node sets_delta(struct behaviour *behaviour, const struct rule *before,
			       const struct rule *after)
{
	struct diagram *diagram = behaviour_fields(behaviour)->diagram;
	diagram_node first = behaviour_condition(behaviour, 0, before);
	diagram_node second = behaviour_condition(behaviour, 1, after);
	if (first == second && first != DIAGRAM_UNDECIDED)
		return DIAGRAM_FALSE;
	if (behaviour_is_plain(behaviour, before) && behaviour_is_plain(behaviour, after))
		return diagram_minus(diagram, diagram_or(diagram, first, second),
				     diagram_and(diagram, first, second));
	return diagram_or(diagram, behaviour_touch(behaviour, 0, before),
			  behaviour_touch(behaviour, 1, after));
}

/* Packets that come to the chain and that the rule may do something to. Behind NOTRACK the state is another
 * than it was before. */
static diagram_node touch(const struct delta *delta, size_t side, const struct rule *rule)
{
	return behaviour_any_state(delta->behaviour, rule->chain->table->id,
				   behaviour_touch(delta->behaviour, side, rule));
}

/* Two rules of one text: they differ where sets do, those that the target looks into too, and where a chain
 * that is called does. */
static diagram_node pair_delta(struct delta *delta, const struct rule *before, const struct rule *after)
{
	struct behaviour *behaviour = delta->behaviour;
	struct diagram *diagram = behaviour_fields(behaviour)->diagram;
	diagram_node all = DIAGRAM_FALSE;
	/* What is printed alike may not be read alike: `! --dport 0:65535` is printed as nothing. */
	if (asks_sets(before) || !text_equal(rule_text(before), rule_text(after)))
		all = behaviour_any_state(behaviour, before->chain->table->id,
					  sets_delta(behaviour, before, after));
	if (behaviour_target_other(behaviour, &after->target))
		all = diagram_or(diagram, touch(delta, 0, before), touch(delta, 1, after));
	if (before->target.chain && !delta->alone) {
		const struct chain *callee = before->target.chain;
		diagram_node within = delta->chains[callee->table->id][callee->order];
		if (within != DIAGRAM_FALSE)
			all = diagram_or(diagram, all, diagram_and(diagram, within, touch(delta, 0, before)));
	}
	return all;
}

/* --- rules that changed places
 * ------------------------------------------------------------------------------------------------------- */

static uint32_t ask_text(void *context, const struct rule *rule)
{
	struct delta *delta = context;
	return number_of(&delta->texts, rule);
}

static diagram_node ask_touch(void *context, size_t side, const struct rule *rule)
{
	return touch(context, side, rule);
}

static diagram_node ask_pair(void *context, const struct rule *before, const struct rule *after)
{
	return pair_delta(context, before, after);
}

/* The middle of two chains whose beginnings and ends are paired, laid side by side in another way. 0 with
 * what it touches; -E2BIG, -ENOMEM. */
static int reorder_middle(struct delta *delta, const struct pairing *pairing, diagram_node **nodes,
			  size_t *count)
{
	const struct reorder_asks asks = {delta, ask_text, ask_touch, ask_pair};
	struct reorder_row rows[SIDES_MAX];
	if (!pairing->chains[0] || !pairing->chains[1])
		return -E2BIG;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		const struct chain *chain = pairing->chains[side];
		rows[side] = (struct reorder_row){
		    .table = chain->table,
		    .rules = chain->rules + pairing->begin,
		    .count = pairing->ends[side] - pairing->begin,
		};
	}
	return reorder_find(delta->behaviour, rows, &asks, nodes, count);
}

static size_t count_changed(const struct pairing *pairing)
{
	size_t changed = 0;
	for (size_t i = 0; i < pairing->count[0]; i++)
		changed += !pairing->partner[i];
	for (size_t i = 0; i < pairing->count[1]; i++)
		changed += !pairing->has_partner[i];
	return changed;
}

/* What paired rules may do otherwise, and what is touched by those without a partner: all of them, or those
 * outside of the middle. Returns how many. */
static size_t find_touched(struct delta *delta, const struct pairing *pairing, bool middle,
			   diagram_node *nodes)
{
	const struct rule *before = pairing->chains[0] ? pairing->chains[0]->rules : NULL;
	const struct rule *after = pairing->chains[1] ? pairing->chains[1]->rules : NULL;
	size_t count = 0;
	for (size_t i = 0; i < pairing->count[0]; i++) {
		uint32_t partner = pairing->partner[i];
		if (!middle && i >= pairing->begin && i < pairing->ends[0])
			continue;
		diagram_node node = partner ? pair_delta(delta, &before[i], &after[partner - 1])
					    : touch(delta, 0, &before[i]);
		if (node != DIAGRAM_FALSE)
			nodes[count++] = node;
	}
	for (size_t i = 0; middle && i < pairing->count[1]; i++)
		if (!pairing->has_partner[i])
			nodes[count++] = touch(delta, 1, &after[i]);
	return count;
}

static diagram_node join_touched(const struct delta *delta, const diagram_node *nodes, size_t count)
{
	struct diagram *diagram = behaviour_fields(delta->behaviour)->diagram;
	diagram_node all = any_of(diagram, nodes, count, diagram_size(diagram) + NODES_MAX);
	return diagram_count(diagram, all) > TOUCHED_MAX ? DIAGRAM_TRUE : all;
}

/* Where more was changed than a few rules: by what may change places. 0 with *touched. */
static int reorder_chain(struct delta *delta, const struct pairing *pairing, diagram_node *nodes,
			 diagram_node *touched)
{
	struct diagram *diagram = behaviour_fields(delta->behaviour)->diagram;
	diagram_node *different = NULL;
	size_t count = 0;
	int result = reorder_middle(delta, pairing, &different, &count);
	if (result)
		return result;
	diagram_node inside = join_touched(delta, different, count);
	diagram_node outside = join_touched(delta, nodes, find_touched(delta, pairing, false, nodes));
	*touched = diagram_or(diagram, inside, outside);
	free(different);
	return 0;
}

static diagram_node pairing_delta(struct delta *delta, const struct pairing *pairing)
{
	size_t changed = count_changed(pairing);
	diagram_node result = DIAGRAM_UNDECIDED;
	diagram_node *nodes = calloc(pairing->count[0] + pairing->count[1] + 1, sizeof(*nodes));
	if (!nodes)
		return result;
	if (changed > CHANGED_MAX)
		result = DIAGRAM_TRUE;
	else if (changed <= REORDER_MIN || reorder_chain(delta, pairing, nodes, &result))
		result = join_touched(delta, nodes, find_touched(delta, pairing, true, nodes));
	free(nodes);
	return result;
}

static diagram_node chain_delta(struct delta *delta, const struct chain *before, const struct chain *after)
{
	struct pairing pairing = {.chains = {before, after}};
	diagram_node result =
	    pair_rules(delta, &pairing) ? DIAGRAM_UNDECIDED : pairing_delta(delta, &pairing);
	pairing_fini(&pairing);
	return result;
}

static enum policy policy_of(const struct chain *chain)
{
	return chain ? chain->policy : POLICY_ACCEPT;
}

/* Callees stand before their callers: each chain of the first side once. One chain shall not leave others
 * without nodes: each gets a half of what is left. */
static bool compute_table(struct delta *delta, enum table_id id)
{
	const struct table *before = &delta->sides[0]->tables[delta->family][id];
	const struct table *after = &delta->sides[1]->tables[delta->family][id];
	struct diagram *diagram = behaviour_fields(delta->behaviour)->diagram;
	if (delta->chains[id])
		return true;
	delta->chains[id] = calloc(before->chain_count + 1, sizeof(diagram_node));
	if (!delta->chains[id])
		return false;
	size_t budget = diagram_allow(diagram, 0);
	for (size_t i = 0; i < before->chain_count; i++) {
		const struct chain *chain = before->ordered[i];
		const struct chain *other =
		    chain->builtin ? after->hooks[chain->hook] : table_find_chain(after, chain->name);
		bool same_policy = !chain->builtin || policy_of(chain) == policy_of(other);
		diagram_allow_half(diagram, budget);
		delta->chains[id][i] = same_policy ? chain_delta(delta, chain, other) : DIAGRAM_TRUE;
	}
	diagram_allow(diagram, budget);
	return true;
}

diagram_node delta_chain(struct delta *delta, const struct chain *before, const struct chain *after)
{
	delta->alone = true;
	diagram_node touched = chain_delta(delta, before, after);
	delta->alone = false;
	return touched;
}

diagram_node delta_domain(struct delta *delta, enum table_id id, enum hook hook)
{
	const struct chain *before = delta->sides[0]->tables[delta->family][id].hooks[hook];
	const struct chain *after = delta->sides[1]->tables[delta->family][id].hooks[hook];
	if (policy_of(before) != policy_of(after))
		return DIAGRAM_TRUE;
	if (!compute_table(delta, id))
		return DIAGRAM_UNDECIDED;
	diagram_node domain = before ? delta->chains[id][before->order] : chain_delta(delta, NULL, after);
	/* What a rule asks of the packet may be asked of another one by then. */
	return domain != DIAGRAM_FALSE && behaviour_rewrites(delta->behaviour, id) ? DIAGRAM_TRUE : domain;
}
