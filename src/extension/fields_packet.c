/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a packet to an assignment of the variables, and back: a packet for what a path through a diagram
 * wants. The way back proposes a packet and then asks the way there whether it is right, so a packet that is
 * given out always satisfies the assignment. */
#include "extension/fields_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 256        /* proposals that differ in ports only */
#define PROPOSALS_MAX 4096u /* before giving up */
#define PAIRS_MAX 4         /* sets of pairs whose points are tried; more are left to luck */
#define IPV4_HEADER 20
#define IPV6_HEADER 40

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* net/netfilter/ipset/ip_set_getport.c, get_port(): DCCP has no ports there; type and code of either ICMP are
 * read in packets of either family; other protocols have port 0. Not in later fragments. */
bool pair_field(uint8_t protocol, bool source, enum field *field)
{
	*field = is_icmp(protocol) ? FIELD_ICMP : source ? FIELD_SPORT : FIELD_DPORT;
	return is_icmp(protocol) || (has_ports(protocol) && protocol != IPPROTO_DCCP);
}

bool pair_port(const struct packet *packet, bool source, uint16_t *port)
{
	enum field field;
	bool known = pair_field(packet->protocol, source, &field);
	if (packet->header_error || (known && packet->transport_short))
		return false;
	/* Of later fragments ip_set_get_ip4_port() gives up for these alone: others have no port to miss. */
	if (packet->fragment_offset &&
	    (packet->family == FAMILY_IPV6 || (known && packet->protocol != IPPROTO_ICMPV6)))
		return false;
	if (packet->fragment_offset)
		*port = 0;
	else if (is_icmp(packet->protocol))
		*port = (uint16_t)(packet->icmp_type << 8 | packet->icmp_code);
	else if (known)
		*port = source ? packet->source_port : packet->destination_port;
	else
		*port = 0;
	/* ip_set_get_ip4_port() takes protocol 0 for none, ipv6_skip_exthdr() fails at "no next header". */
	return packet->protocol != 0 && !(packet->family == FAMILY_IPV6 && packet->protocol == IPPROTO_NONE);
}

static void assign_field(const struct fields *fields, enum field field, address value, bool *bits)
{
	for (uint32_t i = 0; i < fields->bits[field]; i++)
		bits[fields->first[field] + i] = value >> (fields->bits[field] - 1 - i) & 1;
}

static void assign_address(const struct fields *fields, enum field field, const uint8_t *bytes, bool *bits)
{
	address value = address_from_bytes(fields->family, bytes);
	assign_field(fields, field, fields->exact ? exact_class(fields, field, value) : value, bits);
}

/* Whether it has a variable. */
static bool is_placed(const struct fields *fields, const struct predicate *predicate)
{
	return !fields->exact || predicate->kind == PREDICATE_OPAQUE;
}

static bool holds(const struct fields *fields, const struct predicate *predicate, const struct packet *packet)
{
	address source = address_from_bytes(fields->family, packet->source);
	address destination = address_from_bytes(fields->family, packet->destination);
	uint16_t port;
	switch (predicate->kind) {
	case PREDICATE_SOURCE:
		return predicate_find(predicate, source) >= 0;
	case PREDICATE_DESTINATION:
		return predicate_find(predicate, destination) >= 0;
	case PREDICATE_PAIR:
		return pair_port(packet, predicate->pair_source_port, &port) &&
		       predicate_find_point(predicate, predicate->pair_source_address ? source : destination,
					    packet->protocol, port) >= 0;
	case PREDICATE_BOXES:
	case PREDICATE_OPAQUE:
		break;
	}
	return false;
}

