/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in the receive path besides the rules that weir reads.
 *
 * A kernel with CONFIG_NETFILTER_NETLINK_HOOK (5.14) lists every hook with its function. Without it the list
 * is put together from who may register hooks there: nf_tables (chains and flowtables are dumped), BPF links,
 * x_tables. The nf_tables dump is read in both cases: a NAT chain of nft stands behind nf_nat's hook and a
 * flowtable's devices are not in the list of hooks. */
#include "kernel/hooks.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOOKS_MAX 4096
#define SUBSYSTEM_HOOK 12 /* NFNL_SUBSYS_HOOK */
#define LINK_NETFILTER 10 /* BPF_LINK_TYPE_NETFILTER, since 6.4 */
#define LINKS_MAX 100000
#define PRIORITY_NAT_INPUT 100 /* NF_IP_PRI_NAT_SRC */

static const int priorities[TABLE_COUNT] = {
    /* include/uapi/linux/netfilter_ipv4.h; the same numbers in netfilter_ipv6.h */
    [TABLE_RAW] = -300, [TABLE_MANGLE] = -150, [TABLE_NAT] = -100, [TABLE_FILTER] = 0, [TABLE_SECURITY] = 50,
};

/* Functions known, with what they do on the receive path. net/netfilter and net/ipv[46]/netfilter of 5.15
 * to 6.18. */
static const struct known {
	const char *function;
	enum hook_class class;
} known[] = {
    {"ipt_do_table", HOOK_CLASS_RULES},
    {"ip6t_do_table", HOOK_CLASS_RULES},
    {"iptable_raw_hook", HOOK_CLASS_RULES},
    {"iptable_mangle_hook", HOOK_CLASS_RULES},
    {"iptable_filter_hook", HOOK_CLASS_RULES},
    {"iptable_security_hook", HOOK_CLASS_RULES},
    {"ip6table_raw_hook", HOOK_CLASS_RULES},
    {"ip6table_mangle_hook", HOOK_CLASS_RULES},
    {"ip6table_filter_hook", HOOK_CLASS_RULES},
    {"ip6table_security_hook", HOOK_CLASS_RULES},
    /* the region takes connection state, reassembly and conntrack's own effect into account */
    {"ipv4_conntrack_in", HOOK_CLASS_HARMLESS},
    {"ipv6_conntrack_in", HOOK_CLASS_HARMLESS},
    {"ipv4_conntrack_defrag", HOOK_CLASS_HARMLESS},
    {"ipv6_defrag", HOOK_CLASS_HARMLESS},
    {"ipv4_confirm", HOOK_CLASS_HARMLESS},
    {"ipv6_confirm", HOOK_CLASS_HARMLESS},
    {"nf_confirm", HOOK_CLASS_HARMLESS},
    /* acts on frames that came through a bridge only; the interface has no master */
    {"ip_sabotage_in", HOOK_CLASS_HARMLESS},
    /* only ever drops what it sees */
    {"selinux_ip_forward", HOOK_CLASS_HARMLESS},
    {"selinux_ipv4_forward", HOOK_CLASS_HARMLESS},
    {"selinux_ipv6_forward", HOOK_CLASS_HARMLESS},
    {"nf_nat_ipv4_pre_routing", HOOK_CLASS_NAT},
    {"nf_nat_ipv4_in", HOOK_CLASS_NAT},
    {"nf_nat_ipv4_local_in", HOOK_CLASS_NAT},
    {"nf_nat_ipv4_fn", HOOK_CLASS_NAT},
    {"nf_nat_ipv6_pre_routing", HOOK_CLASS_NAT},
    {"nf_nat_ipv6_in", HOOK_CLASS_NAT},
    {"nf_nat_ipv6_fn", HOOK_CLASS_NAT},
    {"iptable_nat_do_chain", HOOK_CLASS_NAT},
    {"ip6table_nat_do_chain", HOOK_CLASS_NAT},
};

