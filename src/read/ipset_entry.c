/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One entry of hash:ip, hash:net or hash:ip,port, as ipset's lib/parse.c takes it. */
#include "read/ipset.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

static int bad_entry(struct ipset_reader *reader, const struct word *word, struct text text, const char *what,
		     const char *hint)
{
	diagnostic_hint(
	    ipset_error(reader, word->span, "bad-member", "`%.*s' %s", (int)text.size, text.data, what), "%s",
	    hint);
	return -EINVAL;
}

static int entry_address(struct ipset_reader *reader, const struct set *set, const struct word *word,
			 struct text text, address *value)
{
	static const char *const families[FAMILY_COUNT] = {"inet", "inet6"};
	enum family other = set->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	if (address_parse(set->family, text, value) == 0)
		return 0;
	if (address_parse(other, text, value) == 0) {
		diagnostic_hint(ipset_error(reader, word->span, "wrong-family",
					    "`%.*s' is of family %s, set %.*s of %s", (int)text.size,
					    text.data, families[other], (int)set->name.size, set->name.data,
					    families[set->family]),
				"a set has one family: create another for %s", families[other]);
		return -EINVAL;
	}
	return bad_entry(reader, word, text, "is not an address", "names are not looked up");
}

static struct text before(struct text text, const char *at)
{
	return (struct text){text.data, (size_t)(at - text.data)};
}

static struct text behind(struct text text, const char *at)
{
	return (struct text){at + 1, text.size - (size_t)(at - text.data) - 1};
}

static const char *find(struct text text, char c)
{
	return text.size ? memchr(text.data, c, text.size) : NULL;
}

/* ADDRESS, ADDRESS/LENGTH or ADDRESS-ADDRESS; IPv6 has prefixes in hash:net only, and no ranges. */
static int entry_addresses(struct ipset_reader *reader, const struct set *set, const struct word *word,
			   struct text text, struct entry *entry)
{
	unsigned bits = family_bits(set->family);
	bool ipv4 = set->family == FAMILY_IPV4;
	const char *slash = find(text, '/'), *dash = find(text, '-');
	uint64_t length = bits;
	int result;
	if (dash) {
		if (!ipv4)
			return bad_entry(reader, word, text, "is a range", "sets of family inet6 take none");
		result = entry_address(reader, set, word, before(text, dash), &entry->low);
		if (result == 0)
			result = entry_address(reader, set, word, behind(text, dash), &entry->high);
		if (result == 0 && entry->low > entry->high) { /* so does the kernel */
			address low = entry->high;
			entry->high = entry->low;
			entry->low = low;
		}
		entry->is_range = true;
		return result;
	}
	result = entry_address(reader, set, word, slash ? before(text, slash) : text, &entry->low);
	if (result < 0)
		return result;
	if (slash) {
		if (number_parse(behind(text, slash), bits, &length) < 0 || length == 0)
			return bad_entry(reader, word, text, "has a wrong prefix length",
					 ipv4 ? "lengths go from 1 to 32" : "lengths go from 1 to 128");
		if (!ipv4 && set->type != SET_HASH_NET && length != bits)
			return bad_entry(reader, word, text, "is a network",
					 "sets of this type take addresses");
	}
	address mask = prefix_mask(set->family, (unsigned)length);
	entry->prefix = (uint8_t)length;
	entry->low &= mask;
	entry->high = entry->low | (family_max(set->family) & ~mask);
	return 0;
}

struct icmp_name {
	const char *name;
	uint8_t type, code;
};

