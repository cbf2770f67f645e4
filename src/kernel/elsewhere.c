/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Devices that stand on an interface from another network namespace: a macvlan or VLAN device of a container,
 * say. The interface's own namespace does not show them: the kernel removes the "upper" links when a device
 * is moved away (netdev_adjacent_del_links()). So each namespace that a process or a name under /run keeps is
 * entered, by this thread and for one dump, and asked for devices whose IFLA_LINK is this one. */
#include "kernel/elsewhere.h"
#include "kernel/netlink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMESPACES_MAX 65536

struct search {
	struct arena *arena;
	struct link *link;
	size_t capacity; /* of link->uppers */
	int own;         /* descriptor of the interface's namespace */
	uint32_t own_id; /* as the namespace at hand numbers it */
	ino_t *seen;
	size_t seen_count, seen_capacity;
	bool complete;
	int error;
};

static int receive_id(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[NETNSA_MAX + 1];
	struct search *search = context;

	if (message->nlmsg_type == RTM_NEWNSID &&
	    mnl_nlmsg_get_payload_len(message) >= sizeof(struct rtgenmsg)) {
		netlink_attributes(message, sizeof(struct rtgenmsg), attributes, NETNSA_MAX);
		search->own_id = netlink_u32(attributes[NETNSA_NSID], (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	}
	return MNL_CB_OK;
}

/* What the namespace at hand calls the interface's own. */
static int ask_id(struct search *search)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct rtgenmsg *header;

	search->own_id = (uint32_t)NETNSA_NSID_NOT_ASSIGNED;
	request->nlmsg_type = RTM_GETNSID;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)search->own);
	return netlink_request(NETLINK_ROUTE, request, receive_id, NULL, search);
}

static int receive_link(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct search *search = context;
	struct link_upper *upper;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct ifinfomsg))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(struct ifinfomsg), attributes, IFLA_MAX);
	if ((int)netlink_u32(attributes[IFLA_LINK], 0) != search->link->index ||
	    !attributes[IFLA_LINK_NETNSID] ||
	    netlink_u32(attributes[IFLA_LINK_NETNSID], (uint32_t)NETNSA_NSID_NOT_ASSIGNED) != search->own_id)
		return MNL_CB_OK;
	/* A dump that is begun again may tell of one twice: that does no harm. */
	upper = arena_push(search->arena, (void **)&search->link->uppers, &search->link->upper_count,
			   &search->capacity, sizeof(*upper));
	if (!upper) {
		search->error = -ENOMEM;
		return MNL_CB_STOP;
	}
	netlink_nested(attributes[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	netlink_string(attributes[IFLA_IFNAME], upper->name, sizeof(upper->name));
	netlink_string(info[IFLA_INFO_KIND], upper->kind, sizeof(upper->kind));
	upper->elsewhere = true;
	return MNL_CB_OK;
}

static int ask_links(struct search *search)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct ifinfomsg *header;
	int result;

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_family = AF_UNSPEC;
	result = netlink_request(NETLINK_ROUTE, request, receive_link, NULL, search);
	return result ? result : search->error;
}

static bool is_new(struct search *search, ino_t inode)
{
	for (size_t i = 0; i < search->seen_count; i++)
		if (search->seen[i] == inode)
			return false;
	if (search->seen_count == NAMESPACES_MAX) {
		search->complete = false;
		return false;
	}
	ino_t *slot = arena_push(search->arena, (void **)&search->seen, &search->seen_count,
				 &search->seen_capacity, sizeof(*slot));
	if (!slot) {
		search->error = -ENOMEM;
		return false;
	}
	*slot = inode;
	return true;
}

/* The namespace that `path` is a file of. Coming back cannot be left out: what follows would ask the wrong
 * one. */
static int look_into(struct search *search, const char *path)
{
	struct stat status;
	int other, result;

	if (stat(path, &status))
		return 0; /* gone, or a process that ended */
	if (!is_new(search, status.st_ino))
		return search->error;
	other = open(path, O_RDONLY | O_CLOEXEC);
	if (other < 0 || setns(other, CLONE_NEWNET)) {
		if (errno != ENOENT && errno != ESRCH)
			search->complete = false;
		if (other >= 0)
			close(other);
		return 0;
	}
	close(other);
	result = ask_id(search);
	if (!result && search->own_id != (uint32_t)NETNSA_NSID_NOT_ASSIGNED)
		result = ask_links(search);
	if (setns(search->own, CLONE_NEWNET))
		return -errno;
	return result;
}

static int look_through(struct search *search, const char *folder, const char *suffix)
{
	DIR *directory = opendir(folder);
	const struct dirent *item;
	char path[512];
	int result = 0;

	if (!directory) {
		if (errno != ENOENT)
			search->complete = false;
		return 0;
	}
	while (!result && (item = readdir(directory))) {
		if (item->d_name[0] == '.' || (*suffix && (item->d_name[0] < '1' || item->d_name[0] > '9')))
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", folder, item->d_name, suffix);
		result = look_into(search, path);
	}
	closedir(directory);
	return result;
}

int link_read_elsewhere(struct arena *arena, struct link *link)
{
	static const char own_path[] = "/proc/thread-self/ns/net";
	struct search search = {.arena = arena, .link = link, .complete = true};
	struct stat status;
	int result;

	search.capacity = link->upper_count; /* full: the next one moves the list */
	search.own = open(own_path, O_RDONLY | O_CLOEXEC);
	if (search.own < 0)
		return -errno;
	result = fstat(search.own, &status) ? -errno : 0;
	if (!result && !is_new(&search, status.st_ino))
		result = search.error;
	if (!result)
		result = look_through(&search, "/proc", "/ns/net");
	if (!result)
		result = look_through(&search, "/run/netns", "");
	if (!result)
		result = look_through(&search, "/run/docker/netns", "");
	close(search.own);
	link->elsewhere_seen = search.complete;
	return result;
}
