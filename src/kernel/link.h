/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What rtnetlink, ethtool and bpf(2) say of one interface of this network namespace. Facts only:
 * kernel/host.c says what they mean. */
#ifndef WEIR_KERNEL_LINK_H
#define WEIR_KERNEL_LINK_H

#include "base/arena.h"
#include "meaning/region.h"
#include "packet/address.h"
#include "packet/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A device that stands on top of the interface. */
struct link_upper {
	char name[INTERFACE_NAME_MAX];
	char kind[16];  /* "vlan", "macvlan"; "" when the kernel does not say */
	bool elsewhere; /* in another network namespace */
};

struct link {
	int index;
	char name[INTERFACE_NAME_MAX];
	char kind[16];   /* IFLA_INFO_KIND: "veth"; "" for hardware */
	char driver[32]; /* as ethtool -i; "" when it does not say */
	unsigned type;   /* ARPHRD_* */
	unsigned flags;  /* IFF_* */
	uint8_t mac[6];  /* all 0 when the address is not 6 bytes long */
	uint32_t mtu;
	uint32_t promiscuity;
	int master; /* 0: none */
	char master_name[INTERFACE_NAME_MAX];
	char master_kind[16];
	bool rx_vlan_known, rx_vlan; /* offload of VLAN tags on receive */
	size_t upper_count;
	struct link_upper *uppers;
	bool elsewhere_seen; /* other network namespaces were looked into for uppers: kernel/elsewhere.h */
	uint32_t xdp_native, xdp_generic, xdp_offload; /* program ids; 0: none */
	uint32_t tc_filters;                           /* classifiers on ingress */
	bool tc_block; /* a shared ingress block: its filters are not this device's alone */
	uint32_t tcx_programs;
};

/* -ENODEV: no such interface. */
int link_read(struct arena *arena, const char *name, struct link *link);

/* Destinations that are delivered here whatever else the routing says: routes of type local in table "local"
 * that no other route of that table cuts into, where the first routing rule looks that table up. */
int link_locals(struct arena *arena, struct region_local **locals, size_t *count);

/* Names of all interfaces with an XDP program, as (name, index) of this namespace. */
int link_with_xdp(struct arena *arena, struct link **links, size_t *count);

#endif
