/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading weir's tables by netlink. What was read while the ruleset changed is read again: the generation is
 * asked for before and behind. */
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_image.h"
#include "kernel/nft_known.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#define TRIES 20

struct dump {
	struct buffer *raw;
	size_t begin; /* of the dump at hand */
	enum family family;
	bool found;
	uint32_t generation;
	bool only_sets; /* and members of these alone */
	const char *const *names;
	size_t name_count;
	struct buffer sets; /* names, NUL-terminated, one after the other */
	bool counts;        /* with what members counted, which is not on record */
	uint32_t at;        /* generation */
	bool looked;        /* for what is on record of it: */
	struct nft_known *known;
	const char *chains; /* only chains whose names begin so, and their rules; NULL: all */
};

static struct nlmsghdr *request(char *data, unsigned type, uint8_t family, unsigned flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(data);
	struct nfgenmsg *general;

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	general = mnl_nlmsg_put_extra_header(message, sizeof(*general));
	*general = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	return message;
}

static int take_generation(const struct nlmsghdr *message, void *context)
{
	struct dump *dump = context;
	const struct nlattr *attributes[NFTA_GEN_MAX + 1];

	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_GEN_MAX);
	dump->generation = ntohl(netlink_u32(attributes[NFTA_GEN_ID], 0));
	return MNL_CB_STOP;
}

static int read_generation(struct dump *dump, uint32_t *generation)
{
	char data[NETLINK_REQUEST_MAX];
	int error = netlink_request(NETLINK_NETFILTER, request(data, NFT_MSG_GETGEN, AF_UNSPEC, 0),
				    take_generation, NULL, dump);

	*generation = dump->generation;
	return error;
}

static const struct nlattr *attribute_of(const struct nlmsghdr *message, unsigned type)
{
	const struct nlattr *attributes[NFTA_CHAIN_NAME + 1];

	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_CHAIN_NAME);
	return type <= NFTA_CHAIN_NAME ? attributes[type] : NULL;
}

static bool string_is(const struct nlattr *attribute, const char *string)
{
	size_t size = strlen(string) + 1;

	return attribute && mnl_attr_get_payload_len(attribute) == size &&
	       memcmp(mnl_attr_get_payload(attribute), string, size) == 0;
}

static bool is_other_chain(const struct dump *dump, const struct nlmsghdr *message, unsigned type)
{
	const struct nlattr *name = NULL;

	if (dump->chains && type == NFT_MSG_NEWCHAIN)
		name = attribute_of(message, NFTA_CHAIN_NAME);
	if (dump->chains && type == NFT_MSG_NEWRULE)
		name = attribute_of(message, NFTA_RULE_CHAIN);
	size_t size = name ? strlen(dump->chains) : 0;
	return name && (mnl_attr_get_payload_len(name) < size ||
			memcmp(mnl_attr_get_payload(name), dump->chains, size) != 0);
}

/* The first attribute is the table's name, of every message (NFTA_*_TABLE). */
static int take_message(const struct nlmsghdr *message, void *context)
{
	struct dump *dump = context;
	unsigned type = message->nlmsg_type & 0xff;

	if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES ||
	    !string_is(attribute_of(message, NFTA_SET_TABLE), NFT_TABLE))
		return MNL_CB_OK;
	dump->found = true;
	if (is_other_chain(dump, message, type))
		return MNL_CB_OK;
	buffer_add(dump->raw, (const char *)message, MNL_ALIGN(message->nlmsg_len));
	if (type == NFT_MSG_NEWSET) {
		const struct nlattr *name = attribute_of(message, NFTA_SET_NAME);
		if (name && mnl_attr_get_payload_len(name))
			buffer_add(&dump->sets, mnl_attr_get_payload(name), mnl_attr_get_payload_len(name));
	}
	return MNL_CB_OK;
}

static void restart(void *context)
{
	struct dump *dump = context;

	dump->raw->size = dump->begin;
}

static void restart_sets(void *context)
{
	struct dump *dump = context;

	restart(context);
	dump->sets.size = 0;
}

static int read_all(struct dump *dump, unsigned type, const char *set)
{
	char data[NETLINK_REQUEST_MAX];
	struct nlmsghdr *message =
	    request(data, type, dump->family == FAMILY_IPV4 ? NFPROTO_IPV4 : NFPROTO_IPV6, NLM_F_DUMP);

	if (type != NFT_MSG_GETTABLE)
		mnl_attr_put_strz(message, NFTA_SET_TABLE, NFT_TABLE);
	if (set)
		mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
	dump->begin = dump->raw->size;
	return netlink_request(NETLINK_NETFILTER, message, take_message,
			       type == NFT_MSG_GETSET ? restart_sets : restart, dump);
}

