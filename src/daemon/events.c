/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups of rtnetlink and nfnetlink. Messages that were lost, as too many came, are a change, too. */
#include "daemon/events.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
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

static bool is_string(const struct nlattr *attribute, const char *string)
{
	size_t size = strlen(string) + 1;

	return attribute && mnl_attr_get_payload_len(attribute) == size &&
	       memcmp(mnl_attr_get_payload(attribute), string, size) == 0;
}

/* Members of sets are what changes most; where the table is not weir's, nothing of weir's hangs on them. The
 * table's name is the first attribute of all messages. */
static bool is_foreign_member(const struct nlmsghdr *message)
{
	const struct nlattr *attributes[NFTA_SET_ELEM_LIST_TABLE + 1];
	unsigned type = message->nlmsg_type & 0xff;

	if (type != NFT_MSG_NEWSETELEM && type != NFT_MSG_DELSETELEM)
		return false;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_SET_ELEM_LIST_TABLE);
	return !is_string(attributes[NFTA_SET_ELEM_LIST_TABLE], NFT_TABLE);
}

/* What a transaction did comes first, then who made it. */
static unsigned take(const struct nlmsghdr *message, bool *changed)
{
	const struct nlattr *attributes[NFTA_GEN_MAX + 1];

	if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
		return EVENT_LINKS;
	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return 0;
	if ((message->nlmsg_type & 0xff) != NFT_MSG_NEWGEN) {
		*changed |= !is_foreign_member(message);
		return 0;
	}
	bool relevant = *changed;
	*changed = false;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX);
	if (!relevant || ntohl(netlink_u32(attributes[NFTA_GEN_PROC_PID], 0)) == (uint32_t)getpid())
		return 0;
	return is_string(attributes[NFTA_GEN_PROC_NAME], "weir") ? EVENT_WEIR : EVENT_RULES;
}

unsigned events_read(int socket)
{
	static char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
	static bool changed; /* by a transaction whose end is yet to come */
	unsigned events = 0;

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t size = recv(socket, buffer, sizeof(buffer), 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == ENOBUFS ? EVENT_LINKS | EVENT_RULES : events;
		int left = (int)size;
		for (const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		     mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			events |= take(message, &changed);
	}
	return events;
}
