// SPDX-License-Identifier: GPL-2.0-or-later
/* The stage of a measurement: namespace, veth pair, addresses. */
#include "observe/stage.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETLINK_BYTES 8192

/* Locally administered (IEEE 802-2014, 8.4.2). */
static const uint8_t INTERFACE_MAC[6] = {0x02, 0x77, 0x65, 0x69, 0x72, 0x01};
static const uint8_t THROUGH_MAC[6] = {0x02, 0x77, 0x65, 0x69, 0x72, 0x02};

__attribute__((format(printf, 3, 4))) static int refused(struct buffer *why, int error, const char *format,
							 ...)
{
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(why, format, arguments);
	va_end(arguments);
	buffer_printf(why, ": %s", strerror(-error));
	return error;
}

/* Sends a request and waits for its acknowledgement. */
static int request(struct stage *stage, struct nlmsghdr *message, mnl_cb_t each, void *context)
{
	char buffer[NETLINK_BYTES];
	ssize_t size;
	int status;

	message->nlmsg_seq = 1;
	if (mnl_socket_sendto(stage->netlink, message, message->nlmsg_len) < 0)
		return -errno;
	do {
		size = mnl_socket_recvfrom(stage->netlink, buffer, sizeof(buffer));
		if (size < 0)
			return -errno;
		status =
		    mnl_cb_run(buffer, (size_t)size, 1, mnl_socket_get_portid(stage->netlink), each, context);
		if (status < 0)
			return -errno;
	} while (status > MNL_CB_STOP);
	return 0;
}

static struct nlmsghdr *link_message(char *buffer, uint16_t type, uint16_t flags, unsigned index)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *link;

	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)index;
	return message;
}

static int link_pair(struct stage *stage)
{
	char buffer[NETLINK_BYTES];
	struct nlmsghdr *message = link_message(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *information, *data, *peer;

	mnl_attr_put_strz(message, IFLA_IFNAME, stage->interface);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(INTERFACE_MAC), INTERFACE_MAC);
	information = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, STAGE_THROUGH);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(THROUGH_MAC), THROUGH_MAC);
	mnl_attr_nest_end(message, peer);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, information);
	return request(stage, message, NULL, NULL);
}

static int link_up(struct stage *stage, unsigned index)
{
	char buffer[NETLINK_BYTES];
	struct nlmsghdr *message = link_message(buffer, RTM_NEWLINK, 0, index);
	struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	link->ifi_flags = link->ifi_change = IFF_UP;
	return request(stage, message, NULL, NULL);
}

/* A veth end polls its ring, and so takes redirected frames and runs native XDP, only with GRO or XDP on
 * (veth.c, veth_set_features()). */
static int link_gro(const char *interface)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO, .data = 1};
	struct ifreq name = {.ifr_data = (char *)&value};
	int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (descriptor < 0)
		return -errno;
	snprintf(name.ifr_name, sizeof(name.ifr_name), "%s", interface);
	if (ioctl(descriptor, SIOCETHTOOL, &name))
		error = -errno;
	close(descriptor);
	return error;
}

/* /proc/sys/net shows the namespace of the process that opens it. */
static int sysctl_write(const char *path, const char *value)
{
	int descriptor = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (descriptor < 0)
		return -errno;
	if (write(descriptor, value, strlen(value)) < 0)
		error = -errno;
	close(descriptor);
	return error;
}

/* Before the links are up: an IPv6 link that comes up speaks (MLD, solicitations), and a rule would count
 * that. */
static int stage_quiet(const struct stage *stage, struct buffer *why)
{
	static const struct {
		const char *format, *value;
		bool outside, optional;
	} settings[] = {
	    /* Sources have no route back, on purpose: no reverse path check. The kernel takes the larger of
	     * `all` and the interface's. */
	    {"/proc/sys/net/ipv4/conf/all/rp_filter", "0", false, false},
	    {"/proc/sys/net/ipv4/conf/%s/rp_filter", "0", false, false},
	    {"/proc/sys/net/ipv4/ip_forward", "0", false, false},
	    {"/proc/sys/net/ipv6/conf/all/forwarding", "0", false, true},
	    {"/proc/sys/net/ipv6/conf/%s/disable_ipv6", "1", true, true},
	    {"/proc/sys/net/ipv6/conf/%s/addr_gen_mode", "1", false, true},
	    {"/proc/sys/net/ipv6/conf/%s/accept_ra", "0", false, true},
	    {"/proc/sys/net/ipv6/conf/%s/accept_dad", "0", false, true},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char path[128];
		int error;

		snprintf(path, sizeof(path), settings[i].format,
			 settings[i].outside ? STAGE_THROUGH : stage->interface);
		error = sysctl_write(path, settings[i].value);
		if (error && !(settings[i].optional && error == -ENOENT))
			return refused(why, error, "writing %s", path);
	}
	return 0;
}

static int attribute_mac(const struct nlattr *attribute, void *context)
{
	if (mnl_attr_get_type(attribute) == IFLA_ADDRESS && mnl_attr_get_payload_len(attribute) == 6)
		memcpy(context, mnl_attr_get_payload(attribute), 6);
	return MNL_CB_OK;
}