static int add(struct hooks *hooks, const struct hook_entry *entry)
{
	struct hook_entry *added;

	for (size_t i = 0; i < hooks->count; i++) {
		const struct hook_entry *have = &hooks->list[i];

		if (have->family == entry->family && have->ingress == entry->ingress &&
		    have->place == entry->place && have->priority == entry->priority &&
		    !strcmp(have->name, entry->name))
			return 0; /* both lists have it */
	}
	if (hooks->count >= HOOKS_MAX)
		return -E2BIG;
	added =
	    arena_push(hooks->arena, (void **)&hooks->list, &hooks->count, &hooks->capacity, sizeof(*added));
	if (!added)
		return -ENOMEM;
	*added = *entry;
	if (entry->class == HOOK_CLASS_NAT)
		hooks->nat[entry->family] = true;
	return 0;
}

/* Base chains that iptables-nft makes: the table and chain names of x_tables at their places
 * (iptables/nft.c). */
static bool is_iptables_chain(enum family family, const char *nft_family, const char *table,
			      const char *chain, enum hook place, int32_t priority)
{
	if (strcmp(nft_family, family == FAMILY_IPV4 ? "ip" : "ip6") || strcmp(chain, hook_names[place]))
		return false;
	for (enum table_id id = 0; id < TABLE_COUNT; id++)
		if (!strcmp(table, table_names[id]))
			return table_has_hook(id, place) &&
			       (priority == priorities[id] || (id == TABLE_NAT && place == HOOK_INPUT));
	return false;
}

/* Whose rules those are is told by the tables as a whole (kernel/nft_fingerprint.h). */
static bool is_applied_chain(enum family family, const char *nft_family, const char *table)
{
	return !strcmp(nft_family, family == FAMILY_IPV4 ? "ip" : "ip6") && !strcmp(table, NFT_TABLE);
}

static const char *nft_family_name(unsigned family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_NETDEV:
		return "netdev";
	}
	return "?";
}

static bool place_of(unsigned number, enum hook *place)
{
	switch (number) {
	case NF_INET_PRE_ROUTING:
		*place = HOOK_PREROUTING;
		return true;
	case NF_INET_LOCAL_IN:
		*place = HOOK_INPUT;
		return true;
	case NF_INET_FORWARD:
		*place = HOOK_FORWARD;
		return true;
	}
	return false;
}

struct reading {
	struct hooks *hooks;
	const char *interface;
	enum family family;
	bool ingress;
	enum hook place;
	int error;
};

static int stop(struct reading *reading, int error)
{
	if (!error)
		return MNL_CB_OK;
	reading->error = error;
	return MNL_CB_STOP;
}

static void name_chain(struct hook_entry *entry, unsigned family, const char *table, const char *chain)
{
	snprintf(entry->name, sizeof(entry->name), "nft chain %s %.48s %.48s", nft_family_name(family), table,
		 chain);
	entry->nft_family = (uint8_t)family;
	snprintf(entry->table, sizeof(entry->table), "%s", table);
	snprintf(entry->chain, sizeof(entry->chain), "%s", chain);
}

/* Of a base chain of nf_tables that is not at ingress. */
static void class_chain(struct hook_entry *entry)
{
	const char *family = nft_family_name(entry->nft_family);

	if (is_applied_chain(entry->family, family, entry->table))
		entry->class = HOOK_CLASS_APPLIED;
	entry->iptables = is_iptables_chain(entry->family, family, entry->table, entry->chain, entry->place,
					    entry->priority);
	if (entry->iptables)
		entry->class = HOOK_CLASS_RULES;
}

