/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether an interface of this host is one where dropping early can make no difference but the one that is
 * wanted (doc/architecture.md, "What must hold at the interface"). */
#ifndef WEIR_KERNEL_HOST_H
#define WEIR_KERNEL_HOST_H

#include "kernel/hooks.h"
#include "kernel/link.h"
#include "meaning/region.h"

struct host {
	struct link link;
	struct hooks hooks;
	enum truth forwarding[FAMILY_COUNT]; /* whether packets that arrive there may be sent on */
	size_t local_count;
	struct region_local *locals;
	uint32_t packet_listeners; /* AF_PACKET sockets that see this interface's frames */
	uint64_t namespace_inode;  /* of this network namespace */
	/* Set by who asks: the rules are those of weir's own tables in nftables, which are known to be them;
	 * else those of iptables. Rules of the other kind are what host_check() finds. */
	bool applied;
};

/* 0; -ENODEV: no such interface; -EPERM; another -errno. */
int host_read(struct arena *arena, const char *interface, struct host *host);

/* NAT as the region must take it: YES where a hook may rewrite, else UNKNOWN: as the rules say. */
enum truth host_nat(const struct host *host, enum family family);

/* What the operator answers for, in place of a check: names for --vouch, one bit each. */
enum vouch {
	VOUCH_HOOKS = 1 << 0, /* netfilter hooks, nft chains, flowtables, BPF netfilter programs */
	VOUCH_TC = 1 << 1,    /* traffic control and tcx on ingress */
	VOUCH_UPPER = 1 << 2, /* macvlan, ipvlan and other devices on top of the interface */
	VOUCH_VLAN = 1 << 3, /* VLAN devices on top: no tagged frame arrives, or the tag stays in the frame */
};
#define VOUCH_COUNT 4
extern const char *const vouch_names[VOUCH_COUNT];

/* How far down the path of a family the regions' drops stand: what runs before them matters. */
struct host_reach {
	bool used;           /* something is dropped */
	bool beyond;         /* by a rule behind PREROUTING: table is the last one at INPUT and FORWARD */
	enum table_id table; /* not beyond: the last one at PREROUTING */
};
struct host_reach host_reach(const struct region *region); /* NULL: nothing is dropped */

/* One reason for not attaching. */
struct host_problem {
	const char *code; /* stable: "upper-device" */
	const char *text, *hint;
};

/* Everything that stands against attaching; none: count is 0. `reach` NULL: only what does not depend on the
 * rules. */
int host_check(struct arena *arena, const struct host *host, unsigned vouched,
	       const struct host_reach reach[FAMILY_COUNT], struct host_problem **problems, size_t *count);

#endif
