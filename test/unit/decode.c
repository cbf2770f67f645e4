/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frames to packets. What frame_make() lays down must come back; what the kernel refuses before PREROUTING
 * must be called malformed; what a snapshot length cut off must not be known. */
#include "packet/frame.h"
#include "packet/packet.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ETHERNET 1
#define RAW 101
#define COOKED 113
#define COOKED2 276

static const struct frame_options plain = {.source_mac = {2, 0, 0, 0, 0, 1},
					   .destination_mac = {2, 0, 0, 0, 0, 2}};

static struct packet sample(enum family family, uint8_t protocol)
{
	struct packet packet = {.family = family,
				.protocol = protocol,
				.source_port = 40000,
				.destination_port = 443,
				.tcp_flags = 0x12,
				.icmp_type = family == FAMILY_IPV4 ? 8 : 128};
	static const uint8_t v4[2][4] = {{198, 51, 100, 7}, {192, 0, 2, 1}};
	static const uint8_t v6[2][16] = {{0x20, 1, 0xd, 0xb8, [15] = 7}, {0x20, 1, 0xd, 0xb8, [15] = 1}};
	memcpy(packet.source, family == FAMILY_IPV4 ? v4[0] : v6[0], family == FAMILY_IPV4 ? 4 : 16);
	memcpy(packet.destination, family == FAMILY_IPV4 ? v4[1] : v6[1], family == FAMILY_IPV4 ? 4 : 16);
	return packet;
}

static uint8_t frame[2048];
static size_t size;

static void make(const struct packet *packet, const struct frame_options *options)
{
	assert_int_equal(frame_make(packet, options, frame, sizeof(frame), &size), 0);
}

static enum link_verdict decode_as(int link, const uint8_t *data, size_t captured, size_t original,
				   struct packet *packet)
{
	/* An allocation of exactly that size, for the sanitiser's sake. */
	uint8_t *copy = malloc(captured ? captured : 1);
	enum link_verdict verdict;
	memcpy(copy, data, captured);
	assert_int_equal(packet_decode(link, copy, captured, original, packet, &verdict), 0);
	free(copy);
	return verdict;
}

static enum link_verdict decode(struct packet *packet)
{
	return decode_as(ETHERNET, frame, size, size, packet);
}

static void what_is_made_is_decoded(void **state)
{
	(void)state;
	static const uint8_t protocols[] = {IPPROTO_TCP,  IPPROTO_UDP,  IPPROTO_UDPLITE, IPPROTO_SCTP,
					    IPPROTO_DCCP, IPPROTO_ICMP, IPPROTO_ICMPV6,  IPPROTO_GRE};
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		for (size_t i = 0; i < sizeof(protocols); i++) {
			struct packet made = sample(family, protocols[i]), seen;
			struct frame_options options = plain;
			options.payload = 33;
			make(&made, &options);
			assert_int_equal(decode(&seen), FRAME_OK);
			assert_int_equal(seen.family, family);
			assert_int_equal(seen.protocol, protocols[i]);
			assert_memory_equal(seen.source, made.source, 16);
			assert_memory_equal(seen.destination, made.destination, 16);
			assert_int_equal(seen.length, size - 14);
			bool ports = protocols[i] != IPPROTO_ICMP && protocols[i] != IPPROTO_ICMPV6 &&
				     protocols[i] != IPPROTO_GRE;
			assert_int_equal((seen.known & KNOWN_PORTS) != 0, ports);
			assert_int_equal(seen.source_port, ports ? 40000 : 0);
			assert_int_equal(seen.destination_port, ports ? 443 : 0);
			assert_int_equal((seen.known & KNOWN_TCP_FLAGS) != 0, protocols[i] == IPPROTO_TCP);
			bool icmp = protocols[i] == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
			assert_int_equal((seen.known & KNOWN_ICMP) != 0, icmp);
			assert_false(seen.transport_short || seen.header_error || seen.ip_options);
			if (protocols[i] == IPPROTO_TCP || protocols[i] == IPPROTO_UDP || icmp)
				assert_int_equal(seen.payload, 33);
			if (protocols[i] == IPPROTO_TCP)
				assert_int_equal(seen.tcp_flags, 0x12);
		}
	}
}

