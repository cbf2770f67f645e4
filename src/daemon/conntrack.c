/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ctnetlink: connections whose answers would come from a backend, as DNAT has it. */
#include "daemon/conntrack.h"
#include "base/arena.h"
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_number(const char *name, uint64_t *number)
{
	char text[32] = "";
	int file = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	int error = size < 0 ? -errno : 0;

	if (file >= 0)
		close(file);
	if (!error)
		*number = strtoull(text, NULL, 10);
	return error;
}

int conntrack_fill(uint64_t *count, uint64_t *most)
{
	int error = read_number("/proc/sys/net/netfilter/nf_conntrack_count", count);

	return error ? error : read_number("/proc/sys/net/netfilter/nf_conntrack_max", most);
}

struct entry {
	char *tuple; /* CTA_TUPLE_ORIG, an attribute */
	uint32_t id, zone;
	bool has_zone;
};

struct search {
	struct arena *arena;
	enum family family;
	uint8_t protocol, bytes[16];
	uint16_t port;
	struct entry *list;
	size_t count, capacity;
	bool failed;
};

/* Whether the answers of the connection come from there. */
static bool answers_from(const struct search *search, const struct nlattr *reply)
{
	const struct nlattr *tuple[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *protocol[CTA_PROTO_MAX + 1];
	unsigned type = search->family == FAMILY_IPV4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC;
	size_t size = search->family == FAMILY_IPV4 ? 4 : 16;

	netlink_nested(reply, tuple, CTA_TUPLE_MAX);
	netlink_nested(tuple[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	netlink_nested(tuple[CTA_TUPLE_PROTO], protocol, CTA_PROTO_MAX);
	const struct nlattr *number = protocol[CTA_PROTO_NUM], *port = protocol[CTA_PROTO_SRC_PORT];
	return ip[type] && mnl_attr_get_payload_len(ip[type]) == size &&
	       memcmp(mnl_attr_get_payload(ip[type]), search->bytes, size) == 0 && number &&
	       mnl_attr_get_payload_len(number) == 1 && mnl_attr_get_u8(number) == search->protocol && port &&
	       mnl_attr_get_payload_len(port) == 2 && ntohs(mnl_attr_get_u16(port)) == search->port;
}

static int take(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[CTA_MAX + 1];
	struct search *search = context;

	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, CTA_MAX);
	uint32_t status = ntohl(netlink_u32(attributes[CTA_STATUS], 0));
	const struct nlattr *tuple = attributes[CTA_TUPLE_ORIG];
	if (!(status & IPS_DST_NAT) || (status & IPS_ASSURED) || !tuple || !attributes[CTA_ID] ||
	    !answers_from(search, attributes[CTA_TUPLE_REPLY]))
		return MNL_CB_OK;
	struct entry *entry = arena_push(search->arena, (void **)&search->list, &search->count,
					 &search->capacity, sizeof(*entry));
	char *copy = arena_copy(search->arena, (const char *)tuple, mnl_attr_get_len(tuple));
	if (!entry || !copy) {
		search->failed = true;
		return MNL_CB_STOP;
	}
	*entry = (struct entry){.tuple = copy, .id = netlink_u32(attributes[CTA_ID], 0)};
	if (attributes[CTA_ZONE] && mnl_attr_get_payload_len(attributes[CTA_ZONE]) == 2) {
		entry->has_zone = true;
		entry->zone = mnl_attr_get_u16(attributes[CTA_ZONE]);
	}
	return MNL_CB_OK;
}

static void restart(void *context)
{
	struct search *search = context;

	search->count = 0;
}

static struct nlmsghdr *request(char *data, unsigned type, enum family family, unsigned flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(data);

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct nfgenmsg *general = mnl_nlmsg_put_extra_header(message, sizeof(*general));
	*general = (struct nfgenmsg){.nfgen_family = family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
				     .version = NFNETLINK_V0};
	return message;
}

/* By its number, too: what has begun meanwhile with the same addresses is another one. */
static int forget(const struct search *search, const struct entry *entry)
{
	char data[2 * NETLINK_REQUEST_MAX];
	struct nlmsghdr *message = request(data, IPCTNL_MSG_CT_DELETE, search->family, NLM_F_ACK);
	const struct nlattr *tuple = (const struct nlattr *)entry->tuple;

	if (mnl_attr_get_payload_len(tuple) > NETLINK_REQUEST_MAX)
		return -EMSGSIZE;
	mnl_attr_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, mnl_attr_get_payload_len(tuple),
		     mnl_attr_get_payload(tuple));
	mnl_attr_put_u32(message, CTA_ID, entry->id);
	if (entry->has_zone)
		mnl_attr_put_u16(message, CTA_ZONE, (uint16_t)entry->zone);
	return netlink_request(NETLINK_NETFILTER, message, NULL, NULL, NULL);
}

int conntrack_forget(enum family family, uint8_t protocol, address backend, uint16_t port, size_t *forgotten)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct search search = {.arena = arena, .family = family, .protocol = protocol, .port = port};
	char data[NETLINK_REQUEST_MAX];

	*forgotten = 0;
	if (!arena)
		return -ENOMEM;
	address_to_bytes(family, backend, search.bytes);
	int error = netlink_request(NETLINK_NETFILTER, request(data, IPCTNL_MSG_CT_GET, family, NLM_F_DUMP),
				    take, restart, &search);
	if (!error && search.failed)
		error = -ENOMEM;
	for (size_t i = 0; i < search.count && !error; i++) {
		error = forget(&search, &search.list[i]);
		*forgotten += !error;
		if (error == -ENOENT) /* it has ended by itself */
			error = 0;
	}
	return error;
}
