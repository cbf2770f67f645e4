/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Headers and TCP options in a packet's bytes. Each case says what the kernel's ipv6_find_hdr() or
 * tcp_find_option() gives for the same bytes; and of each header it is tried what a snapshot length makes of
 * it (unknown) and what a packet that ends there makes of it (short). */
#include "packet/packet.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOBILITY = 135 };

/* A packet being put together, from its IP header on. */
struct made {
	uint8_t bytes[256];
	uint32_t size;
	struct packet packet;
};

static void add(struct made *made, const void *bytes, uint32_t size)
{
	memcpy(made->bytes + made->size, bytes, size);
	made->size += size;
}

#define ADD(made, ...) add((made), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static struct made ipv6(uint8_t next)
{
	struct made made = {.packet.family = FAMILY_IPV6};
	made.bytes[0] = 6 << 4;
	made.bytes[6] = next;
	made.bytes[7] = 64;
	memcpy(made.bytes + 8, (uint8_t[]){0x20, 1, 0xd, 0xb8, [15] = 1}, 16);
	memcpy(made.bytes + 24, (uint8_t[]){0x20, 1, 0xd, 0xb8, [15] = 2}, 16);
	made.size = 40;
	return made;
}

static struct made ipv4(uint8_t protocol, uint8_t words, uint16_t fragment)
{
	struct made made = {.packet.family = FAMILY_IPV4, .size = words * 4u};
	made.bytes[0] = 4 << 4 | words;
	made.bytes[6] = (uint8_t)(fragment >> 8);
	made.bytes[7] = (uint8_t)fragment;
	made.bytes[9] = protocol;
	return made;
}

/* As packet_decode() leaves it: `captured` bytes of a packet of `length`. */
static const struct packet *seen(struct made *made, uint32_t captured, uint32_t length)
{
	struct packet *packet = &made->packet;
	packet->bytes = made->bytes;
	packet->bytes_size = captured;
	packet->length = length;
	packet->known = KNOWN_LENGTH | KNOWN_FRAGMENT | (captured == length ? KNOWN_BYTES : 0u);
	return packet;
}

static const struct packet *whole(struct made *made)
{
	return seen(made, made->size, made->size);
}

static void expect_found(struct made *made, uint8_t protocol, uint32_t size, uint32_t offset)
{
	const uint8_t *header = NULL;
	uint32_t at = 0;
	assert_int_equal(packet_header(whole(made), protocol, size, &header, &at), PART_FOUND);
	assert_int_equal(at, offset);
	assert_ptr_equal(header, made->bytes + offset);
	/* Where the packet ends in front of that it is short; where the capture does, nobody knows. */
	header = NULL;
	assert_int_equal(
	    packet_header(seen(made, offset + size - 1, offset + size - 1), protocol, size, &header, &at),
	    PART_SHORT);
	assert_int_equal(
	    packet_header(seen(made, offset + size - 1, made->size), protocol, size, &header, &at),
	    PART_UNKNOWN);
	assert_null(header);
	assert_int_equal(at, offset);
	assert_int_equal(packet_header(seen(made, offset + size, made->size), protocol, size, &header, NULL),
			 PART_FOUND);
}

static void expect_part(struct made *made, uint8_t protocol, enum packet_part part)
{
	const uint8_t *header = NULL;
	assert_int_equal(packet_header(whole(made), protocol, 2, &header, NULL), part);
	assert_null(header);
}

/* Hop-by-hop, routing, AH (of 16 bytes), fragment (first part), destination options, TCP. */
static struct made long_chain(void)
{
	struct made made = ipv6(IPPROTO_HOPOPTS);
	ADD(&made, IPPROTO_ROUTING, 0, 1, 4, 0, 0, 0, 0);
	ADD(&made, IPPROTO_AH, 0, 253, 0, 0, 0, 0, 0);
	ADD(&made, IPPROTO_FRAGMENT, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0);
	ADD(&made, IPPROTO_DSTOPTS, 0, 0, 1, 0, 0, 0, 9);
	ADD(&made, IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0);
	ADD(&made, 0x9c, 0x40, 1, 0xbb, [12] = 5 << 4, [19] = 0);
	return made;
}

