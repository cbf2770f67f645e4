/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets and their members. Where a set has networks nftables wants intervals that do not overlap: of two
 * networks the larger one says what both do, unless it is a nomatch one, or goes sooner. */
#include "nftables/private.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

bool nft_set_type_known(const struct set *set)
{
	switch (set->type) {
	case SET_BITMAP_IP:
	case SET_HASH_IP:
	case SET_HASH_NET:
	case SET_HASH_IP_PORT:
	case SET_HASH_NET_PORT:
	case SET_HASH_IP_PORT_IP:
	case SET_HASH_IP_PORT_NET:
	case SET_HASH_NET_INTERFACE:
		return true;
	default:
		return false;
	}
}

/* Of which parts: 1 the first, 2 the last. */
static unsigned nets(const struct set *set)
{
	switch (set->type) {
	case SET_HASH_NET:
	case SET_HASH_NET_PORT:
	case SET_HASH_NET_INTERFACE:
		return 1;
	case SET_HASH_IP_PORT_NET:
		return 2;
	default:
		return 0;
	}
}

bool nft_set_fillable(const struct set *set)
{
	/* A bitmap takes none that is out of its range. */
	return !nets(set) && set->type != SET_BITMAP_IP && !set->counters && !set->forceadd;
}

bool nft_protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE;
}

/* A member as far as it is sorted. */
struct element {
	address low, high, low2, high2;
	uint32_t number;
	uint16_t port;
	uint8_t protocol;
	bool timed, nomatch;
	char interface[INTERFACE_NAME_MAX];
};

static int compare_addresses(address a, address b)
{
	return (a > b) - (a < b);
}

/* All but the network, or the networks. */
static int compare_rest(const struct element *a, const struct element *b, unsigned networks)
{
	int order = (a->protocol > b->protocol) - (a->protocol < b->protocol);

	if (!order)
		order = (a->port > b->port) - (a->port < b->port);
	if (!order && networks == 2)
		order = compare_addresses(a->low, b->low);
	return order ? order : strcmp(a->interface, b->interface);
}

