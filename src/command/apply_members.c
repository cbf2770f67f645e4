/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members of large sets, from ipset's form to that of nftables. Where a member needs what is not written here
 * - a time where others have none of their own, "nomatch" - the nft program gets all of its set. */
#include "command/apply_members.h"
#include "kernel/nft_change.h"
#include "kernel/nft_member.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#define LARGE 4096 /* members */
#define FEW 16

static struct nft_member member_of(const struct set_member *member, bool ports)
{
	return (struct nft_member){.low = member->low,
				   .high = member->high,
				   .protocol = ports ? member->protocol : 0,
				   .port = ports ? member->port : 0,
				   .timeout = !member->timed    ? 0
					      : member->timeout ? member->timeout
								: 1 /* as nft_print() has it */};
}

/* Whether members that share an address go at the same time, or never. Of a policy's sets none share any. */
static bool times_agree(const struct set *set)
{
	bool ports = set->type == SET_HASH_IP_PORT || set->type == SET_HASH_NET_PORT, agree = true;
	struct nft_member *members = calloc(set->member_count + 1, sizeof(*members)), *last = members;
	struct set_member member;

	if (!members)
		return false; /* then nft may try */
	for (size_t i = 0; i < set->member_count; i++) {
		set_member_get(set, i, &member);
		members[i] = member_of(&member, ports);
	}
	nft_members_sort(members, set->member_count, false);
	for (size_t i = 1; i < set->member_count && agree; i++) {
		bool apart = members[i].protocol != last->protocol || members[i].port != last->port ||
			     members[i].low > last->high;
		agree = apart || members[i].timeout == last->timeout;
		if (apart || members[i].high > last->high)
			last = &members[i];
	}
	free(members);
	return agree;
}

static bool simple(const struct set *set)
{
	struct set_member member;
	bool timed = false;

	if ((set->type != SET_HASH_IP && set->type != SET_HASH_NET && set->type != SET_HASH_IP_PORT &&
	     set->type != SET_HASH_NET_PORT) ||
	    (set->has_timeout && set->timeout) || set->has_netmask || set->has_bitmask || set->changing)
		return false;
	for (size_t i = 0; i < set->member_count; i++) {
		set_member_get(set, i, &member);
		if (member.nomatch || member.packets || member.bytes)
			return false;
		timed |= member.timed;
	}
	return !timed || times_agree(set);
}

int large_sets_cut(struct arena *arena, struct ruleset *ruleset, struct large_sets *large)
{
	large->list = arena_array(arena, ruleset->set_count + 1, sizeof(*large->list));
	large->count = 0;
	if (!large->list)
		return -ENOMEM;
	for (size_t i = 0; i < ruleset->set_count; i++) {
		struct set *set = ruleset->sets[i];
		if (set->member_count <= LARGE || !simple(set))
			continue;
		large->list[large->count++] = (struct large_set){set, set->member_count};
		set->member_count = FEW;
	}
	return 0;
}

void large_sets_restore(const struct large_sets *large)
{
	for (size_t i = 0; i < large->count; i++)
		large->list[i].set->member_count = large->list[i].count;
}

/* As nft_print() names it. */
static struct nft_set *find(struct nft_image *image, const struct set *set)
{
	char name[NFT_NAME_MAXLEN];

	snprintf(name, sizeof(name), "%s%.*s", text_starts(set->name, "weir-") ? "" : "set-",
		 (int)set->name.size, set->name.data);
	return nft_image_set(&image->tables[set->family], name);
}

/* What nft_print() makes of it. */
static const char *clean_comment(struct arena *arena, const char *comment)
{
	char *copy = comment ? arena_copy(arena, comment, strnlen(comment, 120)) : NULL;

	for (char *c = copy; c && *c; c++)
		*c = (char)(*c == '"'                  ? '\''
			    : (unsigned char)*c < ' '  ? ' '
			    : (unsigned char)*c >= 127 ? '?'
						       : *c);
	return copy;
}

/* Its members as elements of the set that was staged, written into the batch. */
static int put_members(struct arena *arena, const struct large_set *large, const struct nft_set *staged,
		       struct nft_batch *batch)
{
	struct nft_member *members = arena_array(arena, large->count, sizeof(*members));
	struct nft_set empty = *staged;
	struct nft_member_change change;
	const struct nft_element **elements;
	struct nft_shape shape;
	int error = nft_set_shape(staged, &shape);

	if (error || !members)
		return error ? error : -ENOMEM;
	for (size_t i = 0; i < large->count; i++) {
		struct set_member member;
		set_member_get(large->set, i, &member);
		members[i] = member_of(&member, shape.ports);
		members[i].comment = clean_comment(arena, member.comment);
	}
	empty.count = 0;
	error = nft_members_add(arena, &empty, &shape, members, nft_members_sort(members, large->count, true),
				&change);
	elements = error ? NULL : arena_array(arena, change.added + 1, sizeof(*elements));
	if (!elements)
		return error ? error : -ENOMEM;
	for (size_t i = 0; i < change.added; i++)
		elements[i] = &change.add[i];
	nft_put_elements(batch, large->set->family, staged, false, elements, change.added);
	return 0;
}

/* Whether it is one of the messages that hold the few members. */
static bool of_large(const struct large_sets *large, struct nft_image *image, const struct nlmsghdr *message)
{
	const struct nlattr *attribute;
	const char *name = NULL;

	if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWSETELEM)
		return false;
	mnl_attr_for_each(attribute, message,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_LIST_SET)
	    name = mnl_attr_get_str(attribute); /* nft_image_parse() saw its end */
	const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);
	for (size_t i = 0; i < large->count && name; i++) {
		const struct set *set = large->list[i].set;
		const struct nft_set *staged = find(image, set);
		if (staged &&
		    general->nfgen_family == (set->family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6) &&
		    strcmp(staged->name, name) == 0)
			return true;
	}
	return false;
}

static void copy_others(const struct large_sets *large, struct nft_image *image, struct buffer *raw)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)image->raw.data;
	int left = (int)image->raw.size;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (!of_large(large, image, message))
			buffer_add(raw, (const char *)message, MNL_ALIGN(message->nlmsg_len));
}

int large_sets_fill(const struct large_sets *large, struct nft_image **image)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_batch batch;
	struct buffer raw = {0};
	struct nft_image *filled = NULL;
	int error = arena ? 0 : -ENOMEM;

	if (!large->count)
		return 0;
	nft_batch_begin(&batch, 0);
	for (size_t i = 0; i < large->count && !error; i++) {
		/* Of sets that no rule names there is none in the kernel. */
		const struct nft_set *staged = find(*image, large->list[i].set);
		if (staged)
			error = put_members(arena, &large->list[i], staged, &batch);
	}
	if (!error) {
		copy_others(large, *image, &raw);
		nft_batch_take(&batch, &raw);
		error = raw.failed || batch.bytes.failed ? -ENOMEM : nft_image_parse_copy(&raw, &filled);
	}
	if (!error) {
		nft_image_free(*image);
		*image = filled;
	}
	nft_batch_fini(&batch);
	buffer_fini(&raw);
	return error;
}