static void each_header_of_a_chain_is_found(void **state)
{
	(void)state;
	struct made made = long_chain();
	expect_found(&made, IPPROTO_HOPOPTS, 2, 40);
	expect_found(&made, IPPROTO_ROUTING, 4, 48);
	expect_found(&made, IPPROTO_AH, 12, 56);
	expect_found(&made, IPPROTO_FRAGMENT, 8, 72);
	expect_found(&made, IPPROTO_DSTOPTS, 8, 80);
	expect_found(&made, IPPROTO_TCP, 20, 88);
	expect_part(&made, IPPROTO_UDP, PART_ABSENT);
	expect_part(&made, IPPROTO_ESP, PART_ABSENT);
	expect_part(&made, MOBILITY, PART_ABSENT);
	expect_part(&made, IPPROTO_NONE, PART_ABSENT);
}

static void what_is_no_extension_header_ends_the_chain(void **state)
{
	(void)state;
	struct made made = ipv6(IPPROTO_ESP);
	ADD(&made, 0, 0, 1, 0, 0, 0, 0, 1);
	expect_found(&made, IPPROTO_ESP, 8, 40);
	expect_part(&made, IPPROTO_HOPOPTS, PART_ABSENT);
	made = ipv6(IPPROTO_DSTOPTS);
	ADD(&made, MOBILITY, 0, 1, 4, 0, 0, 0, 0);
	ADD(&made, IPPROTO_NONE, 0, 1, 0, 0, 0, 0, 0);
	expect_found(&made, MOBILITY, 8, 48);
	made = ipv6(IPPROTO_DSTOPTS);
	ADD(&made, IPPROTO_NONE, 0, 1, 4, 0, 0, 0, 0);
	expect_part(&made, IPPROTO_TCP, PART_ABSENT);
	assert_int_equal(packet_header(whole(&made), IPPROTO_NONE, 0, &(const uint8_t *){NULL}, NULL),
			 PART_FOUND);
}

static void the_first_of_several_is_taken(void **state)
{
	(void)state;
	struct made made = ipv6(IPPROTO_DSTOPTS);
	ADD(&made, IPPROTO_ROUTING, 1, 1, 12, [15] = 0);
	ADD(&made, IPPROTO_DSTOPTS, 0, 253, 0, 0, 0, 0, 0);
	ADD(&made, IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0);
	ADD(&made, 0, 53, 0, 53, 0, 8, 0, 0);
	expect_found(&made, IPPROTO_DSTOPTS, 16, 40);
	expect_found(&made, IPPROTO_ROUTING, 8, 56);
	expect_found(&made, IPPROTO_UDP, 8, 72);
}

static void behind_the_fragment_header_of_a_later_fragment_is_nothing(void **state)
{
	(void)state;
	struct made made = ipv6(IPPROTO_HOPOPTS);
	ADD(&made, IPPROTO_FRAGMENT, 0, 1, 4, 0, 0, 0, 0);
	ADD(&made, IPPROTO_TCP, 0, 0, 8 | 1, 0, 0, 0, 9);
	ADD(&made, 0x9c, 0x40, 1, 0xbb, [12] = 5 << 4, [19] = 0);
	expect_found(&made, IPPROTO_HOPOPTS, 8, 40);
	expect_found(&made, IPPROTO_FRAGMENT, 8, 48);
	expect_part(&made, IPPROTO_TCP, PART_ABSENT);
	expect_part(&made, IPPROTO_DSTOPTS, PART_ABSENT);
}

