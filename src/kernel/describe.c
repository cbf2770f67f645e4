/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making the description of what is about to be attached: an item for each thing that is counted, and which
 * counter slots are credited to it. A slot that is credited to a set's member is credited to the member's
 * rule too, once. */
#include "kernel/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where the lines of a source begin, so that a place is found without reading the source again. */
struct line_index {
	const struct source *source;
	uint32_t *starts;
	size_t count;
};

#define INDEXES_MAX 16 /* sources looked at at a time */

struct description {
	struct arena *arena;
	struct buffer strings;
	struct meta_item *items;
	size_t item_count, item_capacity;
	struct meta_credit *credits;
	size_t credit_count, credit_capacity;
	struct line_index indexes[INDEXES_MAX];
	size_t index_count;
	const struct source *last_source;
	struct meta_text last_file;
	const struct chain *last_chain;
	struct meta_text last_chain_name;
	const char *last_reason;
	struct meta_text last_reason_text;
};

static struct meta_text add_text(struct description *description, const char *data, size_t size)
{
	struct meta_text text = {(uint32_t)description->strings.size, (uint32_t)size};

	buffer_add(&description->strings, data, size);
	return text;
}

static const struct line_index *index_source(struct description *description, const struct source *source)
{
	struct line_index *index;
	size_t lines = 1, at = 0;

	for (size_t i = 0; i < description->index_count; i++)
		if (description->indexes[i].source == source)
			return &description->indexes[i];
	if (description->index_count == INDEXES_MAX)
		return NULL;
	index = &description->indexes[description->index_count];
	for (uint32_t i = 0; i < source->size; i++)
		lines += source->data[i] == '\n';
	index->starts = arena_array(description->arena, lines, sizeof(*index->starts));
	if (!index->starts)
		return NULL;
	index->starts[at++] = 0;
	for (uint32_t i = 0; i < source->size; i++)
		if (source->data[i] == '\n')
			index->starts[at++] = i + 1;
	index->source = source;
	index->count = at;
	description->index_count++;
	return index;
}

