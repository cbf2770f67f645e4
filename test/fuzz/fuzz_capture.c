// SPDX-License-Identifier: GPL-2.0-or-later
/* Captures: pcap and pcapng files, and the frames in them. Every frame is decoded, and looked at by XDP's
 * parser; where both know a packet they must agree on it. */
#include "fuzz.h"
#include "packet/capture.h"
#include "packet/parse.h"

#include <sys/mman.h>
#include <unistd.h>

static void expect(bool same, const char *what, const struct packet *packet)
{
	struct buffer line = {0};

	if (same)
		return;
	packet_print(packet, &line);
	fuzz_complain(what, &line, NULL);
}

static uint64_t number(const uint8_t *bytes, unsigned size)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < size; i++)
		number = number << 8 | bytes[i];
	return number;
}

static bool same_addresses(const struct packet *packet, const struct packet_key *key)
{
	if (packet->family == FAMILY_IPV4)
		return number(packet->source, 4) == key->source[0] && !key->source[1] &&
		       number(packet->destination, 4) == key->destination[0] && !key->destination[1];
	for (unsigned i = 0; i < 2; i++)
		if (number(packet->source + i * 8, 8) != key->source[i] ||
		    number(packet->destination + i * 8, 8) != key->destination[i])
			return false;
	return true;
}

/* XDP's parser makes a key only of what is whole and reaches the rules: all that is in it is known. */
static void compare(const struct packet *packet, const struct packet_key *key)
{
	uint32_t known = KNOWN_PROTOCOL | KNOWN_LENGTH | KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_FRAGMENT;

	expect((packet->known & known) == known && !packet->transport_short && !packet->header_error,
	       "a key was made of a damaged packet", packet);
	expect(key->family == (packet->family == FAMILY_IPV4 ? 4 : 6), "the parsers differ on the family",
	       packet);
	expect(packet->protocol == key->protocol, "the parsers differ on the protocol", packet);
	expect(packet->length == key->length, "the parsers differ on the length", packet);
	expect(same_addresses(packet, key), "the parsers differ on the addresses", packet);
	if (key->fragment) {
		expect(!key->source_port && !key->destination_port && !key->tcp_flags && !key->payload,
		       "a fragment's key has ports or flags", packet);
		return;
	}
	expect(!packet->fragment_offset && !packet->more_fragments, "the parsers differ on fragments",
	       packet);
	if (packet->known & KNOWN_PORTS)
		expect(packet->source_port == key->source_port &&
			   packet->destination_port == key->destination_port,
		       "the parsers differ on the ports", packet);
	else if (packet->known & KNOWN_ICMP)
		expect(!key->source_port &&
			   key->destination_port == (packet->icmp_type << 8 | packet->icmp_code),
		       "the parsers differ on type and code", packet);
	else
		expect(!key->source_port && !key->destination_port, "a key has ports that are not there",
		       packet);
	if (packet->protocol == 6)
		expect(packet->known & KNOWN_TCP_FLAGS && packet->tcp_flags == key->tcp_flags &&
			   key->payload == (packet->payload != 0),
		       "the parsers differ on TCP", packet);
	else
		expect(!key->tcp_flags && !key->payload, "a key has flags that are not there", packet);
}

static void look_at(const struct capture_frame *frame)
{
	struct packet packet = {0};
	enum link_verdict verdict;
	struct buffer text = {0};

	if (packet_decode(frame->link_type, frame->data, frame->captured, frame->original, &packet, &verdict))
		return;
	if (verdict == FRAME_OK)
		packet_print(&packet, &text);
	buffer_fini(&text);
	if (frame->link_type != 1 || frame->captured < 14)
		return;
	/* As in a driver: a copy that ends where the frame does, at an address of the usual alignment. */
	uint8_t *copy = malloc(frame->captured + 2);
	_Alignas(8) uint8_t mac[8];
	struct packet_key key;
	if (!copy)
		abort();
	memcpy(copy + 2, frame->data, frame->captured);
	memcpy(mac + 2, frame->data, 6);
	if (packet_parse_frame(copy + 2, copy + 2 + frame->captured, mac + 2, &key)) {
		expect(verdict == FRAME_OK, "a key was made of what no rule sees", &packet);
		compare(&packet, &key);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("capture", 0);
	char path[64];
	struct capture *capture = NULL;
	struct capture_frame frame;
	struct buffer reason = {0};

	if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (capture_open(path, &capture, &reason) == 0)
		for (int i = 0; i < 64 && capture_next(capture, &frame, &reason) > 0; i++)
			look_at(&frame);
	capture_cleanup(&capture);
	buffer_fini(&reason);
	close(fd);
	return 0;
}
