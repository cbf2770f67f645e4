/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Keys of elements and arithmetic of intervals. A key is the address, and where the set has ports the
 * protocol and the port, each filled up to four bytes; what nft(8) numbers 7, 8, 12 and 13. */
#include "kernel/nft_member.h"
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

#define TYPE_BITS 6
#define TYPE_PORTS (12u << TYPE_BITS | 13u) /* inet_proto . inet_service */
#define ELEMENTS_MAX (1u << 22)             /* that one call makes */
/* libnftnl: what user data of elements is */
#define USERDATA_COMMENT 0
#define USERDATA_FLAGS 1
#define USERDATA_OPEN 1u
#define COMMENT_MAX 128 /* with its NUL, as nft(8) has it */

int nft_set_shape(const struct nft_set *set, struct nft_shape *shape)
{
	bool concatenation = set->key_type >> TYPE_BITS;
	uint32_t type = concatenation ? set->key_type >> 2 * TYPE_BITS : set->key_type;

	if ((type != 7 && type != 8) || (set->flags & (NFT_SET_MAP | NFT_SET_OBJECT)))
		return -ENOTSUP;
	*shape = (struct nft_shape){.family = type == 7 ? FAMILY_IPV4 : FAMILY_IPV6,
				    .ports = concatenation,
				    .intervals = set->flags & NFT_SET_INTERVAL,
				    .timeouts = set->flags & NFT_SET_TIMEOUT};
	if (concatenation && (set->key_type & ((1u << 2 * TYPE_BITS) - 1)) != TYPE_PORTS)
		return -ENOTSUP;
	if (set->key_size != family_bits(shape->family) / 8 + (concatenation ? 8 : 0))
		return -ENOTSUP;
	return 0;
}

/* --- Keys */

static void read_key(const struct nft_shape *shape, struct text key, address *value, uint8_t *protocol,
		     uint16_t *port)
{
	const uint8_t *bytes = (const uint8_t *)key.data;
	size_t size = family_bits(shape->family) / 8;

	*value = address_from_bytes(shape->family, bytes);
	if (!shape->ports)
		return;
	*protocol = bytes[size];
	*port = (uint16_t)(bytes[size + 4] << 8 | bytes[size + 5]);
}

static int read_element(const struct nft_set *set, const struct nft_shape *shape,
			const struct nft_element *element, struct nft_member *member)
{
	uint16_t port = 0;
	uint8_t protocol = 0;

	if (element->key.size != set->key_size || (element->end.size && element->end.size != set->key_size))
		return -EBADMSG;
	*member = (struct nft_member){.element = element};
	read_key(shape, element->key, &member->low, &member->protocol, &member->port);
	member->high = member->low;
	if (element->end.size)
		read_key(shape, element->end, &member->high, &protocol, &port);
	if (set->pairs)
		member->high = element->end.size ? member->high - 1 : family_max(shape->family);
	if (shape->ports && element->end.size && (protocol != member->protocol || port != member->port))
		return -ENOTSUP; /* a range of ports: weir writes none */
	return 0;
}

struct text nft_member_key(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
			   address value, const struct nft_member *member)
{
	size_t size = family_bits(shape->family) / 8;
	uint8_t *bytes = arena_alloc(arena, set->key_size);

	if (!bytes)
		return (struct text){0};
	address_to_bytes(shape->family, value, bytes);
	if (shape->ports) {
		bytes[size] = member->protocol;
		bytes[size + 4] = (uint8_t)(member->port >> 8);
		bytes[size + 5] = (uint8_t)member->port;
	}
	return (struct text){(const char *)bytes, set->key_size};
}