/* What holds others comes before them. */
static int compare_elements(const void *left, const void *right, void *context)
{
	const struct element *a = left, *b = right;
	unsigned networks = *(const unsigned *)context;
	int order = compare_rest(a, b, networks);

	if (!order)
		order = compare_addresses(a->low, b->low);
	if (!order)
		order = compare_addresses(b->high, a->high);
	if (!order)
		order = compare_addresses(a->low2, b->low2);
	if (!order)
		order = compare_addresses(b->high2, a->high2);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

static bool holds(const struct element *a, const struct element *b)
{
	return a->low <= b->low && b->high <= a->high && a->low2 <= b->low2 && b->high2 <= a->high2;
}

static const char *refused_member(const struct set *set, const struct set_member *member)
{
	if (member->nomatch && (set->type != SET_HASH_NET || set->counters || set->has_timeout))
		return "nomatch";
	if (set->has_timeout && set->timeout && !member->timed)
		return "no timeout, where the set has one for all";
	if (member->physdev || member->wildcard)
		return "another kind of interface";
	if (member->interface[0] && !nft_interface_good(member->interface))
		return "an interface of that name";
	for (unsigned i = 0; i < set->dimensions; i++)
		/* Of others the port is made of something else, or nothing. */
		if (set_types[set->type].parts[i] == SET_PART_PORT &&
		    !nft_protocol_has_ports(member->protocol))
			return "a protocol without ports";
	return NULL;
}

static void print_comment(const char *comment, struct buffer *out)
{
	buffer_puts(out, " comment \"");
	for (size_t i = 0; comment[i] && i < 120; i++) {
		char c = comment[i] == '"' ? '\'' : (unsigned char)comment[i] < ' ' ? ' ' : comment[i];
		if ((unsigned char)c >= 127)
			c = '?'; /* it may be cut in two */
		buffer_add(out, &c, 1);
	}
	buffer_puts(out, "\"");
}

static void print_network(enum family family, address value, uint8_t prefix, bool net, struct buffer *out)
{
	address_print(family, value, out);
	if (net && prefix < family_bits(family))
		buffer_printf(out, "/%u", prefix);
}

static void print_part(const struct set *set, const struct set_member *member, unsigned part,
		       struct buffer *out)
{
	/* The second address is that behind the first part. */
	bool second = part > 0;
	unsigned networks = nets(set);

	switch (set_types[set->type].parts[part]) {
	case SET_PART_PORT:
		nft_protocol(member->protocol, out);
		buffer_printf(out, " . %u", member->port);
		break;
	case SET_PART_INTERFACE:
		buffer_printf(out, "\"%s\"", member->interface);
		break;
	default:
		print_network(set->family, second ? member->low2 : member->low,
			      second ? member->prefix2 : member->prefix, networks >> second & 1, out);
	}
}

static void print_element(const struct set *set, const struct set_member *member, struct buffer *out)
{
	for (unsigned i = 0; i < set->dimensions; i++) {
		buffer_puts(out, i ? " . " : "");
		print_part(set, member, i, out);
	}
	if (set->counters)
		buffer_printf(out, " counter packets %" PRIu64 " bytes %" PRIu64, member->packets,
			      member->bytes);
	if (member->timed)
		buffer_printf(out, " timeout %us", member->timeout ? member->timeout : 1);
	if (member->comment && member->comment[0])
		print_comment(member->comment, out);
}

static bool read_elements(struct nft *nft, const struct set *set, struct element *elements, bool *nomatch)
{
	struct set_member member;

	for (size_t i = 0; i < set->member_count; i++) {
		set_member_get(set, i, &member);
		const char *why = refused_member(set, &member);
		if (why) {
			nft_refuse(nft, set_member_span(set, &member), "a member with %s, of set %.*s", why,
				   (int)set->name.size, set->name.data);
			return false;
		}
		elements[i] = (struct element){.low = member.low,
					       .high = member.high,
					       .low2 = member.low2,
					       .high2 = member.high2,
					       .number = (uint32_t)i,
					       .port = member.port,
					       .protocol = member.protocol,
					       .timed = member.timed,
					       .nomatch = member.nomatch};
		memcpy(elements[i].interface, member.interface, sizeof(member.interface));
		*nomatch |= member.nomatch;
	}
	return true;
}

/* Those that are kept move to the front: all but what one before it says. */
static size_t keep_elements(struct nft *nft, const struct set *set, struct element *elements)
{
	unsigned networks = nets(set);
	struct set_member member;
	size_t kept = 0;

	for (size_t i = 0; i < set->member_count; i++) {
		const struct element *element = &elements[i], *before = kept ? &elements[kept - 1] : NULL;
		if (!networks || !before || compare_rest(before, element, networks) != 0 ||
		    !holds(before, element)) {
			elements[kept++] = *element;
		} else if (before->timed) {
			set_member_get(set, element->number, &member);
			nft_refuse(nft, set_member_span(set, &member),
				   "a member within another that goes, of set %.*s", (int)set->name.size,
				   set->name.data);
			return 0;
		}
	}
	return kept;
}

static void print_elements(struct nft *nft, const struct set *set, const struct element *elements,
			   size_t count)
{
	struct set_member member;

	for (size_t i = 0; i < count; i++) {
		buffer_puts(nft->out, i ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t");
		set_member_get(set, elements[i].number, &member);
		print_element(set, &member, nft->out);
	}
	buffer_puts(nft->out, count ? "\n\t\t}\n" : "");
}

/* --- Networks, of which some are not in the set: intervals
 * -------------------------------------------------------------------------------------------------------------------
 */

struct intervals {
	enum family family;
	struct buffer *out;
	bool any, open;
	address low, high; /* of the one that is open */
};

static void interval_end(struct intervals *intervals)
{
	if (!intervals->open)
		return;
	buffer_puts(intervals->out, intervals->any ? ",\n\t\t\t" : "\t\telements = {\n\t\t\t");
	address_print(intervals->family, intervals->low, intervals->out);
	if (intervals->high != intervals->low) {
		buffer_puts(intervals->out, "-");
		address_print(intervals->family, intervals->high, intervals->out);
	}
	intervals->any = true;
	intervals->open = false;
}

static void interval_add(struct intervals *intervals, address low, address high)
{
	if (intervals->open && intervals->high != family_max(intervals->family) &&
	    intervals->high + 1 == low) {
		intervals->high = high;
		return;
	}
	interval_end(intervals);
	intervals->open = true;
	intervals->low = low;
	intervals->high = high;
}

/* The smallest network that holds an address decides (hash_net_test()). Sorted as they are, those around the
 * one at hand are a stack, no deeper than there are prefix lengths. */
static void print_intervals(const struct set *set, const struct element *elements, struct buffer *out)
{
	struct intervals intervals = {.family = set->family, .out = out};
	const struct element *around[130];
	size_t depth = 0, i = 0;
	address at = 0; /* all below is said */

	while (i < set->member_count || depth) {
		const struct element *next = i < set->member_count ? &elements[i] : NULL;
		const struct element *top = depth ? around[depth - 1] : NULL;
		if (next && (!top || next->low <= top->high)) {
			if (top && !top->nomatch && at < next->low)
				interval_add(&intervals, at, next->low - 1);
			at = next->low;
			if (depth < sizeof(around) / sizeof(*around))
				around[depth++] = next;
			i++;
			continue;
		}
		if (!top->nomatch && at <= top->high)
			interval_add(&intervals, at, top->high);
		depth--;
		if (top->high == family_max(set->family))
			break;
		at = top->high + 1;
	}
	interval_end(&intervals);
	buffer_puts(out, intervals.any ? "\n\t\t}\n" : "");
}

/* --- Sets
 * -------------------------------------------------------------------------------------------------------------------
 */

static void print_members(struct nft *nft, const struct set *set)
{
	struct element *elements = calloc(set->member_count, sizeof(*elements));
	unsigned networks = nets(set);
	bool nomatch = false;

	if (!elements) {
		nft->failed = true;
		return;
	}
	if (read_elements(nft, set, elements, &nomatch)) {
		qsort_r(elements, set->member_count, sizeof(*elements), compare_elements, &networks);
		if (nomatch) {
			print_intervals(set, elements, nft->out);
		} else {
			size_t kept = keep_elements(nft, set, elements);
			print_elements(nft, set, elements, nft->refused ? 0 : kept);
		}
	}
	free(elements);
}

static void print_type(const struct set *set, enum family family, struct buffer *out)
{
	const char *addresses = family == FAMILY_IPV4 ? "ipv4_addr" : "ipv6_addr";

	buffer_puts(out, "\t\ttype ");
	for (unsigned i = 0; i < set->dimensions; i++) {
		const char *name = addresses;
		switch (set_types[set->type].parts[i]) {
		case SET_PART_PORT:
			name = "inet_proto . inet_service";
			break;
		case SET_PART_INTERFACE:
			name = "ifname";
			break;
		default:
			break;
		}
		buffer_printf(out, "%s%s", i ? " . " : "", name);
	}
	buffer_puts(out, "\n");
}

static void print_set(struct nft *nft, const struct set *set, enum family family)
{
	const char *flags[3], *separator = "\t\tflags ";
	unsigned count = 0;

	if (set->has_netmask || set->has_bitmask || (set->changing && !nft_set_fillable(set))) {
		nft_refuse(nft, set->span, "set %.*s with a mask, or one of its type that rules fill",
			   (int)set->name.size, set->name.data);
		return;
	}
	if (nets(set))
		flags[count++] = "interval";
	if (set->changing)
		flags[count++] = "dynamic";
	if (set->has_timeout)
		flags[count++] = "timeout";
	buffer_puts(nft->out, "\tset ");
	nft_set_name(set, nft->out);
	buffer_puts(nft->out, " {\n");
	print_type(set, family, nft->out);
	if (set->changing)
		buffer_printf(nft->out, "\t\tsize %u\n", set->maxelem ? set->maxelem : UINT16_MAX + 1);
	for (unsigned i = 0; i < count; i++, separator = ",")
		buffer_printf(nft->out, "%s%s%s", separator, flags[i], i + 1 == count ? "\n" : "");
	if (set->has_timeout && set->timeout)
		buffer_printf(nft->out, "\t\ttimeout %us\n", set->timeout);
	buffer_puts(nft->out, set->counters ? "\t\tcounter\n" : "");
	if (set->member_count)
		print_members(nft, set);
	buffer_puts(nft->out, "\t}\n");
}

void nft_sets(struct nft *nft, enum family family)
{
	for (size_t i = 0; i < nft->ruleset->set_count && !nft->failed; i++)
		if (nft->sets_used[i])
			print_set(nft, nft->ruleset->sets[i], family);
}
