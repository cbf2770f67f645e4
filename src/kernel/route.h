/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which way this host sends to an address. */
#ifndef WEIR_KERNEL_ROUTE_H
#define WEIR_KERNEL_ROUTE_H

#include "packet/packet.h"

enum route_way {
	ROUTE_WAY_LINK,  /* straight to it: it is a neighbour */
	ROUTE_WAY_VIA,   /* by way of a router */
	ROUTE_WAY_LOCAL, /* it is the host's own, or a broadcast or group */
	ROUTE_WAY_NONE,  /* no route, or one that refuses */
};

/* address: in network byte order. 0 or -errno. */
int route_ask(enum family family, const uint8_t *address, enum route_way *way);
/* The same by that interface alone: by an entry of the tables, as the kernel takes an address of IPv4 that no
 * entry has for one of the link (ip_route_output_key_hash_rcu()). */
int route_ask_by(enum family family, const uint8_t *address, unsigned interface, enum route_way *way);

#endif
