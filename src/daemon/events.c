/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups of rtnetlink and nfnetlink. Messages that were lost, as too many came, are a change, too. */
#include "daemon/events.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 65536
#define READS_MAX 1024 /* of one call: who changes rules without end must not stop the rest */

static int open_group(int bus, int group)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int file = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus), error = 0;

	if (file < 0)
		return -errno;
	if (bind(file, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(file, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		error = -errno;
	if (error)
		close(file);
	return error ? error : file;
}

int events_links(void)
{
	return open_group(NETLINK_ROUTE, RTNLGRP_LINK);
}

int events_nftables(void)
{
	return open_group(NETLINK_NETFILTER, NFNLGRP_NFTABLES);
}

/* A transaction's last message says who made it. Of one whose message is not there yet, it is yet to come. */
static bool is_change(const struct nlmsghdr *message)
{
	const struct nlattr *attributes[NFTA_GEN_MAX + 1];

	if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
		return true;
	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return false;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX);
	return ntohl(netlink_u32(attributes[NFTA_GEN_PROC_PID], 0)) != (uint32_t)getpid();
}

bool events_read(int socket)
{
	static char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
	bool changed = false;

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t size = recv(socket, buffer, sizeof(buffer), 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return changed || errno == ENOBUFS;
		int left = (int)size;
		for (const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		     mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			changed |= is_change(message);
	}
	return true;
}