/* ipset's lib/icmp.c and lib/icmpv6.c */
static const struct icmp_name icmp_names[] = {
    {"echo-reply", 0, 0},
    {"pong", 0, 0},
    {"network-unreachable", 3, 0},
    {"host-unreachable", 3, 1},
    {"protocol-unreachable", 3, 2},
    {"port-unreachable", 3, 3},
    {"fragmentation-needed", 3, 4},
    {"source-route-failed", 3, 5},
    {"network-unknown", 3, 6},
    {"host-unknown", 3, 7},
    {"network-prohibited", 3, 9},
    {"host-prohibited", 3, 10},
    {"TOS-network-unreachable", 3, 11},
    {"TOS-host-unreachable", 3, 12},
    {"communication-prohibited", 3, 13},
    {"host-precedence-violation", 3, 14},
    {"precedence-cutoff", 3, 15},
    {"source-quench", 4, 0},
    {"network-redirect", 5, 0},
    {"host-redirect", 5, 1},
    {"TOS-network-redirect", 5, 2},
    {"TOS-host-redirect", 5, 3},
    {"echo-request", 8, 0},
    {"ping", 8, 0},
    {"router-advertisement", 9, 0},
    {"router-solicitation", 10, 0},
    {"ttl-zero-during-transit", 11, 0},
    {"ttl-zero-during-reassembly", 11, 1},
    {"ip-header-bad", 12, 0},
    {"required-option-missing", 12, 1},
    {"timestamp-request", 13, 0},
    {"timestamp-reply", 14, 0},
    {"address-mask-request", 17, 0},
    {"address-mask-reply", 18, 0},
};

static const struct icmp_name icmpv6_names[] = {
    {"no-route", 1, 0},
    {"communication-prohibited", 1, 1},
    {"address-unreachable", 1, 3},
    {"port-unreachable", 1, 4},
    {"packet-too-big", 2, 0},
    {"ttl-zero-during-transit", 3, 0},
    {"ttl-zero-during-reassembly", 3, 1},
    {"bad-header", 4, 0},
    {"unknown-header-type", 4, 1},
    {"unknown-option", 4, 2},
    {"echo-request", 128, 0},
    {"ping", 128, 0},
    {"echo-reply", 129, 0},
    {"pong", 129, 0},
    {"router-solicitation", 133, 0},
    {"router-advertisement", 134, 0},
    {"neighbour-solicitation", 135, 0},
    {"neigbour-solicitation", 135, 0},
    {"neighbor-solicitation", 135, 0},
    {"neighbour-advertisement", 136, 0},
    {"neigbour-advertisement", 136, 0},
    {"neighbor-advertisement", 136, 0},
    {"redirect", 137, 0},
};

static int entry_icmp(struct ipset_reader *reader, enum family family, const struct word *word,
		      struct text text, struct entry *entry)
{
	const struct icmp_name *names = family == FAMILY_IPV4 ? icmp_names : icmpv6_names;
	size_t count = family == FAMILY_IPV4 ? sizeof(icmp_names) / sizeof(icmp_names[0])
					     : sizeof(icmpv6_names) / sizeof(icmpv6_names[0]);
	uint64_t type = 0, code = 0;
	size_t at = 0;
	while (at < count && !text_is(text, names[at].name))
		at++;
	const char *slash = find(text, '/');
	if (at < count) {
		type = names[at].type;
		code = names[at].code;
	} else if (!slash || number_parse(before(text, slash), UINT8_MAX, &type) < 0 ||
		   number_parse(behind(text, slash), UINT8_MAX, &code) < 0) {
		return bad_entry(reader, word, text, "is not an ICMP type and code",
				 "write them as TYPE/CODE, 8/0, or by name, echo-request");
	}
	entry->first_port = entry->last_port = (uint16_t)(type << 8 | code);
	return 0;
}

static int port_number(struct ipset_reader *reader, uint8_t protocol, const struct word *word,
		       struct text text, uint16_t *port)
{
	uint64_t number;
	char copy[64];
	int result = number_parse(text, UINT16_MAX, &number);
	if (result == 0) {
		*port = (uint16_t)number;
		return 0;
	}
	const char *protocol_text = protocol == IPPROTO_UDP    ? "udp"
				    : protocol == IPPROTO_SCTP ? "sctp"
							       : "tcp";
	if (result == -EINVAL && text.size && text.size < sizeof(copy) &&
	    !memchr(text.data, '\0', text.size)) {
		memcpy(copy, text.data, text.size);
		copy[text.size] = '\0';
		const struct servent *service = getservbyname(copy, protocol_text);
		if (service) {
			*port = ntohs((uint16_t)service->s_port);
			return 0;
		}
	}
	diagnostic_hint(
	    ipset_error(reader, word->span, "bad-port", "`%.*s' is not a port", (int)text.size, text.data),
	    "a number from 0 to 65535 or a name in /etc/services; a range is 80-90");
	return -EINVAL;
}

