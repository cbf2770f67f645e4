/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The packet notation: key=value pairs apart by blanks. What is not given is not known: the only defaults are
 * the family, which addresses and protocol tell else IPv4, and the ends that follow from the protocol's
 * meaning. What cannot be a packet (a port of an ICMP packet, flags of a later fragment, two families) is
 * refused with its place. */
#include "packet/address.h"
#include "packet/packet.h"
#include "packet/timestamp.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

enum key {
	KEY_FAMILY,
	KEY_IN,
	KEY_OUT,
	KEY_PROTO,
	KEY_SRC,
	KEY_DST,
	KEY_SPORT,
	KEY_DPORT,
	KEY_FLAGS,
	KEY_TYPE,
	KEY_CODE,
	KEY_STATE,
	KEY_LENGTH,
	KEY_FRAG,
	KEY_TTL,
	KEY_TOS,
	KEY_MAC,
	KEY_PKTTYPE,
	KEY_MARK,
	KEY_TIME,
	KEY_COUNT,
};

static const char *const key_names[KEY_COUNT] = {
    "family", "in",    "out",    "proto", "src", "dst", "sport", "dport",   "flags", "type",
    "code",   "state", "length", "frag",  "ttl", "tos", "mac",   "pkttype", "mark",  "time",
};

/* The name of the field in IPv6, which stands for KEY_TTL there. */
#define HOP_LIMIT "hl"

struct named_number {
	const char *name;
	uint8_t number;
};

/* First name of a number is the one printed. */
static const struct named_number protocols[] = {
    {"tcp", IPPROTO_TCP},
    {"udp", IPPROTO_UDP},
    {"icmp", IPPROTO_ICMP},
    {"icmpv6", IPPROTO_ICMPV6},
    {"icmp6", IPPROTO_ICMPV6},
    {"ipv6-icmp", IPPROTO_ICMPV6},
    {"udplite", IPPROTO_UDPLITE},
    {"sctp", IPPROTO_SCTP},
    {"dccp", IPPROTO_DCCP},
    {"esp", IPPROTO_ESP},
    {"ah", IPPROTO_AH},
    {"gre", IPPROTO_GRE},
    {"igmp", IPPROTO_IGMP},
    {"ipip", IPPROTO_IPIP},
    {"ipencap", IPPROTO_IPIP},
    {"ipv6", IPPROTO_IPV6},
    {"ospf", 89},
    {"pim", IPPROTO_PIM},
    {"vrrp", 112},
};

static const struct named_number tcp_flag_names[] = {
    {"fin", 1}, {"syn", 2}, {"rst", 4}, {"psh", 8}, {"ack", 16}, {"urg", 32}, {"ece", 64}, {"cwr", 128},
};

static const struct named_number icmp_types[] = {
    {"echo-reply", 0},           {"destination-unreachable", 3},
    {"source-quench", 4},        {"redirect", 5},
    {"echo-request", 8},         {"router-advertisement", 9},
    {"router-solicitation", 10}, {"time-exceeded", 11},
    {"parameter-problem", 12},   {"timestamp-request", 13},
    {"timestamp-reply", 14},     {"address-mask-request", 17},
    {"address-mask-reply", 18},
};

static const struct named_number icmpv6_types[] = {
    {"destination-unreachable", 1},
    {"packet-too-big", 2},
    {"time-exceeded", 3},
    {"parameter-problem", 4},
    {"echo-request", 128},
    {"echo-reply", 129},
    {"router-solicitation", 133},
    {"router-advertisement", 134},
    {"neighbour-solicitation", 135},
    {"neighbor-solicitation", 135},
    {"neighbour-advertisement", 136},
    {"neighbor-advertisement", 136},
    {"redirect", 137},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct named_number *find_name(const struct named_number *names, size_t count, struct text text)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i].name) == text.size &&
		    strncasecmp(names[i].name, text.data, text.size) == 0)
			return &names[i];
	}
	return NULL;
}

