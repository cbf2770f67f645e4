/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One question to the routing tables: rtnetlink(7), RTM_GETROUTE without NLM_F_DUMP. Marks and other things
 * that rules of routing may ask about are not given, so the answer is for a packet without any. */
#include "kernel/route.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>

struct answer {
	enum route_way way;
	bool heard;
};

/* Of several next hops, whether one of them is a router. */
static bool has_router(const struct nlattr *several)
{
	int left = several ? mnl_attr_get_payload_len(several) : 0;
	const char *at = several ? mnl_attr_get_payload(several) : NULL;

	while (left >= (int)sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const struct rtnexthop *)at;
		int size = hop->rtnh_len, rest = size - RTNH_LENGTH(0);
		if (rest < 0 || size > left)
			return false;
		const struct nlattr *attribute = (const struct nlattr *)(at + RTNH_LENGTH(0));
		for (; mnl_attr_ok(attribute, rest); attribute = mnl_attr_next(attribute)) {
			unsigned type = mnl_attr_get_type(attribute);
			if (type == RTA_GATEWAY || type == RTA_VIA)
				return true;
			rest -= (int)MNL_ALIGN(attribute->nla_len);
		}
		at += RTNH_ALIGN(size);
		left -= RTNH_ALIGN(size);
	}
	return false;
}

/* A next hop that is told by its number alone (net.ipv4.nexthop_compat_mode 0) is taken for one. */
static bool is_by_router(const struct nlattr *const *attributes)
{
	return attributes[RTA_GATEWAY] || attributes[RTA_VIA] || has_router(attributes[RTA_MULTIPATH]) ||
	       (attributes[RTA_NH_ID] && !attributes[RTA_OIF] && !attributes[RTA_MULTIPATH]);
}

static int receive(const struct nlmsghdr *message, void *context)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *attributes[RTA_MAX + 1] = {0};
	struct answer *answer = context;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*route))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*route), attributes, RTA_MAX);
	answer->heard = true;
	if (route->rtm_type == RTN_UNICAST)
		answer->way = is_by_router(attributes) ? ROUTE_WAY_VIA : ROUTE_WAY_LINK;
	else if (route->rtm_type == RTN_LOCAL || route->rtm_type == RTN_BROADCAST ||
		 route->rtm_type == RTN_MULTICAST || route->rtm_type == RTN_ANYCAST)
		answer->way = ROUTE_WAY_LOCAL;
	else
		answer->way = ROUTE_WAY_NONE;
	return MNL_CB_STOP; /* there is one message, and no end of a dump */
}

static int ask(enum family family, const uint8_t *address, unsigned interface, enum route_way *way)
{
	char buffer[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	size_t size = family == FAMILY_IPV4 ? 4 : 16;
	struct answer answer = {0};
	struct rtmsg *route;
	int result;

	request->nlmsg_type = RTM_GETROUTE;
	request->nlmsg_flags = NLM_F_REQUEST;
	route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	route->rtm_family = family == FAMILY_IPV4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = (unsigned char)(size * 8);
	mnl_attr_put(request, RTA_DST, size, address);
	if (interface) {
		route->rtm_flags |= RTM_F_FIB_MATCH;
		mnl_attr_put_u32(request, RTA_OIF, interface);
	}
	result = netlink_request(NETLINK_ROUTE, request, receive, NULL, &answer);
	/* fib_lookup() says of routes that refuse, and of none, what connect(2) would. */
	if (result == -ENETUNREACH || result == -EHOSTUNREACH || result == -EACCES || result == -EINVAL) {
		*way = ROUTE_WAY_NONE;
		return 0;
	}
	if (result)
		return result;
	if (!answer.heard)
		return -EPROTO;
	*way = answer.way;
	return 0;
}

int route_ask(enum family family, const uint8_t *address, enum route_way *way)
{
	return ask(family, address, 0, way);
}

int route_ask_by(enum family family, const uint8_t *address, unsigned interface, enum route_way *way)
{
	return ask(family, address, interface, way);
}