static int receive_hook(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[NFNLA_HOOK_MAX + 1], *info[NFNLA_HOOK_INFO_MAX + 1],
	    *chain[NFNLA_CHAIN_MAX + 1];
	char function[64], module[48], table[64], name[64];
	struct reading *reading = context;
	struct hook_entry entry = {.family = reading->family,
				   .ingress = reading->ingress,
				   .place = reading->place,
				   .class = HOOK_CLASS_UNKNOWN};

	if (message->nlmsg_type != (SUBSYSTEM_HOOK << 8 | NFNL_MSG_HOOK_GET))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFNLA_HOOK_MAX);
	netlink_nested(attributes[NFNLA_HOOK_CHAIN_INFO], info, NFNLA_HOOK_INFO_MAX);
	netlink_nested(info[NFNLA_HOOK_INFO_DESC], chain, NFNLA_CHAIN_MAX);
	entry.priority = (int32_t)ntohl(netlink_u32(attributes[NFNLA_HOOK_PRIORITY], 0));
	netlink_string(attributes[NFNLA_HOOK_FUNCTION_NAME], function, sizeof(function));
	netlink_string(attributes[NFNLA_HOOK_MODULE_NAME], module, sizeof(module));
	if (chain[NFNLA_CHAIN_TABLE]) {
		const struct nlattr *family = chain[NFNLA_CHAIN_FAMILY];

		netlink_string(chain[NFNLA_CHAIN_TABLE], table, sizeof(table));
		netlink_string(chain[NFNLA_CHAIN_NAME], name, sizeof(name));
		name_chain(&entry,
			   family && mnl_attr_get_payload_len(family) == 1 ? mnl_attr_get_u8(family) : 0,
			   table, name);
		if (!reading->ingress)
			class_chain(&entry);
		return stop(reading, add(reading->hooks, &entry));
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !reading->ingress; i++)
		if (!strcmp(function, known[i].function))
			entry.class = known[i].class;
	entry.iptables = entry.class == HOOK_CLASS_RULES || strstr(function, "nat_do_chain");
	if (entry.class == HOOK_CLASS_RULES && entry.priority == priorities[TABLE_NAT])
		entry.class = HOOK_CLASS_NAT;
	snprintf(entry.name, sizeof(entry.name), "%s%s%s%s", *function ? function : "a hook without a name",
		 *module ? " [" : "", module, *module ? "]" : "");
	return stop(reading, add(reading->hooks, &entry));
}

static int dump_hooks(struct reading *reading, unsigned family, unsigned number)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct nfgenmsg *header;
	int result;

	request->nlmsg_type = SUBSYSTEM_HOOK << 8 | NFNL_MSG_HOOK_GET;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = (uint8_t)family;
	header->version = NFNETLINK_V0;
	mnl_attr_put_u32(request, NFNLA_HOOK_HOOKNUM, htonl(number));
	if (family == NFPROTO_NETDEV)
		mnl_attr_put_strz(request, NFNLA_HOOK_DEV, reading->interface);
	result = netlink_request(NETLINK_NETFILTER, request, receive_hook, NULL, reading);
	return result ? result : reading->error;
}

/* -EOPNOTSUPP: this kernel does not list its hooks. */
static int read_listed(struct reading *reading)
{
	static const unsigned numbers[] = {NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD};
	int result;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			reading->family = family;
			place_of(numbers[i], &reading->place);
			result = dump_hooks(reading, family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6,
					    numbers[i]);
			/* subsystem absent: nfnetlink_rcv_msg() gives -EINVAL; family absent: -EOPNOTSUPP */
			if (result == -EINVAL)
				return -EOPNOTSUPP;
			if (result && result != -ENOENT && !(result == -EOPNOTSUPP && family == FAMILY_IPV6))
				return result;
		}
	}
	reading->ingress = true;
	reading->family = FAMILY_IPV4;
	reading->place = HOOK_PREROUTING;
	result = dump_hooks(reading, NFPROTO_NETDEV, NF_NETDEV_INGRESS);
	reading->ingress = false;
	/* kernels without CONFIG_NETFILTER_INGRESS have no hook there */
	return result == -EOPNOTSUPP || result == -ENOENT ? 0 : result;
}

/* Whether a nest of device names has the interface's, or a pattern ("eth*", NFTA_DEVICE_PREFIX since 6.16).
 */
struct device_search {
	const char *interface;
	bool found;
};

static int search_device(const struct nlattr *attribute, void *context)
{
	struct device_search *search = context;
	char name[INTERFACE_NAME_MAX + 1];

	netlink_string(attribute, name, sizeof(name));
	if (mnl_attr_get_type(attribute) != NFTA_DEVICE_NAME)
		search->found = true; /* a pattern, or something newer: taken as ours */
	else if (!strcmp(name, search->interface))
		search->found = true;
	return MNL_CB_OK;
}