void fields_assign(const struct fields *fields, const struct packet *packet, enum connection_state state,
		   const bool *opaque, bool *bits)
{
	bool late = packet->fragment_offset != 0;
	bool tcp = packet->protocol == IPPROTO_TCP && !late;
	bool ports = has_ports(packet->protocol) && !late;
	assign_address(fields, FIELD_SOURCE, packet->source, bits);
	assign_address(fields, FIELD_DESTINATION, packet->destination, bits);
	assign_field(fields, FIELD_PROTOCOL, packet->protocol, bits);
	assign_field(fields, FIELD_ICMP,
		     is_icmp(packet->protocol) && !late ? packet->icmp_type << 8 | packet->icmp_code : 0,
		     bits);
	assign_field(fields, FIELD_SPORT, ports ? packet->source_port : 0, bits);
	assign_field(fields, FIELD_DPORT, ports ? packet->destination_port : 0, bits);
	assign_field(fields, FIELD_TCP_FLAGS, tcp ? packet->tcp_flags : 0, bits);
	assign_field(fields, FIELD_FRAGMENT,
		     late                     ? FRAGMENT_LATE
		     : packet->more_fragments ? FRAGMENT_FIRST
					      : FRAGMENT_WHOLE,
		     bits);
	assign_field(fields, FIELD_PAYLOAD, tcp && packet->payload > 0, bits);
	assign_field(fields, FIELD_IN, interface_class(fields, packet->in), bits);
	assign_field(fields, FIELD_OUT, interface_class(fields, packet->out), bits);
	assign_field(fields, FIELD_STATE, state, bits);
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		if (!is_placed(fields, predicate))
			continue;
		bits[predicate->variable] = predicate->kind == PREDICATE_OPAQUE
						? opaque && opaque[i]
						: holds(fields, predicate, packet);
	}
}

/* What an assignment wants of one field: value under mask. */
struct wanted {
	address value, mask;
};

static struct wanted wanted_of(const struct fields *fields, enum field field, const int8_t *values)
{
	struct wanted wanted = {0, 0};
	for (uint32_t i = 0; i < fields->bits[field]; i++) {
		int8_t value = values[fields->first[field] + i];
		wanted.mask = wanted.mask << 1 | (value >= 0);
		wanted.value = wanted.value << 1 | (value > 0);
	}
	return wanted;
}

static bool fits(struct wanted wanted, address value)
{
	return (value & wanted.mask) == wanted.value;
}

/* The first value that fits at or behind *value, of `bits` bits. */
static bool next_fit(struct wanted wanted, unsigned bits, address *value)
{
	address wrong = (*value ^ wanted.value) & wanted.mask;
	if (!wrong)
		return true;
	unsigned place = bits - 1; /* the highest bit that must change */
	while (place > 0 && !(wrong >> place & 1))
		place--;
	if (*value >> place &
	    1) /* cannot be cleared without setting one above: the lowest that is free and 0 */
		do {
			if (++place >= bits)
				return false;
		} while ((wanted.mask | *value) >> place & 1);
	address above = place + 1 >= 128 ? 0 : *value >> (place + 1) << (place + 1);
	address below = ((address)1 << place) - 1;
	*value = above | (address)1 << place | (wanted.value & below);
	return true;
}

/* Where a predicate changes: whether it holds for the address, and for which it holds next. */
struct border {
	bool inside;
	bool more;
	address next;
	address high; /* when inside: it holds as far as here */
};

static struct border range_border(const struct predicate *predicate, address value)
{
	size_t begin = 0, end = predicate->range_count; /* first range that ends at or behind value */
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (predicate->ranges[probe].high >= value)
			end = probe;
		else
			begin = probe + 1;
	}
	if (begin == predicate->range_count)
		return (struct border){.inside = false};
	const struct predicate_range *range = &predicate->ranges[begin];
	return (struct border){range->low <= value, true, range->low, range->high};
}

/* With the packet's protocol and port a set of pairs is a set of addresses. */
static struct border pair_border(const struct predicate *predicate, const struct packet *packet,
				 address value)
{
	uint16_t port;
	if (!pair_port(packet, predicate->pair_source_port, &port))
		return (struct border){.inside = false};
	size_t begin = 0, end = predicate->point_count; /* first point at or behind value */
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		if (predicate->points[probe].address >= value)
			end = probe;
		else
			begin = probe + 1;
	}
	for (; begin < predicate->point_count; begin++) {
		const struct predicate_point *point = &predicate->points[begin];
		if (point->protocol == packet->protocol && point->port == port)
			return (struct border){point->address == value, true, point->address, value};
	}
	return (struct border){.inside = false};
}

/* The first address at or behind *value that fits and satisfies all that is wanted of predicates on this
 * address, for a packet whose protocol and ports are chosen. Every step but those of next_fit() passes the
 * border of a range or a point, so it ends. */