static bool wanted(const struct dump *dump, const char *set)
{
	for (size_t i = 0; i < dump->name_count; i++)
		if (strcmp(dump->names[i], set) == 0)
			return true;
	return !dump->only_sets;
}

/* Members that need not be asked for. The record is large: it is read when it is needed. */
static bool take_known(struct dump *dump, const char *set)
{
	if (!dump->looked && !dump->counts)
		nft_known_read(dump->at, &dump->known);
	dump->looked = true;
	return nft_known_members(dump->known, dump->family, set, dump->raw);
}

static int read_family(struct dump *dump)
{
	static const unsigned types[] = {NFT_MSG_GETSET, NFT_MSG_GETOBJ, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE};
	size_t count = dump->only_sets ? 1 : sizeof(types) / sizeof(*types);
	size_t first = dump->chains ? 2 : 0;
	int error;

	dump->found = false;
	dump->sets.size = 0;
	error = read_all(dump, NFT_MSG_GETTABLE, NULL);
	if (error || !dump->found)
		return error;
	for (size_t i = first; i < count && !error; i++)
		error = read_all(dump, types[i], NULL);
	for (size_t at = 0; at < dump->sets.size && !error; at += strlen(dump->sets.data + at) + 1)
		if (wanted(dump, dump->sets.data + at) && !take_known(dump, dump->sets.data + at))
			error = read_all(dump, NFT_MSG_GETSETELEM, dump->sets.data + at);
	return error;
}

/* -EAGAIN: it changed meanwhile. */
static int read_once(struct dump *dump, uint32_t *generation)
{
	uint32_t behind;
	int error = read_generation(dump, generation);

	dump->at = *generation;
	dump->known = NULL;
	dump->looked = false;
	dump->raw->size = 0;
	for (dump->family = 0; dump->family < FAMILY_COUNT && !error; dump->family++)
		error = read_family(dump);
	if (!error)
		error = read_generation(dump, &behind);
	if (!error && behind != *generation)
		error = -EAGAIN;
	nft_known_free(dump->known);
	return error;
}

/* A message of the kernel's own kind stands in front, and says the generation. */
static void put_generation(struct buffer *raw, uint32_t generation)
{
	char data[NETLINK_REQUEST_MAX];
	struct nlmsghdr *message = request(data, NFT_MSG_NEWGEN, AF_UNSPEC, 0);

	mnl_attr_put_u32(message, NFTA_GEN_ID, htonl(generation));
	buffer_add(raw, data, MNL_ALIGN(message->nlmsg_len));
}

static int dump_all(struct dump *how, struct buffer *raw, struct buffer *why)
{
	struct buffer read = {0};
	struct dump dump = *how;
	uint32_t generation = 0;
	int error = -EAGAIN;

	dump.raw = &read;
	for (unsigned i = 0; i < TRIES && (error == -EAGAIN || error == -ENOENT || error == -EINTR); i++)
		error = read_once(&dump, &generation);
	if (!error) {
		put_generation(raw, generation);
		if (read.size)
			buffer_add(raw, read.data, read.size);
		if (read.failed || dump.sets.failed || raw->failed)
			error = -ENOMEM;
	}
	if (error == -EPERM || error == -EACCES)
		buffer_puts(why, "not permitted; weir needs root (CAP_NET_ADMIN)");
	else if (error == -EINVAL || error == -EPROTONOSUPPORT || error == -EOPNOTSUPP)
		buffer_puts(why, "the kernel has no nftables (nf_tables)");
	else if (error == -EAGAIN || error == -EINTR)
		buffer_puts(why, "the rules change faster than they can be read");
	else if (error)
		buffer_printf(why, "cannot read nftables' rules: %s", strerror(-error));
	buffer_fini(&read);
	buffer_fini(&dump.sets);
	return error;
}

int nft_image_dump(struct buffer *raw, struct buffer *why)
{
	return dump_all(&(struct dump){0}, raw, why);
}

int nft_image_dump_sets(const char *const *names, size_t count, bool counts, struct buffer *raw,
			struct buffer *why)
{
	return dump_all(
	    &(struct dump){.only_sets = true, .names = names, .name_count = count, .counts = counts}, raw,
	    why);
}

int nft_image_dump_chains(const char *chains, struct buffer *raw, struct buffer *why)
{
	return dump_all(&(struct dump){.chains = chains}, raw, why);
}
