/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether an interface of this host is one where dropping early can make no difference but the one that is
 * wanted. What cannot be read is taken as the worse case, or is an error; it is never taken as fine. */
#include "kernel/host.h"
#include "kernel/elsewhere.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const vouch_names[VOUCH_COUNT] = {"hooks", "tc", "upper", "vlan"};

/* Reads /proc/sys/net/.../conf/NAME/SETTING; the name goes in as one path component, dots and all. -1: not
 * there. */
static int setting(const char *family, const char *name, const char *key)
{
	char path[128];
	FILE *file;
	int value = -1;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
	file = fopen(path, "re");
	if (!file)
		return -1;
	if (fscanf(file, "%d", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* ip_route_input_slow(): IN_DEV_FORWARD of the input device decides, whatever ip_forward says; multicast
 * routing takes packets of its own, and so does bc_forwarding, set for all and for the device
 * (IN_DEV_BFORWARD): a broadcast of another network is then sent on without asking whether the device
 * forwards. */
static enum truth forwarding_ipv4(const char *name)
{
	int unicast = setting("ipv4", name, "forwarding"), multicast = setting("ipv4", name, "mc_forwarding");
	bool broadcast =
	    setting("ipv4", "all", "bc_forwarding") > 0 && setting("ipv4", name, "bc_forwarding") > 0;

	if (unicast > 0 || multicast > 0 || broadcast)
		return TRUTH_YES;
	/* kernels without multicast routing have no mc_forwarding, those before 5.0 no bc_forwarding */
	return unicast == 0 ? TRUTH_NO : TRUTH_UNKNOWN;
}

/* ip6_forward(): all.forwarding, or since 6.17 IFACE.force_forwarding. IFACE.forwarding alone sends nothing
 * on today but is named for it. */
static enum truth forwarding_ipv6(const char *name)
{
	int all = setting("ipv6", "all", "forwarding"), own = setting("ipv6", name, "forwarding");

	if (all > 0 || own > 0 || setting("ipv6", name, "force_forwarding") > 0 ||
	    setting("ipv6", name, "mc_forwarding") > 0 || setting("ipv6", "all", "mc_forwarding") > 0)
		return TRUTH_YES;
	return all == 0 ? TRUTH_NO : TRUTH_UNKNOWN;
}

/* /proc/net/packet: sk RefCnt Type Proto Iface R Rmem User Inode; Iface 0 listens everywhere. */
static uint32_t count_listeners(int index)
{
	uint32_t count = 0;
	char line[256];
	FILE *file = fopen("/proc/net/packet", "re");
	unsigned protocol;
	int interface;

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		/* a socket of protocol 0 receives nothing (packet(7)) */
		if (sscanf(line, "%*s %*s %*s %x %d", &protocol, &interface) == 2 && protocol &&
		    (!interface || interface == index))
			count++;
	fclose(file);
	return count;
}

/* Whether a frame's VLAN tag may be taken off before XDP sees it. veth hands it over beside the frame,
 * whatever its features say. */
static bool tag_hidden(const struct link *link)
{
	return !link->rx_vlan_known || link->rx_vlan || !strcmp(link->driver, "veth") ||
	       !strcmp(link->kind, "veth");
}

int host_read(struct arena *arena, const char *interface, struct host *host)
{
	struct host found = {0};
	struct stat status;
	int result = link_read(arena, interface, &found.link);

	if (!result)
		result = link_read_elsewhere(arena, &found.link);
	if (!result)
		result = hooks_read(arena, interface, &found.hooks);
	if (!result)
		result = link_locals(arena, &found.locals, &found.local_count);
	if (!result && stat("/proc/self/ns/net", &status))
		result = -errno;
	if (result)
		return result;
	found.namespace_inode = status.st_ino;
	found.forwarding[FAMILY_IPV4] = forwarding_ipv4(interface);
	found.forwarding[FAMILY_IPV6] = forwarding_ipv6(interface);
	found.packet_listeners = count_listeners(found.link.index);
	*host = found;
	return 0;
}

enum truth host_nat(const struct host *host, enum family family)
{
	return host->hooks.nat[family] ? TRUTH_YES : TRUTH_UNKNOWN;
}

static void reach_further(struct host_reach *reach, bool beyond, enum table_id table)
{
	if (!reach->used || (beyond && !reach->beyond) || (beyond == reach->beyond && table > reach->table))
		*reach = (struct host_reach){.used = true, .beyond = beyond, .table = table};
}

struct host_reach host_reach(const struct region *region)
{
	struct host_reach reach = {0};

	for (size_t i = 0; region && i < region->covered_count; i++) {
		const struct covered *covered = &region->covered[i];
		const struct chain *chain = region->units[covered->unit].chain;

		if (covered->coverage != COVERAGE_ALL && covered->coverage != COVERAGE_SOME)
			continue;
		/* a user chain is taken to be called from the latest hook that its table has */
		reach_further(&reach,
			      chain->builtin ? chain->hook != HOOK_PREROUTING : chain->table->id != TABLE_RAW,
			      chain->table->id);
	}
	return reach;
}

struct findings {
	struct arena *arena;
	struct host_problem *list;
	size_t count, capacity;
	int error;
};

__attribute__((format(printf, 4, 5))) static void add(struct findings *findings, const char *code,
						      const char *hint, const char *format, ...)
{
	struct host_problem *problem;
	char text[512];
	va_list arguments;

	problem = arena_push(findings->arena, (void **)&findings->list, &findings->count, &findings->capacity,
			     sizeof(*problem));
	if (!problem) {
		findings->error = -ENOMEM;
		return;
	}
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	problem->code = code;
	problem->hint = hint;
	problem->text = arena_printf(findings->arena, "%s", text);
	if (!problem->text) {
		findings->count--;
		findings->error = -ENOMEM;
	}
}

/* Devices that take their packets from sockets, protocol handlers or a peer: behind netfilter, or not from
 * this interface's frames at all. veth and its kind name their peer as the device below. */
static bool upper_is_harmless(const char *kind)
{
	static const char *const kinds[] = {
	    "veth",   "netkit", "vxcan",     "vxlan",     "geneve",  "gre", "gretap",
	    "erspan", "ip6gre", "ip6gretap", "ip6erspan", "ipip",    "sit", "ip6tnl",
	    "vti",    "vti6",   "xfrm",      "wireguard", "bareudp", "amt", "gtp"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kind, kinds[i]))
			return true;
	return false;
}

static void check_uppers(struct findings *findings, const struct host *host, unsigned vouched)
{
	const struct link *link = &host->link;

	for (size_t i = 0; i < link->upper_count; i++) {
		const struct link_upper *upper = &link->uppers[i];

		if (upper_is_harmless(upper->kind))
			continue;
		if (strcmp(upper->kind, "vlan")) {
			if (!(vouched & VOUCH_UPPER))
				add(findings, "upper-device",
				    "attach where no such device is, or answer for it with --vouch upper",
				    "the device %s (%s)%s stands on top of %s and may take frames before the "
				    "rules see them",
				    upper->name, *upper->kind ? upper->kind : "of unknown kind",
				    upper->elsewhere ? " of another network namespace" : "", link->name);
		} else if (tag_hidden(link) && !(vouched & VOUCH_VLAN)) {
			add(findings, "vlan-offload",
			    strcmp(link->driver, "veth") ? "turn the offload off with `ethtool -K IFACE "
							   "rxvlan off`, or answer for it with --vouch vlan"
							 : "on veth the offload cannot be turned off; "
							   "--vouch vlan if no tagged frame can arrive",
			    "the VLAN device %s%s stands on top of %s, and frames for it may reach XDP "
			    "without "
			    "their tag",
			    upper->name, upper->elsewhere ? " of another network namespace" : "", link->name);
		}
	}
}

static void check_link(struct findings *findings, const struct host *host, unsigned vouched)
{
	static const uint8_t none[6];
	const struct link *link = &host->link;

	if (link->flags & IFF_LOOPBACK)
		add(findings, "loopback", "attach to the interface where the packets arrive",
		    "%s is the loopback interface", link->name);
	else if (link->type != ARPHRD_ETHER || !memcmp(link->mac, none, sizeof(none)))
		add(findings, "not-ethernet", "attach to the Ethernet interface where the packets arrive",
		    "%s is no Ethernet interface: its frames do not begin with MAC addresses", link->name);
	if (link->master)
		add(findings, "has-master",
		    "packets reach the rules under the name of the master; take the interface out of it "
		    "first",
		    "%s belongs to %s (%s)", link->name,
		    *link->master_name ? link->master_name : "another device",
		    *link->master_kind ? link->master_kind : "of unknown kind");
	check_uppers(findings, host, vouched);
	if (vouched & VOUCH_TC)
		return;
	if (link->tc_filters || link->tc_block)
		add(findings, "traffic-control",
		    "see `tc filter show dev IFACE ingress`; if they neither change nor take packets: "
		    "--vouch tc",
		    "%s has traffic-control classifiers on ingress, which see packets before the rules do",
		    link->name);
	if (link->tcx_programs)
		add(findings, "tcx", "see `bpftool net`; if they neither change nor take packets: --vouch tc",
		    "%s has %u BPF program%s on tcx ingress, which see%s packets before the rules do",
		    link->name, link->tcx_programs, link->tcx_programs == 1 ? "" : "s",
		    link->tcx_programs == 1 ? "s" : "");
}

static bool matters(const struct host *host, const struct hook_entry *entry,
		    const struct host_reach reach[FAMILY_COUNT])
{
	const struct host_reach *own = &reach[entry->family];

	if (entry->ingress)
		return reach[FAMILY_IPV4].used || reach[FAMILY_IPV6].used;
	if (!own->used)
		return false;
	if (!own->beyond)
		return hook_before(entry, own->table, HOOK_PREROUTING);
	if (entry->place == HOOK_FORWARD && host->forwarding[entry->family] == TRUTH_NO)
		return false;
	return hook_before(entry, own->table, entry->place == HOOK_FORWARD ? HOOK_FORWARD : HOOK_INPUT);
}

/* Whether what stands there may do more than what the rules say, or does nothing at all. */
static bool is_foreign(const struct host *host, const struct hook_entry *entry)
{
	if (host->applied && entry->empty)
		return false;
	if (entry->iptables)
		return host->applied;
	if (entry->class == HOOK_CLASS_APPLIED)
		return !host->applied;
	return entry->class == HOOK_CLASS_UNKNOWN;
}

static void check_hooks(struct findings *findings, const struct host *host,
			const struct host_reach reach[FAMILY_COUNT])
{
	for (size_t i = 0; i < host->hooks.count; i++) {
		const struct hook_entry *entry = &host->hooks.list[i];

		if (!is_foreign(host, entry) || !matters(host, entry, reach))
			continue;
		if (entry->ingress)
			add(findings, "earlier-hook",
			    "see `nft list ruleset`; if it neither changes nor takes packets: --vouch hooks",
			    "%s runs at the ingress of %s, before the rules", entry->name, host->link.name);
		else
			add(findings, "earlier-hook",
			    "see `nft list hooks` and `nft list ruleset`; if it neither changes nor takes "
			    "packets: "
			    "--vouch hooks",
			    "%s runs at %s of IPv%c, priority %d, before the last rule that drops",
			    entry->name, hook_names[entry->place], entry->family == FAMILY_IPV4 ? '4' : '6',
			    entry->priority);
	}
}

int host_check(struct arena *arena, const struct host *host, unsigned vouched,
	       const struct host_reach reach[FAMILY_COUNT], struct host_problem **problems, size_t *count)
{
	struct findings findings = {.arena = arena};

	check_link(&findings, host, vouched);
	if (reach && !(vouched & VOUCH_HOOKS))
		check_hooks(&findings, host, reach);
	if (findings.error)
		return findings.error;
	*problems = findings.list;
	*count = findings.count;
	return 0;
}