static void ipv4_headers_that_ip_rcv_refuses_are_malformed(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_UDP), seen;
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {
	    {14, 0x55},     /* version 5 */
	    {14, 0x44},     /* header of 16 bytes */
	    {14, 0x4f},     /* header longer than the packet */
	    {16, 0x40},     /* total length beyond the frame */
	    {14 + 10, 0x11} /* checksum */
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make(&made, &plain);
		frame[wrong[i].at] = wrong[i].value;
		assert_int_equal(decode(&seen), FRAME_MALFORMED);
	}
	make(&made, &plain);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 19, 14 + 19, &seen), FRAME_MALFORMED);
}

static void padding_of_the_link_is_not_the_packets(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_TCP), seen;
	make(&made, &plain);
	memset(frame + size, 0, 20);
	assert_int_equal(decode_as(ETHERNET, frame, size + 20, size + 20, &seen), FRAME_OK);
	assert_int_equal(seen.length, 40);
	assert_int_equal(seen.payload, 0);
}

static void what_was_not_captured_is_not_known(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_TCP), seen;
	make(&made, &plain);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 19, size, &seen), FRAME_OK);
	assert_int_equal(seen.known, KNOWN_MAC | KNOWN_TYPE | KNOWN_MARK); /* of the packet itself nothing */
	assert_null(seen.bytes);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 20, size, &seen), FRAME_OK);
	assert_true(seen.known & KNOWN_SOURCE);
	assert_false(seen.known & (KNOWN_PORTS | KNOWN_TCP_FLAGS));
	assert_false(seen.transport_short);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 24, size, &seen), FRAME_OK);
	assert_true(seen.known & KNOWN_PORTS);
	assert_false(seen.known & KNOWN_TCP_FLAGS);
	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	struct frame_options options = plain;
	options.extension_count = 1;
	options.extensions[0] = IPPROTO_DSTOPTS;
	make(&made, &options);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 41, size, &seen), FRAME_OK);
	assert_false(seen.known & (KNOWN_PROTOCOL | KNOWN_FRAGMENT));
	assert_false(seen.header_error);
}

static void a_transport_header_that_is_cut_off_is_short(void **state)
{
	(void)state;
	static const struct {
		uint8_t protocol;
		unsigned left;
		bool is_short, ports;
	} cases[] = {
	    {IPPROTO_TCP, 19, true, true}, {IPPROTO_TCP, 3, true, false},  {IPPROTO_UDP, 7, true, true},
	    {IPPROTO_UDP, 0, true, false}, {IPPROTO_ICMP, 7, true, false}, {IPPROTO_SCTP, 11, true, true},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet made = sample(FAMILY_IPV4, cases[i].protocol), seen;
		struct frame_options options = plain;
		made.transport_short = true;
		options.transport_size = cases[i].left;
		make(&made, &options);
		assert_int_equal(decode(&seen), FRAME_OK);
		assert_int_equal(seen.transport_short, cases[i].is_short);
		assert_int_equal((seen.known & KNOWN_PORTS) != 0, cases[i].ports);
	}
}

/* The lengths tell it, be the header captured or not: what is short is dropped by any match that looks at it.
 */
static void a_short_transport_header_is_short_where_it_was_not_captured(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_TCP), seen;
	struct frame_options options = plain;
	made.transport_short = true;
	options.transport_size = 19;
	options.ip_options = 40;
	make(&made, &options);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 24, size, &seen), FRAME_OK);
	assert_true(seen.transport_short);
	options.transport_size = 20;
	make(&made, &options);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 24, size, &seen), FRAME_OK);
	assert_false(seen.transport_short);

	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	made.transport_short = true;
	options = plain;
	options.extension_count = 1;
	options.extensions[0] = IPPROTO_DSTOPTS;
	options.transport_size = 7;
	make(&made, &options);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 44, size, &seen), FRAME_OK);
	assert_true(seen.known & KNOWN_PROTOCOL);
	assert_true(seen.transport_short);
	assert_int_equal(decode_as(ETHERNET, frame, 14 + 41, size, &seen), FRAME_OK);
	assert_false(seen.known & KNOWN_PROTOCOL);
	assert_false(seen.transport_short);
}

