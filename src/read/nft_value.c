/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What nftables' conditions look at, and the values they compare it with: as numbers, or ranges of them. */
#include "read/nft_reader.h"
#include "ruleset/icmp_names.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

/* --- ranges */

int listing_ranges_add(struct arena *arena, struct nft_ranges *ranges, address low, address high)
{
	struct address_range *range =
	    arena_push(arena, (void **)&ranges->ranges, &ranges->count, &ranges->capacity, sizeof(*range));
	if (!range)
		return -ENOMEM;
	*range = (struct address_range){low, high};
	return 0;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct address_range *a = left, *b = right;

	return (a->low > b->low) - (a->low < b->low);
}

void listing_ranges_sort(struct nft_ranges *ranges)
{
	size_t kept = 0;

	if (ranges->count < 2)
		return;
	qsort(ranges->ranges, ranges->count, sizeof(*ranges->ranges), compare_ranges);
	for (size_t i = 1; i < ranges->count; i++) {
		struct address_range *last = &ranges->ranges[kept], next = ranges->ranges[i];
		if (next.low <= last->high || next.low == last->high + 1) {
			if (next.high > last->high)
				last->high = next.high;
		} else {
			ranges->ranges[++kept] = next;
		}
	}
	ranges->count = kept + 1;
}

struct nft_ranges listing_ranges_not(struct arena *arena, const struct nft_ranges *ranges, address max)
{
	struct nft_ranges result = {0};
	address next = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		if (ranges->ranges[i].low > next &&
		    listing_ranges_add(arena, &result, next, ranges->ranges[i].low - 1) < 0)
			return result;
		if (ranges->ranges[i].high >= max)
			return result;
		next = ranges->ranges[i].high + 1;
	}
	listing_ranges_add(arena, &result, next, max);
	return result;
}

struct nft_ranges listing_ranges_and(struct arena *arena, const struct nft_ranges *a,
				     const struct nft_ranges *b)
{
	struct nft_ranges result = {0};

	for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
		struct address_range left = a->ranges[i], right = b->ranges[k];
		address low = left.low > right.low ? left.low : right.low;
		address high = left.high < right.high ? left.high : right.high;
		if (low <= high && listing_ranges_add(arena, &result, low, high) < 0)
			return result;
		if (left.high < right.high)
			i++;
		else
			k++;
	}
	return result;
}

int listing_range_prefix(enum family family, struct address_range range)
{
	address span = range.low ^ range.high;

	if ((span & (span + 1)) || (range.low & span))
		return -1;
	return mask_length(family, family_max(family) & ~span);
}

/* --- what is looked at */

struct key_name {
	const char *header, *field;
	enum nft_key key;
	unsigned max;
	int protocol;
};

#define ANY_PROTOCOL (-1)

static const struct key_name payloads[] = {
    {"tcp", "sport", NFT_SPORT, UINT16_MAX, IPPROTO_TCP},
    {"tcp", "dport", NFT_DPORT, UINT16_MAX, IPPROTO_TCP},
    {"tcp", "flags", NFT_FLAGS, UINT8_MAX, IPPROTO_TCP},
    {"udp", "sport", NFT_SPORT, UINT16_MAX, IPPROTO_UDP},
    {"udp", "dport", NFT_DPORT, UINT16_MAX, IPPROTO_UDP},
    {"udplite", "sport", NFT_SPORT, UINT16_MAX, IPPROTO_UDPLITE},
    {"udplite", "dport", NFT_DPORT, UINT16_MAX, IPPROTO_UDPLITE},
    {"sctp", "sport", NFT_SPORT, UINT16_MAX, IPPROTO_SCTP},
    {"sctp", "dport", NFT_DPORT, UINT16_MAX, IPPROTO_SCTP},
    {"dccp", "sport", NFT_SPORT, UINT16_MAX, IPPROTO_DCCP},
    {"dccp", "dport", NFT_DPORT, UINT16_MAX, IPPROTO_DCCP},
    {"th", "sport", NFT_SPORT, UINT16_MAX, ANY_PROTOCOL},
    {"th", "dport", NFT_DPORT, UINT16_MAX, ANY_PROTOCOL},
    {"icmp", "type", NFT_TYPE, UINT8_MAX, IPPROTO_ICMP},
    {"icmp", "code", NFT_CODE, UINT8_MAX, IPPROTO_ICMP},
    {"icmpv6", "type", NFT_TYPE, UINT8_MAX, IPPROTO_ICMPV6},
    {"icmpv6", "code", NFT_CODE, UINT8_MAX, IPPROTO_ICMPV6},
    {"ip", "protocol", NFT_PROTOCOL, UINT8_MAX, ANY_PROTOCOL},
    {"ip", "ttl", NFT_TTL, UINT8_MAX, ANY_PROTOCOL},
    {"ip", "length", NFT_LENGTH, UINT16_MAX, ANY_PROTOCOL},
    {"ip", "dscp", NFT_DSCP, 63, ANY_PROTOCOL},
    {"ip", "frag-off", NFT_OTHER_KEY, UINT16_MAX, ANY_PROTOCOL},
    {"ip6", "hoplimit", NFT_TTL, UINT8_MAX, ANY_PROTOCOL},
    {"ip6", "dscp", NFT_DSCP, 63, ANY_PROTOCOL},
    {"ether", "saddr", NFT_MAC, 0, ANY_PROTOCOL},
};

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

