// SPDX-License-Identifier: GPL-2.0-or-later
/* Captures: pcap and pcapng files, and the frames in them. Every frame is decoded, and looked at by XDP's
 * parser; where both know a packet they must agree on it. */
#include "fuzz.h"
#include "packet/capture.h"
#include "packet/parse.h"

#include <sys/mman.h>
#include <unistd.h>

static void compare(const struct packet *packet, const struct packet_key *key)
{
	bool four = packet->family == FAMILY_IPV4;

	if ((key->family == 4) != four)
		fuzz_complain("the parsers differ on the family", &(struct buffer){0}, NULL);
	if (packet->known & KNOWN_PROTOCOL && packet->protocol != key->protocol)
		fuzz_complain("the parsers differ on the protocol", &(struct buffer){0}, NULL);
	if (packet->known & KNOWN_LENGTH && packet->length != key->length)
		fuzz_complain("the parsers differ on the length", &(struct buffer){0}, NULL);
	if (packet->known & KNOWN_PORTS && !key->fragment &&
	    (packet->protocol == 6 || packet->protocol == 17) &&
	    (packet->source_port != key->source_port || packet->destination_port != key->destination_port))
		fuzz_complain("the parsers differ on the ports", &(struct buffer){0}, NULL);
}

static void look_at(const struct capture_frame *frame)
{
	struct packet packet = {0};
	enum link_verdict verdict;
	struct buffer text = {0};

	if (packet_decode(frame->link_type, frame->data, frame->captured, frame->original, &packet,
			  &verdict) ||
	    verdict != FRAME_OK)
		return;
	packet_print(&packet, &text);
	buffer_fini(&text);
	if (frame->link_type != 1 || frame->captured < 14)
		return;
	/* As in a driver: a copy that ends where the frame does, at an address of the usual alignment. */
	uint8_t *copy = malloc(frame->captured + 2), mac[8];
	struct packet_key key;
	if (!copy)
		abort();
	memcpy(copy + 2, frame->data, frame->captured);
	memcpy(mac + 2, frame->data, 6);
	if (packet_parse_frame(copy + 2, copy + 2 + frame->captured, mac + 2, &key) && !packet.vlan)
		compare(&packet, &key);
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