static const char *find_number(const struct named_number *names, size_t count, uint8_t number)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].number == number)
			return names[i].name;
	}
	return NULL;
}

/* --- reading
 * -------------------------------------------------------------------------------------------------- */

struct value {
	bool given;
	const char *name; /* the key as it was written */
	struct text text;
	struct span pair, span; /* key=value; the value alone */
};

struct notation {
	struct diagnostics *sink;
	struct value values[KEY_COUNT];
	struct packet packet;
	bool failed;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

__attribute__((format(printf, 4, 5))) static struct diagnostic *
notation_error(struct notation *notation, struct span span, const char *code, const char *format, ...)
{
	va_list arguments;
	struct buffer message = {0};
	va_start(arguments, format);
	buffer_vprintf(&message, format, arguments);
	va_end(arguments);
	struct diagnostic *diagnostic = diagnostic_add(notation->sink, SEVERITY_ERROR, code, span, "%s",
						       message.data ? message.data : format);
	buffer_fini(&message);
	notation->failed = true;
	return diagnostic;
}

static struct diagnostic *bad_value(struct notation *notation, enum key key, const char *expected)
{
	const struct value *value = &notation->values[key];
	return notation_error(notation, value->span, "bad-value", "%s=%.*s: expected %s", value->name,
			      (int)value->text.size, value->text.data, expected);
}

static struct diagnostic *conflict(struct notation *notation, enum key key, const char *reason)
{
	return notation_error(notation, notation->values[key].pair, "impossible-packet", "%s: %s",
			      notation->values[key].name, reason);
}

/* Splits the text into pairs; each goes to its key's place. */
static void split_pairs(struct notation *notation, const struct source *source)
{
	uint32_t at = 0;
	for (;;) {
		while (at < source->size && is_blank(source->data[at]))
			at++;
		if (at == source->size)
			return;
		uint32_t begin = at, equals = UINT32_MAX;
		while (at < source->size && !is_blank(source->data[at])) {
			if (source->data[at] == '=' && equals == UINT32_MAX)
				equals = at;
			at++;
		}
		struct span pair = {source, begin, at};
		if (equals == UINT32_MAX) {
			struct diagnostic *diagnostic =
			    notation_error(notation, pair, "not-a-pair", "expected key=value, found '%.*s'",
					   (int)(at - begin), source->data + begin);
			diagnostic_hint(diagnostic, "for example: in=eth0 proto=tcp src=192.0.2.1 dport=443");
			continue;
		}
		struct text name = {source->data + begin, equals - begin};
		bool hop_limit = text_is(name, HOP_LIMIT);
		unsigned key = hop_limit ? KEY_TTL : 0;
		while (!hop_limit && key < KEY_COUNT && !text_is(name, key_names[key]))
			key++;
		struct span name_span = {source, begin, equals};
		if (key == KEY_COUNT) {
			struct diagnostic *diagnostic =
			    notation_error(notation, name_span, "unknown-key", "unknown key '%.*s'",
					   (int)name.size, name.data);
			diagnostic_hint(diagnostic,
					"keys: family in out proto src dst sport dport flags type code state "
					"length frag ttl (hl) tos mac pkttype mark time");
			continue;
		}
		struct value *value = &notation->values[key];
		if (value->given) {
			struct diagnostic *diagnostic = notation_error(notation, pair, "repeated-key",
								       "%s is given twice", key_names[key]);
			diagnostic_label(diagnostic, value->pair, "first here");
			continue;
		}
		*value = (struct value){.given = true,
					.name = hop_limit ? HOP_LIMIT : key_names[key],
					.text = {source->data + equals + 1, at - equals - 1},
					.pair = pair,
					.span = {source, equals + 1, at}};
		if (equals + 1 == at) {
			value->given = false;
			notation_error(notation, pair, "bad-value", "%s has no value", value->name);
		}
	}
}

static void read_interface(struct notation *notation, enum key key, char *name, uint32_t known)
{
	const struct value *value = &notation->values[key];
	if (!value->given)
		return;
	/* dev_valid_name(), net/core/dev.c */
	struct text text = value->text;
	bool valid = text.size < INTERFACE_NAME_MAX && !text_is(text, ".") && !text_is(text, "..");
	for (size_t i = 0; valid && i < text.size; i++)
		valid = text.data[i] != '/' && text.data[i] != ':' && (unsigned char)text.data[i] > ' ';
	if (!valid) {
		bad_value(notation, key, "the name of an interface, at most 15 characters");
		return;
	}
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	notation->packet.known |= known;
}

static void read_protocol(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_PROTO];
	if (!value->given)
		return;
	const struct named_number *named = find_name(protocols, LENGTH(protocols), value->text);
	uint64_t number = 0;
	if (named) {
		number = named->number;
	} else if (number_parse(value->text, 255, &number) != 0) {
		bad_value(notation, KEY_PROTO, "the name or number (0 to 255) of a protocol");
		return;
	}
	notation->packet.protocol = (uint8_t)number;
	notation->packet.known |= KNOWN_PROTOCOL;
}