static bool next_address(const struct fields *fields, const int8_t *values, enum predicate_kind kind,
			 const struct packet *packet, struct wanted wanted, address *value)
{
again:
	if (!next_fit(wanted, family_bits(fields->family), value))
		return false;
	for (size_t i = 0; i < fields->predicate_count; i++) {
		const struct predicate *predicate = fields->predicates[i];
		bool pair = predicate->kind == PREDICATE_PAIR &&
			    predicate->pair_source_address == (kind == PREDICATE_SOURCE);
		if ((predicate->kind != kind && !pair) || values[predicate->variable] < 0)
			continue;
		struct border border =
		    pair ? pair_border(predicate, packet, *value) : range_border(predicate, *value);
		if (border.inside == (values[predicate->variable] > 0))
			continue;
		if (border.inside ? border.high == family_max(fields->family) : !border.more)
			return false;
		*value = border.inside ? border.high + 1 : border.next;
		goto again;
	}
	return true;
}

static bool choose_class(const struct fields *fields, enum field field, struct wanted wanted,
			 address preferred, address *value)
{
	address class = exact_class(fields, field, preferred);
	if (!fits(wanted, class)) {
		class = 0;
		if (!next_fit(wanted, fields->bits[field], &class) || class >= exact_classes(fields, field))
			return false;
	}
	*value = exact_address(fields, field, (uint32_t) class, preferred);
	return true;
}

static bool choose_address(const struct fields *fields, const int8_t *values, enum predicate_kind kind,
			   const struct packet *packet, struct wanted wanted, address preferred,
			   address *value)
{
	if (fields->exact)
		return choose_class(fields, kind == PREDICATE_SOURCE ? FIELD_SOURCE : FIELD_DESTINATION,
				    wanted, preferred, value);
	*value = preferred;
	if (next_address(fields, values, kind, packet, wanted, value))
		return true;
	*value = 0;
	return next_address(fields, values, kind, packet, wanted, value);
}

/* All that is wanted of a packet besides predicates. */
struct demand {
	struct wanted field[FIELD_COUNT];
};

static bool choose_value(struct wanted wanted, unsigned bits, address preferred, address *value)
{
	*value = preferred & (((address)1 << bits) - 1);
	if (next_fit(wanted, bits, value))
		return true;
	*value = 0;
	return next_fit(wanted, bits, value);
}

/* Whether a packet of this protocol can have what is wanted of the fields that not all protocols have. */
static bool protocol_allows(const struct demand *demand, uint8_t protocol, bool late)
{
	const struct wanted *field = demand->field;
	if (!fits(field[FIELD_PROTOCOL], protocol))
		return false;
	if (field[FIELD_ICMP].value && (late || !is_icmp(protocol)))
		return false;
	if ((field[FIELD_SPORT].value || field[FIELD_DPORT].value) && (late || !has_ports(protocol)))
		return false;
	return !(field[FIELD_TCP_FLAGS].value || field[FIELD_PAYLOAD].value) ||
	       (!late && protocol == IPPROTO_TCP);
}

static bool choose_protocol(enum family family, const struct demand *demand, bool late, uint8_t *protocol)
{
	const uint8_t preferred[] = {IPPROTO_TCP, IPPROTO_UDP,
				     family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6};
	for (unsigned i = 0; i < sizeof(preferred) + 255; i++) { /* protocol 0 comes last */
		unsigned candidate = i < sizeof(preferred) ? preferred[i] : (i - sizeof(preferred) + 1) % 256;
		if (protocol_allows(demand, (uint8_t)candidate, late)) {
			*protocol = (uint8_t)candidate;
			return true;
		}
	}
	if (!protocol_allows(demand, 0, late))
		return false;
	*protocol = 0;
	return true;
}

static bool choose_fragment(const struct demand *demand, unsigned attempt, struct packet *packet)
{
	/* The last resort for what no whole packet can be: a later fragment is in no set of pairs. */
	enum fragment_value order[] = {FRAGMENT_WHOLE, FRAGMENT_FIRST, FRAGMENT_LATE};
	for (unsigned i = attempt == ATTEMPTS - 1 ? 2 : 0; i < 3; i++)
		if (fits(demand->field[FIELD_FRAGMENT], order[i])) {
			packet->more_fragments = order[i] == FRAGMENT_FIRST;
			packet->fragment_offset = order[i] == FRAGMENT_LATE ? 185 : 0; /* behind 1480 bytes */
			return true;
		}
	return false;
}

