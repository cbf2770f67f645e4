/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Frames to inject: Ethernet frames, whole, with checksums that the kernel accepts. */
#ifndef WEIR_OBSERVE_FRAMES_H
#define WEIR_OBSERVE_FRAMES_H

#include "base/arena.h"
#include "packet/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_BYTES_MAX 1514u /* Ethernet header and 1,500 bytes; what the injector carries */
#define FRAMES_MAX 65536u

struct frame {
	uint32_t length;
	uint8_t *bytes;
};

struct frames {
	struct arena *arena;
	size_t count, capacity;
	struct frame *frames;
	uint8_t destination[6], source[6]; /* MAC addresses that each added frame gets */
};

/* A frame with that packet, made by frame_make(). `tag` is written where no rule looks: the sequence number
 * of TCP, the first four bytes of what UDP carries, the identifier and sequence number of an ICMP echo, the
 * first four bytes of another protocol's body (SCTP and DCCP carry none). A fragment is not made: -ENOTSUP.
 * -E2BIG past FRAMES_MAX, -ENOMEM. */
int frames_add_packet(struct frames *frames, const struct packet *packet, uint32_t tag);
/* What a capture holds: `network` is the IPv4 or IPv6 packet. Its bytes stay as they are, but for the IPv4
 * header checksum, which is made right. -EMSGSIZE when it does not fit a frame. */
int frames_add_network(struct frames *frames, enum family family, const uint8_t *network, size_t size);
/* The tag of a transport packet (TCP, UDP, ... without the IP header), as above. False when it is too short.
 */
bool frame_tag(uint8_t protocol, const uint8_t *transport, size_t size, uint32_t *tag);

#endif