static bool looks_like_ipv6(struct text text)
{
	return memchr(text.data, ':', text.size) != NULL;
}

/* What says the family: family=, the addresses, proto=icmpv6; they must agree where they must. */
static void read_family(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_FAMILY];
	struct packet *packet = &notation->packet;
	const struct value *literal = NULL;
	static const enum key addresses[] = {KEY_SRC, KEY_DST};
	for (size_t i = 0; i < 2 && !literal; i++) {
		if (notation->values[addresses[i]].given)
			literal = &notation->values[addresses[i]];
	}
	packet->family = FAMILY_IPV4;
	if (value->given) {
		if (text_is(value->text, "6"))
			packet->family = FAMILY_IPV6;
		else if (!text_is(value->text, "4"))
			bad_value(notation, KEY_FAMILY, "4 or 6");
	} else if (literal) {
		packet->family = looks_like_ipv6(literal->text) ? FAMILY_IPV6 : FAMILY_IPV4;
	} else if ((packet->known & KNOWN_PROTOCOL) && packet->protocol == IPPROTO_ICMPV6) {
		packet->family = FAMILY_IPV6;
	}
}

static void read_address(struct notation *notation, enum key key, uint8_t *bytes, uint32_t known)
{
	const struct value *value = &notation->values[key];
	if (!value->given)
		return;
	enum family family = notation->packet.family;
	enum family other = family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	address number;
	if (address_parse(family, value->text, &number) == 0) {
		address_to_bytes(family, number, bytes);
		notation->packet.known |= known;
	} else if (address_parse(other, value->text, &number) == 0) {
		conflict(notation, key,
			 other == FAMILY_IPV6 ? "an IPv6 address in an IPv4 packet"
					      : "an IPv4 address in an IPv6 packet");
	} else {
		struct diagnostic *diagnostic =
		    bad_value(notation, key, family == FAMILY_IPV4 ? "an IPv4 address" : "an IPv6 address");
		if (memchr(value->text.data, '/', value->text.size))
			diagnostic_hint(diagnostic, "a packet has one address, not a prefix");
	}
}

static bool protocol_has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static bool read_number(struct notation *notation, enum key key, uint64_t max, const char *expected,
			uint64_t *number)
{
	if (number_parse(notation->values[key].text, max, number) == 0)
		return true;
	bad_value(notation, key, expected);
	return false;
}

static void read_port(struct notation *notation, enum key key, uint16_t *port, uint32_t known)
{
	struct packet *packet = &notation->packet;
	if (!notation->values[key].given)
		return;
	if (!notation->values[KEY_PROTO].given) {
		diagnostic_hint(conflict(notation, key, "which protocol's port?"),
				"add proto=tcp or proto=udp");
		return;
	}
	if ((packet->known & KNOWN_PROTOCOL) && !protocol_has_ports(packet->protocol)) {
		conflict(notation, key, "this protocol has no ports");
		return;
	}
	uint64_t number;
	if (read_number(notation, key, 65535, "a port, 0 to 65535", &number)) {
		*port = (uint16_t)number;
		packet->known |= known;
	}
}

