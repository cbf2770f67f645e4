/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Destinations that are delivered here for sure. A packet meets table "local" first only where the routing
 * rule of preference 0 looks it up without a condition (ip-rule(8); the operator may have moved it), and a
 * longer route of that table (broadcast within a local prefix, say) decides against a shorter one. Whatever
 * is in doubt is left out: that costs coverage, never a packet. */
#include "kernel/link.h"
#include "kernel/netlink.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define ROUTES_MAX 4000000

struct route {
	struct region_local range;
	bool local;
};

struct routes {
	struct arena *arena;
	enum family family;
	struct route *list;
	size_t count, capacity;
	int error;
	bool first_rule; /* preference 0 is: from all lookup local */
	bool other_rule; /* something else stands at preference 0 too */
};

static int receive_rule(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[FRA_MAX + 1];
	const struct fib_rule_hdr *header;
	struct routes *routes = context;
	bool plain;

	if (message->nlmsg_type != RTM_NEWRULE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	header = mnl_nlmsg_get_payload(message);
	netlink_attributes(message, sizeof(*header), attributes, FRA_MAX);
	if (netlink_u32(attributes[FRA_PRIORITY], 0))
		return MNL_CB_OK;
	plain = header->action == FR_ACT_TO_TBL &&
		netlink_u32(attributes[FRA_TABLE], header->table) == RT_TABLE_LOCAL && !header->src_len &&
		!header->dst_len && !header->tos && !(header->flags & FIB_RULE_INVERT);
	for (unsigned type = 1; plain && type <= FRA_MAX; type++)
		plain = !attributes[type] || type == FRA_TABLE || type == FRA_PRIORITY ||
			type == FRA_PROTOCOL ||
			(type == FRA_SUPPRESS_PREFIXLEN && netlink_u32(attributes[type], 0) == UINT32_MAX) ||
			(type == FRA_SUPPRESS_IFGROUP && netlink_u32(attributes[type], 0) == UINT32_MAX);
	if (plain)
		routes->first_rule = true;
	else
		routes->other_rule = true;
	return MNL_CB_OK;
}

static int receive_route(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[RTA_MAX + 1];
	struct routes *routes = context;
	unsigned bits = family_bits(routes->family);
	const struct rtmsg *header;
	struct route *route;
	address value = 0, mask;

	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	header = mnl_nlmsg_get_payload(message);
	netlink_attributes(message, sizeof(*header), attributes, RTA_MAX);
	if (netlink_u32(attributes[RTA_TABLE], header->rtm_table) != RT_TABLE_LOCAL ||
	    header->rtm_dst_len > bits || header->rtm_flags & RTM_F_CLONED)
		return MNL_CB_OK;
	if (attributes[RTA_DST]) {
		if (mnl_attr_get_payload_len(attributes[RTA_DST]) != bits / 8)
			return MNL_CB_OK;
		value = address_from_bytes(routes->family, mnl_attr_get_payload(attributes[RTA_DST]));
	}
	if (routes->count >= ROUTES_MAX) {
		routes->error = -E2BIG;
		return MNL_CB_STOP;
	}
	route = arena_push(routes->arena, (void **)&routes->list, &routes->count, &routes->capacity,
			   sizeof(*route));
	if (!route) {
		routes->error = -ENOMEM;
		return MNL_CB_STOP;
	}
	mask = prefix_mask(routes->family, header->rtm_dst_len);
	route->range.family = routes->family;
	route->range.low = value & mask;
	route->range.high = (value & mask) | (family_max(routes->family) & ~mask);
	/* with a source (IPv6) or a type of service the route is not for every packet */
	route->local = header->rtm_type == RTN_LOCAL && !header->rtm_src_len && !header->rtm_tos;
	return MNL_CB_OK;
}

static void restart_routes(void *context)
{
	struct routes *routes = context;

	routes->count = 0;
}

static void restart_rules(void *context)
{
	struct routes *routes = context;

	routes->first_rule = routes->other_rule = false;
}

static int dump(struct routes *routes, uint16_t type, mnl_cb_t receive)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct rtmsg *header; /* struct fib_rule_hdr has the same size and the family in the same place */
	int result;

	_Static_assert(sizeof(struct rtmsg) == sizeof(struct fib_rule_hdr), "one header serves both dumps");
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->rtm_family = routes->family == FAMILY_IPV4 ? AF_INET : AF_INET6;
	result = netlink_request(NETLINK_ROUTE, request, receive,
				 type == RTM_GETRULE ? restart_rules : restart_routes, routes);
	if (result == -EOPNOTSUPP || result == -EAFNOSUPPORT)
		return 0; /* no such family, or no policy routing, in this kernel */
	return result ? result : routes->error;
}

/* Whether a route that is not local lies within the range or around it at the same length. Shorter ones lose
 * to it. */
static bool cut_into(const struct routes *routes, const struct region_local *range)
{
	for (size_t i = 0; i < routes->count; i++)
		if (!routes->list[i].local && routes->list[i].range.low >= range->low &&
		    routes->list[i].range.high <= range->high)
			return true;
	return false;
}

int link_locals(struct arena *arena, struct region_local **locals, size_t *count)
{
	struct region_local *list = NULL, *added;
	size_t found = 0, capacity = 0;
	int result;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		struct routes routes = {.arena = arena, .family = family};

		result = dump(&routes, RTM_GETRULE, receive_rule);
		if (result)
			return result;
		if (!routes.first_rule || routes.other_rule)
			continue;
		result = dump(&routes, RTM_GETROUTE, receive_route);
		if (result)
			return result;
		for (size_t i = 0; i < routes.count; i++) {
			if (!routes.list[i].local || cut_into(&routes, &routes.list[i].range))
				continue;
			added = arena_push(arena, (void **)&list, &found, &capacity, sizeof(*added));
			if (!added)
				return -ENOMEM;
			*added = routes.list[i].range;
		}
	}
	*locals = list;
	*count = found;
	return 0;
}
