/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Single elements of a set, asked for one by one (nft_ask.h).
 *
 * The kernel finds the element that holds a value (nft_rbtree_get(), nft_pipapo_get()), of a tree of
 * intervals its begin. Asked for an end it may give that of another interval, where two of them touch, so
 * that it is not asked: an interval ends where the value behind it is in none, or in one that begins there.
 * What lies between two values it does not tell, but it takes no interval that overlaps another
 * (nft_rbtree_insert()). */
#include "kernel/nft_ask.h"
#include "kernel/nft_member.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
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
};

/* The element that holds the value; of a tree of intervals its begin. */
static int ask(struct fetch *fetch, struct text key)
{
	struct nft_question question = {.key = key};
	int error = nft_elements_ask(fetch->arena, fetch->family, fetch->set->name, &question, 1);

	fetch->has = !error && question.has;
	fetch->found = question.element;
	return error;
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

/* Where the interval begins that holds the address. */
static int begin_of(struct fetch *fetch, const struct nft_member *member, address at, bool *has,
		    address *begin)
{
	int error = ask(fetch, nft_member_key(fetch->arena, fetch->set, fetch->shape, at, member));

	*has = !error && fetch->has && !(fetch->found.flags & NFT_SET_ELEM_INTERVAL_END) &&
	       fetch->found.key.size == fetch->set->key_size;
	if (*has)
		*begin = address_from_bytes(fetch->shape->family, (const uint8_t *)fetch->found.key.data);
	return error;
}

/* What is asked for, as an interval: it is one, or part of one. */
static int add_interval(struct fetch *fetch, const struct nft_member *member, struct nft_element element)
{
	element.key = nft_member_key(fetch->arena, fetch->set, fetch->shape, member->low, member);
	element.end = (struct text){0};
	if (member->high != family_max(fetch->shape->family))
		element.end =
		    nft_member_key(fetch->arena, fetch->set, fetch->shape, member->high + 1, member);
	return add(fetch, &element);
}

/* Of an interval that is to go all must be known: it is the one that is asked for. */
static int fetch_whole_interval(struct fetch *fetch, const struct nft_member *member,
				const struct nft_element *element, bool *whole)
{
	address behind = 0;
	bool has;
	int error;

	*whole = false;
	if (member->high == family_max(fetch->shape->family))
		return 0;
	error = begin_of(fetch, member, member->high + 1, &has, &behind);
	if (error || (has && behind != member->high + 1))
		return error;
	*whole = true;
	return add_interval(fetch, member, *element);
}

static int fetch_interval(struct fetch *fetch, const struct nft_member *member, enum nft_fetch_for what,
			  bool *whole)
{
	address first = 0, last = 0;
	bool has_first, has_last;
	int error = begin_of(fetch, member, member->low, &has_first, &first);
	struct nft_element element = fetch->found;

	has_last = has_first;
	last = first;
	if (!error && member->low != member->high)
		error = begin_of(fetch, member, member->high, &has_last, &last);
	if (error)
		return error;
	bool one = has_first && has_last && first == last;
	if (what == NFT_FETCH_REMOVE && one && first == member->low)
		return fetch_whole_interval(fetch, member, &element, whole);
	if (what == NFT_FETCH_ADD && one && element.timed) {
		/* how long it stays is part of the answer: of one that is asked for whole it is known */
		*whole = false;
		return first == member->low ? fetch_whole_interval(fetch, member, &element, whole) : 0;
	}
	if (what != NFT_FETCH_REMOVE && one)
		return add_interval(fetch, member, (struct nft_element){0});
	/* A single address is in none; of a range both ends are, or only of one that is asked about. */
	if (what == NFT_FETCH_REMOVE)
		*whole = !has_first && member->low == member->high;
	else if (what == NFT_FETCH_ADD)
		*whole = !has_first && !has_last;
	else
		*whole = !has_first || !has_last;
	return 0;
}

/* Sets of other kinds tell the element whole. *high: its last address. */
static int fetch_at(struct fetch *fetch, const struct nft_member *member, address at, bool *has,
		    address *high)
{
	int error = ask(fetch, nft_member_key(fetch->arena, fetch->set, fetch->shape, at, member));

	*has = !error && fetch->has;
	if (!*has)
		return error;
	*high = at;
	if (fetch->found.end.size == fetch->set->key_size)
		*high = address_from_bytes(fetch->shape->family, (const uint8_t *)fetch->found.end.data);
	return add(fetch, &fetch->found);
}

static int fetch_member(struct fetch *fetch, const struct nft_member *member, enum nft_fetch_for what,
			bool *whole)
{
	address high = member->low;
	bool has;
	int error = 0;

	if (fetch->set->pairs)
		return fetch_interval(fetch, member, what, whole);
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
	if (!error && member->low != member->high && (!has || high < member->high))
		*whole = false; /* more may lie within it */
	return error;
}

static int compare(const void *a, const void *b)
{
	return nft_element_compare(a, b);
}

int nft_members_fetch(struct arena *arena, enum family family, struct nft_set *set,
		      const struct nft_shape *shape, const struct nft_member *asked, size_t count,
		      enum nft_fetch_for what, bool *whole)
{
	struct fetch fetch = {.arena = arena, .family = family, .set = set, .shape = shape};
	size_t kept = 0;
	int error = 0;

	*whole = count <= ASKED_MAX;
	for (size_t i = 0; i < count && *whole && !error; i++)
		error = fetch_member(&fetch, &asked[i], what, whole);
	if (set->count)
		qsort(set->elements, set->count, sizeof(*set->elements), compare);
	for (size_t i = 0; i < set->count; i++)
		if (!kept || nft_element_compare(&set->elements[kept - 1], &set->elements[i]) != 0)
			set->elements[kept++] = set->elements[i];
	set->count = kept;
	return error;
}
