/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SHARED WITH BPF: no libc, fixed-width types only.
 *
 * Ethernet frame to match key. A frame gives a key only when the rules are sure to see a packet with that
 * very header: whatever is short, odd, or has more headers than are understood gives none, and goes up to the
 * kernel. So what ip_rcv() and ipv6_rcv() would drop before any rule, and what makes a match hot-drop, is
 * never counted here. */
#ifndef WEIR_PACKET_PARSE_H
#define WEIR_PACKET_PARSE_H

#include "packet/key.h"

#define PARSE_INLINE static inline __attribute__((always_inline))
#define PARSE_EXTENSIONS 4 /* extension headers followed */
#define PARSE_ETHERNET 14

enum parse_protocol {
	PARSE_ICMP = 1,
	PARSE_TCP = 6,
	PARSE_UDP = 17,
	PARSE_DCCP = 33,
	PARSE_FRAGMENT = 44,
	PARSE_ICMPV6 = 58,
	PARSE_DESTINATION = 60,
	PARSE_SCTP = 132,
	PARSE_UDPLITE = 136,
};

/* From network order to the machine's. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define PARSE_BE16(number) __builtin_bswap16(number)
#define PARSE_BE32(number) __builtin_bswap32(number)
#define PARSE_BE64(number) __builtin_bswap64(number)
#else
#define PARSE_BE16(number) (number)
#define PARSE_BE32(number) (number)
#define PARSE_BE64(number) (number)
#endif

/* Headers stand at even offsets only: these types say so to the compiler. In the kernel a frame begins two
 * bytes past a multiple of eight wherever the processor minds (NET_IP_ALIGN, which the verifier knows), so
 * that the IP header and what is in it is aligned: words are read whole there, and not put together from
 * halves. */
typedef __u16 parse_u16 __attribute__((aligned(2), may_alias));
#ifdef __bpf__
typedef __u32 parse_u32 __attribute__((aligned(4), may_alias));
typedef __u64 parse_u64 __attribute__((aligned(8), may_alias));
#else
typedef __u32 parse_u32 __attribute__((aligned(2), may_alias));
typedef __u64 parse_u64 __attribute__((aligned(2), may_alias));
#endif

PARSE_INLINE __u32 parse_load16(const __u8 *at)
{
	__u16 number = *(const parse_u16 *)at;
	return PARSE_BE16(number);
}

PARSE_INLINE __u32 parse_load32(const __u8 *at)
{
	__u32 number = *(const parse_u32 *)at;
	return PARSE_BE32(number);
}

PARSE_INLINE __u64 parse_load64(const __u8 *at)
{
	__u64 number = *(const parse_u64 *)at;
	return PARSE_BE64(number);
}

/* DHCP always passes: its clients listen beside the rules, on packet sockets. */
PARSE_INLINE int parse_is_dhcp(__u32 port)
{
	return port == 67 || port == 68 || port == 546 || port == 547;
}

/* All bits set where a < b, else none: without a branch. The compiler must not see what it is, or it would
 * put one there. */
PARSE_INLINE __u64 parse_mask_less(__u32 a, __u32 b)
{
	__u64 difference = (__u64)a - b;
	__asm__("" : "+r"(difference));
	return (__u64)((__s64)difference >> 63);
}

/* TCP and UDP mixed are not to be foretold, and a mispredicted branch costs as much as the rest of the
 * header: the two are one case here, as long as 20 bytes are there, which every Ethernet frame has. */
PARSE_INLINE int parse_tcp_udp(const __u8 *at, __u64 tcp, __u32 size, struct packet_key *key)
{
	__u32 header = (__u32)((tcp & (at[12] >> 2 & 60)) | (~tcp & 8));
	if (header < 8 + (12 & tcp) || header > size)
		return 0;
	key->source_port = (__u16)parse_load16(at);
	key->destination_port = (__u16)parse_load16(at + 2);
	key->tcp_flags = (__u8)(at[13] & tcp);
	key->payload = (__u8)(parse_mask_less(header, size) & tcp & 1);
	return 1;
}