static uint32_t find_line(struct description *description, const struct source *source, uint32_t offset)
{
	const struct line_index *index = index_source(description, source);
	size_t low = 0, high;

	if (!index)
		return source_locate(source, offset).line;
	for (high = index->count; high - low > 1;) {
		size_t middle = low + (high - low) / 2;

		if (index->starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low + 1;
}

static void place(struct description *description, struct meta_item *item, const struct source *source,
		  uint32_t offset)
{
	if (!source)
		return;
	if (description->last_source != source) {
		description->last_source = source;
		description->last_file = add_text(description, source->name, strlen(source->name));
	}
	item->file = description->last_file;
	item->line = find_line(description, source, offset);
}

static struct meta_item *add_item(struct description *description, enum meta_kind kind,
				  const struct chain *chain)
{
	struct meta_item *item =
	    arena_push(description->arena, (void **)&description->items, &description->item_count,
		       &description->item_capacity, sizeof(*item));

	if (!item)
		return NULL;
	item->kind = kind;
	item->parent = META_NONE;
	item->family = chain->table->family;
	item->table = chain->table->id;
	if (description->last_chain != chain) {
		description->last_chain = chain;
		description->last_chain_name = add_text(description, chain->name.data, chain->name.size);
	}
	item->chain = description->last_chain_name;
	return item;
}

static int add_rule(struct description *description, const struct rule *rule)
{
	struct meta_item *item = add_item(description, META_RULE, rule->chain);

	if (!item)
		return -ENOMEM;
	item->number = rule->number;
	item->text.offset = (uint32_t)description->strings.size;
	rule_print(rule, true, &description->strings);
	item->text.size = (uint32_t)(description->strings.size - item->text.offset);
	place(description, item, rule->span.source, rule->span.begin);
	return 0;
}

static int add_unit(struct description *description, const struct unit *unit)
{
	struct meta_item *item;
	int result = 0;

	if (unit->kind == UNIT_POLICY) {
		item = add_item(description, META_POLICY, unit->chain);
		if (!item)
			return -ENOMEM;
		item->text = add_text(description, unit->chain->policy == POLICY_DROP ? "DROP" : "ACCEPT",
				      unit->chain->policy == POLICY_DROP ? 4 : 6);
		place(description, item, unit->chain->span.source, unit->chain->span.begin);
		return 0;
	}
	for (size_t i = 0; i < unit->rule_count && !result; i++)
		result = add_rule(description, &unit->rule[i]);
	return result;
}

static void set_coverage(struct description *description, const struct region *region, const uint32_t *first)
{
	for (size_t i = 0; i < region->covered_count; i++) {
		const struct covered *covered = &region->covered[i];
		const struct unit *unit = &region->units[covered->unit];
		size_t count = unit->kind == UNIT_POLICY ? 1 : unit->rule_count;

		if (covered->reason && covered->reason != description->last_reason) {
			description->last_reason = covered->reason;
			description->last_reason_text =
			    add_text(description, covered->reason, strlen(covered->reason));
		}
		for (size_t j = 0; j < count; j++) {
			struct meta_item *item = &description->items[first[covered->unit] + j];

			item->coverage = (uint8_t)(covered->coverage + 1);
			item->limited = covered->limit != NULL;
			if (covered->reason)
				item->reason = description->last_reason_text;
		}
	}
	for (size_t i = 0; i < region->uncounted_count; i++) {
		const struct unit *unit = &region->units[region->uncounted[i]];
		size_t count = unit->kind == UNIT_POLICY ? 1 : unit->rule_count;

		for (size_t j = 0; j < count; j++)
			description->items[first[region->uncounted[i]] + j].uncounted = 1;
	}
}

static int add_member(struct description *description, uint32_t parent, const struct set *set, size_t element)
{
	struct set_member member;
	const struct meta_item *rule = &description->items[parent];
	struct meta_item copy = *rule, *item;

	item = arena_push(description->arena, (void **)&description->items, &description->item_count,
			  &description->item_capacity, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->kind = META_MEMBER;
	item->family = copy.family;
	item->table = copy.table;
	item->chain = copy.chain;
	item->number = copy.number;
	item->parent = parent;
	item->text.offset = (uint32_t)description->strings.size;
	set_member_get(set, element, &member);
	set_member_print(set, &member, &description->strings);
	item->text.size = (uint32_t)(description->strings.size - item->text.offset);
	place(description, item, set->source, member.begin);
	return 0;
}

static int add_credit(struct description *description, uint32_t slot, uint32_t item)
{
	struct meta_credit *credit;

	for (size_t i = description->credit_count; i > 0 && description->credits[i - 1].slot == slot; i--)
		if (description->credits[i - 1].item == item)
			return 0;
	credit = arena_push(description->arena, (void **)&description->credits, &description->credit_count,
			    &description->credit_capacity, sizeof(*credit));
	if (!credit)
		return -ENOMEM;
	*credit = (struct meta_credit){slot, item};
	return 0;
}

/* The member's item, made when it is met first. `members`: by unit and element. */
static int member_item(struct description *description, uint32_t rule, const struct set *set, size_t element,
		       uint32_t **members, uint32_t *item)
{
	int result = 0;

	if (!*members) {
		*members = malloc(set->member_count * sizeof(**members));
		if (!*members)
			return -ENOMEM;
		memset(*members, 0xff, set->member_count * sizeof(**members));
	}
	if ((*members)[element] == META_NONE) {
		(*members)[element] = (uint32_t)description->item_count;
		result = add_member(description, rule, set, element);
	}
	*item = (*members)[element];
	return result;
}

static int credit_unit(struct description *description, const struct region *region,
		       const struct plane_credit *credit, const uint32_t *first, uint32_t **members)
{
	const struct unit *unit;
	uint32_t item;
	int result;

	if (credit->unit >= region->unit_count)
		return -EINVAL;
	unit = &region->units[credit->unit];
	item = first[credit->unit];
	if (unit->kind == UNIT_LIST) {
		if (credit->element >= (int64_t)unit->rule_count)
			return -EINVAL;
		/* the list as a whole: which of its rules is not told; the first stands for it */
		return add_credit(description, credit->slot,
				  item + (credit->element < 0 ? 0 : (uint32_t)credit->element));
	}
	result = add_credit(description, credit->slot, item);
	if (result || credit->element < 0 || unit->kind != UNIT_RULE || !unit->predicate ||
	    !unit->predicate->set)
		return result;
	if ((uint64_t)credit->element >= unit->predicate->set->member_count)
		return -EINVAL;
	result = member_item(description, item, unit->predicate->set, (size_t)credit->element,
			     &members[credit->unit], &item);
	return result ? result : add_credit(description, credit->slot, item);
}

static int describe(struct description *description, const struct region *const regions[FAMILY_COUNT],
		    const struct plane *plane)
{
	uint32_t *first[FAMILY_COUNT] = {0}, **members[FAMILY_COUNT] = {0};
	int result = 0;

	for (enum family family = 0; family < FAMILY_COUNT && !result; family++) {
		const struct region *region = regions[family];

		if (!region)
			continue;
		first[family] = arena_array(description->arena, region->unit_count + 1, sizeof(uint32_t));
		members[family] = arena_array(description->arena, region->unit_count + 1, sizeof(uint32_t *));
		if (!first[family] || !members[family])
			return -ENOMEM;
		for (size_t i = 0; i < region->unit_count && !result; i++) {
			first[family][i] = (uint32_t)description->item_count;
			result = add_unit(description, &region->units[i]);
		}
		if (!result)
			set_coverage(description, region, first[family]);
	}
	for (size_t i = 0; i < plane->credit_count && !result; i++) {
		enum family family = plane->credits[i].family;

		if (family >= FAMILY_COUNT || !regions[family] || plane->credits[i].slot >= plane->slot_count)
			result = -EINVAL;
		else
			result = credit_unit(description, regions[family], &plane->credits[i], first[family],
					     members[family]);
	}
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; members[family] && i < regions[family]->unit_count; i++)
			free(members[family][i]);
	return result;
}

static void reserve(struct meta_section *section, uint64_t *at, uint64_t count, size_t size)
{
	*section = (struct meta_section){*at, count};
	*at = (*at + count * size + 7) & ~(uint64_t)7;
}

static void copy_section(char *data, const struct meta_section *section, const void *from, size_t size)
{
	if (section->count)
		memcpy(data + section->offset, from, section->count * size);
}

static int lay_out(struct description *description, struct meta_header *header,
		   const struct region_local *locals, size_t local_count, void **data, size_t *size)
{
	struct meta_local *local;
	uint64_t at = sizeof(*header);
	char *made;

	_Static_assert(sizeof(*header) % 8 == 0, "sections follow at a multiple of 8");
	reserve(&header->items, &at, description->item_count, sizeof(struct meta_item));
	reserve(&header->credits, &at, description->credit_count, sizeof(struct meta_credit));
	reserve(&header->locals, &at, local_count, sizeof(struct meta_local));
	reserve(&header->strings, &at, description->strings.size, 1);
	if (at > META_SIZE_MAX)
		return -E2BIG;
	header->size = at;
	made = arena_alloc(description->arena, at);
	if (!made)
		return -ENOMEM;
	memcpy(made, header, sizeof(*header));
	copy_section(made, &header->items, description->items, sizeof(struct meta_item));
	copy_section(made, &header->credits, description->credits, sizeof(struct meta_credit));
	copy_section(made, &header->strings, description->strings.data, 1);
	local = (void *)(made + header->locals.offset);
	for (size_t i = 0; i < local_count; i++) {
		local[i].family = (uint8_t)locals[i].family;
		address_to_bytes(locals[i].family, locals[i].low, local[i].low);
		address_to_bytes(locals[i].family, locals[i].high, local[i].high);
	}
	*data = made;
	*size = at;
	return 0;
}

int meta_build(struct arena *arena, const struct meta_header *header, const char *sources,
	       const struct region *const regions[FAMILY_COUNT], const struct plane *plane,
	       const struct region_local *locals, size_t local_count, void **data, size_t *size)
{
	struct description description = {.arena = arena};
	struct meta_header made = *header;
	int result;

	memcpy(made.magic, META_MAGIC, sizeof(made.magic));
	made.version = META_VERSION;
	made.header_size = sizeof(made);
	made.slot_count = plane->slot_count;
	made.sources = add_text(&description, sources, strlen(sources));
	result = describe(&description, regions, plane);
	if (!result && description.strings.failed)
		result = -ENOMEM;
	if (!result && (description.strings.size > UINT32_MAX || description.item_count >= META_NONE))
		result = -E2BIG;
	if (!result)
		result = lay_out(&description, &made, locals, local_count, data, size);
	buffer_fini(&description.strings);
	return result;
}