static void left_payload(struct json_object *payload, struct nft_left *left)
{
	const char *header = listing_string(listing_get(payload, "protocol"));
	const char *field = listing_string(listing_get(payload, "field"));
	bool four = is(header, "ip") || is(header, "icmp") || is(header, "igmp");
	bool six = is(header, "ip6") || is(header, "icmpv6");

	if (four || six)
		left->families = 1u << (six ? FAMILY_IPV6 : FAMILY_IPV4);
	left->transport = !is(header, "ip") && !is(header, "ip6") && !is(header, "ether") &&
			  !is(header, "arp") && !is(header, "vlan") &&
			  !is(listing_string(listing_get(payload, "base")), "nh") &&
			  !is(listing_string(listing_get(payload, "base")), "ll");
	if ((is(header, "ip") || is(header, "ip6")) && (is(field, "saddr") || is(field, "daddr"))) {
		left->key = is(field, "saddr") ? NFT_SADDR : NFT_DADDR;
		left->family = six ? FAMILY_IPV6 : FAMILY_IPV4;
		left->max = family_max(left->family);
		return;
	}
	for (size_t i = 0; header && field && i < sizeof(payloads) / sizeof(*payloads); i++)
		if (is(header, payloads[i].header) && is(field, payloads[i].field)) {
			left->key = payloads[i].key;
			left->max = payloads[i].max;
			left->protocol = payloads[i].protocol;
			if (is(field, "frag-off")) /* kept as it is, for its mask */
				left->key = NFT_FRAGMENT;
		}
	if (left->key == NFT_OTHER_KEY && header && left->transport) {
		uint8_t number;
		if (protocol_parse(text_of(header), &number) == 0 && number)
			left->protocol = number;
	}
}

static void left_meta(const char *name, struct nft_left *left)
{
	static const struct {
		const char *name;
		enum nft_key key;
		unsigned max;
	} keys[] = {
	    {"l4proto", NFT_PROTOCOL, UINT8_MAX},
	    {"nfproto", NFT_NFPROTO, UINT8_MAX},
	    {"protocol", NFT_NFPROTO, UINT16_MAX},
	    {"iifname", NFT_IN, 0},
	    {"iif", NFT_IN, 0},
	    {"oifname", NFT_OUT, 0},
	    {"oif", NFT_OUT, 0},
	    {"mark", NFT_MARK, UINT32_MAX},
	    {"pkttype", NFT_PKTTYPE, UINT8_MAX},
	    {"skuid", NFT_UID, UINT32_MAX},
	    {"skgid", NFT_GID, UINT32_MAX},
	    {"length", NFT_LENGTH, UINT16_MAX},
	};

	for (size_t i = 0; name && i < sizeof(keys) / sizeof(*keys); i++)
		if (is(name, keys[i].name)) {
			left->key = keys[i].key;
			left->max = keys[i].max;
		}
}