static void read_flags(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_FLAGS];
	struct packet *packet = &notation->packet;
	if (!value->given)
		return;
	if (!(packet->known & KNOWN_PROTOCOL) || packet->protocol != IPPROTO_TCP) {
		diagnostic_hint(conflict(notation, KEY_FLAGS, "only TCP has flags"), "add proto=tcp");
		return;
	}
	packet->known |= KNOWN_TCP_FLAGS;
	if (text_is(value->text, "none"))
		return;
	size_t begin = 0;
	while (begin <= value->text.size) {
		const char *comma = memchr(value->text.data + begin, ',', value->text.size - begin);
		size_t end = comma ? (size_t)(comma - value->text.data) : value->text.size;
		struct text name = {value->text.data + begin, end - begin};
		const struct named_number *flag = find_name(tcp_flag_names, LENGTH(tcp_flag_names), name);
		if (!flag) {
			struct span span = value->span;
			span.end = span.begin + (uint32_t)end;
			span.begin += (uint32_t)begin;
			struct diagnostic *diagnostic =
			    notation_error(notation, span, "bad-value", "unknown TCP flag '%.*s'",
					   (int)name.size, name.data);
			diagnostic_hint(diagnostic,
					"flags: fin syn rst psh ack urg ece cwr, with commas, or none");
			return;
		}
		packet->tcp_flags |= flag->number;
		begin = end + 1;
	}
}

/* Errors and redirects tell more by their code; the others have code 0 only, which need not be given. */
static bool icmp_has_codes(const struct packet *packet)
{
	uint8_t type = packet->icmp_type;
	if (packet->family == FAMILY_IPV6)
		return type < 128;
	return type == 3 || type == 5 || type == 9 || type == 11 || type == 12;
}

static void read_icmp(struct notation *notation)
{
	const struct value *type = &notation->values[KEY_TYPE], *code = &notation->values[KEY_CODE];
	struct packet *packet = &notation->packet;
	if (!type->given && !code->given)
		return;
	enum key first = type->given ? KEY_TYPE : KEY_CODE;
	bool icmp = packet->family == FAMILY_IPV4;
	if (!(packet->known & KNOWN_PROTOCOL) || packet->protocol != (icmp ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		diagnostic_hint(conflict(notation, first, icmp ? "only ICMP has it" : "only ICMPv6 has it"),
				icmp ? "add proto=icmp" : "add proto=icmpv6");
		return;
	}
	if (!type->given) {
		diagnostic_hint(conflict(notation, KEY_CODE, "a code belongs to a type"), "add type=");
		return;
	}
	const struct named_number *named = icmp ? find_name(icmp_types, LENGTH(icmp_types), type->text)
						: find_name(icmpv6_types, LENGTH(icmpv6_types), type->text);
	uint64_t number = named ? named->number : 0;
	if (!named &&
	    !read_number(notation, KEY_TYPE, 255, "the name or number (0 to 255) of an ICMP type", &number))
		return;
	packet->icmp_type = (uint8_t)number;
	number = 0;
	if (!code->given && icmp_has_codes(packet)) {
		diagnostic_hint(conflict(notation, KEY_TYPE, "this type has several codes"), "add code=");
		return;
	}
	if (code->given && !read_number(notation, KEY_CODE, 255, "a number, 0 to 255", &number))
		return;
	packet->icmp_code = (uint8_t)number;
	packet->known |= KNOWN_ICMP;
}

static void read_state(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_STATE];
	if (!value->given)
		return;
	for (unsigned state = 0; state < STATE_COUNT; state++) {
		const char *name = connection_state_name(state);
		if (strlen(name) == value->text.size &&
		    strncasecmp(name, value->text.data, value->text.size) == 0) {
			notation->packet.state = state;
			notation->packet.known |= KNOWN_STATE;
			return;
		}
	}
	bad_value(notation, KEY_STATE, "new, established, related, invalid or untracked");
}

