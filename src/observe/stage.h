/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The stage: a network namespace with one veth pair, in which rules are loaded and frames injected. Nothing
 * outside it is touched, and all of it goes away with the process.
 *
 *     through (weir-out) ----- veth ----- interface (eth0, or whatever the rules call it): rules, XDP
 *
 * There is no route back to the sources, so that answers of the host (a TCP reset, an ICMP error) fail at
 * their route, before OUTPUT: what is measured is the receive path alone, and nothing travels the other way.
 */
#ifndef WEIR_OBSERVE_STAGE_H
#define WEIR_OBSERVE_STAGE_H

#include "packet/address.h"

#define STAGE_THROUGH "weir-out"

struct mnl_socket;

struct stage {
	char interface[INTERFACE_NAME_MAX];
	unsigned interface_index, through_index;
	uint8_t interface_mac[6], through_mac[6];
	struct mnl_socket *netlink;
};

/* Moves the process (of one thread) into a network namespace of its own, for good, and sets it up. 0, or
 * -errno with what was refused in words in `why`. */
int stage_open(struct stage *stage, const char *interface, struct buffer *why);
/* The same in the network namespace where the process is, which is then changed: links, addresses, sysctls.
 */
int stage_make(struct stage *stage, const char *interface, struct buffer *why);
/* Fills the stage from a pair that stands in this network namespace already. */
int stage_join(struct stage *stage, const char *interface, const char *through, struct buffer *why);
void stage_close(struct stage *stage);
/* Makes an address the host's own, delivered locally. 0 also when it was already. */
int stage_add_local(struct stage *stage, enum family family, address value);
/* Packets that arrived at the interface, since it was made; those that XDP dropped there are among them. */
int stage_received(struct stage *stage, uint64_t *packets);
/* Puts an XDP program at the interface, native mode, in place of what is there; -1: none. */
int stage_put_program(const struct stage *stage, int program);
/* A descriptor of the program that is there, native or generic, for the caller to close; -ENOENT without one.
 */
int stage_get_program(const struct stage *stage);

#endif
