/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Single elements of a set, asked for one by one: a dump of a set of intervals takes time by the square of
 * their number, as the kernel begins it anew for each of its messages.
 *
 * The kernel finds the element that holds a value (nft_rbtree_get(), nft_pipapo_get()). What lies between two
 * values it does not tell, but it takes no interval that overlaps another (nft_rbtree_insert()). */
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_member.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#define ASKED_MAX 4096 /* one by one */
#define RANGE_MAX 256  /* of single addresses */

struct fetch {
	struct arena *arena;
	enum family family;
	struct nft_set *set;
	const struct nft_shape *shape;
	struct nft_element found; /* by the question at hand */
	bool has;
	int error;
};

static int take_element(const struct nlmsghdr *message, void *context)
{
	struct fetch *fetch = context;
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_MAX + 1], *nest;
	const struct nlmsghdr *copy =
	    (const struct nlmsghdr *)arena_copy(fetch->arena, (const char *)message, message->nlmsg_len);

	if (!copy) {
		fetch->error = -ENOMEM;
		return MNL_CB_STOP;
	}
	netlink_attributes(copy, sizeof(struct nfgenmsg), attributes, NFTA_SET_ELEM_LIST_MAX);
	if (attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		mnl_attr_for_each_nested(nest, attributes[NFTA_SET_ELEM_LIST_ELEMENTS])
		{
			fetch->error = nft_element_parse(fetch->arena, nest, &fetch->found);
			fetch->has = true;
		}
	return MNL_CB_STOP;
}

/* The element that holds the value; of a set of intervals its begin, or its end. */
static int ask(struct fetch *fetch, struct text key, bool end)
{
	char data[NETLINK_REQUEST_MAX + NFT_NAME_MAXLEN];
	struct nlmsghdr *message = mnl_nlmsg_put_header(data);
	struct nlattr *list, *element, *value;
	struct nfgenmsg *general;
	int error;

	fetch->has = false;
	if (!key.data)
		return -ENOMEM;
	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK; /* of an open interval's end nothing comes else */
	general = mnl_nlmsg_put_extra_header(message, sizeof(*general));
	*general =
	    (struct nfgenmsg){.nfgen_family = fetch->family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
			      .version = NFNETLINK_V0};
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, fetch->set->name);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(message, NFTA_DATA_VALUE, key.size, key.data);
	mnl_attr_nest_end(message, value);
	if (end)
		mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	error = netlink_request(NETLINK_NETFILTER, message, take_element, NULL, fetch);
	if (error == -ENOENT)
		return 0;
	return error ? error : fetch->error;
}

static int add(struct fetch *fetch, const struct nft_element *element)
{
	struct nft_element *place = arena_push(fetch->arena, (void **)&fetch->set->elements,
					       &fetch->set->count, &fetch->set->capacity, sizeof(*place));

	if (!place)
		return -ENOMEM;
	*place = *element;
	return 0;
}

/* *high: where the element that holds the address ends, when *has. */
static int fetch_at(struct fetch *fetch, const struct nft_member *member, address at, bool *has,
		    address *high)
{
	struct text key = nft_member_key(fetch->arena, fetch->set, fetch->shape, at, member);
	struct nft_element element;
	int error = ask(fetch, key, false);

	*has = fetch->has;
	if (error || !fetch->has)
		return error;
	element = fetch->found;
	if (fetch->set->pairs) {
		if (element.flags & NFT_SET_ELEM_INTERVAL_END) {
			*has = false;
			return 0;
		}
		error = ask(fetch, key, true);
		if (error)
			return error;
		/* Of the last interval there may be none. */
		element.end = fetch->has ? fetch->found.key : (struct text){0};
	}
	*high = at;
	if (element.end.size == fetch->set->key_size) {
		*high = address_from_bytes(fetch->shape->family, (const uint8_t *)element.end.data);
		*high -= fetch->set->pairs;
	} else if (fetch->set->pairs) {
		*high = family_max(fetch->shape->family);
	}
	return add(fetch, &element);
}

static int fetch_member(struct fetch *fetch, const struct nft_member *member, bool adding, bool *whole)
{
	address high = member->low;
	bool has;
	int error = 0;

	if (!fetch->shape->intervals) {
		if (member->high - member->low >= RANGE_MAX)
			*whole = false;
		for (address at = member->low; *whole && !error; at++) {
			error = fetch_at(fetch, member, at, &has, &high);
			if (at == member->high)
				break;
		}
		return error;
	}
	error = fetch_at(fetch, member, member->low, &has, &high);
	if (error || member->low == member->high || (has && high >= member->high))
		return error;
	if (!adding || !fetch->set->pairs || has)
		*whole = false; /* more may lie within it */
	else
		error = fetch_at(fetch, member, member->high, &has, &high);
	return error;
}

static int compare(const void *a, const void *b)
{
	return nft_element_compare(a, b);
}

int nft_members_fetch(struct arena *arena, enum family family, struct nft_set *set,
		      const struct nft_shape *shape, const struct nft_member *asked, size_t count,
		      bool adding, bool *whole)
{
	struct fetch fetch = {.arena = arena, .family = family, .set = set, .shape = shape};
	size_t kept = 0;
	int error = 0;

	*whole = count <= ASKED_MAX;
	for (size_t i = 0; i < count && *whole && !error; i++)
		error = fetch_member(&fetch, &asked[i], adding, whole);
	if (set->count)
		qsort(set->elements, set->count, sizeof(*set->elements), compare);
	for (size_t i = 0; i < set->count; i++)
		if (!kept || nft_element_compare(&set->elements[kept - 1], &set->elements[i]) != 0)
			set->elements[kept++] = set->elements[i];
	set->count = kept;
	return error;
}