static void read_fragment(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_FRAG];
	struct packet *packet = &notation->packet;
	if (!value->given)
		return;
	packet->known |= KNOWN_FRAGMENT;
	if (text_is(value->text, "first")) {
		packet->more_fragments = true;
	} else if (text_is(value->text, "later")) {
		/* Any but the first; not 1, which the tcp match takes for an attack in IPv4. */
		packet->fragment_offset = 185;
		static const enum key transport[] = {KEY_SPORT, KEY_DPORT, KEY_FLAGS, KEY_TYPE, KEY_CODE};
		for (size_t i = 0; i < LENGTH(transport); i++) {
			if (notation->values[transport[i]].given)
				conflict(notation, transport[i], "a later fragment has no transport header");
		}
	} else if (!text_is(value->text, "no")) {
		bad_value(notation, KEY_FRAG, "no, first or later");
	}
}

/* Shortest packet of this kind: its headers. */
static uint32_t length_min(const struct packet *packet)
{
	uint32_t header = packet->family == FAMILY_IPV4 ? 20 : 40;
	if ((packet->known & KNOWN_FRAGMENT) && packet->family == FAMILY_IPV6 &&
	    (packet->more_fragments || packet->fragment_offset))
		header += 8;
	if (!(packet->known & KNOWN_PROTOCOL) ||
	    ((packet->known & KNOWN_FRAGMENT) && packet->fragment_offset))
		return header;
	if (packet->known & KNOWN_TCP_FLAGS)
		return header + 20;
	if (packet->known & KNOWN_ICMP)
		return header + 8;
	if (packet->known & (KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT))
		return header + (packet->protocol == IPPROTO_TCP   ? 20
				 : packet->protocol == IPPROTO_UDP ? 8
								   : 4);
	return header;
}

static void read_length(struct notation *notation)
{
	struct packet *packet = &notation->packet;
	if (!notation->values[KEY_LENGTH].given)
		return;
	uint64_t number;
	uint32_t max = packet->family == FAMILY_IPV4 ? 65535 : 65535 + 40;
	if (!read_number(notation, KEY_LENGTH, max, "the bytes of the IP packet", &number))
		return;
	if (number < length_min(packet)) {
		diagnostic_hint(conflict(notation, KEY_LENGTH, "shorter than the packet's headers"),
				"at least %u bytes, the IP header included", length_min(packet));
		return;
	}
	packet->length = (uint32_t)number;
	packet->payload = packet->length - length_min(packet); /* headers without options */
	packet->known |= KNOWN_LENGTH;
}

static void read_ttl(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_TTL];
	struct packet *packet = &notation->packet;
	if (!value->given)
		return;
	if (strcmp(value->name, HOP_LIMIT) == 0 && packet->family == FAMILY_IPV4) {
		diagnostic_hint(conflict(notation, KEY_TTL, "only IPv6 has a hop limit"),
				"write ttl=, or add family=6");
		return;
	}
	uint64_t number;
	if (read_number(notation, KEY_TTL, 255, "a number, 0 to 255", &number)) {
		packet->ttl = (uint8_t)number;
		packet->known |= KNOWN_TTL;
	}
}

