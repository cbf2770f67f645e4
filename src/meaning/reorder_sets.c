/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A rule over a set, taken apart into letters of the other side. Which they may be is found by boxes; that
 * the set holds what they match, and what it holds besides, is told by diagrams. */
#include "meaning/reorder_private.h"

#include "extension/extension.h"
#include "ruleset/name_index.h"
#include "ruleset/set.h"

#include <errno.h>
#include <stdlib.h>

/* Where in the other word there are letters of a box. */
struct box_table {
	size_t capacity; /* a power of two */
	uint32_t *first; /* of each slot: letter + 1 */
	uint32_t *next;  /* of each letter: the next one in its slot, + 1 */
	uint64_t seed;
};

static uint64_t box_hash(const struct box_table *table, const struct box *box)
{
	const uint64_t words[] = {
	    (uint64_t)(box->source >> 64),
	    (uint64_t)box->source,
	    (uint64_t)(box->destination >> 64),
	    (uint64_t)box->destination,
	    (uint64_t)(box->source_mask ^ box->source_mask >> 64),
	    (uint64_t)(box->destination_mask ^ box->destination_mask >> 64),
	    (uint64_t)box->protocol << 32 | (uint64_t)box->source_low << 16 | box->destination_low,
	};
	uint64_t hash = table->seed;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15u;
		hash ^= hash >> 32;
	}
	return hash;
}

static bool box_table_make(struct box_table *table, const struct word *word)
{
	*table = (struct box_table){.capacity = 64, .seed = name_index_seed()};
	while (table->capacity < 2 * word->count)
		table->capacity *= 2;
	table->first = calloc(table->capacity, sizeof(*table->first));
	table->next = calloc(word->count + 1, sizeof(*table->next));
	if (!table->first || !table->next)
		return false;
	for (size_t i = word->count; i-- > 0;) {
		uint32_t *slot =
		    &table->first[box_hash(table, &word->letters[i].box) & (table->capacity - 1)];
		table->next[i] = *slot;
		*slot = (uint32_t)i + 1;
	}
	return true;
}

static void box_table_fini(struct box_table *table)
{
	free(table->first);
	free(table->next);
}

/* The one positive match on a set of the rule whose members are boxes. */
static bool find_question(const struct rule *rule, struct set_question *question)
{
	bool found = false;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		struct set_question own;
		if (!match_set_question(&rule->matches[i], &own) || own.inverted || found)
			continue;
		*question = own;
		found = true;
	}
	return found && question->set->dimensions == question->dimensions &&
	       question->set->member_count <= LETTERS_MAX;
}

static void narrow_address(struct box *box, bool source, address value, address mask)
{
	struct box own = box_all();
	*(source ? &own.source : &own.destination) = value;
	*(source ? &own.source_mask : &own.destination_mask) = mask;
	box_narrow(box, &own);
}

static void narrow_port(struct box *box, bool source, uint8_t protocol, uint16_t port)
{
	struct box own = box_all();
	own.protocol = protocol;
	*(source ? &own.source_low : &own.destination_low) = port;
	*(source ? &own.source_high : &own.destination_high) = port;
	box_narrow(box, &own);
}

/* What a member asks, as far as a box can say it; false where it cannot. It need not be exact: what is found
 * by it is asked whether the set holds it. */
static bool member_box(const struct set_question *question, size_t index, struct box *box)
{
	const enum set_part *parts = set_types[question->set->type].parts;
	struct set_member member;
	bool second = false;
	set_member_get(question->set, index, &member);
	for (unsigned d = 0; d < question->set->dimensions; d++) {
		bool source = question->source[d];
		if (parts[d] == SET_PART_ADDRESS || parts[d] == SET_PART_NET) {
			unsigned length = second ? member.prefix2 : member.prefix;
			if (parts[d] == SET_PART_ADDRESS)
				length = family_bits(question->set->family);
			narrow_address(box, source, second ? member.low2 : member.low,
				       prefix_mask(question->set->family, length));
			second = true;
		} else if (parts[d] == SET_PART_PORT) {
			narrow_port(box, source, member.protocol, member.port);
		} else if (parts[d] == SET_PART_BARE_PORT) {
			narrow_port(box, source, 0, member.port);
		} else {
			return false;
		}
	}
	return true;
}

