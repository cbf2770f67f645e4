/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random Ethernet frames, made by code that shares nothing with what reads them. */
#ifndef WEIR_TEST_PARITY_FRAMES_H
#define WEIR_TEST_PARITY_FRAMES_H

#include "pool.h"

#define FRAME_ROOM 512
#define FRAME_QUOTED 64

/* Locally administered; the receiving interface is given it. */
extern const uint8_t frame_own_mac[6], frame_peer_mac[6];

enum frame_to { TO_HOST, TO_BROADCAST, TO_MULTICAST, TO_OTHER };
enum frame_fragment {
	FRAME_WHOLE,
	FRAME_FIRST,
	FRAME_LATER,
	FRAME_ATOMIC /* IPv6: a header, but not split */
};

/* What a frame shall be; frame_build() makes it. */
struct frame_plan {
	enum family family;
	enum frame_to to;
	unsigned vlan_tags; /* 0 to 3 */
	uint16_t vlan_id;
	address source, destination;
	uint8_t protocol;
	uint16_t source_port, destination_port;
	uint8_t tcp_flags;
	uint8_t type, code;
	enum frame_fragment fragment;
	unsigned offset; /* of a later fragment, in 8 bytes; 1 is what the tcp match takes for an attack */
	bool last;
	unsigned options; /* IPv4: words of options (0 to 10) */
	unsigned
	    extensions;   /* IPv6: bits: 1 hop-by-hop, 2 destination options, 4 routing, 8 authentication */
	unsigned payload; /* bytes behind the transport header */
	unsigned cut;     /* bytes that the IP packet is shorter than its transport header needs; 0: whole */
	unsigned padding; /* bytes behind the IP packet */
	unsigned truncated; /* bytes of the frame that are missing although the IP header counts them */
	bool bad_checksum;  /* of the IPv4 header */
	bool wrong_version;
	uint16_t identification; /* of a fragmented packet */
	uint8_t ttl;             /* 0: 64 */
	uint8_t tos;
	uint8_t source_mac; /* last byte; 0: the peer's */
	uint32_t spi;       /* AH, ESP; its lower half: IPComp */
	/* Layouts: frames_header.h. 0: plain. */
	unsigned tcp_options, variant, hop, destination_options, routing, auth, text;
	uint8_t fragment_reserved; /* IPv6: bits in both reserved fields */
	uint8_t sequence;          /* TCP: added to 1 */
	uint8_t acknowledgement;
	/* ICMP errors: the packet that it is about, in place of a payload; 0: none. */
	unsigned quoted_size;
	uint8_t quoted[FRAME_QUOTED];
};

struct frame {
	uint8_t data[FRAME_ROOM];
	unsigned size;    /* bytes */
	unsigned network; /* offset of the IP header */
};

/* kernel: only such frames of which the kernel's way with them is known for sure. */
void frame_plan_random(struct frame_plan *plan, const struct pool *pool, bool kernel, struct random *random);
/* As above, with what the matches beside the common ones look at. */
void frame_plan_rich(struct frame_plan *plan, const struct pool *pool, bool kernel, struct random *random);
void frame_build(const struct frame_plan *plan, struct frame *frame);

#endif
