/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets, each family its own, as ipset save prints them: what statements name, no other. The elements are
 * disjoint already, so that the kernel takes all of them. */
#include "read/policy/render_private.h"

#include <netinet/in.h>
#include <stdio.h>

#define TIMEOUT_MAX 2147483 /* IPSET_MAX_TIMEOUT, in seconds */
#define COMMENT_MAX 255     /* IPSET_MAX_COMMENT_SIZE */
#define MAXELEM 65536       /* ipset's own */
#define MEMBERS_MAX ((size_t)1 << 24)
#define HASHSIZE 1024 /* ipset's own */
#define HASHSIZE_MAX (1u << 20)
#define ADDRESSES_MAX 65536 /* of one range in a set of single addresses */

void policy_set_name(const struct policy_set *set, enum family family, char name[POLICY_KERNEL_NAME_MAX])
{
	snprintf(name, POLICY_KERNEL_NAME_MAX, "weir-%.*s-%c", (int)set->name.size, set->name.data,
		 family == FAMILY_IPV4 ? '4' : '6');
}

struct filling {
	struct render *render;
	const struct policy_set *set;
	enum family family;
	bool comments, timeouts;
	size_t members;
};

static const char *type_name(enum policy_set_type type)
{
	switch (type) {
	case POLICY_SET_ADDRESS:
		return "hash:ip";
	case POLICY_SET_ADDRESS_PORT:
		return "hash:ip,port";
	case POLICY_SET_NET_PORT:
		return "hash:net,port";
	default:
		return "hash:net";
	}
}

static bool has_nets(enum policy_set_type type)
{
	return type == POLICY_SET_NET || type == POLICY_SET_NET_PORT;
}

/* What of the text comes behind a member. */
static void put_options(struct filling *filling, const struct policy_element *element)
{
	struct section *sets = &filling->render->sets;

	if (filling->timeouts) {
		uint64_t now = filling->render->options ? filling->render->options->now : 0;
		uint64_t left = 0;
		if (element->expires && now)
			left = element->expires > now ? element->expires - now : 1;
		section_add(filling->render, sets, " timeout %llu",
			    (unsigned long long)(left > TIMEOUT_MAX ? TIMEOUT_MAX : left));
	}
	if (filling->comments && element->comment && element->comment[0]) {
		char comment[COMMENT_MAX + 1];
		size_t size = strnlen(element->comment, COMMENT_MAX);
		/* Quotes end a comment, and a line is a line; a character of several bytes stays whole. */
		if (element->comment[size])
			while (size && ((unsigned char)element->comment[size] & 0xc0) == 0x80)
				size--;
		for (size_t i = 0; i < size; i++) {
			unsigned char c = (unsigned char)element->comment[i];
			comment[i] = (char)(c == '"' ? '\'' : c < ' ' || c == 127 ? ' ' : c);
		}
		section_add(filling->render, sets, " comment \"%.*s\"", (int)size, comment);
	}
	section_add(filling->render, sets, "\n");
}

/* "tcp:80-90", or nothing. */
static void put_ports(struct filling *filling, const struct policy_element *element)
{
	static const struct {
		uint8_t number;
		const char *name;
	} names[] = {
	    {IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_UDPLITE, "udplite"}};
	struct section *sets = &filling->render->sets;

	if (!policy_set_has_ports(filling->set->type))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].number == element->protocol)
			section_add(filling->render, sets, ",%s:%u", names[i].name, element->port_low);
	if (element->port_high != element->port_low)
		section_add(filling->render, sets, "-%u", element->port_high);
}

static void put_address(struct filling *filling, const struct policy_element *element, address low,
			unsigned length)
{
	char name[POLICY_KERNEL_NAME_MAX];
	struct section *sets = &filling->render->sets;

	policy_set_name(filling->set, filling->family, name);
	section_add(filling->render, sets, "add %s ", name);
	address_print(filling->family, low, &sets->text);
	if (length < family_bits(filling->family))
		section_add(filling->render, sets, "/%u", length);
	put_ports(filling, element);
	put_options(filling, element);
	filling->members += policy_set_has_ports(filling->set->type)
				? (size_t)(element->port_high - element->port_low) + 1
				: 1;
}

