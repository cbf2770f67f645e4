/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in the receive path of this network namespace besides the rules that weir reads: netfilter
 * hooks, nft chains and flowtables, BPF netfilter programs. Each is one of the classes below; what is not
 * known to be harmless is HOOK_CLASS_UNKNOWN. */
#ifndef WEIR_KERNEL_HOOKS_H
#define WEIR_KERNEL_HOOKS_H

#include "base/arena.h"
#include "packet/packet.h"
#include "ruleset/ruleset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hook_class {
	HOOK_CLASS_HARMLESS, /* changes nothing that the rules before its place depend on, or only drops */
	HOOK_CLASS_RULES,    /* runs the rules that weir reads: x_tables, chains of iptables-nft */
	HOOK_CLASS_NAT,      /* may rewrite addresses and ports of tracked packets */
	HOOK_CLASS_APPLIED,  /* a chain of the tables that weir apply made */
	HOOK_CLASS_UNKNOWN,
};

struct hook_entry {
	enum family family;
	bool ingress;    /* netdev or inet ingress of the interface: before everything else */
	enum hook place; /* when not ingress: HOOK_PREROUTING, HOOK_INPUT or HOOK_FORWARD */
	int32_t priority;
	enum hook_class class;
	bool iptables;  /* runs rules of iptables: of class RULES, and of NAT where it is the nat table */
	bool empty;     /* has no rules: does nothing, or drops all */
	char name[128]; /* "nft chain inet edge prerouting", "ipv4_conntrack_in [nf_conntrack]" */
	/* Of a chain of nf_tables. */
	uint8_t nft_family;
	char table[64], chain[64];
};

struct hooks {
	struct arena *arena;
	bool listed; /* by the kernel's own list; false: put together from nftables, BPF links and x_tables,
			so that hooks of other kernel modules cannot be seen */
	bool nat[FAMILY_COUNT]; /* a hook of class NAT */
	/* Tables of iptables-legacy in this network namespace. */
	enum legacy_table { LEGACY_NONE, LEGACY_EMPTY, LEGACY_RULES } legacy[FAMILY_COUNT][TABLE_COUNT];
	size_t count, capacity;
	struct hook_entry *list;
};

/* Reads those that packets arriving at the interface meet. 0 or -errno. */
int hooks_read(struct arena *arena, const char *interface, struct hooks *hooks);

/* Whether the hook runs before rules of `table` at that hook have had their say (same priority counts as
 * before). */
bool hook_before(const struct hook_entry *entry, enum table_id table, enum hook place);

#endif