static void left_fib(struct json_object *fib, struct nft_left *left)
{
	struct json_object *flags = listing_get(fib, "flags");
	bool source = false, destination = false, in = false, other = false;

	if (!is(listing_string(listing_get(fib, "result")), "type"))
		return;
	size_t count = json_object_is_type(flags, json_type_array) ? json_object_array_length(flags) : 1;
	for (size_t i = 0; i < count; i++) {
		const char *flag = listing_string(json_object_is_type(flags, json_type_array)
						      ? json_object_array_get_idx(flags, i)
						      : flags);
		source |= is(flag, "saddr");
		destination |= is(flag, "daddr");
		in |= is(flag, "iif");
		other |= !is(flag, "saddr") && !is(flag, "daddr") && !is(flag, "iif");
	}
	/* IPv6: xt_addrtype has its own ways, which differ from nft_fib's. */
	if (other || source == destination || (source && in))
		return;
	left->key = source ? NFT_FIB_SOURCE : in ? NFT_FIB_DESTINATION_IN : NFT_FIB_DESTINATION;
	left->max = UINT8_MAX;
}

static void left_other(const char *name, struct json_object *value, struct nft_left *left)
{
	const char *key = listing_string(listing_get(value, "key"));
	uint64_t number;

	left->transport = is(name, "tcp option");
	if (is(name, "exthdr"))
		left->families = 1u << FAMILY_IPV6;
	if (is(name, "payload")) {
		left_payload(value, left);
	} else if (is(name, "meta")) {
		left_meta(key, left);
	} else if (is(name, "fib")) {
		left_fib(value, left);
	} else if (is(name, "ct") && !listing_get(value, "dir")) {
		left->key = is(key, "state")    ? NFT_STATE
			    : is(key, "mark")   ? NFT_CTMARK
			    : is(key, "status") ? NFT_CTSTATUS
						: NFT_OTHER_KEY;
		left->max = UINT32_MAX;
	} else if (is(name, "exthdr") && is(listing_string(listing_get(value, "name")), "frag") &&
		   is(listing_string(listing_get(value, "field")), "frag-off")) {
		left->key = NFT_FRAGMENT;
		left->max = 0x1fff;
	} else if (is(name, "numgen") && listing_number(listing_get(value, "mod"), UINT16_MAX, &number) &&
		   number) {
		left->numgen_mod = (unsigned)number;
		left->numgen_random = is(listing_string(listing_get(value, "mode")), "random");
		left->max = number - 1;
		if (listing_number(listing_get(value, "offset"), UINT32_MAX, &number) && !number)
			left->key = NFT_NUMGEN;
	}
}

void listing_left(struct json_object *json, struct nft_left *left)
{
	struct json_object *value, *mask = NULL;
	const char *name = listing_only_key(json, &value);
	uint32_t bits;

	*left = (struct nft_left){.key = NFT_OTHER_KEY,
				  .families = 1u << FAMILY_IPV4 | 1u << FAMILY_IPV6,
				  .protocol = ANY_PROTOCOL};
	if (is(name, "&") && json_object_is_type(value, json_type_array) &&
	    json_object_array_length(value) == 2) {
		mask = json_object_array_get_idx(value, 1);
		name = listing_only_key(json_object_array_get_idx(value, 0), &value);
	}
	if (name)
		left_other(name, value, left);
	left->mask = left->max;
	if (!mask)
		return;
	struct address_range range;
	if (left->key == NFT_FLAGS || left->key == NFT_STATE || left->key == NFT_CTSTATUS) {
		if (listing_value_bits(left, mask, &bits))
			left->mask = bits;
		else
			left->key = NFT_OTHER_KEY;
	} else if (listing_value_range(left, mask, &range) && range.low == range.high) {
		left->mask = range.low;
	} else {
		left->key = NFT_OTHER_KEY;
	}
}

/* --- values */

struct named {
	const char *name;
	unsigned value;
};

static const struct named state_names[] = {{"invalid", 1}, {"established", 2}, {"related", 4},
					   {"new", 8},     {"untracked", 64},  {NULL, 0}};
static const struct named flag_names[] = {{"fin", 1},  {"syn", 2},  {"rst", 4},   {"psh", 8}, {"ack", 16},
					  {"urg", 32}, {"ecn", 64}, {"cwr", 128}, {NULL, 0}};
static const struct named status_names[] = {{"expected", 1},  {"seen-reply", 2}, {"assured", 4},
					    {"confirmed", 8}, {"snat", 16},      {"dnat", 32},
					    {"dying", 512},   {NULL, 0}};
static const struct named family_names[] = {{"ipv4", 2}, {"ipv6", 10}, {"ip", 2}, {"ip6", 10}, {NULL, 0}};
static const struct named packet_names[] = {{"host", 0},      {"unicast", 0}, {"broadcast", 1},
					    {"multicast", 2}, {"other", 3},   {NULL, 0}};