static void fragments_have_a_place_and_only_the_first_has_ports(void **state)
{
	(void)state;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		struct packet made = sample(family, IPPROTO_UDP), seen;
		made.more_fragments = true;
		make(&made, &plain);
		assert_int_equal(decode(&seen), FRAME_OK);
		assert_true(seen.more_fragments && seen.fragment_offset == 0 && (seen.known & KNOWN_PORTS));
		made.fragment_offset = 3;
		struct frame_options options = plain;
		options.payload = 16;
		make(&made, &options);
		assert_int_equal(decode(&seen), FRAME_OK);
		assert_int_equal(seen.fragment_offset, 3);
		assert_int_equal(seen.protocol, IPPROTO_UDP);
		assert_false(seen.known & KNOWN_PORTS);
		assert_false(seen.transport_short);
	}
}

static void extension_headers_are_followed_as_ipv6_find_hdr_does(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV6, IPPROTO_TCP), seen;
	struct frame_options options = plain;
	options.extension_count = 4;
	memcpy(options.extensions, (uint8_t[]){IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_AH, IPPROTO_DSTOPTS},
	       4);
	make(&made, &options);
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_int_equal(seen.protocol, IPPROTO_TCP);
	assert_int_equal(seen.destination_port, 443);
	assert_true(seen.ip_options);
	/* The chain ends behind the packet. */
	frame[14 + 40 + 1] = 0;
	frame[14 + 48 + 1] = 200;
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_true(seen.header_error);
	/* Of a routing header 4 bytes must be there, of others 2. */
	made = sample(FAMILY_IPV6, IPPROTO_GRE);
	options = plain;
	options.extension_count = 1;
	for (unsigned i = 0; i < 2; i++) {
		options.extensions[0] = i ? IPPROTO_ROUTING : IPPROTO_DSTOPTS;
		make(&made, &options);
		frame[14 + 5] = 3; /* payload length */
		assert_int_equal(decode_as(ETHERNET, frame, 14 + 43, 14 + 43, &seen), FRAME_OK);
		assert_int_equal(seen.header_error, i);
	}
	made = sample(FAMILY_IPV6, IPPROTO_TCP);
	/* A later fragment that goes on with an extension header: -ENOENT. */
	made.fragment_offset = 5;
	options = plain;
	options.inner_count = 1;
	options.inner[0] = IPPROTO_DSTOPTS;
	make(&made, &options);
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_true(seen.header_error);
	/* No next header: nothing behind it matters. */
	made = sample(FAMILY_IPV6, IPPROTO_NONE);
	make(&made, &plain);
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_int_equal(seen.protocol, IPPROTO_NONE);
	assert_false(seen.header_error || seen.transport_short);
}

static void ipv6_packets_that_ip6_rcv_refuses_are_malformed(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV6, IPPROTO_UDP), seen;
	made.source[0] = 0xff;
	make(&made, &plain);
	assert_int_equal(decode(&seen), FRAME_MALFORMED); /* multicast source */
	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	made.destination[0] = 0xff;
	made.destination[1] = 1;
	make(&made, &plain);
	assert_int_equal(decode(&seen), FRAME_MALFORMED); /* interface-local from outside */
	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	memset(made.source, 0, 15);
	made.source[15] = 1;
	make(&made, &plain);
	assert_int_equal(decode(&seen), FRAME_MALFORMED); /* ::1 from outside */
	struct frame_options lo = {0};
	make(&made, &lo);
	assert_int_equal(decode(&seen), FRAME_OK); /* and by lo */
	assert_false(seen.known & KNOWN_MAC);      /* which is no Ethernet device */
	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	make(&made, &plain);
	frame[14 + 4] = 0xff;
	assert_int_equal(decode(&seen), FRAME_MALFORMED); /* payload length beyond the frame */
}