static void read_tos(struct notation *notation)
{
	uint64_t number;
	if (!notation->values[KEY_TOS].given ||
	    !read_number(notation, KEY_TOS, 255,
			 "the whole byte, 0 to 255 (DSCP is its upper six bits, ECN the lower two)", &number))
		return;
	notation->packet.tos = (uint8_t)number;
	notation->packet.known |= KNOWN_TOS;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Six times two digits with colons between, as iptables wants them. */
static void read_mac(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_MAC];
	struct packet *packet = &notation->packet;
	if (!value->given)
		return;
	bool valid = value->text.size == 17;
	uint8_t mac[6];
	for (size_t i = 0; valid && i < 6; i++) {
		const char *digits = value->text.data + 3 * i;
		int high = hex_digit(digits[0]), low = hex_digit(digits[1]);
		valid = high >= 0 && low >= 0 && (i == 5 || digits[2] == ':');
		mac[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
	}
	if (!valid) {
		bad_value(notation, KEY_MAC, "an Ethernet address, like 00:00:5e:00:53:01");
		return;
	}
	if ((packet->known & KNOWN_IN) && strcmp(packet->in, "lo") == 0) {
		conflict(notation, KEY_MAC, "what comes in by lo has no Ethernet address");
		return;
	}
	memcpy(packet->mac, mac, sizeof(mac));
	packet->known |= KNOWN_MAC;
}

static const struct named_number packet_types[] = {
    {"unicast", PACKET_UNICAST},
    {"broadcast", PACKET_BROADCAST},
    {"multicast", PACKET_MULTICAST},
};

static void read_packet_type(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_PKTTYPE];
	if (!value->given)
		return;
	const struct named_number *named = find_name(packet_types, LENGTH(packet_types), value->text);
	if (!named) {
		bad_value(notation, KEY_PKTTYPE, "unicast, broadcast or multicast");
		return;
	}
	notation->packet.type = named->number;
	notation->packet.known |= KNOWN_TYPE;
}

static void read_mark(struct notation *notation)
{
	uint64_t number;
	if (!notation->values[KEY_MARK].given ||
	    !read_number(notation, KEY_MARK, UINT32_MAX, "a number of 32 bits", &number))
		return;
	notation->packet.mark = (uint32_t)number;
	notation->packet.known |= KNOWN_MARK;
}

static void read_time(struct notation *notation)
{
	const struct value *value = &notation->values[KEY_TIME];
	if (!value->given)
		return;
	if (timestamp_parse(value->text, &notation->packet.time) != 0) {
		diagnostic_hint(bad_value(notation, KEY_TIME, "a time of RFC 3339"),
				"for example 2026-01-31T10:00:00Z, not before 1970");
		return;
	}
	notation->packet.known |= KNOWN_TIME;
}

int packet_parse(const struct source *source, struct diagnostics *sink, struct packet *packet)
{
	struct notation notation = {.sink = sink};
	split_pairs(&notation, source);
	struct packet *fresh = &notation.packet;
	read_protocol(&notation);
	read_family(&notation);
	read_interface(&notation, KEY_IN, fresh->in, KNOWN_IN);
	read_interface(&notation, KEY_OUT, fresh->out, KNOWN_OUT);
	read_address(&notation, KEY_SRC, fresh->source, KNOWN_SOURCE);
	read_address(&notation, KEY_DST, fresh->destination, KNOWN_DESTINATION);
	read_fragment(&notation);
	read_port(&notation, KEY_SPORT, &fresh->source_port, KNOWN_SOURCE_PORT);
	read_port(&notation, KEY_DPORT, &fresh->destination_port, KNOWN_DESTINATION_PORT);
	uint32_t both = KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT;
	if ((fresh->known & both) == both)
		fresh->known |= KNOWN_PORTS;
	read_flags(&notation);
	read_icmp(&notation);
	/* Who names a port, flags or a type means a packet that has them. */
	if (fresh->known & (both | KNOWN_TCP_FLAGS | KNOWN_ICMP) && !(fresh->known & KNOWN_FRAGMENT))
		fresh->known |= KNOWN_FRAGMENT;
	read_state(&notation);
	read_length(&notation);
	read_ttl(&notation);
	read_tos(&notation);
	read_mac(&notation);
	read_packet_type(&notation);
	read_mark(&notation);
	read_time(&notation);
	if (notation.failed)
		return -EINVAL;
	*packet = *fresh;
	return 0;
}

/* --- printing
 * ------------------------------------------------------------------------------------------------- */

static void print_number(struct buffer *out, const char *key, const struct named_number *names, size_t count,
			 uint8_t number)
{
	const char *name = find_number(names, count, number);
	if (name)
		buffer_printf(out, " %s=%s", key, name);
	else
		buffer_printf(out, " %s=%u", key, number);
}