static void a_chain_that_leads_out_of_the_packet_is_short(void **state)
{
	(void)state;
	struct made made = ipv6(IPPROTO_HOPOPTS);
	ADD(&made, IPPROTO_DSTOPTS, 7, 1, 4, 0, 0, 0, 0);
	expect_part(&made, IPPROTO_TCP, PART_SHORT);
	expect_part(&made, IPPROTO_DSTOPTS, PART_SHORT);
	const uint8_t *header;
	/* What comes before the damage is found, as in the kernel. */
	assert_int_equal(packet_header(whole(&made), IPPROTO_HOPOPTS, 8, &header, NULL), PART_FOUND);
	/* The transport header's number is there, the header is not. */
	made.bytes[40] = IPPROTO_TCP;
	expect_part(&made, IPPROTO_TCP, PART_SHORT);
	expect_part(&made, IPPROTO_UDP, PART_ABSENT);
	/* A routing header must have 4 bytes, others 2. */
	made = ipv6(IPPROTO_ROUTING);
	ADD(&made, IPPROTO_TCP, 0, 0);
	expect_part(&made, IPPROTO_ROUTING, PART_SHORT);
	made = ipv6(IPPROTO_DSTOPTS);
	ADD(&made, IPPROTO_TCP, 0, 0);
	assert_int_equal(packet_header(whole(&made), IPPROTO_DSTOPTS, 2, &header, NULL), PART_FOUND);
	made = ipv6(IPPROTO_DSTOPTS);
	expect_part(&made, IPPROTO_DSTOPTS, PART_SHORT);
	expect_part(&made, IPPROTO_TCP, PART_SHORT);
}

static void ipv4_has_one_header_behind_its_own(void **state)
{
	(void)state;
	struct made made = ipv4(IPPROTO_TCP, 7, 0);
	ADD(&made, 0x9c, 0x40, 1, 0xbb, [12] = 5 << 4, [19] = 0);
	expect_found(&made, IPPROTO_TCP, 20, 28);
	expect_part(&made, IPPROTO_UDP, PART_ABSENT);
	made = ipv4(IPPROTO_AH, 5, 0x2000);
	ADD(&made, IPPROTO_TCP, 1, 0, 0, 0, 0, 1, 0);
	expect_found(&made, IPPROTO_AH, 8, 20);
	expect_part(&made, IPPROTO_TCP, PART_ABSENT);
	made = ipv4(IPPROTO_AH, 5, 3);
	ADD(&made, IPPROTO_TCP, 1, 0, 0, 0, 0, 1, 0);
	expect_part(&made, IPPROTO_AH, PART_ABSENT);
}

static void without_bytes_all_is_unknown(void **state)
{
	(void)state;
	struct packet packet = {.family = FAMILY_IPV6, .known = ~0u, .length = 100};
	const uint8_t *header;
	assert_int_equal(packet_header(&packet, IPPROTO_TCP, 20, &header, NULL), PART_UNKNOWN);
	assert_int_equal(packet_read(&packet, 0, 1, &header), PART_UNKNOWN);
	assert_int_equal(packet_tcp_option(&packet, 2, 0, NULL, NULL), PART_UNKNOWN);
	/* Forgotten, or only said not to be known. */
	struct made made = long_chain();
	whole(&made);
	made.packet.known &= ~(uint32_t)KNOWN_BYTES;
	assert_int_equal(packet_header(&made.packet, IPPROTO_TCP, 20, &header, NULL), PART_UNKNOWN);
	whole(&made);
	packet_forget_bytes(&made.packet);
	assert_false(made.packet.known & KNOWN_BYTES);
	assert_int_equal(packet_header(&made.packet, IPPROTO_TCP, 20, &header, NULL), PART_UNKNOWN);
	seen(&made, 60, made.size);
	packet_forget_bytes(&made.packet);
	assert_int_equal(packet_header(&made.packet, IPPROTO_HOPOPTS, 8, &header, NULL), PART_UNKNOWN);
}

static void any_place_is_read_or_not(void **state)
{
	(void)state;
	struct made made = ipv4(IPPROTO_TCP, 5, 0);
	const uint8_t *bytes = NULL;
	assert_int_equal(packet_read(whole(&made), 0, 20, &bytes), PART_FOUND);
	assert_ptr_equal(bytes, made.bytes);
	assert_int_equal(packet_read(whole(&made), 20, 0, &bytes), PART_FOUND);
	assert_int_equal(packet_read(whole(&made), 20, 1, &bytes), PART_SHORT);
	assert_int_equal(packet_read(whole(&made), UINT32_MAX, UINT32_MAX, &bytes), PART_SHORT);
	assert_int_equal(packet_read(seen(&made, 20, 40), 20, 20, &bytes), PART_UNKNOWN);
	assert_int_equal(packet_read(seen(&made, 20, 40), 20, 21, &bytes), PART_SHORT);
}

