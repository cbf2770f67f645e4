/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Protocols, ports and ICMP types in entries: ipset's lib/parse.c. */
#include "read/ipset.h"
#include "ruleset/icmp_names.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

static int port_number(struct ipset_reader *reader, const char *protocol, const struct word *word,
		       struct text text, uint16_t *port)
{
	uint64_t number;
	char copy[64];
	int result = number_parse(text, UINT16_MAX, &number);
	if (result == 0) {
		*port = (uint16_t)number;
		return 0;
	}
	if (text.size > 2 && text.data[0] == '[' && text.data[text.size - 1] == ']')
		text = (struct text){text.data + 1, text.size - 2}; /* names with dashes are written so */
	if (result == -EINVAL && text.size && text.size < sizeof(copy) &&
	    !memchr(text.data, '\0', text.size)) {
		memcpy(copy, text.data, text.size);
		copy[text.size] = '\0';
		const struct servent *service = getservbyname(copy, protocol);
		if (service) {
			*port = ntohs((uint16_t)service->s_port);
			return 0;
		}
	}
	diagnostic_hint(
	    ipset_error(reader, word->span, "bad-port", "`%.*s' is not a port", (int)text.size, text.data),
	    "a number from 0 to 65535 or a name in /etc/services; a range is 80-90, a name with a dash "
	    "[ftp-data]");
	return -EINVAL;
}

int entry_single_port(struct ipset_reader *reader, const struct word *word, struct text text, uint16_t *port)
{
	return port_number(reader, "tcp", word, text, port);
}

/* The dash of a range, not one within [ ]. */
static const char *range_dash(struct text text)
{
	struct text rest = text;
	if (text.size && text.data[0] == '[') {
		const char *close = text_find(text, ']');
		if (!close)
			return NULL;
		rest = text_behind(text, close);
	}
	const char *dash = text_find(rest, '-');
	return dash && dash != text.data && dash != text.data + text.size - 1 ? dash : NULL;
}

static int port_range(struct ipset_reader *reader, const char *protocol, const struct word *word,
		      struct text text, struct entry *entry)
{
	const char *dash = range_dash(text);
	int result =
	    port_number(reader, protocol, word, dash ? text_before(text, dash) : text, &entry->first_port);
	entry->last_port = entry->first_port;
	if (result == 0 && dash)
		result = port_number(reader, protocol, word, text_behind(text, dash), &entry->last_port);
	if (result == 0 && entry->first_port > entry->last_port) { /* so does the kernel */
		uint16_t first = entry->last_port;
		entry->last_port = entry->first_port;
		entry->first_port = first;
	}
	return result;
}

static int icmp_type(struct ipset_reader *reader, enum family family, const struct word *word,
		     struct text text, struct entry *entry)
{
	const char *slash = text_find(text, '/');
	uint64_t type = 0, code = 0;
	uint16_t both;
	if (icmp_set_parse(family, text, &both) == 0) {
		entry->first_port = entry->last_port = both;
		return 0;
	}
	if (!slash || number_parse(text_before(text, slash), UINT8_MAX, &type) < 0 ||
	    number_parse(text_behind(text, slash), UINT8_MAX, &code) < 0)
		return entry_error(reader, word, text, "is not an ICMP type and code",
				   "write them as TYPE/CODE, 8/0, or by name, echo-request");
	entry->first_port = entry->last_port = (uint16_t)(type << 8 | code);
	return 0;
}

/* The default is tcp: ipset_parse_proto_port(). */
int entry_port(struct ipset_reader *reader, const struct set *set, const struct word *word, struct text text,
	       struct entry *entry)
{
	const char *colon = text_find(text, ':');
	struct text port = colon ? text_behind(text, colon) : text;
	entry->protocol = IPPROTO_TCP;
	if (colon && (protocol_parse(text_before(text, colon), &entry->protocol) < 0 || entry->protocol == 0))
		return entry_error(reader, word, text_before(text, colon), "is not a protocol",
				   "write ADDRESS,PROTOCOL:PORT; without a protocol tcp is meant");
	switch (entry->protocol) {
	case IPPROTO_TCP:
		return port_range(reader, "tcp", word, port, entry);
	case IPPROTO_UDP:
		return port_range(reader, "udp", word, port, entry);
	case IPPROTO_UDPLITE:
		return port_range(reader, "udplite", word, port, entry);
	case IPPROTO_SCTP:
		return port_range(reader, "sctp", word, port, entry);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((entry->protocol == IPPROTO_ICMP) != (set->family == FAMILY_IPV4)) {
			diagnostic_hint(ipset_error(reader, word->span, "wrong-family",
						    "this kind of ICMP is of the other address family"),
					"icmp goes with family inet, icmpv6 with inet6");
			return -EINVAL;
		}
		return icmp_type(reader, set->family, word, port, entry);
	default:
		if (!text_is(port, "0"))
			return entry_error(reader, word, text, "has a protocol without ports",
					   "write 0 for the port");
		entry->first_port = entry->last_port = 0;
		return 0;
	}
}

/* tcp: or udp: says only where a name is looked up: ipset_parse_tcp_udp_port(). */
int entry_bare_port(struct ipset_reader *reader, const struct word *word, struct text text,
		    struct entry *entry)
{
	const char *colon = text_find(text, ':');
	uint8_t protocol = IPPROTO_TCP;
	if (colon && (protocol_parse(text_before(text, colon), &protocol) < 0 ||
		      (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)))
		return entry_error(reader, word, text_before(text, colon), "is neither tcp nor udp",
				   "the set has ports of both");
	return port_range(reader, protocol == IPPROTO_TCP ? "tcp" : "udp", word,
			  colon ? text_behind(text, colon) : text, entry);
}