static bool devices_have(const struct nlattr *one, const struct nlattr *several, const char *interface)
{
	struct device_search search = {interface, false};
	char name[INTERFACE_NAME_MAX + 1];

	if (!one && !several)
		return true; /* cannot tell */
	if (one) {
		netlink_string(one, name, sizeof(name));
		if (!strcmp(name, interface))
			return true;
	}
	if (several)
		mnl_attr_parse_nested(several, search_device, &search);
	return search.found;
}

static int receive_chain(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
	const struct nfgenmsg *header;
	struct reading *reading = context;
	char table[64], name[64], type[16];
	struct hook_entry entry = {.class = HOOK_CLASS_UNKNOWN};
	unsigned number;
	int result = 0;

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN) ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	header = mnl_nlmsg_get_payload(message);
	netlink_attributes(message, sizeof(*header), attributes, NFTA_CHAIN_MAX);
	if (!attributes[NFTA_CHAIN_HOOK])
		return MNL_CB_OK; /* no base chain */
	netlink_nested(attributes[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX);
	netlink_string(attributes[NFTA_CHAIN_TABLE], table, sizeof(table));
	netlink_string(attributes[NFTA_CHAIN_NAME], name, sizeof(name));
	netlink_string(attributes[NFTA_CHAIN_TYPE], type, sizeof(type));
	number = ntohl(netlink_u32(hook[NFTA_HOOK_HOOKNUM], UINT32_MAX));
	entry.priority = (int32_t)ntohl(netlink_u32(hook[NFTA_HOOK_PRIORITY], 0));
	name_chain(&entry, header->nfgen_family, table, name);
	if ((header->nfgen_family == NFPROTO_NETDEV && number == NF_NETDEV_INGRESS) ||
	    (header->nfgen_family == NFPROTO_INET && number == NF_INET_INGRESS)) {
		if (!devices_have(hook[NFTA_HOOK_DEV], hook[NFTA_HOOK_DEVS], reading->interface))
			return MNL_CB_OK;
		entry.ingress = true;
		return stop(reading, add(reading->hooks, &entry));
	}
	for (enum family family = 0; family < FAMILY_COUNT && !result; family++) {
		if (header->nfgen_family != NFPROTO_INET &&
		    header->nfgen_family != (family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
			continue;
		if (!strcmp(type, "nat"))
			reading->hooks->nat[family] = true; /* at whatever hook: nf_nat acts on all of them */
		if (!place_of(number, &entry.place))
			continue;
		entry.family = family;
		entry.class = HOOK_CLASS_UNKNOWN;
		class_chain(&entry);
		/* a foreign one may log and count too: that it is for NAT says nothing of its rules */
		if (entry.class == HOOK_CLASS_RULES && !strcmp(type, "nat"))
			entry.class = HOOK_CLASS_NAT;
		result = add(reading->hooks, &entry);
	}
	return stop(reading, result);
}

static int receive_flowtable(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[NFTA_FLOWTABLE_MAX + 1], *hook[NFTA_FLOWTABLE_HOOK_MAX + 1];
	struct hook_entry entry = {.ingress = true, .class = HOOK_CLASS_UNKNOWN};
	struct reading *reading = context;
	char table[64], name[64];

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWFLOWTABLE))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_FLOWTABLE_MAX);
	netlink_nested(attributes[NFTA_FLOWTABLE_HOOK], hook, NFTA_FLOWTABLE_HOOK_MAX);
	if (!devices_have(NULL, hook[NFTA_FLOWTABLE_HOOK_DEVS], reading->interface))
		return MNL_CB_OK;
	netlink_string(attributes[NFTA_FLOWTABLE_TABLE], table, sizeof(table));
	netlink_string(attributes[NFTA_FLOWTABLE_NAME], name, sizeof(name));
	snprintf(entry.name, sizeof(entry.name), "nft flowtable %.48s %.48s", table, name);
	return stop(reading, add(reading->hooks, &entry));
}