static void hop_by_hop_options_are_checked_before_any_rule(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV6, IPPROTO_UDP), seen;
	struct frame_options options = plain;
	options.extension_count = 1;
	options.extensions[0] = IPPROTO_HOPOPTS;
	static const struct {
		uint8_t bytes[6];
		enum link_verdict verdict;
	} cases[] = {
	    {{5, 2, 0, 0, 1, 0}, FRAME_OK},           /* router alert, PadN */
	    {{5, 3, 0, 0, 0, 0}, FRAME_MALFORMED},    /* router alert of another length */
	    {{1, 4, 0, 0, 0, 7}, FRAME_MALFORMED},    /* padding that is not zero */
	    {{1, 5, 0, 0, 0, 0}, FRAME_MALFORMED},    /* an option longer than the header */
	    {{0x3e, 4, 1, 2, 3, 4}, FRAME_OK},        /* unknown, to be skipped */
	    {{0x7e, 4, 1, 2, 3, 4}, FRAME_MALFORMED}, /* unknown, to be discarded */
	    {{0, 0, 0, 0, 0, 0}, FRAME_OK},
	    {{0, 0, 0, 0, 0, 5}, FRAME_MALFORMED}, /* an option without its length */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&made, &options);
		memcpy(frame + 14 + 42, cases[i].bytes, 6);
		assert_int_equal(decode(&seen), cases[i].verdict);
	}
}

static void vlan_tags_are_taken_off_and_told(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_TCP), seen;
	struct frame_options options = plain;
	options.vlan_count = 1;
	options.vlans[0] = 7;
	make(&made, &options);
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_int_equal(seen.vlan, 7);
	options.vlans[0] = 5 << 13; /* priority only */
	make(&made, &options);
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_int_equal(seen.vlan, 0);
	options.vlan_count = 3;
	make(&made, &options);
	assert_int_equal(decode(&seen), FRAME_OTHER);
}

static void ttl_tos_mac_and_type_come_back(void **state)
{
	(void)state;
	static const uint8_t mac[6] = {0, 0, 0x5e, 0, 0x53, 1};
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		for (enum packet_type type = PACKET_UNICAST; type <= PACKET_MULTICAST; type++) {
			struct packet made = sample(family, IPPROTO_UDP), seen;
			make(&made, &plain);
			assert_int_equal(decode(&seen), FRAME_OK);
			uint32_t all = KNOWN_TTL | KNOWN_TOS | KNOWN_MAC | KNOWN_TYPE | KNOWN_MARK;
			assert_int_equal(seen.known & (all | KNOWN_TIME), all);
			assert_int_equal(seen.ttl, 64);
			assert_int_equal(seen.tos, 0);
			assert_memory_equal(seen.mac, plain.source_mac, 6);
			assert_int_equal(seen.type, PACKET_UNICAST);
			assert_int_equal(seen.mark, 0);
			made.known = KNOWN_TTL | KNOWN_TOS | KNOWN_MAC | KNOWN_TYPE;
			made.ttl = 0;
			made.tos = 0xb9;
			memcpy(made.mac, mac, 6);
			made.type = type;
			make(&made, &plain);
			assert_int_equal(decode(&seen), FRAME_OK);
			assert_int_equal(seen.ttl, 0);
			assert_int_equal(seen.tos, 0xb9);
			assert_memory_equal(seen.mac, mac, 6);
			assert_int_equal(seen.type, type);
		}
	}
}

static void multicast_frames_have_the_addresses_of_their_group(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_UDP), seen;
	made.known = KNOWN_TYPE;
	made.type = PACKET_MULTICAST;
	memcpy(made.destination, (uint8_t[]){233, 252, 0, 9}, 4);
	make(&made, &plain);
	assert_memory_equal(frame, ((uint8_t[]){0x01, 0, 0x5e, 0x7c, 0, 9}), 6);
	assert_int_equal(decode(&seen), FRAME_OK);
	assert_int_equal(seen.type, PACKET_MULTICAST);
	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	made.known = KNOWN_TYPE;
	made.type = PACKET_MULTICAST;
	memcpy(made.destination, (uint8_t[]){0xff, 0x02, [15] = 0xfb}, 16);
	make(&made, &plain);
	assert_memory_equal(frame, ((uint8_t[]){0x33, 0x33, 0, 0, 0, 0xfb}), 6);
}

/* decode_as() frees what it decoded; here the bytes are looked at. */
static struct packet decode_in_place(size_t captured, size_t original)
{
	struct packet packet;
	enum link_verdict verdict;
	assert_int_equal(packet_decode(ETHERNET, frame, captured, original, &packet, &verdict), 0);
	assert_int_equal(verdict, FRAME_OK);
	return packet;
}