/* Comment, and the mark of an interval that reaches the last address, as nft(8) writes them. */
static int make_rest(struct arena *arena, const struct nft_member *member, bool open, struct text *rest)
{
	struct nft_batch attributes = {0};
	struct buffer data = {0};
	const uint32_t flags = USERDATA_OPEN;
	char head[2];

	if (member->comment && member->comment[0]) {
		size_t size = strnlen(member->comment, COMMENT_MAX - 1);
		head[0] = USERDATA_COMMENT;
		head[1] = (char)(size + 1);
		buffer_add(&data, head, sizeof(head));
		buffer_add(&data, member->comment, size);
		buffer_add(&data, "", 1);
	}
	if (open) {
		head[0] = USERDATA_FLAGS;
		head[1] = sizeof(flags);
		buffer_add(&data, head, sizeof(head));
		buffer_add(&data, (const char *)&flags, sizeof(flags));
	}
	if (data.size)
		nft_put(&attributes, NFTA_SET_ELEM_USERDATA, data.data, data.size);
	bool failed = data.failed || attributes.bytes.failed;
	char *copy = !failed && attributes.bytes.size
			 ? arena_copy(arena, attributes.bytes.data, attributes.bytes.size)
			 : NULL;
	*rest = (struct text){copy, copy ? attributes.bytes.size : 0};
	failed |= attributes.bytes.size && !copy;
	buffer_fini(&data);
	nft_batch_fini(&attributes);
	return failed ? -ENOMEM : 0;
}

/* What a part of a member that was there keeps: its comment. */
static int keep_rest(struct arena *arena, const struct nft_element *old, bool open, struct text *rest)
{
	struct nft_batch attributes = {0};
	const struct nlattr *attribute = (const struct nlattr *)old->rest.data;
	int left = (int)old->rest.size;
	struct nft_member none = {0};

	if (open) /* its own has the mark already, when it was the last one */
		return old->end.size ? make_rest(arena, &none, true, rest) : (*rest = old->rest, 0);
	for (; left > 0 && mnl_attr_ok(attribute, left);
	     left -= (int)MNL_ALIGN(attribute->nla_len), attribute = mnl_attr_next(attribute)) {
		const uint8_t *data = mnl_attr_get_payload(attribute);
		size_t size = mnl_attr_get_payload_len(attribute);
		if (mnl_attr_get_type(attribute) == NFTA_SET_ELEM_USERDATA) {
			if (size < 2 || data[0] != USERDATA_COMMENT || (size_t)data[1] + 2 > size)
				continue;
			nft_put(&attributes, NFTA_SET_ELEM_USERDATA, data, (size_t)data[1] + 2);
		} else {
			nft_put_copy(&attributes, attribute);
		}
	}
	char *copy =
	    attributes.bytes.size ? arena_copy(arena, attributes.bytes.data, attributes.bytes.size) : NULL;
	int error = attributes.bytes.failed || (attributes.bytes.size && !copy) ? -ENOMEM : 0;
	*rest = (struct text){copy, copy ? attributes.bytes.size : 0};
	nft_batch_fini(&attributes);
	return error;
}

/* --- Lists of members */

static int compare_group(const struct nft_member *a, const struct nft_member *b)
{
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	return (a->port > b->port) - (a->port < b->port);
}

static int compare_members(const void *left, const void *right)
{
	const struct nft_member *a = left, *b = right;
	int order = compare_group(a, b);

	if (!order)
		order = (a->low > b->low) - (a->low < b->low);
	return order ? order : (a->high < b->high) - (a->high > b->high); /* what holds others first */
}

int nft_members(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		struct nft_member **members)
{
	struct nft_member *list = arena_array(arena, set->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++) {
		int error = read_element(set, shape, &set->elements[i], &list[i]);
		if (error)
			return error;
	}
	if (shape->ports)
		qsort(list, set->count, sizeof(*list), compare_members);
	*members = list;
	return 0;
}

size_t nft_members_sort(struct nft_member *members, size_t count, bool join)
{
	size_t kept = 0;

	if (count)
		qsort(members, count, sizeof(*members), compare_members);
	for (size_t i = 0; i < count; i++) {
		struct nft_member *last = kept ? &members[kept - 1] : NULL;
		if (!last || !join || compare_group(last, &members[i]) != 0 || members[i].low > last->high)
			members[kept++] = members[i];
		else if (members[i].high > last->high)
			last->high = members[i].high;
	}
	return kept;
}

/* --- Changes */

struct work {
	struct arena *arena;
	const struct nft_set *set;
	const struct nft_shape *shape;
	struct nft_member *there;
	size_t count;
	struct nft_member_change *change;
	size_t add_capacity, remove_capacity;
};

static int remove_element(struct work *work, const struct nft_element *element)
{
	const struct nft_element **place =
	    arena_push(work->arena, (void **)&work->change->remove, &work->change->removed,
		       &work->remove_capacity, sizeof(*place));

	if (!place)
		return -ENOMEM;
	*place = element;
	return 0;
}

