/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading a description back, and what can be computed from it. The bytes come from a map that other programs
 * with privilege can write: nothing is used before meta_open() has checked it. */
#include "kernel/meta.h"
#include "kernel/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool section_fits(const struct meta_section *section, size_t size, size_t total)
{
	return section->offset % 8 == 0 && section->offset <= total &&
	       section->count <= (total - section->offset) / size;
}

static bool text_fits(const struct meta_header *header, struct meta_text text)
{
	return text.offset <= header->strings.count && text.size <= header->strings.count - text.offset;
}

static bool header_fits(const struct meta_header *header)
{
	if (memchr(header->interface, 0, sizeof(header->interface)) == NULL ||
	    header->size < sizeof(*header) || header->slot_count == META_NONE ||
	    header->rules > META_BETWEEN || !text_fits(header, header->sources))
		return false;
	for (enum family family = 0; family < FAMILY_COUNT; family++)
		if (header->forwarding[family] > TRUTH_UNKNOWN || header->nat[family] > TRUTH_UNKNOWN ||
		    header->reach[family].used > 1 || header->reach[family].beyond > 1 ||
		    header->reach[family].table >= TABLE_COUNT)
			return false;
	return true;
}

static bool items_fit(const struct meta *meta)
{
	const struct meta_header *header = meta->header;

	if (header->items.count >= META_NONE)
		return false;
	for (uint32_t i = 0; i < header->items.count; i++) {
		const struct meta_item *item = &meta->items[i];

		if (item->kind > META_MEMBER || item->family >= FAMILY_COUNT || item->table >= TABLE_COUNT ||
		    item->coverage > COVERAGE_UNREACHED + 1 || !text_fits(header, item->chain) ||
		    !text_fits(header, item->text) || !text_fits(header, item->file) ||
		    !text_fits(header, item->reason))
			return false;
		/* a rule stands before its members: carrying relies on it */
		if (item->kind == META_MEMBER
			? item->parent >= i || meta->items[item->parent].kind != META_RULE
			: item->parent != META_NONE)
			return false;
	}
	for (uint64_t i = 0; i < header->credits.count; i++)
		if (meta->credits[i].slot >= header->slot_count ||
		    meta->credits[i].item >= header->items.count)
			return false;
	for (uint64_t i = 0; i < header->locals.count; i++)
		if (meta->locals[i].family >= FAMILY_COUNT)
			return false;
	return true;
}

int meta_open(const void *data, size_t size, struct meta *meta)
{
	const struct meta_header *header = data;
	struct meta view = {.header = header};
	size_t total;

	if (size < sizeof(*header) || memcmp(header->magic, META_MAGIC, sizeof(header->magic)))
		return -EBADMSG;
	if (header->version != META_VERSION || header->header_size != sizeof(*header))
		return -EPROTO;
	total = header->size;
	if (total > size || !section_fits(&header->items, sizeof(struct meta_item), total) ||
	    !section_fits(&header->credits, sizeof(struct meta_credit), total) ||
	    !section_fits(&header->locals, sizeof(struct meta_local), total) ||
	    !section_fits(&header->strings, 1, total) || !header_fits(header))
		return -EBADMSG;
	view.items = (const void *)((const char *)data + header->items.offset);
	view.credits = (const void *)((const char *)data + header->credits.offset);
	view.locals = (const void *)((const char *)data + header->locals.offset);
	view.strings = (const char *)data + header->strings.offset;
	if (!items_fit(&view))
		return -EBADMSG;
	*meta = view;
	return 0;
}

struct text meta_text(const struct meta *meta, struct meta_text text)
{
	return (struct text){meta->strings + text.offset, text.size};
}

void meta_add_slots(const struct meta *meta, const struct tally *slots, size_t slot_count,
		    struct tally *items)
{
	for (uint64_t i = 0; i < meta->header->credits.count; i++) {
		const struct meta_credit *credit = &meta->credits[i];

		if (credit->slot >= slot_count)
			continue;
		items[credit->item].packets += slots[credit->slot].packets;
		items[credit->item].bytes += slots[credit->slot].bytes;
	}
}

/* What makes an item the same one in two descriptions, as one number; a member's holds its rule's. Number i's
 * own occurrence among equals is told by the order in which the table below hands them out. */
static uint64_t item_identity(const struct meta *meta, uint32_t index, const uint64_t *identities)
{
	const struct meta_item *item = &meta->items[index];
	struct text chain = meta_text(meta, item->chain), text = meta_text(meta, item->text);
	uint64_t seed = (uint64_t)item->kind << 16 | (uint64_t)item->family << 8 | item->table;

	if (item->kind == META_MEMBER)
		return hash_bytes(text.data, text.size, identities[item->parent]);
	seed = hash_bytes(chain.data, chain.size, seed);
	return item->kind == META_POLICY ? seed : hash_bytes(text.data, text.size, seed);
}

struct seat {
	uint64_t identity; /* with its occurrence */
	uint32_t item;
};