static bool choose_interfaces(const struct fields *fields, const struct demand *demand, struct packet *packet)
{
	size_t another = fields->interface_count - 1, in = 0, out = another;
	while (in <= another && !fits(demand->field[FIELD_IN], in))
		in++;
	if (!fits(demand->field[FIELD_OUT], another))
		out = 0;
	while (out <= another && !fits(demand->field[FIELD_OUT], out))
		out++;
	if (in > another || out > another)
		return false;
	memcpy(packet->in, fields->interfaces[in], INTERFACE_NAME_MAX);
	if (out != another) /* else there is no output device */
		memcpy(packet->out, fields->interfaces[out], INTERFACE_NAME_MAX);
	return true;
}

static uint32_t transport_length(uint8_t protocol)
{
	return protocol == IPPROTO_TCP    ? 20
	       : protocol == IPPROTO_DCCP ? 16
	       : protocol == IPPROTO_SCTP ? 12
					  : 8;
}

static bool choose_transport(const struct demand *demand, unsigned attempt, struct packet *packet)
{
	const struct wanted *field = demand->field;
	bool late = packet->fragment_offset != 0;
	address value;
	if (!choose_protocol(packet->family, demand, late, &packet->protocol))
		return false;
	packet->known |= KNOWN_PROTOCOL | KNOWN_FRAGMENT | KNOWN_LENGTH;
	packet->length = packet->family == FAMILY_IPV4 ? IPV4_HEADER : IPV6_HEADER;
	if (packet->more_fragments || late)
		packet->length += 8;
	if (late)
		return true;
	if (is_icmp(packet->protocol)) {
		unsigned echo = packet->protocol == IPPROTO_ICMP ? 8 << 8 : 128 << 8;
		if (!choose_value(field[FIELD_ICMP], 16, echo + attempt, &value))
			return false;
		packet->icmp_type = (uint8_t)(value >> 8);
		packet->icmp_code = (uint8_t)value;
		packet->known |= KNOWN_ICMP;
		packet->length += 8;
	}
	if (has_ports(packet->protocol)) {
		if (!choose_value(field[FIELD_SPORT], 16, 40000 + attempt, &value))
			return false;
		packet->source_port = (uint16_t)value;
		if (!choose_value(field[FIELD_DPORT], 16, 9 + attempt * 7919, &value))
			return false;
		packet->destination_port = (uint16_t)value;
		packet->known |= KNOWN_PORTS | KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT;
		packet->length += transport_length(packet->protocol);
	}
	if (packet->protocol == IPPROTO_TCP) {
		if (!choose_value(field[FIELD_TCP_FLAGS], 8, 2 /* SYN */, &value))
			return false;
		packet->tcp_flags = (uint8_t)value;
		packet->payload = field[FIELD_PAYLOAD].value != 0;
		packet->length += packet->payload;
		packet->known |= KNOWN_TCP_FLAGS;
	}
	return true;
}

/* One proposal; the attempts differ in what is free. */
static bool propose(const struct fields *fields, const int8_t *values, const struct demand *demand,
		    unsigned attempt, struct packet *packet)
{
	address source, destination, state;
	address base[] = {fields->family == FAMILY_IPV4 ? 0xc6336401 : ((address)0x20010db8 << 96) + 1,
			  fields->family == FAMILY_IPV4 ? 0xc0000201 : ((address)0x20010db8 << 96) + 2};
	*packet = (struct packet){.family = fields->family};
	if (!choose_fragment(demand, attempt, packet) || !choose_transport(demand, attempt, packet) ||
	    !choose_address(fields, values, PREDICATE_SOURCE, packet, demand->field[FIELD_SOURCE], base[0],
			    &source) ||
	    !choose_address(fields, values, PREDICATE_DESTINATION, packet, demand->field[FIELD_DESTINATION],
			    base[1], &destination) ||
	    !choose_interfaces(fields, demand, packet) ||
	    !choose_value(demand->field[FIELD_STATE], 3, STATE_NEW, &state) || state >= STATE_COUNT)
		return false;
	packet->state = (enum connection_state)state;
	address_to_bytes(fields->family, source, packet->source);
	address_to_bytes(fields->family, destination, packet->destination);
	packet->known |= KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_IN | KNOWN_OUT | KNOWN_STATE;
	return true;
}

