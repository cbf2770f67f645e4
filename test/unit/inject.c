// SPDX-License-Identifier: GPL-2.0-or-later
/* The frames that are injected have checksums that hold, carry their tag where it is looked for, and keep
 * what a capture said; and the injector sends each of them in turn, so that what arrives is what was asked
 * for. */
#include "observe/inject.h"
#include "observe/frames.h"
#include "observe/stage.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t CLIENT4[4] = {198, 51, 100, 7}, SERVICE4[4] = {192, 0, 2, 1};
static const uint8_t CLIENT6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7},
		     SERVICE6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};

static struct packet packet_from_client(enum family family, uint8_t protocol)
{
	struct packet packet = {.family = family, .protocol = protocol};

	memcpy(packet.source, family == FAMILY_IPV4 ? CLIENT4 : CLIENT6, family == FAMILY_IPV4 ? 4 : 16);
	memcpy(packet.destination, family == FAMILY_IPV4 ? SERVICE4 : SERVICE6,
	       family == FAMILY_IPV4 ? 4 : 16);
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE) {
		packet.source_port = 40000;
		packet.destination_port = 443;
	}
	if (protocol == IPPROTO_TCP)
		packet.tcp_flags = 2;
	if (protocol == IPPROTO_ICMP)
		packet.icmp_type = 8;
	if (protocol == IPPROTO_ICMPV6)
		packet.icmp_type = 128;
	packet.known = KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_PROTOCOL | KNOWN_PORTS | KNOWN_TCP_FLAGS |
		       KNOWN_ICMP | KNOWN_FRAGMENT;
	return packet;
}

/* One's complement sum of 16-bit words: 0xffff when the checksum among them holds (RFC 1071). */
static unsigned sum_words(unsigned long sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum += (unsigned long)data[i] << (i & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned)sum;
}

static void assert_checksums(const struct frame *frame, enum family family, uint8_t protocol)
{
	const uint8_t *network = frame->bytes + 14;
	size_t header = family == FAMILY_IPV4 ? 20 : 40, size = frame->length - 14 - header;
	unsigned long pseudo = 0;

	if (family == FAMILY_IPV4)
		assert_int_equal(sum_words(0, network, 20), 0xffff);
	if (protocol != IPPROTO_ICMP)
		pseudo =
		    sum_words(0, network + (family == FAMILY_IPV4 ? 12 : 8), family == FAMILY_IPV4 ? 8 : 32) +
		    size + protocol;
	assert_int_equal(sum_words(pseudo, network + header, size), 0xffff);
}

static void checksums_hold_and_tags_are_found(void **state)
{
	static const struct {
		enum family family;
		uint8_t protocol;
	} cases[] = {{FAMILY_IPV4, IPPROTO_TCP},    {FAMILY_IPV4, IPPROTO_UDP}, {FAMILY_IPV4, IPPROTO_ICMP},
		     {FAMILY_IPV6, IPPROTO_TCP},    {FAMILY_IPV6, IPPROTO_UDP}, {FAMILY_IPV6, IPPROTO_ICMPV6},
		     {FAMILY_IPV4, IPPROTO_UDPLITE}};
	static const uint32_t tags[] = {0, 1, 255, 256, 65535, 65536, 0x89abcdef, UINT32_MAX};
	struct frames frames = {
	    .arena = arena_new(), .destination = {2, 0, 0, 0, 0, 1}, .source = {2, 0, 0, 0, 0, 2}};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet packet = packet_from_client(cases[i].family, cases[i].protocol);
		size_t header = cases[i].family == FAMILY_IPV4 ? 34 : 54;

		for (size_t t = 0; t < sizeof(tags) / sizeof(tags[0]); t++, n++) {
			const struct frame *frame;
			uint32_t tag;

			assert_int_equal(frames_add_packet(&frames, &packet, tags[t]), 0);
			assert_int_equal(frames.count, n + 1);
			frame = &frames.frames[n];
			assert_memory_equal(frame->bytes, frames.destination, 6);
			assert_memory_equal(frame->bytes + 6, frames.source, 6);
			assert_checksums(frame, cases[i].family, cases[i].protocol);
			assert_true(frame_tag(cases[i].protocol, frame->bytes + header,
					      frame->length - header, &tag));
			assert_int_equal(tag, tags[t]);
		}
	}
	arena_free(frames.arena);
}

static void fragments_are_refused(void **state)
{
	struct frames frames = {.arena = arena_new()};
	struct packet packet = packet_from_client(FAMILY_IPV4, IPPROTO_UDP);

	(void)state;
	packet.more_fragments = true;
	assert_int_equal(frames_add_packet(&frames, &packet, 0), -ENOTSUP);
	assert_int_equal(frames.count, 0);
	arena_free(frames.arena);
}