static void bytes_are_the_packet_without_what_is_around_it(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_TCP);
	struct frame_options options = plain;
	options.ip_options = 8;
	options.vlan_count = 1;
	options.vlans[0] = 7;
	options.payload = 3;
	make(&made, &options);
	struct packet seen = decode_in_place(size + 5, size + 5); /* padding */
	assert_ptr_equal(seen.bytes, frame + 18);
	assert_int_equal(seen.bytes_size, 28 + 20 + 3);
	assert_int_equal(seen.transport, 28);
	assert_true(seen.known & KNOWN_BYTES);

	made = sample(FAMILY_IPV6, IPPROTO_UDP);
	options = plain;
	options.extension_count = 2;
	memcpy(options.extensions, (uint8_t[]){IPPROTO_DSTOPTS, IPPROTO_AH}, 2);
	make(&made, &options);
	seen = decode_in_place(size, size);
	assert_ptr_equal(seen.bytes, frame + 14);
	assert_int_equal(seen.bytes_size, size - 14);
	assert_int_equal(seen.transport, 40 + 8 + 16);
	const uint8_t *header;
	assert_int_equal(packet_header(&seen, IPPROTO_UDP, 8, &header, NULL), PART_FOUND);
	assert_ptr_equal(header, seen.bytes + seen.transport);
}

static void bytes_that_were_not_captured_are_not_whole(void **state)
{
	(void)state;
	const uint8_t *header;
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		size_t ip = family == FAMILY_IPV4 ? 20 : 40;
		struct packet made = sample(family, IPPROTO_TCP);
		struct frame_options options = plain;
		options.payload = 100;
		make(&made, &options);
		struct packet seen = decode_in_place(14 + ip + 20, size);
		assert_false(seen.known & KNOWN_BYTES);
		assert_int_equal(seen.bytes_size, ip + 20);
		assert_int_equal(seen.transport, ip);
		assert_int_equal(packet_header(&seen, IPPROTO_TCP, 20, &header, NULL), PART_FOUND);
		assert_int_equal(packet_header(&seen, IPPROTO_TCP, 21, &header, NULL), PART_UNKNOWN);
		assert_int_equal(packet_header(&seen, IPPROTO_TCP, 121, &header, NULL), PART_SHORT);
		assert_int_equal(packet_tcp_option(&seen, 2, 0, NULL, NULL), PART_ABSENT);
		made.fragment_offset = 3;
		make(&made, &options);
		seen = decode_in_place(size, size);
		assert_true(seen.known & KNOWN_BYTES);
		assert_int_equal(seen.transport, 0);
		assert_int_equal(packet_header(&seen, IPPROTO_TCP, 20, &header, NULL), PART_ABSENT);
	}
}

static void cooked_captures_tell_packets_of_others(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV4, IPPROTO_TCP), seen;
	uint8_t cooked[2048] = {0};
	make(&made, &plain);
	memcpy(cooked + 16, frame + 14, size - 14);
	cooked[14] = 8;
	cooked[3] = 1;
	assert_int_equal(decode_as(COOKED, cooked, size + 2, size + 2, &seen), FRAME_OK);
	assert_int_equal(seen.destination_port, 443);
	assert_true(seen.known & KNOWN_TYPE);
	assert_int_equal(seen.type, PACKET_UNICAST);
	assert_false(seen.known & KNOWN_MAC); /* the address has no bytes */
	cooked[5] = 6;
	cooked[11] = 9;
	cooked[1] = 1;
	assert_int_equal(decode_as(COOKED, cooked, size + 2, size + 2, &seen), FRAME_OK);
	assert_int_equal(seen.type, PACKET_BROADCAST);
	assert_true(seen.known & KNOWN_MAC);
	assert_memory_equal(seen.mac, cooked + 6, 6);
	cooked[2] = 3; /* of ARPHRD_LOOPBACK, 772 */
	cooked[3] = 4;
	assert_int_equal(decode_as(COOKED, cooked, size + 2, size + 2, &seen), FRAME_OK);
	assert_false(seen.known & KNOWN_MAC);
	cooked[1] = 3;
	assert_int_equal(decode_as(COOKED, cooked, size + 2, size + 2, &seen), FRAME_OTHER);
	cooked[1] = 4;
	assert_int_equal(decode_as(COOKED, cooked, size + 2, size + 2, &seen), FRAME_OTHER);
	memset(cooked, 0, 20);
	memcpy(cooked + 20, frame + 14, size - 14);
	cooked[0] = 8;
	assert_int_equal(decode_as(COOKED2, cooked, size + 6, size + 6, &seen), FRAME_OK);
	cooked[9] = 1;
	cooked[10] = 2;
	cooked[11] = 6;
	cooked[17] = 9;
	assert_int_equal(decode_as(COOKED2, cooked, size + 6, size + 6, &seen), FRAME_OK);
	assert_int_equal(seen.type, PACKET_MULTICAST);
	assert_true(seen.known & KNOWN_MAC);
	assert_memory_equal(seen.mac, cooked + 12, 6);
	cooked[10] = 4;
	assert_int_equal(decode_as(COOKED2, cooked, size + 6, size + 6, &seen), FRAME_OTHER);
}