/* `old`: of which it is a part; NULL: it is new. */
static int add_range(struct work *work, const struct nft_member *member, address low, address high,
		     const struct nft_element *old)
{
	bool pairs = work->set->pairs, open = pairs && high == family_max(work->shape->family);
	struct nft_element *element;
	int error;

	if (work->change->added >= ELEMENTS_MAX)
		return -E2BIG;
	element = arena_push(work->arena, (void **)&work->change->add, &work->change->added,
			     &work->add_capacity, sizeof(*element));
	if (!element)
		return -ENOMEM;
	element->key = nft_member_key(work->arena, work->set, work->shape, low, member);
	element->timeout = old ? old->timeout : (uint64_t)member->timeout * 1000;
	element->timed = old && old->timed;
	element->expires = old ? old->expires : 0;
	if (pairs && !open)
		element->end = nft_member_key(work->arena, work->set, work->shape, high + 1, member);
	else if (work->shape->intervals && !pairs)
		element->end = nft_member_key(work->arena, work->set, work->shape, high, member);
	error = old ? keep_rest(work->arena, old, open, &element->rest)
		    : make_rest(work->arena, member, open, &element->rest);
	if (!error && (!element->key.data || (work->shape->intervals && !open && !element->end.data)))
		error = -ENOMEM;
	return error;
}

static int begin_work(struct work *work, struct arena *arena, const struct nft_set *set,
		      const struct nft_shape *shape, struct nft_member_change *change)
{
	*change = (struct nft_member_change){0};
	*work =
	    (struct work){.arena = arena, .set = set, .shape = shape, .change = change, .count = set->count};
	return nft_members(arena, set, shape, &work->there);
}

/* Whether the member there ends before the asked one begins. */
static bool before(const struct nft_member *there, const struct nft_member *asked)
{
	int order = compare_group(there, asked);

	return order < 0 || (order == 0 && there->high < asked->low);
}

static bool meets(const struct nft_member *there, const struct nft_member *asked)
{
	return compare_group(there, asked) == 0 && there->low <= asked->high && there->high >= asked->low;
}

/* Whether members from that one on hold all of it, one or several that touch. */
static bool holds(const struct work *work, size_t at, const struct nft_member *asked)
{
	address low = asked->low;

	for (; at < work->count && compare_group(&work->there[at], asked) == 0 && work->there[at].low <= low;
	     at++) {
		if (work->there[at].high >= asked->high)
			return true;
		low = work->there[at].high + 1;
	}
	return false;
}

/* Sets whose members have a time: an address that is in stays as long as the longer of the two says, so that
 * nobody goes early for what is added, and what is added is in for its time. */

static bool lasts(const struct nft_member *there, const struct nft_member *asked)
{
	const struct nft_element *element = there->element;

	return !element->timed || (asked->timeout && element->expires >= (uint64_t)asked->timeout * 1000);
}

/* A member of which a part went: what is left behind the last one that was asked for. */
static int leave(struct work *work, const struct nft_member *there)
{
	return there->cut ? add_range(work, there, there->low, there->high, there->element) : 0;
}

/* One that goes sooner: its address, or what is asked of its range, is given the new time. */
static int take_over(struct work *work, struct nft_member *there, const struct nft_member *asked, size_t *at)
{
	int error = there->cut ? 0 : remove_element(work, there->element);

	there->cut = true;
	if (!error && there->low < asked->low)
		error = add_range(work, there, there->low, asked->low - 1, there->element);
	if (there->high > asked->high)
		there->low = asked->high + 1;
	else
		++*at;
	return error;
}

static int add_timed(struct work *work, const struct nft_member *asked, size_t *at)
{
	address low = asked->low;
	bool changed = false;
	int error = 0;

	while (*at < work->count && before(&work->there[*at], asked) && !error)
		error = leave(work, &work->there[(*at)++]);
	while (*at < work->count && !error && meets(&work->there[*at], asked)) {
		struct nft_member *there = &work->there[*at];
		if (!lasts(there, asked)) {
			error = take_over(work, there, asked, at);
			continue;
		}
		if (there->low > low) {
			error = add_range(work, asked, low, there->low - 1, NULL);
			changed = true;
		}
		if (there->high >= asked->high) {
			work->change->changed += changed;
			return error;
		}
		low = there->high + 1;
		error = error ? error : leave(work, &work->there[(*at)++]);
	}
	work->change->changed++;
	return error ? error : add_range(work, asked, low, asked->high, NULL);
}