static void a_captured_packet_gets_our_addresses_and_its_header_checksum(void **state)
{
	uint8_t network[32] = {0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0xde, 0xad, 198, 51, 100, 7, 192, 0, 2, 1};
	struct frames frames = {.arena = arena_new(), .destination = {2, 0, 0, 0, 0, 1}};

	(void)state;
	assert_int_equal(frames_add_network(&frames, FAMILY_IPV4, network, sizeof(network)), 0);
	assert_int_equal(frames.frames[0].length, 46);
	assert_memory_equal(frames.frames[0].bytes, frames.destination, 6);
	assert_int_equal(sum_words(0, frames.frames[0].bytes + 14, 20), 0xffff);
	/* Nothing else was changed. */
	memset(frames.frames[0].bytes + 24, 0, 2);
	memset(network + 10, 0, 2);
	assert_memory_equal(frames.frames[0].bytes + 14, network, sizeof(network));

	assert_int_equal(frames_add_network(&frames, FAMILY_IPV4, network, 19), -EMSGSIZE);
	assert_int_equal(frames_add_network(&frames, FAMILY_IPV6, network, 39), -EMSGSIZE);
	assert_int_equal(frames_add_network(&frames, FAMILY_IPV4, network, 1501), -EMSGSIZE);
	assert_int_equal(frames.count, 1);
	arena_free(frames.arena);
}

static void a_tag_needs_room(void **state)
{
	uint8_t bytes[12] = {0};
	uint32_t tag;

	(void)state;
	assert_false(frame_tag(IPPROTO_UDP, bytes, 11, &tag));
	assert_true(frame_tag(IPPROTO_UDP, bytes, 12, &tag));
	assert_false(frame_tag(IPPROTO_TCP, bytes, 7, &tag));
	assert_false(frame_tag(IPPROTO_TCP, bytes, 0, &tag));
}

/* Two frames of different length, five packets: the first frame three times, the second twice. What the
 * namespace received is the interface's own count, bytes included by way of the packets' lengths. */
static void frames_are_sent_in_turn_through_the_pair(void **state)
{
	__attribute__((cleanup(injector_cleanup))) struct injector *injector = NULL;
	struct packet packets[2] = {packet_from_client(FAMILY_IPV4, IPPROTO_TCP),
				    packet_from_client(FAMILY_IPV6, IPPROTO_UDP)};
	struct frames frames = {.arena = arena_new()};
	uint64_t before = 0, after = 0;
	struct buffer why = {0};
	double nanoseconds = -1;
	struct stage stage;
	int error;

	(void)state;
	error = stage_open(&stage, "inject0", &why);
	if (error) {
		printf("# skip: %s\n", why.data ? why.data : "");
		buffer_fini(&why);
		arena_free(frames.arena);
		skip();
	}
	memcpy(frames.destination, stage.interface_mac, 6);
	memcpy(frames.source, stage.through_mac, 6);
	assert_int_equal(frames_add_packet(&frames, &packets[0], 0), 0);
	assert_int_equal(frames_add_packet(&frames, &packets[1], 1), 0);
	error = injector_new(&frames, stage.interface_index, stage.through_index, &injector);
	if (error == -EPERM || error == -ENOTSUP) {
		printf("# skip: injecting is not possible here: %s\n", strerror(-error));
		stage_close(&stage);
		arena_free(frames.arena);
		skip();
	}
	assert_int_equal(error, 0);
	assert_int_equal(stage_get_program(&stage), -ENOENT);
	assert_int_equal(stage_put_program(&stage, injector_program(injector, INJECTOR_DISCARD)), 0);
	assert_int_equal(stage_received(&stage, &before), 0);
	error = injector_run(injector, 5, &nanoseconds);
	if (error == -ENOTSUP) {
		printf("# skip: this kernel has no live frames\n");
		stage_close(&stage);
		arena_free(frames.arena);
		skip();
	}
	assert_int_equal(error, 0);
	assert_true(nanoseconds >= 0);
	for (int wait = 0; wait < 100 && after < before + 5; wait++)
		assert_int_equal(stage_received(&stage, &after), 0);
	assert_int_equal(after - before, 5);
	assert_int_equal(stage_put_program(&stage, -1), 0);
	stage_close(&stage);
	arena_free(frames.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(checksums_hold_and_tags_are_found),
	    cmocka_unit_test(fragments_are_refused),
	    cmocka_unit_test(a_captured_packet_gets_our_addresses_and_its_header_checksum),
	    cmocka_unit_test(a_tag_needs_room),
	    cmocka_unit_test(frames_are_sent_in_turn_through_the_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