static void other_links(void **state)
{
	(void)state;
	struct packet made = sample(FAMILY_IPV6, IPPROTO_TCP), seen;
	enum link_verdict verdict;
	make(&made, &plain);
	assert_int_equal(decode_as(RAW, frame + 14, size - 14, size - 14, &seen), FRAME_OK);
	assert_int_equal(seen.family, FAMILY_IPV6);
	assert_false(seen.known & (KNOWN_MAC | KNOWN_TYPE));
	assert_int_equal(packet_decode(9999, frame, size, size, &seen, &verdict), -95 /* ENOTSUP */);
	frame[12] = 8;
	frame[13] = 6; /* ARP */
	assert_int_equal(decode(&seen), FRAME_OTHER);
}

/* Nothing to hold but that nothing is read past the end: run under the address sanitiser. */
static void no_frame_is_read_past_its_end(void **state)
{
	(void)state;
	unsigned seed = 20260101;
	printf("# seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 20000; round++) {
		struct packet made = sample(rand() % 2,
					    rand() % 4 ? (rand() % 2 ? IPPROTO_TCP : IPPROTO_UDP) : 58),
			      seen;
		struct frame_options options = plain;
		options.payload = (uint32_t)rand() % 64;
		options.vlan_count = (unsigned)rand() % 3;
		made.more_fragments = rand() % 4 == 0;
		if (made.family == FAMILY_IPV6) {
			options.extension_count = (unsigned)rand() % 4;
			for (unsigned i = 0; i < options.extension_count; i++)
				options.extensions[i] = (uint8_t[]){0, 43, 51, 60}[rand() % 4];
		} else {
			options.ip_options = (unsigned)rand() % 11 * 4;
		}
		make(&made, &options);
		for (int flips = rand() % 4; flips > 0; flips--)
			frame[14 + (size_t)rand() % (size - 14)] = (uint8_t)rand();
		size_t captured = (size_t)rand() % (size + 1);
		static const int links[] = {0, 1, 12, 101, 108, 113, 228, 229, 276};
		decode_as(rand() % 3 ? ETHERNET : links[(size_t)rand() % 9], frame, captured,
			  rand() % 2 ? captured : size, &seen);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_made_is_decoded),
	    cmocka_unit_test(ipv4_headers_that_ip_rcv_refuses_are_malformed),
	    cmocka_unit_test(padding_of_the_link_is_not_the_packets),
	    cmocka_unit_test(what_was_not_captured_is_not_known),
	    cmocka_unit_test(a_transport_header_that_is_cut_off_is_short),
	    cmocka_unit_test(a_short_transport_header_is_short_where_it_was_not_captured),
	    cmocka_unit_test(fragments_have_a_place_and_only_the_first_has_ports),
	    cmocka_unit_test(extension_headers_are_followed_as_ipv6_find_hdr_does),
	    cmocka_unit_test(ipv6_packets_that_ip6_rcv_refuses_are_malformed),
	    cmocka_unit_test(hop_by_hop_options_are_checked_before_any_rule),
	    cmocka_unit_test(vlan_tags_are_taken_off_and_told),
	    cmocka_unit_test(ttl_tos_mac_and_type_come_back),
	    cmocka_unit_test(multicast_frames_have_the_addresses_of_their_group),
	    cmocka_unit_test(bytes_are_the_packet_without_what_is_around_it),
	    cmocka_unit_test(bytes_that_were_not_captured_are_not_whole),
	    cmocka_unit_test(cooked_captures_tell_packets_of_others),
	    cmocka_unit_test(other_links),
	    cmocka_unit_test(no_frame_is_read_past_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