static const struct named dscp_names[] = {
    {"cs0", 0},   {"cs1", 8},   {"cs2", 16},  {"cs3", 24},  {"cs4", 32},  {"cs5", 40},  {"cs6", 48},
    {"cs7", 56},  {"df", 0},    {"be", 0},    {"lephb", 1}, {"af11", 10}, {"af12", 12}, {"af13", 14},
    {"af21", 18}, {"af22", 20}, {"af23", 22}, {"af31", 26}, {"af32", 28}, {"af33", 30}, {"af41", 34},
    {"af42", 36}, {"af43", 38}, {"va", 44},   {"ef", 46},   {NULL, 0}};
static const struct named type_names[] = {
    {"unspec", 0},    {"unicast", 1},   {"local", 2},       {"broadcast", 3}, {"anycast", 4},
    {"multicast", 5}, {"blackhole", 6}, {"unreachable", 7}, {"prohibit", 8},  {NULL, 0}};
/* src/datatype.c, proto.c of nftables, where they are not ipset's. */
static const struct named icmp_types[] = {{"echo-reply", 0},           {"destination-unreachable", 3},
					  {"source-quench", 4},        {"redirect", 5},
					  {"echo-request", 8},         {"router-advertisement", 9},
					  {"router-solicitation", 10}, {"time-exceeded", 11},
					  {"parameter-problem", 12},   {"timestamp-request", 13},
					  {"timestamp-reply", 14},     {"info-request", 15},
					  {"info-reply", 16},          {"address-mask-request", 17},
					  {"address-mask-reply", 18},  {NULL, 0}};
static const struct named icmp6_types[] = {{"destination-unreachable", 1}, {"packet-too-big", 2},
					   {"time-exceeded", 3},           {"parameter-problem", 4},
					   {"echo-request", 128},          {"echo-reply", 129},
					   {"mld-listener-query", 130},    {"mld-listener-report", 131},
					   {"mld-listener-done", 132},     {"mld-listener-reduction", 132},
					   {"nd-router-solicit", 133},     {"nd-router-advert", 134},
					   {"nd-neighbor-solicit", 135},   {"nd-neighbor-advert", 136},
					   {"nd-redirect", 137},           {"router-renumbering", 138},
					   {"ind-neighbor-solicit", 141},  {"ind-neighbor-advert", 142},
					   {"mld2-listener-report", 143},  {NULL, 0}};
static const struct named icmp_codes[] = {
    {"net-unreachable", 0},  {"host-unreachable", 1},  {"prot-unreachable", 2},
    {"port-unreachable", 3}, {"frag-needed", 4},       {"net-prohibited", 9},
    {"host-prohibited", 10}, {"admin-prohibited", 13}, {NULL, 0}};
static const struct named icmp6_codes[] = {{"no-route", 0},
					   {"admin-prohibited", 1},
					   {"addr-unreachable", 3},
					   {"port-unreachable", 4},
					   {"policy-fail", 5},
					   {"reject-route", 6},
					   {NULL, 0}};

static const struct named *names_of(const struct nft_left *left)
{
	bool six = left->families == 1u << FAMILY_IPV6;

	switch (left->key) {
	case NFT_STATE:
		return state_names;
	case NFT_FLAGS:
		return flag_names;
	case NFT_CTSTATUS:
		return status_names;
	case NFT_NFPROTO:
		return family_names;
	case NFT_PKTTYPE:
		return packet_names;
	case NFT_DSCP:
		return dscp_names;
	case NFT_FIB_SOURCE:
	case NFT_FIB_DESTINATION:
	case NFT_FIB_DESTINATION_IN:
		return type_names;
	case NFT_TYPE:
		return six ? icmp6_types : icmp_types;
	case NFT_CODE:
		return six ? icmp6_codes : icmp_codes;
	default:
		return NULL;
	}
}

static bool named_value(const struct nft_left *left, const char *text, uint64_t *value)
{
	const struct named *names = names_of(left);

	for (; names && names->name; names++)
		if (is(text, names->name)) {
			*value = names->value;
			return true;
		}
	if (left->key == NFT_PROTOCOL) {
		uint8_t protocol;
		if (protocol_parse(text_of(text), &protocol) < 0)
			return false;
		*value = protocol;
		return true;
	}
	if (left->key == NFT_SPORT || left->key == NFT_DPORT) {
		/* nft writes the names of /etc/services when it is asked to. */
		const struct servent *service = getservbyname(text, NULL);
		if (service)
			*value = ntohs((uint16_t)service->s_port);
		return service;
	}
	return false;
}