static int entry_port_range(struct ipset_reader *reader, const struct word *word, struct text text,
			    struct entry *entry)
{
	const char *dash = find(text, '-');
	uint64_t number;
	if (dash && number_parse(before(text, dash), UINT64_MAX, &number) == -EINVAL)
		dash = NULL; /* "ftp-data" is a name */
	int result =
	    port_number(reader, entry->protocol, word, dash ? before(text, dash) : text, &entry->first_port);
	entry->last_port = entry->first_port;
	if (result == 0 && dash)
		result = port_number(reader, entry->protocol, word, behind(text, dash), &entry->last_port);
	if (result == 0 && entry->first_port > entry->last_port) { /* so does the kernel */
		uint16_t first = entry->last_port;
		entry->last_port = entry->first_port;
		entry->first_port = first;
	}
	return result;
}

/* [PROTOCOL:]PORT, default tcp: ipset_parse_proto_port(). */
static int entry_port(struct ipset_reader *reader, const struct set *set, const struct word *word,
		      struct text text, struct entry *entry)
{
	const char *colon = find(text, ':');
	struct text port = colon ? behind(text, colon) : text;
	entry->protocol = IPPROTO_TCP;
	if (colon && (protocol_parse(before(text, colon), &entry->protocol) < 0 || entry->protocol == 0))
		return bad_entry(reader, word, before(text, colon), "is not a protocol",
				 "write ADDRESS,PROTOCOL:PORT; without a protocol tcp is meant");
	switch (entry->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
		return entry_port_range(reader, word, port, entry);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((entry->protocol == IPPROTO_ICMP) != (set->family == FAMILY_IPV4)) {
			diagnostic_hint(ipset_error(reader, word->span, "wrong-family",
						    "this kind of ICMP is of the other address family"),
					"icmp goes with family inet, icmpv6 with inet6");
			return -EINVAL;
		}
		return entry_icmp(reader, set->family, word, port, entry);
	default:
		if (!text_is(port, "0"))
			return bad_entry(reader, word, text, "has a protocol without ports",
					 "write 0 for the port");
		entry->first_port = entry->last_port = 0;
		return 0;
	}
}

int ipset_entry(struct ipset_reader *reader, const struct set *set, const struct word *word,
		struct entry *entry)
{
	*entry = (struct entry){0};
	struct text text = word->text;
	const char *comma = find(text, ',');
	if (set->type == SET_HASH_IP_PORT) {
		if (!comma || memchr(comma + 1, ',', behind(text, comma).size))
			return bad_entry(reader, word, text, "is not an address and a port",
					 "members of this set are written ADDRESS,PROTOCOL:PORT");
		int result = entry_port(reader, set, word, behind(text, comma), entry);
		if (result < 0)
			return result;
		text = before(text, comma);
	} else if (comma) {
		return bad_entry(reader, word, text, "has more parts than the set's type",
				 "one address or network");
	}
	int result = entry_addresses(reader, set, word, text, entry);
	if (result < 0)
		return result;
	if (set->type == SET_HASH_IP) {
		address mask = prefix_mask(set->family, set->netmask);
		entry->low &= mask;
		entry->high |= family_max(set->family) & ~mask;
	}
	if (set->type != SET_HASH_NET && entry->low == 0) /* the kernel stores no zero in these */
		return bad_entry(reader, word, text, "cannot be stored in a set of this type",
				 "use hash:net");
	if (set->type == SET_HASH_NET && entry->low == 0 && entry->high == family_max(set->family))
		return bad_entry(reader, word, text, "covers all addresses",
				 "halve it: 0.0.0.0/1 and 128.0.0.0/1");
	return 0;
}