static int add_all_timed(struct work *work, const struct nft_member *asked, size_t count)
{
	size_t at = 0;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = add_timed(work, &asked[i], &at);
	return error || at == work->count ? error : leave(work, &work->there[at]);
}

/* Sets of single addresses. */
static int add_each(struct work *work, const struct nft_member *asked, size_t *at)
{
	size_t added = work->change->added;
	int error = 0;

	for (address value = asked->low; !error; value++) {
		struct nft_member one = *asked;
		one.low = one.high = value;
		while (*at < work->count && before(&work->there[*at], &one))
			++*at;
		bool in = *at < work->count && meets(&work->there[*at], &one);
		if (in && !lasts(&work->there[*at], &one))
			error = remove_element(work, work->there[*at].element);
		if (!error && (!in || !lasts(&work->there[*at], &one)))
			error = add_range(work, &one, value, value, NULL);
		if (value == asked->high)
			break;
	}
	work->change->changed += work->change->added > added;
	return error;
}

int nft_members_add(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		    const struct nft_member *asked, size_t count, struct nft_member_change *change)
{
	struct work work;
	size_t at = 0;
	int error = begin_work(&work, arena, set, shape, change);

	if (!error && shape->intervals && shape->timeouts)
		return add_all_timed(&work, asked, count);
	for (size_t i = 0; i < count && !error; i++) {
		if (!shape->intervals) {
			error = add_each(&work, &asked[i], &at);
			continue;
		}
		struct nft_member joined = asked[i];
		while (at < work.count && before(&work.there[at], &joined))
			at++;
		if (holds(&work, at, &joined))
			continue;
		change->changed++;
		for (;;) {
			for (; at < work.count && !error && meets(&work.there[at], &joined); at++) {
				if (work.there[at].low < joined.low)
					joined.low = work.there[at].low;
				if (work.there[at].high > joined.high)
					joined.high = work.there[at].high;
				error = remove_element(&work, work.there[at].element);
			}
			/* One that was there may reach into the next that is asked for. */
			if (error || i + 1 == count || !meets(&asked[i + 1], &joined))
				break;
			i++;
			change->changed += asked[i].high > joined.high;
			if (asked[i].high > joined.high)
				joined.high = asked[i].high;
		}
		if (!error)
			error = add_range(&work, &joined, joined.low, joined.high, NULL);
	}
	return error;
}

/* The parts of one member that no asked one takes. */
static int remove_from(struct work *work, const struct nft_member *there, const struct nft_member *asked,
		       size_t count)
{
	address low = there->low;
	int error = remove_element(work, there->element);

	for (size_t i = 0; i < count && !error && meets(there, &asked[i]); i++) {
		if (asked[i].low > low)
			error = add_range(work, there, low, asked[i].low - 1, there->element);
		if (asked[i].high >= there->high)
			return error;
		low = asked[i].high + 1;
	}
	return error ? error : add_range(work, there, low, there->high, there->element);
}

int nft_members_remove(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		       const struct nft_member *asked, size_t count, struct nft_member_change *change)
{
	struct work work;
	size_t first = 0, counted = 0;
	int error = begin_work(&work, arena, set, shape, change);

	for (size_t at = 0; at < work.count && !error; at++) {
		const struct nft_member *there = &work.there[at];
		while (first < count && before(&asked[first], there))
			first++;
		if (first == count)
			break;
		if (!meets(there, &asked[first]))
			continue;
		error = remove_from(&work, there, &asked[first], count - first);
		for (size_t i = first > counted ? first : counted; i < count && meets(there, &asked[i]);
		     i++) {
			change->changed++;
			counted = i + 1;
		}
	}
	return error;
}

int nft_members_test(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		     const struct nft_member *asked, size_t count, bool *in)
{
	struct nft_member_change change;
	struct work work;
	size_t at = 0;
	int error = begin_work(&work, arena, set, shape, &change);

	for (size_t i = 0; i < count && !error; i++) {
		while (at < work.count && before(&work.there[at], &asked[i]))
			at++;
		in[i] = holds(&work, at, &asked[i]);
	}
	return error;
}
