/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What rtnetlink, ethtool and bpf(2) say of one interface of this network namespace. */
#include "kernel/link.h"
#include "kernel/netlink.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* include/uapi/linux/bpf.h since 6.6; absent from older headers. */
#define ATTACH_TCX_INGRESS 46
#define LINKS_MAX 1000000 /* more interfaces than this are not looked through: -E2BIG */

/* Every interface of the namespace, as far as it matters here. */
struct entry {
	int index, below, master;
	bool below_elsewhere; /* IFLA_LINK is an index of another namespace */
	char name[INTERFACE_NAME_MAX];
	char kind[16];
	unsigned type, flags;
	uint8_t mac[6];
	uint32_t mtu, promiscuity;
	bool xdp;
};

struct entries {
	struct arena *arena;
	struct entry *list;
	size_t count, capacity;
	int error;
};

static bool has_xdp(const struct nlattr *nest)
{
	const struct nlattr *xdp[IFLA_XDP_MAX + 1];

	netlink_nested(nest, xdp, IFLA_XDP_MAX);
	return xdp[IFLA_XDP_ATTACHED] && mnl_attr_get_payload_len(xdp[IFLA_XDP_ATTACHED]) == 1 &&
	       mnl_attr_get_u8(xdp[IFLA_XDP_ATTACHED]) != XDP_ATTACHED_NONE;
}

static int receive_link(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct entries *entries = context;
	const struct ifinfomsg *header;
	struct entry *entry;

	if (message->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	if (entries->count >= LINKS_MAX) {
		entries->error = -E2BIG;
		return MNL_CB_STOP;
	}
	entry = arena_push(entries->arena, (void **)&entries->list, &entries->count, &entries->capacity,
			   sizeof(*entry));
	if (!entry) {
		entries->error = -ENOMEM;
		return MNL_CB_STOP;
	}
	header = mnl_nlmsg_get_payload(message);
	netlink_attributes(message, sizeof(*header), attributes, IFLA_MAX);
	netlink_nested(attributes[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	entry->index = header->ifi_index;
	entry->type = header->ifi_type;
	entry->flags = header->ifi_flags;
	entry->below = (int)netlink_u32(attributes[IFLA_LINK], 0);
	entry->below_elsewhere = attributes[IFLA_LINK_NETNSID] != NULL;
	entry->master = (int)netlink_u32(attributes[IFLA_MASTER], 0);
	entry->mtu = netlink_u32(attributes[IFLA_MTU], 0);
	entry->promiscuity = netlink_u32(attributes[IFLA_PROMISCUITY], 0);
	entry->xdp = has_xdp(attributes[IFLA_XDP]);
	netlink_string(attributes[IFLA_IFNAME], entry->name, sizeof(entry->name));
	netlink_string(info[IFLA_INFO_KIND], entry->kind, sizeof(entry->kind));
	if (attributes[IFLA_ADDRESS] &&
	    mnl_attr_get_payload_len(attributes[IFLA_ADDRESS]) == sizeof(entry->mac))
		memcpy(entry->mac, mnl_attr_get_payload(attributes[IFLA_ADDRESS]), sizeof(entry->mac));
	return MNL_CB_OK;
}

static void restart_links(void *context)
{
	struct entries *entries = context;

	entries->count = 0;
}

static int read_entries(struct arena *arena, struct entries *entries)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct ifinfomsg *header;
	int result;

	*entries = (struct entries){.arena = arena};
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_family = AF_UNSPEC;
	result = netlink_request(NETLINK_ROUTE, request, receive_link, restart_links, entries);
	return result ? result : entries->error;
}

static const struct entry *find_name(const struct entries *entries, const char *name)
{
	for (size_t i = 0; i < entries->count; i++)
		if (!strcmp(entries->list[i].name, name))
			return &entries->list[i];
	return NULL;
}

static int add_upper(struct arena *arena, struct link *link, size_t *capacity, const char *name,
		     const char *kind)
{
	struct link_upper *upper;

	for (size_t i = 0; i < link->upper_count; i++)
		if (!strcmp(link->uppers[i].name, name))
			return 0;
	upper = arena_push(arena, (void **)&link->uppers, &link->upper_count, capacity, sizeof(*upper));
	if (!upper)
		return -ENOMEM;
	snprintf(upper->name, sizeof(upper->name), "%s", name);
	snprintf(upper->kind, sizeof(upper->kind), "%s", kind);
	return 0;
}

/* sysfs lists uppers that have no IFLA_LINK (vxlan and the like). It may be mounted for another namespace: it
 * is believed only where it knows the interface by the same index. */
static int sysfs_uppers(struct arena *arena, const struct entries *entries, struct link *link,
			size_t *capacity)
{
	char path[64], number[16] = "";
	const struct entry *entry;
	struct dirent *item;
	int result = 0;
	FILE *file;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/class/net/%s/ifindex", link->name);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(number, sizeof(number), file))
		number[0] = 0;
	fclose(file);
	if (atoi(number) != link->index)
		return 0;
	snprintf(path, sizeof(path), "/sys/class/net/%s", link->name);
	folder = opendir(path);
	if (!folder)
		return 0;
	while (!result && (item = readdir(folder))) {
		if (strncmp(item->d_name, "upper_", 6) || strlen(item->d_name + 6) >= INTERFACE_NAME_MAX)
			continue;
		entry = find_name(entries, item->d_name + 6);
		if (entry && entry->index == link->master)
			continue; /* said by has-a-master */
		result = add_upper(arena, link, capacity, item->d_name + 6, entry ? entry->kind : "");
	}
	closedir(folder);
	return result;
}

static void read_ethtool(struct link *link)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	struct ifreq request = {0};
	int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (socket_fd < 0)
		return;
	memcpy(request.ifr_name, link->name, sizeof(link->name));
	request.ifr_data = (void *)&driver;
	if (!ioctl(socket_fd, SIOCETHTOOL, &request))
		snprintf(link->driver, sizeof(link->driver), "%.31s", driver.driver);
	request.ifr_data = (void *)&flags;
	if (!ioctl(socket_fd, SIOCETHTOOL, &request)) {
		link->rx_vlan_known = true;
		link->rx_vlan = flags.data & ETH_FLAG_RXVLAN;
	}
	close(socket_fd);
}

static int receive_qdisc(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[TCA_MAX + 1];
	struct link *link = context;
	const struct tcmsg *header;

	if (message->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	header = mnl_nlmsg_get_payload(message);
	netlink_attributes(message, sizeof(*header), attributes, TCA_MAX);
	if (header->tcm_ifindex == link->index && attributes[TCA_INGRESS_BLOCK])
		link->tc_block = true;
	return MNL_CB_OK;
}

static int receive_filter(const struct nlmsghdr *message, void *context)
{
	struct link *link = context;

	if (message->nlmsg_type == RTM_NEWTFILTER)
		link->tc_filters++;
	return MNL_CB_OK;
}

static void restart_filters(void *context)
{
	struct link *link = context;

	link->tc_filters = 0;
}

static int read_tc(struct link *link)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct tcmsg *header;
	int result;

	request->nlmsg_type = RTM_GETQDISC;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->tcm_ifindex = link->index;
	result = netlink_request(NETLINK_ROUTE, request, receive_qdisc, NULL, link);
	if (result == -EOPNOTSUPP)
		return 0; /* a kernel without traffic control */
	if (result)
		return result;
	request = mnl_nlmsg_put_header(space);
	request->nlmsg_type = RTM_GETTFILTER;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->tcm_ifindex = link->index;
	/* of a clsact and of an ingress qdisc alike: ingress_tcf_block() does not look at the class */
	header->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	result = netlink_request(NETLINK_ROUTE, request, receive_filter, restart_filters, link);
	/* no such qdisc, or (before 5.x) no ingress hook at all */
	return result == -EINVAL || result == -ENOENT || result == -EOPNOTSUPP ? 0 : result;
}

/* BPF programs that stand before netfilter. Reading them takes privilege: -EPERM is given back. */
static int read_programs(struct link *link)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, xdp);
	LIBBPF_OPTS(bpf_prog_query_opts, tcx);
	int result = bpf_xdp_query(link->index, 0, &xdp);

	if (result)
		return result;
	link->xdp_native = xdp.drv_prog_id;
	link->xdp_generic = xdp.skb_prog_id;
	link->xdp_offload = xdp.hw_prog_id;
	result = bpf_prog_query_opts(link->index, (enum bpf_attach_type)ATTACH_TCX_INGRESS, &tcx);
	if (!result)
		link->tcx_programs = tcx.prog_cnt;
	/* kernels before 6.6 do not know the attach type */
	return result == -EINVAL || result == -ENOENT || result == -ENODEV ? 0 : result;
}