static void put_nets(struct filling *filling, const struct policy_element *element)
{
	enum family family = filling->family;

	for (address low = element->low;;) {
		address end;
		unsigned length = policy_prefix(family, low, element->high, &end);
		if (length == 0) { /* the kernel takes none of length 0 */
			address half = (address)1 << (family_bits(family) - 1);
			put_address(filling, element, 0, 1);
			put_address(filling, element, half, 1);
		} else {
			put_address(filling, element, low, length);
		}
		if (end >= element->high)
			break;
		low = end + 1;
	}
}

static void put_element(struct filling *filling, const struct policy_element *element)
{
	struct render *render = filling->render;

	section_line(render, &render->sets, policy_element_span(render->tree, element));
	if (has_nets(filling->set->type)) {
		put_nets(filling, element);
	} else if (element->high - element->low >= ADDRESSES_MAX) {
		render_refuse(render, policy_element_span(render->tree, element), "make it a set of nets",
			      "more than %d addresses in one member of a set of single addresses",
			      ADDRESSES_MAX);
	} else {
		for (address at = element->low;; at++) {
			put_address(filling, element, at, family_bits(filling->family));
			if (at == element->high)
				break;
		}
	}
}

static size_t round_up(size_t value, size_t least, size_t most)
{
	while (least < value && least < most)
		least *= 2;
	return least;
}

/* Members are counted before they are printed: the head says how many there is room for. */
static size_t count_members(const struct policy_set *set, enum family family)
{
	const struct policy_elements *all = &set->elements[family];
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct policy_element *element = &all->elements[i];
		size_t parts = 0, ports = (size_t)(element->port_high - element->port_low) + 1;
		if (has_nets(set->type)) {
			for (address low = element->low, end; parts < 512; low = end + 1) {
				parts += policy_prefix(family, low, element->high, &end) == 0 ? 2 : 1;
				if (end >= element->high)
					break;
			}
		} else {
			parts = element->high - element->low < ADDRESSES_MAX
				    ? (size_t)(element->high - element->low) + 1
				    : 1;
		}
		count += parts * (policy_set_has_ports(set->type) ? ports : 1);
	}
	return count;
}

/* Room for as much again: members are added later, by feeds and by hand. */
static void put_head(struct filling *filling)
{
	const struct policy_set *set = filling->set;
	struct section *sets = &filling->render->sets;
	size_t count = count_members(set, filling->family);
	char name[POLICY_KERNEL_NAME_MAX];

	if (count > MEMBERS_MAX) {
		render_refuse(filling->render, set->span, "a set of nets takes less",
			      "the set has more than %zu members in the kernel", MEMBERS_MAX);
		return;
	}
	policy_set_name(set, filling->family, name);
	section_line(filling->render, sets, render_statement_span(set->span));
	section_add(filling->render, sets, "create %s %s family %s hashsize %zu maxelem %zu", name,
		    type_name(set->type), filling->family == FAMILY_IPV4 ? "inet" : "inet6",
		    round_up(count / 2, HASHSIZE, HASHSIZE_MAX),
		    round_up(count * 2, MAXELEM, (size_t)1 << 31));
	/* Members of the policy stay; those that are added later are given the time that the policy says, as
	 * nftables has no member without one where the set has one for all. */
	if (filling->timeouts)
		section_add(filling->render, sets, " timeout 0");
	if (set->counters)
		section_add(filling->render, sets, " counters");
	if (filling->comments)
		section_add(filling->render, sets, " comment");
	section_add(filling->render, sets, "\n");
}

static void put_set(struct render *render, const struct policy_set *set, enum family family)
{
	const struct policy_elements *elements = &set->elements[family];
	struct filling filling = {render, set, family, false, set->has_timeout, 0};
	bool now = render->options && render->options->now;

	for (size_t i = 0; i < elements->count; i++) {
		filling.comments |= elements->elements[i].comment && elements->elements[i].comment[0];
		filling.timeouts |= elements->elements[i].expires && now;
	}
	put_head(&filling);
	for (size_t i = 0; i < elements->count && !render->failed && !render->refused && !render->too_large;
	     i++)
		put_element(&filling, &elements->elements[i]);
}

void render_sets(struct render *render)
{
	for (size_t i = 0; i < render->tree->set_count; i++)
		for (int family = 0; family < FAMILY_COUNT && render->set_used[i]; family++)
			put_set(render, render->tree->sets[i], (enum family)family);
}