static int message_mac(const struct nlmsghdr *message, void *context)
{
	return mnl_attr_parse(message, sizeof(struct ifinfomsg), attribute_mac, context);
}

static int attribute_received(const struct nlattr *attribute, void *context)
{
	struct rtnl_link_stats64 statistics = {0};
	size_t size = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == IFLA_STATS64) {
		memcpy(&statistics, mnl_attr_get_payload(attribute),
		       size < sizeof(statistics) ? size : sizeof(statistics));
		memcpy(context, &statistics.rx_packets, sizeof(uint64_t));
	}
	return MNL_CB_OK;
}

static int message_received(const struct nlmsghdr *message, void *context)
{
	return mnl_attr_parse(message, sizeof(struct ifinfomsg), attribute_received, context);
}

static int link_ask(struct stage *stage, unsigned index, mnl_cb_t each, void *context)
{
	char buffer[NETLINK_BYTES];

	return request(stage, link_message(buffer, RTM_GETLINK, 0, index), each, context);
}

int stage_join(struct stage *stage, const char *interface, const char *through, struct buffer *why)
{
	int error;

	memset(stage, 0, sizeof(*stage));
	snprintf(stage->interface, sizeof(stage->interface), "%s", interface);
	stage->interface_index = if_nametoindex(interface);
	stage->through_index = if_nametoindex(through);
	if (!stage->interface_index || !stage->through_index)
		return refused(why, -ENODEV, "no interface named %s",
			       stage->interface_index ? through : interface);
	stage->netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!stage->netlink || mnl_socket_bind(stage->netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		stage_close(stage);
		return refused(why, error, "opening netlink");
	}
	error = link_ask(stage, stage->interface_index, message_mac, stage->interface_mac);
	if (!error)
		error = link_ask(stage, stage->through_index, message_mac, stage->through_mac);
	if (error) {
		stage_close(stage);
		return refused(why, error, "asking for the link addresses");
	}
	return 0;
}

int stage_open(struct stage *stage, const char *interface, struct buffer *why)
{
	if (unshare(CLONE_NEWNET))
		return refused(why, -errno, "a network namespace of its own is not permitted");
	return stage_make(stage, interface, why);
}

int stage_make(struct stage *stage, const char *interface, struct buffer *why)
{
	struct stage made = {0};
	int error;

	made.netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!made.netlink || mnl_socket_bind(made.netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		stage_close(&made);
		return refused(why, error, "opening netlink");
	}
	snprintf(made.interface, sizeof(made.interface), "%s", interface);
	error = link_pair(&made);
	if (error)
		refused(why, error, "making the veth pair %s and " STAGE_THROUGH, made.interface);
	if (!error)
		error = stage_quiet(&made, why);
	if (!error) {
		error = link_gro(made.interface);
		if (error)
			refused(why, error, "turning GRO on");
	}
	if (!error) {
		error = link_up(&made, if_nametoindex("lo"));
		if (!error)
			error = link_up(&made, if_nametoindex(STAGE_THROUGH));
		if (!error)
			error = link_up(&made, if_nametoindex(made.interface));
		if (error)
			refused(why, error, "bringing the links up");
	}
	stage_close(&made);
	return error ? error : stage_join(stage, interface, STAGE_THROUGH, why);
}

void stage_close(struct stage *stage)
{
	if (stage->netlink)
		mnl_socket_close(stage->netlink);
	stage->netlink = NULL;
}

int stage_add_local(struct stage *stage, enum family family, address value)
{
	char buffer[NETLINK_BYTES];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifaddrmsg *header;
	uint8_t bytes[16];
	size_t size = family_bits(family) / 8;
	int error;

	message->nlmsg_type = RTM_NEWADDR;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifa_family = family == FAMILY_IPV4 ? AF_INET : AF_INET6;
	header->ifa_prefixlen = (uint8_t)family_bits(family);
	header->ifa_flags = family == FAMILY_IPV4 ? 0 : IFA_F_NODAD;
	header->ifa_index = stage->interface_index;
	address_to_bytes(family, value, bytes);
	mnl_attr_put(message, IFA_LOCAL, size, bytes);
	mnl_attr_put(message, IFA_ADDRESS, size, bytes);
	error = request(stage, message, NULL, NULL);
	return error == -EEXIST ? 0 : error;
}

int stage_received(struct stage *stage, uint64_t *packets)
{
	uint64_t found = 0;
	int error = link_ask(stage, stage->interface_index, message_received, &found);

	if (!error)
		*packets = found;
	return error;
}

int stage_put_program(const struct stage *stage, int program)
{
	return bpf_xdp_attach((int)stage->interface_index, program, XDP_FLAGS_DRV_MODE, NULL);
}

int stage_get_program(const struct stage *stage)
{
	uint32_t id = 0;
	int error = bpf_xdp_query_id((int)stage->interface_index, 0, &id), descriptor;

	if (error)
		return error;
	if (!id)
		return -ENOENT;
	descriptor = bpf_prog_get_fd_by_id(id);
	return descriptor < 0 ? -errno : descriptor;
}
