/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SHARED WITH BPF: no libc, no pointers, fixed-width types only.
 *
 * The match key: what the plane looks at in one packet. Made from a frame by packet/parse.h, in XDP and in
 * user space by the same code. All numbers are in host byte order. */
#ifndef WEIR_PACKET_KEY_H
#define WEIR_PACKET_KEY_H

#include <linux/types.h>

struct packet_key {
	__u64 source[2]; /* IPv6: upper and lower 64 bits; IPv4: [0] is the address, [1] is 0 */
	__u64 destination[2];
	__u32 length;           /* bytes of the IP packet, its header included: what netfilter counts */
	__u16 source_port;      /* TCP, UDP, UDP-Lite, SCTP, DCCP; else 0 */
	__u16 destination_port; /* as above; ICMP and ICMPv6: type << 8 | code, as ipset sees it */
	__u8 family;            /* 4 or 6 */
	__u8 protocol;          /* of the transport header, behind extension headers */
	__u8 tcp_flags;         /* byte 13 of the TCP header; else 0 */
	__u8 fragment;          /* 1: part of a fragmented packet, first or later: ports, flags, type are 0 */
	__u8 payload;           /* 1: TCP with at least one byte of data */
	__u8 unused[3];
};

_Static_assert(sizeof(struct packet_key) == 48, "one layout in BPF and user space");

#endif