/* The transport header at `at`, of which the packet holds `size` bytes. The lengths asked for are those that
 * the kernel's matches ask for (net/netfilter/xt_tcpudp.c, ipset/ip_set_getport.c): they hot-drop or do not
 * match what is shorter. 1: the key is whole. */
PARSE_INLINE int parse_transport(const __u8 *at, const __u8 *end, __u32 size, struct packet_key *key)
{
	__u32 protocol = key->protocol;
	__u64 tcp = parse_mask_less(protocol ^ PARSE_TCP, 1), udp = parse_mask_less(protocol ^ PARSE_UDP, 1);
	if (at + 20 <= end && ((tcp | udp) & 1)) {
		if (!parse_tcp_udp(at, tcp, size, key))
			return 0;
		if (parse_is_dhcp(key->source_port) || parse_is_dhcp(key->destination_port))
			return tcp & 1;
		return 1;
	}
	if (tcp & 1)
		return 0;
	if (protocol == PARSE_UDP || protocol == PARSE_UDPLITE) {
		if (at + 8 > end || size < 8)
			return 0;
		key->source_port = (__u16)parse_load16(at);
		key->destination_port = (__u16)parse_load16(at + 2);
		return !(protocol == PARSE_UDP &&
			 (parse_is_dhcp(key->source_port) || parse_is_dhcp(key->destination_port)));
	}
	if (protocol == PARSE_ICMP || protocol == PARSE_ICMPV6) {
		/* The other family's: matches and sets do not agree on what its header is. */
		if (at + 8 > end || size < 8 || (protocol == PARSE_ICMP) != (key->family == 4))
			return 0;
		key->destination_port = (__u16)parse_load16(at);
		return 1;
	}
	if (protocol == PARSE_SCTP) {
		if (at + 12 > end || size < 12)
			return 0;
		key->source_port = (__u16)parse_load16(at);
		key->destination_port = (__u16)parse_load16(at + 2);
		return 1;
	}
	/* multiport reads ports of DCCP, ipset takes them as 0: one key cannot say both. */
	return protocol != PARSE_DCCP;
}

/* Whether a first part of a fragmented packet, of `size` bytes, has less of its transport header than the
 * matches ask for: they hot-drop it, and it is counted on no rule. */
PARSE_INLINE int parse_first_short(__u32 protocol, __u32 size)
{
	if (protocol == PARSE_TCP)
		return size < 20;
	if (protocol == PARSE_SCTP || protocol == PARSE_DCCP)
		return size < 12;
	if (protocol == PARSE_UDP || protocol == PARSE_UDPLITE || protocol == PARSE_ICMP ||
	    protocol == PARSE_ICMPV6)
		return size < 8;
	return 0;
}

PARSE_INLINE int parse_ipv4(const __u8 *at, const __u8 *end, struct packet_key *key)
{
	if (at + 20 > end || at[0] != 0x45) /* version 4, no options */
		return 0;
	const parse_u32 *words = (const parse_u32 *)at;
	__u64 sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32); /* at most 0x20002 */
	sum = (sum & 0xffff) + (sum >> 16);
	__u32 length = parse_load16(at + 2);
	if (sum != 0xffff || length < 20 || length > (__u64)(end - at))
		return 0;
	key->source[0] = parse_load32(at + 12);
	key->destination[0] = parse_load32(at + 16);
	key->length = length;
	key->family = 4;
	key->protocol = at[9];
	__u32 fragment = parse_load16(at + 6) & 0x3fff; /* more fragments, or an offset */
	if (fragment) {
		key->fragment = 1;
		__u32 offset = fragment & 0x1fff;
		/* The part that could overwrite a TCP header is hot-dropped, too (xt_tcpudp.c; not so in
		 * IPv6). */
		return offset ? offset != 1 || key->protocol != PARSE_TCP
			      : !parse_first_short(key->protocol, length - 20);
	}
	return parse_transport(at + 20, end, length - 20, key);
}

/* Addresses with which ipv6_rcv() drops a packet before PREROUTING, and a little more: multicast in a frame
 * for this host alone is nothing to judge here. */