static int dump_nftables(struct reading *reading, unsigned type, mnl_cb_t receive)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct nfgenmsg *header;
	int result;

	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = NFPROTO_UNSPEC;
	header->version = NFNETLINK_V0;
	result = netlink_request(NETLINK_NETFILTER, request, receive, NULL, reading);
	if (result == -EINVAL || result == -EOPNOTSUPP || result == -EPROTONOSUPPORT)
		return 0; /* a kernel without nf_tables */
	return result ? result : reading->error;
}

/* BPF netfilter links say protocol, hook and priority but not the namespace: each on the machine counts. */
struct netfilter_link_info {
	uint32_t type, id, prog_id, unused;
	struct {
		uint32_t pf, hooknum;
		int32_t priority;
		uint32_t flags;
	} netfilter;
	uint8_t rest[96];
};

static int read_bpf_links(struct reading *reading)
{
	uint32_t id = 0;
	int result = 0;

	for (unsigned i = 0; !result; i++) {
		struct netfilter_link_info info = {0};
		struct hook_entry entry = {.class = HOOK_CLASS_UNKNOWN};
		uint32_t size = sizeof(info);
		int fd = bpf_link_get_next_id(id, &id);

		if (fd == -ENOENT)
			return 0; /* that was the last */
		if (fd)
			return fd;
		if (i >= LINKS_MAX)
			return -E2BIG;
		fd = bpf_link_get_fd_by_id(id);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		result = bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
		if (result || info.type != LINK_NETFILTER || !place_of(info.netfilter.hooknum, &entry.place))
			continue;
		entry.family = info.netfilter.pf == NFPROTO_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
		entry.priority = info.netfilter.priority;
		snprintf(entry.name, sizeof(entry.name), "BPF netfilter program %u (link %u)", info.prog_id,
			 id);
		result = add(reading->hooks, &entry);
	}
	return result;
}

/* --- Whether there are rules */

static int receive_rule(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[NFTA_RULE_MAX + 1];
	struct hook_entry *entry = context;
	char table[64], chain[64];

	if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_RULE_MAX);
	netlink_string(attributes[NFTA_RULE_TABLE], table, sizeof(table));
	netlink_string(attributes[NFTA_RULE_CHAIN], chain, sizeof(chain));
	if (strcmp(table, entry->table) || strcmp(chain, entry->chain))
		return MNL_CB_OK;
	entry->empty = false;
	return MNL_CB_STOP;
}

/* What cannot be asked for, as a name that is too long, is not taken as empty. */
static void look_into_chain(struct hook_entry *entry)
{
	char space[NETLINK_REQUEST_MAX];
	struct nlmsghdr *request = mnl_nlmsg_put_header(space);
	struct nfgenmsg *header;

	if (strlen(entry->table) + 1 >= sizeof(entry->table) ||
	    strlen(entry->chain) + 1 >= sizeof(entry->chain))
		return;
	request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = entry->nft_family;
	header->version = NFNETLINK_V0;
	mnl_attr_put_strz(request, NFTA_RULE_TABLE, entry->table);
	mnl_attr_put_strz(request, NFTA_RULE_CHAIN, entry->chain);
	entry->empty = true;
	if (netlink_request(NETLINK_NETFILTER, request, receive_rule, NULL, entry))
		entry->empty = false;
}

/* A table of iptables-legacy without rules has an entry for the policy of each of its hooks, and one behind
 * them (ip_tables.h, struct ipt_error). */