static void print_flags(uint8_t flags, struct buffer *out)
{
	const char *separator = " flags=";
	for (size_t i = 0; i < LENGTH(tcp_flag_names); i++) {
		if (flags & tcp_flag_names[i].number) {
			buffer_printf(out, "%s%s", separator, tcp_flag_names[i].name);
			separator = ",";
		}
	}
	if (!flags)
		buffer_puts(out, " flags=none");
}

static void print_address(const char *key, enum family family, const uint8_t *bytes, struct buffer *out)
{
	buffer_printf(out, " %s=", key);
	address_print(family, address_from_bytes(family, bytes), out);
}

static void print_transport(const struct packet *packet, struct buffer *out)
{
	if (packet->known & (KNOWN_SOURCE_PORT | KNOWN_PORTS))
		buffer_printf(out, " sport=%u", packet->source_port);
	if (packet->known & (KNOWN_DESTINATION_PORT | KNOWN_PORTS))
		buffer_printf(out, " dport=%u", packet->destination_port);
	if (packet->known & KNOWN_TCP_FLAGS)
		print_flags(packet->tcp_flags, out);
	if (packet->known & KNOWN_ICMP) {
		if (packet->family == FAMILY_IPV4)
			print_number(out, "type", icmp_types, LENGTH(icmp_types), packet->icmp_type);
		else
			print_number(out, "type", icmpv6_types, LENGTH(icmpv6_types), packet->icmp_type);
		buffer_printf(out, " code=%u", packet->icmp_code);
	}
}

/* What is not the packet's header chain: its way here, and fields that few rules look at. */
static void print_rest(const struct packet *packet, struct buffer *out)
{
	uint32_t known = packet->known;
	if (known & KNOWN_TTL)
		buffer_printf(out, " %s=%u", packet->family == FAMILY_IPV4 ? "ttl" : HOP_LIMIT, packet->ttl);
	if (known & KNOWN_TOS)
		buffer_printf(out, " tos=0x%02x", packet->tos);
	if (known & KNOWN_MAC) {
		const uint8_t *mac = packet->mac;
		buffer_printf(out, " mac=%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
			      mac[4], mac[5]);
	}
	if (known & KNOWN_TYPE)
		print_number(out, "pkttype", packet_types, LENGTH(packet_types), (uint8_t)packet->type);
	if (known & KNOWN_MARK)
		buffer_printf(out, " mark=%#x", packet->mark);
	if (known & KNOWN_TIME) {
		buffer_puts(out, " time=");
		timestamp_print(packet->time, out);
	}
}

void packet_print(const struct packet *packet, struct buffer *out)
{
	uint32_t known = packet->known;
	buffer_printf(out, "family=%u", packet->family == FAMILY_IPV4 ? 4 : 6);
	if (known & KNOWN_IN)
		buffer_printf(out, " in=%s", packet->in);
	if (known & KNOWN_OUT)
		buffer_printf(out, " out=%s", packet->out);
	if (known & KNOWN_PROTOCOL)
		print_number(out, "proto", protocols, LENGTH(protocols), packet->protocol);
	if (known & KNOWN_SOURCE)
		print_address("src", packet->family, packet->source, out);
	if (known & KNOWN_DESTINATION)
		print_address("dst", packet->family, packet->destination, out);
	print_transport(packet, out);
	if (known & KNOWN_STATE) {
		buffer_puts(out, " state=");
		for (const char *c = connection_state_name(packet->state); *c; c++)
			buffer_printf(out, "%c", *c | 0x20); /* ASCII letters: to lower case */
	}
	if (known & KNOWN_LENGTH)
		buffer_printf(out, " length=%u", packet->length);
	if (known & KNOWN_FRAGMENT)
		buffer_printf(out, " frag=%s",
			      packet->fragment_offset  ? "later"
			      : packet->more_fragments ? "first"
						       : "no");
	print_rest(packet, out);
}