PARSE_INLINE int parse_ipv6_odd(const struct packet_key *key)
{
	return (key->source[0] >> 56) == 0xff || (key->destination[0] >> 56) == 0xff ||
	       (key->source[0] == 0 && key->source[1] == 1) ||
	       (key->destination[0] == 0 && key->destination[1] == 1);
}

PARSE_INLINE int parse_ipv6(const __u8 *at, const __u8 *end, struct packet_key *key)
{
	if (at + 40 > end || at[0] >> 4 != 6)
		return 0;
	__u32 size = parse_load16(at + 4), next = at[6];
	if (size == 0 || size > (__u64)(end - at) - 40)
		return 0;
	key->source[0] = parse_load64(at + 8);
	key->source[1] = parse_load64(at + 16);
	key->destination[0] = parse_load64(at + 24);
	key->destination[1] = parse_load64(at + 32);
	key->length = size + 40;
	key->family = 6;
	if (parse_ipv6_odd(key))
		return 0;
	at += 40;
	for (int i = 0; i < PARSE_EXTENSIONS; i++) {
		if (next == PARSE_FRAGMENT) {
			if (at + 8 > end || size < 8)
				return 0;
			next = at[0];
			if (parse_load16(at + 2) < 8 && parse_first_short(next, size - 8))
				return 0;
			/* Later fragments do not show what an extension header behind this one hides. */
			key->protocol = (__u8)next;
			key->fragment = 1;
			return next != 0 && next != 43 && next != PARSE_FRAGMENT && next != 51 &&
			       next != PARSE_DESTINATION && next != 59 &&
			       (next != PARSE_ICMP && next != PARSE_DCCP);
		}
		if (next != PARSE_DESTINATION)
			break;
		if (at + 8 > end)
			return 0;
		__u32 header = ((__u32)at[1] + 1) * 8;
		if (header > size)
			return 0;
		next = at[0];
		size -= header;
		at += header;
	}
	/* Hop-by-hop, routing, authentication, more of the above, or nothing: the kernel's. */
	if (next == 0 || next == 43 || next == PARSE_FRAGMENT || next == 51 || next == 59 ||
	    next == PARSE_DESTINATION)
		return 0;
	key->protocol = (__u8)next;
	return parse_transport(at, end, size, key);
}

/* The IP version of a frame that is for the interface with that address (6 bytes at an even one); 0 for
 * others. VLAN tags, which stand where the type does, are not taken off. */
PARSE_INLINE int parse_ethernet(const __u8 *frame, const __u8 *end, const __u8 *mac)
{
	if (frame + PARSE_ETHERNET > end)
		return 0;
	if (*(const parse_u32 *)(frame + 2) != *(const parse_u32 *)(mac + 2) ||
	    *(const parse_u16 *)frame != *(const parse_u16 *)mac)
		return 0;
	__u32 type = *(const parse_u16 *)(frame + 12);
	return type == PARSE_BE16(0x0800) ? 4 : type == PARSE_BE16(0x86dd) ? 6 : 0;
}

/* The source address alone, in a frame of that IP version, be the rest as it may. 0: it is not there. */
PARSE_INLINE int parse_source(const __u8 *frame, const __u8 *end, int version, __u64 source[2])
{
	if (frame + PARSE_ETHERNET + (version == 4 ? 20 : 40) > end)
		return 0;
	source[0] = version == 4 ? parse_load32(frame + 26) : parse_load64(frame + 22);
	source[1] = version == 4 ? 0 : parse_load64(frame + 30);
	return 1;
}

/* The IP header behind it and what follows. 1: `key` is the frame's. 0: the frame goes up to the kernel.
 * `version` is what parse_ethernet() said, best as a constant. */
PARSE_INLINE int parse_network(const __u8 *frame, const __u8 *end, int version, struct packet_key *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	return version == 4 ? parse_ipv4(frame + PARSE_ETHERNET, end, key)
			    : parse_ipv6(frame + PARSE_ETHERNET, end, key);
}

/* Both. */
PARSE_INLINE int packet_parse_frame(const __u8 *frame, const __u8 *end, const __u8 *mac,
				    struct packet_key *key)
{
	int version = parse_ethernet(frame, end, mac);
	return version && parse_network(frame, end, version, key);
}

#endif