static bool legacy_empty(enum family family, const char *table)
{
	struct ipt_getinfo info = {0};
	socklen_t size = sizeof(info);
	int file = socket(family == FAMILY_IPV4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	int error;

	if (file < 0)
		return false;
	_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one for both");
	snprintf(info.name, sizeof(info.name), "%.31s", table);
	error = family == FAMILY_IPV4 ? getsockopt(file, IPPROTO_IP, IPT_SO_GET_INFO, &info, &size)
				      : getsockopt(file, IPPROTO_IPV6, IP6T_SO_GET_INFO, &info, &size);
	close(file);
	return !error && info.num_entries <= (unsigned)__builtin_popcount(info.valid_hooks) + 1;
}

/* Tables of iptables-legacy that are there, and whether they hold rules. nf_nat registers its hooks with the
 * first nat table of the namespace. */
static int read_legacy_tables(struct hooks *hooks)
{
	static const char *const paths[FAMILY_COUNT] = {"/proc/net/ip_tables_names",
							"/proc/net/ip6_tables_names"};
	char line[64];

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		FILE *file = fopen(paths[family], "re");

		if (!file && errno != ENOENT)
			return -errno;
		while (file && fgets(line, sizeof(line), file)) {
			line[strcspn(line, "\n")] = 0;
			for (enum table_id id = 0; id < TABLE_COUNT; id++)
				if (!strcmp(line, table_names[id]))
					hooks->legacy[family][id] =
					    legacy_empty(family, line) ? LEGACY_EMPTY : LEGACY_RULES;
		}
		if (file)
			fclose(file);
		hooks->nat[family] |= hooks->legacy[family][TABLE_NAT] != LEGACY_NONE;
	}
	return 0;
}

/* Where the kernel does not list its hooks those of iptables-legacy are known by its tables. */
static int add_legacy(struct hooks *hooks, enum family family, enum table_id id)
{
	int result = 0;

	for (enum hook place = HOOK_PREROUTING; place <= HOOK_FORWARD && !result; place++) {
		struct hook_entry entry = {
		    .family = family,
		    .place = place,
		    .priority = id == TABLE_NAT && place == HOOK_INPUT ? PRIORITY_NAT_INPUT : priorities[id],
		    .class = id == TABLE_NAT ? HOOK_CLASS_NAT : HOOK_CLASS_RULES,
		    .iptables = true};

		if (!table_has_hook(id, place))
			continue;
		snprintf(entry.name, sizeof(entry.name), "table %s of iptables-legacy", table_names[id]);
		result = add(hooks, &entry);
	}
	return result;
}

static enum table_id table_at(const struct hook_entry *entry)
{
	enum table_id id = 0;

	if (entry->place == HOOK_INPUT && entry->priority == PRIORITY_NAT_INPUT)
		return TABLE_NAT;
	while (id < TABLE_COUNT && priorities[id] != entry->priority)
		id++;
	return id;
}

/* Which of them have rules at all. */
static int read_rules(struct hooks *hooks)
{
	int result = read_legacy_tables(hooks);

	for (enum family family = 0; family < FAMILY_COUNT && !hooks->listed; family++)
		for (enum table_id id = 0; id < TABLE_COUNT && !result; id++)
			if (hooks->legacy[family][id] != LEGACY_NONE)
				result = add_legacy(hooks, family, id);
	for (size_t i = 0; i < hooks->count && !result; i++) {
		struct hook_entry *entry = &hooks->list[i];

		if (*entry->chain && entry->class != HOOK_CLASS_APPLIED)
			look_into_chain(entry);
		else if (entry->iptables && table_at(entry) < TABLE_COUNT)
			entry->empty = hooks->legacy[entry->family][table_at(entry)] == LEGACY_EMPTY;
	}
	return result;
}

int hooks_read(struct arena *arena, const char *interface, struct hooks *hooks)
{
	struct hooks found = {.arena = arena, .listed = true};
	struct reading reading = {.hooks = &found, .interface = interface};
	int result = read_listed(&reading);

	if (result == -EOPNOTSUPP) {
		found.listed = false;
		result = 0;
	}
	if (!result)
		result = dump_nftables(&reading, NFT_MSG_GETCHAIN, receive_chain);
	if (!result)
		result = dump_nftables(&reading, NFT_MSG_GETFLOWTABLE, receive_flowtable);
	/* where the kernel lists its hooks a BPF program is among them, and of this namespace only */
	if (!result && !found.listed)
		result = read_bpf_links(&reading);
	if (!result)
		result = read_rules(&found);
	if (result)
		return result;
	*hooks = found;
	return 0;
}

bool hook_before(const struct hook_entry *entry, enum table_id table, enum hook place)
{
	if (entry->ingress)
		return true;
	if (entry->place == place)
		return entry->priority <= priorities[table];
	return entry->place == HOOK_PREROUTING && place != HOOK_PREROUTING;
}