/* Letters of the other word that say what some member says. */
static int add_members(struct reorder *reorder, const struct word *other, const struct box_table *table,
		       const struct set_question *question, const struct letter *letter, struct word *made)
{
	for (size_t i = 0; i < question->set->member_count; i++) {
		struct box box = letter->box;
		if (!member_box(question, i, &box))
			return 0;
		uint32_t at = table->first[box_hash(table, &box) & (table->capacity - 1)];
		for (; at; at = table->next[at - 1]) {
			const struct letter *found = &other->letters[at - 1];
			if (found->keeps_place || found->target != letter->target || !found->sticky ||
			    !boxes_equal(&found->box, &box) || found->condition == letter->condition ||
			    diagram_minus(reorder->diagram, found->condition, letter->condition) !=
				DIAGRAM_FALSE)
				continue;
			struct letter fresh = *found;
			fresh.rule = letter->rule;
			fresh.whole = false;
			int result = word_add(made, &fresh);
			if (result)
				return result;
			break;
		}
	}
	return 0;
}

static diagram_node any_of(struct diagram *diagram, const struct letter *letters, size_t count)
{
	if (count < 2)
		return count ? letters[0].condition : DIAGRAM_FALSE;
	return diagram_or(diagram, any_of(diagram, letters, count / 2),
			  any_of(diagram, letters + count / 2, count - count / 2));
}

static int compare_conditions(const void *left, const void *right)
{
	const struct letter *a = left, *b = right;
	return (a->condition > b->condition) - (a->condition < b->condition);
}

/* Each once. */
static void drop_doubles(struct word *word)
{
	size_t kept = 0;
	if (word->count)
		qsort(word->letters, word->count, sizeof(*word->letters), compare_conditions);
	for (size_t i = 0; i < word->count; i++)
		if (!kept || word->letters[kept - 1].condition != word->letters[i].condition)
			word->letters[kept++] = word->letters[i];
	word->count = kept;
}

/* The letter as those that say the same together, appended to `made`; in any order, since they are sticky. */
static int take_apart(struct reorder *reorder, const struct word *other, const struct box_table *table,
		      const struct letter *letter, struct word *made)
{
	struct word members = {0};
	struct set_question question;
	int result = 0;
	if (letter->sticky && !letter->keeps_place && find_question(letter->rule, &question))
		result = add_members(reorder, other, table, &question, letter, &members);
	drop_doubles(&members);
	diagram_node all = any_of(reorder->diagram, members.letters, members.count);
	struct letter rest = *letter;
	if (members.count) {
		rest.condition = diagram_minus(reorder->diagram, letter->condition, all);
		rest.whole = false;
	}
	if (rest.condition == DIAGRAM_UNDECIDED)
		result = -E2BIG;
	for (size_t i = 0; i < members.count && !result; i++)
		result = word_add(made, &members.letters[i]);
	if (!result && rest.condition != DIAGRAM_FALSE)
		result = word_add(made, &rest);
	free(members.letters);
	return result;
}

int reorder_take_sets_apart(struct reorder *reorder, size_t side)
{
	struct word *word = &reorder->words[side], made = {0};
	const struct word *other = &reorder->words[!side];
	struct box_table table = {0};
	int result = box_table_make(&table, other) ? 0 : -ENOMEM;
	for (size_t i = 0; i < word->count && !result; i++)
		result = take_apart(reorder, other, &table, &word->letters[i], &made);
	box_table_fini(&table);
	free(word->letters);
	*word = made;
	return result;
}