/* --- TCP options */

static struct made tcp(enum family family, uint8_t words, const uint8_t *options, uint32_t size)
{
	struct made made = family == FAMILY_IPV4 ? ipv4(IPPROTO_TCP, 5, 0) : ipv6(IPPROTO_TCP);
	ADD(&made, 0x9c, 0x40, 1, 0xbb, [12] = (uint8_t)(words << 4), [13] = 2, [19] = 0);
	add(&made, options, size);
	return made;
}

static enum packet_part option(struct made *made, uint8_t kind, uint8_t length, int place)
{
	const uint8_t *at = NULL;
	uint32_t left = 0;
	enum packet_part part = packet_tcp_option(whole(made), kind, length, &at, &left);
	if (part == PART_FOUND) {
		assert_int_equal(at - made->bytes, place);
		assert_ptr_equal(at + left, made->bytes + made->size);
	} else {
		assert_null(at);
	}
	return part;
}

static void options_are_found_by_kind(void **state)
{
	(void)state;
	static const uint8_t options[12] = {2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 0, 0};
	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		struct made made = tcp(family, 8, options, sizeof(options));
		int begin = family == FAMILY_IPV4 ? 40 : 60;
		assert_int_equal(option(&made, 2, 0, begin), PART_FOUND);
		assert_int_equal(option(&made, 2, 4, begin), PART_FOUND);
		assert_int_equal(option(&made, 2, 5, begin), PART_ABSENT);
		assert_int_equal(option(&made, 3, 0, begin + 5), PART_FOUND);
		assert_int_equal(option(&made, 4, 0, begin + 8), PART_FOUND);
		assert_int_equal(option(&made, 1, 0, begin + 4), PART_FOUND);
		assert_int_equal(option(&made, 0, 0, begin + 10), PART_FOUND);
		assert_int_equal(option(&made, 8, 0, 0), PART_ABSENT);
	}
}

static void odd_options_are_walked_as_the_kernel_walks_them(void **state)
{
	(void)state;
	/* The end of the list does not end it; a length of 0 goes on by one byte; of 1, too. */
	struct made made = tcp(FAMILY_IPV4, 6, (const uint8_t[]){0, 2, 0, 8}, 4);
	assert_int_equal(option(&made, 2, 0, 41), PART_FOUND);
	assert_int_equal(option(&made, 2, 4, 0), PART_ABSENT);
	assert_int_equal(option(&made, 8, 0, 43), PART_FOUND);
	made = tcp(FAMILY_IPV4, 6, (const uint8_t[]){9, 1, 8, 1}, 4);
	assert_int_equal(option(&made, 1, 0, 41), PART_FOUND);
	/* A length that leads out ends it; what it jumps over is not looked at. */
	made = tcp(FAMILY_IPV4, 6, (const uint8_t[]){9, 200, 2, 4}, 4);
	assert_int_equal(option(&made, 2, 0, 0), PART_ABSENT);
	/* One that does not fit: tcp takes it, tcpmss does not. */
	made = tcp(FAMILY_IPV4, 6, (const uint8_t[]){1, 1, 2, 4}, 4);
	assert_int_equal(option(&made, 2, 0, 42), PART_FOUND);
	assert_int_equal(option(&made, 2, 4, 0), PART_ABSENT);
	made = tcp(FAMILY_IPV4, 6, (const uint8_t[]){1, 1, 1, 2}, 4);
	assert_int_equal(option(&made, 2, 0, 43), PART_FOUND);
	assert_int_equal(option(&made, 2, 4, 0), PART_ABSENT);
	/* tcpmss goes on behind one of another length. */
	made = tcp(FAMILY_IPV4, 7, (const uint8_t[]){2, 3, 0, 2, 4, 5, 0xb4, 0}, 8);
	assert_int_equal(option(&made, 2, 4, 43), PART_FOUND);
}

