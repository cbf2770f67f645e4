/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The members of a list:set, which have an order: list_set_uadd() and list_set_udel() in
 * net/netfilter/ipset/ip_set_list_set.c. The order is kept in links beside the members, and the members are
 * put into it at the end. */
#include "read/ipset.h"

#include <errno.h>
#include <stdlib.h>

static size_t list_find(const struct builder *builder, struct builder *element)
{
	const struct set_member member = {.set = element->set};
	size_t found = set_index_find(&builder->index, builder->set, &member);
	return found != SET_NO_MEMBER && !set_member_removed(builder->set, found) ? found : SET_NO_MEMBER;
}

static void unlink_member(struct builder *builder, uint32_t number)
{
	struct link *links = builder->links, link = links[number];
	*(link.before == LINK_NONE ? &builder->first : &links[link.before].after) = link.after;
	*(link.after == LINK_NONE ? &builder->last : &links[link.after].before) = link.before;
}

/* Behind `before`, which is LINK_NONE for the first place. */
static void link_member(struct builder *builder, uint32_t number, uint32_t before)
{
	struct link *links = builder->links;
	uint32_t after = before == LINK_NONE ? builder->first : links[before].after;
	links[number] = (struct link){before, after};
	*(before == LINK_NONE ? &builder->first : &links[before].after) = number;
	*(after == LINK_NONE ? &builder->last : &links[after].before) = number;
}

static int links_grow(struct builder *builder, size_t count)
{
	if (count <= builder->link_capacity)
		return 0;
	size_t capacity = builder->link_capacity ? builder->link_capacity * 2 : 16;
	struct link *grown = reallocarray(builder->links, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	builder->links = grown;
	builder->link_capacity = capacity;
	return 0;
}

static int no_reference(struct ipset_reader *reader, const struct word *word, const struct builder *builder)
{
	diagnostic_hint(ipset_error(reader, word->span, "not-a-member",
				    "the set named by before or after is not there in %.*s",
				    (int)builder->set->name.size, builder->set->name.data),
			"name one that the list has");
	return -EINVAL;
}

/* Appends a member without a link, or takes one that was removed; *found is its number. */
static int member_make(struct ipset_reader *reader, struct builder *builder, const struct set_member *member,
		       size_t *found)
{
	*found = set_index_find(&builder->index, builder->set, member);
	if (*found != SET_NO_MEMBER) {
		set_member_put(builder->set, *found, member);
		return 0;
	}
	*found = builder->set->member_count;
	int result = links_grow(builder, *found + 1);
	if (result == 0)
		result = set_member_append(reader->ruleset->arena, builder->set, member);
	if (result == 0)
		result = set_index_add(&builder->index, builder->set, *found);
	return result;
}

int list_add(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
	     const struct member_options *options, const struct word *word)
{
	const struct entry_place *place = &options->place;
	struct set_member member = options->member;
	size_t reference = place->reference ? list_find(builder, place->reference) : SET_NO_MEMBER;
	size_t found = list_find(builder, entry->element);
	bool again = found != SET_NO_MEMBER;
	if (place->reference && (reference == SET_NO_MEMBER || reference == found))
		return no_reference(reader, word, builder);
	member.set = entry->element->set;
	if (again) {
		struct set_member before;
		set_member_get(builder->set, found, &before);
		if (!options->exist)
			set_repeat(builder->set, before.begin, member.begin);
		if (!options->counters) {
			member.packets = before.packets;
			member.bytes = before.bytes;
		}
		set_member_put(builder->set, found, &member);
		if (!place->reference)
			return 0;
		unlink_member(builder, (uint32_t)found);
	} else {
		int result = member_make(reader, builder, &member, &found);
		if (result < 0)
			return result;
		entry->element->references++;
	}
	link_member(builder, (uint32_t)found,
		    place->before  ? builder->links[reference].before
		    : place->after ? (uint32_t)reference
				   : builder->last);
	return 0;
}

int list_remove(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		const struct member_options *options, const struct word *word, bool exist)
{
	const struct entry_place *place = &options->place;
	size_t found = list_find(builder, entry->element);
	if (found == SET_NO_MEMBER && exist)
		return 0;
	if (found == SET_NO_MEMBER) {
		diagnostic_hint(ipset_error(reader, word->span, "not-a-member",
					    "set %.*s has no such member here", (int)builder->set->name.size,
					    builder->set->name.data),
				"del -exist passes over it");
		return -EINVAL;
	}
	if (place->reference) {
		size_t reference = list_find(builder, place->reference);
		const struct link *link = &builder->links[found];
		if (reference == SET_NO_MEMBER || (place->before ? link->after : link->before) != reference)
			return no_reference(reader, word, builder);
	}
	unlink_member(builder, (uint32_t)found);
	set_member_remove(builder->set, found);
	entry->element->references--;
	return 0;
}

int list_order(struct builder *builder)
{
	struct set *set = builder->set;
	uint32_t *order = reallocarray(NULL, set->member_count + 1, sizeof(*order));
	size_t count = 0;
	if (!order)
		return -ENOMEM;
	for (uint32_t i = builder->first; i != LINK_NONE; i = builder->links[i].after)
		order[count++] = i;
	int result = set_members_compact(set, order, count);
	free(order);
	return result;
}