int link_read(struct arena *arena, const char *name, struct link *link)
{
	struct link found = {0};
	const struct entry *entry;
	struct entries entries;
	size_t capacity = 0;
	int result;

	if (!*name || strlen(name) >= INTERFACE_NAME_MAX || strchr(name, '/'))
		return -ENODEV;
	result = read_entries(arena, &entries);
	if (result)
		return result;
	entry = find_name(&entries, name);
	if (!entry)
		return -ENODEV;
	found.index = entry->index;
	memcpy(found.name, entry->name, sizeof(found.name));
	memcpy(found.kind, entry->kind, sizeof(found.kind));
	memcpy(found.mac, entry->mac, sizeof(found.mac));
	found.type = entry->type;
	found.flags = entry->flags;
	found.mtu = entry->mtu;
	found.promiscuity = entry->promiscuity;
	found.master = entry->master;
	for (size_t i = 0; i < entries.count; i++) {
		const struct entry *other = &entries.list[i];

		if (other->index == found.master) {
			memcpy(found.master_name, other->name, sizeof(found.master_name));
			memcpy(found.master_kind, other->kind, sizeof(found.master_kind));
		}
		if (other->below != found.index || other->below_elsewhere || other->index == found.index)
			continue;
		result = add_upper(arena, &found, &capacity, other->name, other->kind);
		if (result)
			return result;
	}
	result = sysfs_uppers(arena, &entries, &found, &capacity);
	if (result)
		return result;
	read_ethtool(&found);
	result = read_tc(&found);
	if (!result)
		result = read_programs(&found);
	if (result)
		return result;
	*link = found;
	return 0;
}

int link_with_xdp(struct arena *arena, struct link **links, size_t *count)
{
	struct entries entries;
	size_t capacity = 0, found = 0;
	struct link *list = NULL, *link;
	int result = read_entries(arena, &entries);

	if (result)
		return result;
	for (size_t i = 0; i < entries.count; i++) {
		if (!entries.list[i].xdp)
			continue;
		link = arena_push(arena, (void **)&list, &found, &capacity, sizeof(*link));
		if (!link)
			return -ENOMEM;
		result = link_read(arena, entries.list[i].name, link);
		if (result == -ENODEV)
			found--; /* gone or renamed meanwhile */
		else if (result)
			return result;
	}
	*links = list;
	*count = found;
	return 0;
}