static bool one_value(const struct nft_left *left, struct json_object *json, address *value)
{
	const char *text = listing_string(json);
	uint64_t number;

	if (left->key == NFT_SADDR || left->key == NFT_DADDR)
		return text && address_parse(left->family, text_of(text), value) == 0;
	if (left->key == NFT_MAC || left->key == NFT_IN || left->key == NFT_OUT || left->key == NFT_OTHER_KEY)
		return false;
	if (!listing_number(json, left->max > UINT32_MAX ? UINT32_MAX : (uint64_t)left->max, &number) &&
	    (!text || !named_value(left, text, &number)))
		return false;
	*value = number;
	return number <= left->max;
}

/* "192.0.2.1-192.0.2.9": nft(8) does not write it, but weir, of sets that are large (command/live.c). */
static bool two_addresses(const struct nft_left *left, const char *text, struct address_range *range)
{
	const char *dash = text ? strchr(text, '-') : NULL;
	address low, high;

	if (!dash || (left->key != NFT_SADDR && left->key != NFT_DADDR) ||
	    address_parse(left->family, (struct text){text, (size_t)(dash - text)}, &low) < 0 ||
	    address_parse(left->family, text_of(dash + 1), &high) < 0 || low > high)
		return false;
	*range = (struct address_range){low, high};
	return true;
}

bool listing_value_range(const struct nft_left *left, struct json_object *json, struct address_range *range)
{
	struct json_object *value;
	const char *name = listing_only_key(json, &value);
	uint64_t length;

	if (!name) {
		if (two_addresses(left, listing_string(json), range))
			return true;
		if (!one_value(left, json, &range->low))
			return false;
		range->high = range->low;
		return true;
	}
	if (is(name, "prefix") && (left->key == NFT_SADDR || left->key == NFT_DADDR)) {
		unsigned bits = family_bits(left->family);
		if (!one_value(left, listing_get(value, "addr"), &range->low) ||
		    !listing_number(listing_get(value, "len"), bits, &length))
			return false;
		address mask = prefix_mask(left->family, (unsigned)length);
		range->low &= mask;
		range->high = range->low | (family_max(left->family) & ~mask);
		return true;
	}
	return is(name, "range") && json_object_is_type(value, json_type_array) &&
	       json_object_array_length(value) == 2 &&
	       one_value(left, json_object_array_get_idx(value, 0), &range->low) &&
	       one_value(left, json_object_array_get_idx(value, 1), &range->high) &&
	       range->low <= range->high;
}

bool listing_value_bits(const struct nft_left *left, struct json_object *json, uint32_t *bits)
{
	struct json_object *list = json;
	address value;

	*bits = 0;
	if (listing_get(json, "|"))
		list = listing_get(json, "|");
	if (!json_object_is_type(list, json_type_array)) {
		if (!one_value(left, json, &value))
			return false;
		*bits = (uint32_t)value;
		return true;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i),
				   *inner = listing_get(item, "|");
		uint32_t more = 0;
		if (inner ? !listing_value_bits(left, item, &more)
			  : !one_value(left, item, &value) || (more = (uint32_t)value, false))
			return false;
		*bits |= more;
	}
	return true;
}

struct json_object *listing_element_value(struct json_object *element)
{
	struct json_object *inner = listing_get(element, "elem");

	return inner ? listing_get(inner, "val") : element;
}

bool listing_interface(struct json_object *json, struct buffer *out)
{
	const char *name = listing_string(json);
	size_t size = name ? strlen(name) : 0;
	bool wildcard = size && name[size - 1] == '*';

	if (!size || size > INTERFACE_NAME_MAX - 1 || name[0] == '!' || name[0] == '-' ||
	    strcmp(name, "*") == 0)
		return false;
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] >= 127 ||
		    strchr("+\"\\'", name[i]) || (name[i] == '*' && i + 1 < size))
			return false;
	buffer_add(out, name, size - wildcard);
	buffer_puts(out, wildcard ? "+" : "");
	return true;
}

int listing_state_bits(struct json_object *json)
{
	struct nft_left left = {.key = NFT_STATE, .max = UINT8_MAX};
	uint32_t bits;

	return listing_value_bits(&left, json, &bits) && !(bits & ~0x4fu) ? (int)bits : 0;
}