static int compare_seats(const void *a, const void *b)
{
	const struct seat *x = a, *y = b;

	if (x->identity != y->identity)
		return x->identity < y->identity ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

/* Identities of all items, sorted; equal ones told apart by occurrence, first to last. Rules first, so that a
 * member's identity has its rule's occurrence in it. */
static struct seat *seat_items(const struct meta *meta)
{
	size_t count = meta->header->items.count, filled;
	uint64_t *identities = calloc(count + 1, sizeof(*identities));
	struct seat *seats = calloc(count + 1, sizeof(*seats));

	for (int members = 0; identities && seats && members <= 1; members++) {
		filled = 0;
		for (uint32_t i = 0; i < count; i++) {
			if ((meta->items[i].kind == META_MEMBER) != members)
				continue;
			seats[filled].identity = item_identity(meta, i, identities);
			seats[filled++].item = i;
		}
		qsort(seats, filled, sizeof(*seats), compare_seats);
		for (size_t i = 0, first = 0; i < filled; i++) {
			uint64_t occurrence;

			if (seats[i].identity != seats[first].identity)
				first = i;
			occurrence = i - first;
			identities[seats[i].item] =
			    hash_bytes(&occurrence, sizeof(occurrence), seats[i].identity);
		}
	}
	if (!identities || !seats) {
		free(identities);
		free(seats);
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++)
		seats[i] = (struct seat){identities[i], i};
	qsort(seats, count, sizeof(*seats), compare_seats);
	free(identities);
	return seats;
}

int meta_carry(const struct meta *meta, struct tally *tallies, const struct meta *old,
	       const struct tally *old_tallies)
{
	struct seat *new_seats = seat_items(meta), *old_seats = seat_items(old);
	size_t new_count = meta->header->items.count, old_count = old->header->items.count;

	if (!new_seats || !old_seats) {
		free(new_seats);
		free(old_seats);
		return -ENOMEM;
	}
	for (size_t i = 0, j = 0; i < new_count && j < old_count;) {
		if (new_seats[i].identity < old_seats[j].identity) {
			i++;
		} else if (new_seats[i].identity > old_seats[j].identity) {
			j++;
		} else {
			tallies[new_seats[i].item].packets += old_tallies[old_seats[j].item].packets;
			tallies[new_seats[i].item].bytes += old_tallies[old_seats[j].item].bytes;
			i++;
			j++;
		}
	}
	free(new_seats);
	free(old_seats);
	return 0;
}

static uint64_t hash_chain(const struct chain *chain, uint64_t seed, struct buffer *line)
{
	uint64_t hash = hash_bytes(chain->name.data, chain->name.size, seed ^ (uint64_t)chain->policy);

	for (size_t i = 0; i < chain->rule_count; i++) {
		line->size = 0;
		rule_print(&chain->rules[i], true, line);
		hash = hash_bytes(line->data, line->size, hash);
	}
	return hash;
}

/* An empty table with accepting policies is the same as none: looking at a legacy table loads it. */
static bool table_matters(const struct table *table)
{
	for (size_t i = 0; i < table->chain_count; i++)
		if (table->chains[i]->rule_count || table->chains[i]->policy == POLICY_DROP)
			return true;
	return false;
}

static uint64_t hash_set(const struct set *set)
{
	uint64_t members = 0, hash = hash_bytes(set->name.data, set->name.size, 1);

	hash = hash_bytes(set->type_name.data, set->type_name.size,
			  hash ^ (uint64_t)set->family << 8 ^ set->netmask);
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;

		set_member_get(set, i, &member);
		struct {
			address low, high, low2, high2;
			uint32_t prefix, protocol, port, nomatch, mark, physdev, wildcard, prefix2;
			char interface[INTERFACE_NAME_MAX];
			uint8_t mac[16];
		} packed = {member.low,
			    member.high,
			    member.low2,
			    member.high2,
			    member.prefix,
			    member.protocol,
			    member.port,
			    member.nomatch,
			    member.mark,
			    member.physdev,
			    member.wildcard,
			    member.prefix2,
			    "",
			    {0}};

		memcpy(packed.interface, member.interface, sizeof(packed.interface));
		if (set->type != SET_BITMAP_IP_MAC) /* the first packet may fill it in */
			memcpy(packed.mac, member.mac, sizeof(member.mac));
		uint64_t seed =
		    member.set ? hash_bytes(member.set->name.data, member.set->name.size, hash) : hash;
		/* members that run out come and go; the region never counts on them */
		if (!member.timed)
			members += hash_bytes(&packed, sizeof(packed), seed);
	}
	return hash_bytes(&members, sizeof(members), hash);
}

int meta_fingerprint(const struct ruleset *ruleset, uint64_t *fingerprint)
{
	struct buffer line = {0};
	uint64_t sum = 0;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		for (enum table_id id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];

			if (!table->present || !table_matters(table))
				continue;
			/* chains are told apart by name; their order says nothing */
			for (size_t i = 0; i < table->chain_count; i++)
				sum += hash_chain(table->chains[i],
						  (uint64_t)family << 8 | (uint64_t)id << 16, &line);
		}
	}
	for (size_t i = 0; i < ruleset->set_count; i++)
		sum += hash_set(ruleset->sets[i]);
	*fingerprint = sum;
	if (line.failed) {
		buffer_fini(&line);
		return -ENOMEM;
	}
	buffer_fini(&line);
	return 0;
}