static bool satisfies(const struct fields *fields, const int8_t *values, const struct packet *packet,
		      bool *bits)
{
	fields_assign(fields, packet, packet->state, NULL, bits);
	for (size_t i = 0; i < fields->predicate_count; i++) /* opaque: whatever is wanted */
		if (fields->predicates[i]->kind == PREDICATE_OPAQUE)
			bits[fields->predicates[i]->variable] = values[fields->predicates[i]->variable] > 0;
	for (uint32_t v = 0; v < diagram_variables(fields->diagram); v++)
		if (values[v] >= 0 && bits[v] != (values[v] > 0))
			return false;
	return true;
}

/* The demand with the protocol and port of a point of a set of pairs put in; false when they contradict. */
static bool demand_point(struct demand *demand, const struct predicate *predicate,
			 const struct predicate_point *point)
{
	bool read =
	    is_icmp(point->protocol) || (has_ports(point->protocol) && point->protocol != IPPROTO_DCCP);
	enum field port = is_icmp(point->protocol)      ? FIELD_ICMP
			  : predicate->pair_source_port ? FIELD_SPORT
							: FIELD_DPORT;
	struct wanted *field = demand->field;
	if (!fits(field[FIELD_PROTOCOL], point->protocol) || (read && !fits(field[port], point->port)))
		return false;
	field[FIELD_PROTOCOL] = (struct wanted){point->protocol, 0xff};
	if (read)
		field[port] = (struct wanted){point->port, 0xffff};
	return true;
}

struct search {
	const struct fields *fields;
	const int8_t *values;
	bool *bits;
	unsigned proposals;
	size_t pair_count; /* sets of pairs that the packet must be in */
	const struct predicate *pairs[PAIRS_MAX];
	struct packet found;
};

/* Proposals for what the pairs before `level` leave open. 1: found; 0: not; -ENOMEM. */
static int search_below(struct search *search, const struct demand *demand, size_t level)
{
	if (level == search->pair_count) {
		for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
			search->proposals++;
			if (propose(search->fields, search->values, demand, attempt, &search->found) &&
			    satisfies(search->fields, search->values, &search->found, search->bits))
				return 1;
			if (search->pair_count && attempt > 1)
				break; /* other points are more likely */
		}
		return 0;
	}
	const struct predicate *pair = search->pairs[level];
	uint8_t *tried = calloc(((size_t)1 << 24) / 8, 1); /* by protocol and port */
	int result = tried ? 0 : -ENOMEM;
	for (size_t i = 0; i < pair->point_count && result == 0 && search->proposals < PROPOSALS_MAX; i++) {
		const struct predicate_point *point = &pair->points[i];
		uint32_t place = (uint32_t)point->protocol << 16 | point->port;
		struct demand with = *demand;
		if (tried[place / 8] >> place % 8 & 1)
			continue;
		tried[place / 8] |= (uint8_t)(1u << place % 8);
		if (demand_point(&with, pair, point))
			result = search_below(search, &with, level + 1);
	}
	free(tried);
	return result;
}

int fields_packet(const struct fields *fields, const int8_t *values, struct packet *packet)
{
	struct search search = {.fields = fields, .values = values};
	struct demand demand;
	for (enum field field = 0; field < FIELD_COUNT; field++)
		demand.field[field] = wanted_of(fields, field, values);
	for (size_t i = 0; i < fields->predicate_count && search.pair_count < PAIRS_MAX; i++) {
		const struct predicate *predicate = fields->predicates[i];
		if (predicate->kind == PREDICATE_PAIR && is_placed(fields, predicate) &&
		    values[predicate->variable] > 0)
			search.pairs[search.pair_count++] = predicate;
	}
	search.bits = calloc(diagram_variables(fields->diagram), sizeof(*search.bits));
	if (!search.bits)
		return -ENOMEM;
	int result = search_below(&search, &demand, 0);
	free(search.bits);
	if (result <= 0)
		return result ? result : -ESRCH;
	*packet = search.found;
	return 0;
}
