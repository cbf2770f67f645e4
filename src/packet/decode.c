/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A captured frame to a packet, as the kernel's receive path sees it before PREROUTING: link layer, then the
 * checks of ip_rcv_core() (net/ipv4/ip_input.c) or ip6_rcv_core() (net/ipv6/ip6_input.c), then the transport
 * header as the matches of x_tables find it. Unrelated on purpose to packet/parse.h, which the parity tests
 * hold against it.
 *
 * Two ends must not be confused: `captured` is where the bytes at hand end (snapshot length), `original` is
 * where the frame ended. What lies between them is not known; what lies behind the packet's own length does
 * not exist. */
#include "packet/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* pcap's numbers, https://www.tcpdump.org/linktypes.html; not taken from pcap.h, which decode.c need not
 * know. */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_COOKED = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_COOKED2 = 276,
};

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8 };

#define VLAN_TAGS_MAX 2

/* The bytes of a frame or of a packet in it. size <= length: what is between was not captured. */
struct bytes {
	const uint8_t *data;
	size_t size;   /* at hand */
	size_t length; /* as it was on the wire */
};

enum found { FOUND, FOUND_CUT, FOUND_NONE }; /* CUT: it was there, but was not captured */

static enum found bytes_find(const struct bytes *bytes, size_t offset, size_t size)
{
	if (offset > bytes->length || size > bytes->length - offset)
		return FOUND_NONE;
	return offset > bytes->size || size > bytes->size - offset ? FOUND_CUT : FOUND;
}

static void bytes_skip(struct bytes *bytes, size_t size)
{
	bytes->data += size;
	bytes->size -= size;
	bytes->length -= size;
}

static void bytes_trim(struct bytes *bytes, size_t length)
{
	if (length >= bytes->length)
		return;
	bytes->length = length;
	if (bytes->size > length)
		bytes->size = length;
}

static uint16_t read_16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static uint32_t read_32(const uint8_t *data)
{
	return (uint32_t)read_16(data) << 16 | read_16(data + 2);
}

/* --- transport
 * ------------------------------------------------------------------------------------------------ */

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

/* What the match of that protocol asks skb_header_pointer() for, else 0. */
static size_t transport_size(uint8_t protocol, enum family family)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return 8;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 12;
	case IPPROTO_ICMP:
		return family == FAMILY_IPV4 ? 8 : 0;
	case IPPROTO_ICMPV6:
		return family == FAMILY_IPV6 ? 8 : 0;
	default:
		return 0;
	}
}

/* bytes begin at the IP header and end with the packet. */
static void keep_bytes(const struct bytes *bytes, struct packet *packet)
{
	packet->bytes = bytes->data;
	packet->bytes_size = (uint32_t)bytes->size;
	if (bytes->size == bytes->length)
		packet->known |= KNOWN_BYTES;
}

/* Whether `length` bytes are less than the match of that protocol asks for. Known where the header was not
 * captured, too. */
static void set_short(size_t length, struct packet *packet)
{
	packet->transport_short = length < transport_size(packet->protocol, packet->family);
}

/* bytes begin at the transport header. Ports are taken from 4 bytes, as multiport and the sets do, even when
 * the whole header is not there and tcp or udp would hot-drop. */