static void options_that_are_not_whole_are_short(void **state)
{
	(void)state;
	struct made made = tcp(FAMILY_IPV4, 5, (const uint8_t[]){0}, 0);
	assert_int_equal(option(&made, 2, 0, 0), PART_ABSENT);
	made.bytes[32] = 4 << 4; /* a data offset below the header's own size */
	assert_int_equal(option(&made, 2, 0, 0), PART_SHORT);
	made.bytes[32] = 6 << 4; /* beyond the packet */
	assert_int_equal(option(&made, 2, 0, 0), PART_SHORT);
	made = tcp(FAMILY_IPV4, 7, (const uint8_t[]){2, 4, 5, 0xb4, 1, 1, 4, 2}, 8);
	/* The options are taken all together: what is there of them does not tell. */
	assert_int_equal(packet_tcp_option(seen(&made, 45, 48), 2, 0, NULL, NULL), PART_UNKNOWN);
	assert_int_equal(packet_tcp_option(seen(&made, 45, 45), 2, 0, NULL, NULL), PART_SHORT);
	assert_int_equal(packet_tcp_option(seen(&made, 39, 39), 2, 0, NULL, NULL), PART_SHORT);
	assert_int_equal(packet_tcp_option(seen(&made, 48, 60), 4, 0, NULL, NULL), PART_FOUND);
	made.packet.fragment_offset = 1;
	assert_int_equal(packet_tcp_option(&made.packet, 4, 0, NULL, NULL), PART_UNKNOWN);
	made = ipv4(IPPROTO_UDP, 5, 0);
	assert_int_equal(option(&made, 2, 0, 0), PART_ABSENT);
}

/* Nothing to hold but that nothing is read past the end: run under the address sanitiser. */
static void random_bytes_are_not_read_past_their_end(void **state)
{
	(void)state;
	static const uint8_t numbers[] = {0, 43, 44, 50, 51, 59, 60, 135, IPPROTO_TCP, IPPROTO_UDP};
	unsigned seed = 20260102;
	printf("# seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t size = (uint32_t)rand() % 120, length = size + (uint32_t)rand() % 2 * 30;
		uint8_t *bytes = malloc(size ? size : 1);
		assert_non_null(bytes);
		for (uint32_t i = 0; i < size; i++)
			bytes[i] = rand() % 2 ? numbers[(size_t)rand() % sizeof(numbers)] : (uint8_t)rand();
		struct packet packet = {.family = rand() % 2 ? FAMILY_IPV6 : FAMILY_IPV4,
					.bytes = bytes,
					.bytes_size = size,
					.length = length,
					.known = KNOWN_LENGTH | (size == length ? KNOWN_BYTES : 0u)};
		const uint8_t *at;
		for (size_t i = 0; i < sizeof(numbers); i++) {
			uint32_t asked = (uint32_t)rand() % 30;
			if (packet_header(&packet, numbers[i], asked, &at, NULL) == PART_FOUND)
				assert_true(at >= bytes && at + asked <= bytes + size);
		}
		uint32_t left;
		if (packet_tcp_option(&packet, (uint8_t)(rand() % 9), (uint8_t)(rand() % 5), &at, &left) ==
		    PART_FOUND)
			assert_true(at >= bytes + 40 && left > 0 && at + left <= bytes + size);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_header_of_a_chain_is_found),
	    cmocka_unit_test(what_is_no_extension_header_ends_the_chain),
	    cmocka_unit_test(the_first_of_several_is_taken),
	    cmocka_unit_test(behind_the_fragment_header_of_a_later_fragment_is_nothing),
	    cmocka_unit_test(a_chain_that_leads_out_of_the_packet_is_short),
	    cmocka_unit_test(ipv4_has_one_header_behind_its_own),
	    cmocka_unit_test(without_bytes_all_is_unknown),
	    cmocka_unit_test(any_place_is_read_or_not),
	    cmocka_unit_test(options_are_found_by_kind),
	    cmocka_unit_test(odd_options_are_walked_as_the_kernel_walks_them),
	    cmocka_unit_test(options_that_are_not_whole_are_short),
	    cmocka_unit_test(random_bytes_are_not_read_past_their_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