static void decode_transport(const struct bytes *bytes, struct packet *packet)
{
	size_t header = transport_size(packet->protocol, packet->family);
	if (has_ports(packet->protocol) && bytes_find(bytes, 0, 4) == FOUND) {
		packet->source_port = read_16(bytes->data);
		packet->destination_port = read_16(bytes->data + 2);
		packet->known |= KNOWN_PORTS | KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT;
	}
	if (packet->protocol == IPPROTO_TCP && bytes_find(bytes, 0, 20) == FOUND) {
		packet->tcp_flags = bytes->data[13];
		packet->known |= KNOWN_TCP_FLAGS;
		header = (size_t)(bytes->data[12] >> 4) * 4;
	}
	bool icmp = packet->protocol == (packet->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (icmp && bytes_find(bytes, 0, 8) != FOUND_NONE && bytes->size >= 2) {
		packet->icmp_type = bytes->data[0];
		packet->icmp_code = bytes->data[1];
		packet->known |= KNOWN_ICMP;
	}
	packet->payload = bytes->length > header ? (uint32_t)(bytes->length - header) : 0;
}

/* --- IPv4
 * ----------------------------------------------------------------------------------------------------- */

static uint16_t header_checksum(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += read_16(data + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* bytes begin at the IP header. */
static enum link_verdict decode_ipv4(struct bytes bytes, struct packet *packet)
{
	packet->family = FAMILY_IPV4;
	if (bytes_find(&bytes, 0, 20) == FOUND_NONE)
		return FRAME_MALFORMED;
	if (bytes.size < 20)
		return FRAME_OK; /* cut by the snapshot length: nothing is known but the family */
	const uint8_t *ip = bytes.data;
	size_t header = (size_t)(ip[0] & 15) * 4;
	size_t total = read_16(ip + 2);
	if (ip[0] >> 4 != 4 || header < 20 || header > bytes.length || total > bytes.length || total < header)
		return FRAME_MALFORMED;
	if (bytes.size >= header && header_checksum(ip, header) != 0)
		return FRAME_MALFORMED;
	bytes_trim(&bytes, total); /* link-layer padding */

	memcpy(packet->source, ip + 12, 4);
	memcpy(packet->destination, ip + 16, 4);
	packet->protocol = ip[9];
	packet->length = (uint32_t)total;
	packet->ip_options = header > 20;
	uint16_t fragment = read_16(ip + 6);
	packet->fragment_offset = fragment & 0x1fff;
	packet->more_fragments = fragment & 0x2000;
	packet->tos = ip[1];
	packet->ttl = ip[8];
	packet->known |= KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_PROTOCOL | KNOWN_LENGTH | KNOWN_FRAGMENT |
			 KNOWN_TOS | KNOWN_TTL;
	keep_bytes(&bytes, packet);
	if (packet->fragment_offset) {
		packet->payload = (uint32_t)(total - header);
		return FRAME_OK;
	}
	set_short(bytes.length - header, packet);
	if (bytes.size < header)
		return FRAME_OK;
	packet->transport = (uint32_t)header;
	bytes_skip(&bytes, header);
	decode_transport(&bytes, packet);
	return FRAME_OK;
}

/* --- IPv6
 * ----------------------------------------------------------------------------------------------------- */

static bool
is_extension_header(uint8_t next) /* ipv6_ext_hdr() but for "no next header", which ends the walk */
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_AH || next == IPPROTO_DSTOPTS;
}

/* Padding must be short and zero: ip6_parse_tlv(), RFC 4942 2.1.9.5. */
static bool padding_valid(const uint8_t *option, size_t size, size_t *padding)
{
	*padding += size;
	if (*padding > 7)
		return false;
	for (size_t i = 2; i < size; i++) {
		if (option[i])
			return false;
	}
	return true;
}

#define HOP_OPTIONS_MAX 8 /* net.ipv6.max_hbh_opts_number */
enum { OPTION_PAD1 = 0, OPTION_PADN = 1, OPTION_ROUTER_ALERT = 5, OPTION_JUMBO = 0xc2 };

/* One option other than padding. bytes begin at the IPv6 header; at: the option's place in them. */
static bool hop_option_valid(const struct bytes *bytes, size_t at)
{
	const uint8_t *option = bytes->data + at;
	switch (option[0]) {
	case OPTION_ROUTER_ALERT:
		return option[1] == 2;
	case OPTION_JUMBO: { /* ipv6_hop_jumbo() */
		if (option[1] != 4 || (at & 3) != 2)
			return false;
		uint32_t length = read_32(option + 2);
		return length > 65535 && read_16(bytes->data + 4) == 0 && length <= bytes->length - 40;
	}
	default:
		return option[0] >> 6 == 0; /* the action bits: 0 skips what is not known, others discard */
	}
}

/* ipv6_parse_hopopts(), which comes before PREROUTING. */
static enum found hop_options_check(const struct bytes *bytes, bool *valid)
{
	*valid = true;
	enum found found = bytes_find(bytes, 40, 8);
	if (found != FOUND)
		return found;
	size_t size = 8 * ((size_t)bytes->data[41] + 1);
	found = bytes_find(bytes, 40, size);
	if (found != FOUND)
		return found;
	size_t at = 42, end = 40 + size, padding = 0;
	unsigned count = 0;
	*valid = false;
	while (at < end) {
		const uint8_t *option = bytes->data + at;
		if (option[0] == OPTION_PAD1) {
			if (++padding > 7)
				return FOUND;
			at++;
			continue;
		}
		if (end - at < 2 || (size_t)option[1] + 2 > end - at)
			return FOUND;
		size_t option_size = (size_t)option[1] + 2;
		if (option[0] == OPTION_PADN) {
			if (!padding_valid(option, option_size, &padding))
				return FOUND;
		} else {
			if (++count > HOP_OPTIONS_MAX || !hop_option_valid(bytes, at))
				return FOUND;
			padding = 0;
		}
		at += option_size;
	}
	*valid = true;
	return FOUND;
}

/* The walk of ipv6_find_hdr() with target -1, which is what ip6tables -p does. Sets protocol, fragment and
 * header_error. FOUND: *offset is the transport header's place. FOUND_NONE: there is none to look at.
 * FOUND_CUT: the captured bytes end before it is known. */
static enum found find_transport(const struct bytes *bytes, struct packet *packet, size_t *offset)
{
	size_t at = 40;
	uint8_t next = bytes->data[6];
	while (is_extension_header(next)) {
		packet->ip_options = true;
		/* The kernel asks for 2 bytes of any header, then for the 2 of the fragment offset, or all 4
		 * that every routing header has. */
		bool four = next == IPPROTO_FRAGMENT || next == IPPROTO_ROUTING;
		enum found found = bytes_find(bytes, at, four ? 4 : 2);
		if (found == FOUND_NONE)
			packet->header_error = true;
		if (found != FOUND)
			return found;
		const uint8_t *header = bytes->data + at;
		if (next == IPPROTO_FRAGMENT) {
			uint16_t fragment = read_16(header + 2);
			packet->fragment_offset = fragment >> 3;
			packet->more_fragments = fragment & 1;
			if (packet->fragment_offset) {
				/* Behind it other headers would be data of the first fragment: -ENOENT. */
				packet->header_error = is_extension_header(header[0]);
				packet->protocol = header[0];
				return FOUND_NONE;
			}
			at += 8;
		} else if (next == IPPROTO_AH) {
			at += ((size_t)header[1] + 2) * 4;
		} else {
			at += ((size_t)header[1] + 1) * 8;
		}
		next = header[0];
	}
	packet->protocol = next;
	*offset = at;
	return FOUND;
}

/* Addresses that ip6_rcv_core() refuses. Loopback ones may come in by lo only, whose frames have no MAC
 * addresses. */
static bool addresses_refused(const uint8_t *ip, bool loopback)
{
	static const uint8_t one[16] = {[15] = 1};
	const uint8_t *source = ip + 8, *destination = ip + 24;
	if (!loopback && (memcmp(source, one, 16) == 0 || memcmp(destination, one, 16) == 0))
		return true;
	if (source[0] == 0xff)
		return true;
	if (destination[0] != 0xff)
		return false;
	unsigned scope = destination[1] & 15;
	return scope == 0 || (scope == 1 && !loopback);
}

static enum link_verdict decode_ipv6(struct bytes bytes, bool loopback, struct packet *packet)
{
	packet->family = FAMILY_IPV6;
	if (bytes_find(&bytes, 0, 40) == FOUND_NONE)
		return FRAME_MALFORMED;
	if (bytes.size < 40)
		return FRAME_OK;
	const uint8_t *ip = bytes.data;
	size_t payload = read_16(ip + 4);
	bool hop = ip[6] == IPPROTO_HOPOPTS;
	if (ip[0] >> 4 != 6 || addresses_refused(ip, loopback))
		return FRAME_MALFORMED;
	if (payload || !hop) {
		if (payload + 40 > bytes.length)
			return FRAME_MALFORMED;
		bytes_trim(&bytes, payload + 40);
	}
	if (hop) {
		bool valid;
		enum found found = hop_options_check(&bytes, &valid);
		if (found == FOUND_NONE || !valid)
			return FRAME_MALFORMED;
	}
	memcpy(packet->source, ip + 8, 16);
	memcpy(packet->destination, ip + 24, 16);
	packet->length = (uint32_t)bytes.length;
	packet->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	packet->ttl = ip[7];
	packet->known |= KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_LENGTH | KNOWN_TOS | KNOWN_TTL;
	keep_bytes(&bytes, packet);
	size_t offset = 0;
	enum found found = find_transport(&bytes, packet, &offset);
	if (found == FOUND_CUT)
		return FRAME_OK;
	packet->known |= KNOWN_PROTOCOL | KNOWN_FRAGMENT;
	if (packet->header_error || found == FOUND_NONE)
		return FRAME_OK;
	/* The last header's length may point behind the packet's end. */
	set_short(offset < bytes.length ? bytes.length - offset : 0, packet);
	if (offset > bytes.size)
		return FRAME_OK;
	packet->transport = (uint32_t)offset;
	bytes_skip(&bytes, offset);
	decode_transport(&bytes, packet);
	return FRAME_OK;
}

/* --- link layer
 * ----------------------------------------------------------------------------------------------- */

static enum link_verdict decode_network(uint16_t type, struct bytes bytes, bool loopback,
					struct packet *packet)
{
	if (type == TYPE_IPV4)
		return decode_ipv4(bytes, packet);
	if (type == TYPE_IPV6)
		return decode_ipv6(bytes, loopback, packet);
	return FRAME_OTHER;
}

/* bytes begin behind the type, where a VLAN tag's other four bytes are. Tag 0 is a priority only: the packet
 * stays with the interface (vlan_do_receive() and what follows it in __netif_receive_skb_core()). */
static enum link_verdict decode_tagged(uint16_t type, struct bytes bytes, bool loopback,
				       struct packet *packet)
{
	for (unsigned tags = 0; type == TYPE_VLAN || type == TYPE_QINQ; tags++) {
		enum found found = bytes_find(&bytes, 0, 4);
		if (found == FOUND_NONE)
			return FRAME_MALFORMED;
		if (found == FOUND_CUT || tags == VLAN_TAGS_MAX)
			return FRAME_OTHER;
		uint16_t identifier = read_16(bytes.data) & 0xfff;
		if (identifier)
			packet->vlan = identifier;
		type = read_16(bytes.data + 2);
		bytes_skip(&bytes, 4);
	}
	return decode_network(type, bytes, loopback, packet);
}

static void set_mac(const uint8_t *source, struct packet *packet)
{
	memcpy(packet->mac, source, sizeof(packet->mac));
	packet->known |= KNOWN_MAC;
}

/* eth_type_trans(): skb->pkt_type by the destination address; that a unicast one is this host's is for the
 * caller of packet_decode() to know. */
static void set_type(enum packet_type type, struct packet *packet)
{
	packet->type = type;
	packet->known |= KNOWN_TYPE;
}

static enum link_verdict decode_ethernet(struct bytes bytes, struct packet *packet)
{
	static const uint8_t none[12], all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	enum found found = bytes_find(&bytes, 0, 14);
	if (found != FOUND)
		return found == FOUND_NONE ? FRAME_MALFORMED : FRAME_OTHER;
	bool loopback = memcmp(bytes.data, none, 12) == 0;
	if (!loopback) /* xt_mac.c: lo is no Ethernet device */
		set_mac(bytes.data + 6, packet);
	set_type(!(bytes.data[0] & 1)              ? PACKET_UNICAST
		 : memcmp(bytes.data, all, 6) == 0 ? PACKET_BROADCAST
						   : PACKET_MULTICAST,
		 packet);
	uint16_t type = read_16(bytes.data + 12);
	bytes_skip(&bytes, 14);
	return decode_tagged(type, bytes, loopback, packet);
}

/* Packets for others, or going out, never reach PREROUTING. The address is the sender's; devices of other
 * kinds have other addresses. https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and _SLL2.html. */
static enum link_verdict decode_cooked(struct bytes bytes, bool second, struct packet *packet)
{
	enum { TO_US = 0, BROADCAST = 1, MULTICAST = 2 };
	enum { DEVICE_ETHERNET = 1, DEVICE_LOOPBACK = 772 }; /* ARPHRD_* */
	size_t header = second ? 20 : 16;
	enum found found = bytes_find(&bytes, 0, header);
	if (found != FOUND)
		return found == FOUND_NONE ? FRAME_MALFORMED : FRAME_OTHER;
	unsigned kind = second ? bytes.data[10] : read_16(bytes.data);
	unsigned device = read_16(bytes.data + (second ? 8 : 2));
	unsigned address_size = second ? bytes.data[11] : read_16(bytes.data + 4);
	bool loopback = device == DEVICE_LOOPBACK;
	uint16_t type = read_16(bytes.data + (second ? 0 : 14));
	if (kind != TO_US && kind != BROADCAST && kind != MULTICAST)
		return FRAME_OTHER;
	set_type(kind == TO_US       ? PACKET_UNICAST
		 : kind == BROADCAST ? PACKET_BROADCAST
				     : PACKET_MULTICAST,
		 packet);
	if (device == DEVICE_ETHERNET && address_size == sizeof(packet->mac))
		set_mac(bytes.data + (second ? 12 : 6), packet);
	bytes_skip(&bytes, header);
	return decode_tagged(type, bytes, loopback, packet);
}

/* BSD's address family in host byte order of the machine that captured (NULL), or in network order (LOOP). */
static enum link_verdict decode_loopback(struct bytes bytes, struct packet *packet)
{
	enum found found = bytes_find(&bytes, 0, 4);
	if (found != FOUND)
		return found == FOUND_NONE ? FRAME_MALFORMED : FRAME_OTHER;
	uint32_t family = read_32(bytes.data);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	bytes_skip(&bytes, 4);
	switch (family) {
	case 2:
		return decode_ipv4(bytes, packet);
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return decode_ipv6(bytes, true, packet);
	default:
		return FRAME_OTHER;
	}
}

static enum link_verdict decode_raw(struct bytes bytes, struct packet *packet)
{
	if (bytes.length == 0)
		return FRAME_MALFORMED;
	if (bytes.size == 0)
		return FRAME_OTHER;
	unsigned version = bytes.data[0] >> 4;
	return version == 4   ? decode_ipv4(bytes, packet)
	       : version == 6 ? decode_ipv6(bytes, false, packet)
			      : FRAME_OTHER;
}

int packet_decode(int link_type, const uint8_t *frame, size_t captured, size_t original,
		  struct packet *packet, enum link_verdict *verdict)
{
	struct packet fresh = {0};
	enum link_verdict result;
	/* A file may claim less than it holds. */
	struct bytes bytes = {
	    .data = frame, .size = captured, .length = original > captured ? original : captured};
	switch (link_type) {
	case LINK_ETHERNET:
		result = decode_ethernet(bytes, &fresh);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		result = decode_raw(bytes, &fresh);
		break;
	case LINK_IPV4:
		result = decode_ipv4(bytes, &fresh);
		break;
	case LINK_IPV6:
		result = decode_ipv6(bytes, false, &fresh);
		break;
	case LINK_COOKED:
	case LINK_COOKED2:
		result = decode_cooked(bytes, link_type == LINK_COOKED2, &fresh);
		break;
	case LINK_NULL:
	case LINK_LOOP:
		result = decode_loopback(bytes, &fresh);
		break;
	default:
		return -ENOTSUP;
	}
	fresh.known |= KNOWN_MARK; /* skb->mark of what comes in is 0 */
	*packet = fresh;
	*verdict = result;
	return 0;
}
