/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An image is a row of messages: a part of it is those that are of its chains. */
#include "kernel/nft_part.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

/* Of a message that an image was parsed from. */
static unsigned type_of(const struct nlmsghdr *message)
{
	return message->nlmsg_type & 0xff;
}

static enum family family_of(const struct nlmsghdr *message)
{
	const struct nfgenmsg *general = mnl_nlmsg_get_payload(message);

	return general->nfgen_family == NFPROTO_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
}

/* The chain that it makes, or whose rule it makes; NULL: none. nft_image_parse() saw the name's end. */
static const char *chain_of(const struct nlmsghdr *message)
{
	const struct nlattr *attributes[NFTA_CHAIN_NAME + 1], *name;
	unsigned type = type_of(message);

	if (type != NFT_MSG_NEWCHAIN && type != NFT_MSG_NEWRULE)
		return NULL;
	netlink_attributes(message, sizeof(struct nfgenmsg), attributes, NFTA_CHAIN_NAME);
	name = attributes[type == NFT_MSG_NEWCHAIN ? NFTA_CHAIN_NAME : NFTA_RULE_CHAIN];
	return name ? mnl_attr_get_str(name) : NULL;
}

static void add(struct buffer *raw, const struct nlmsghdr *message)
{
	buffer_add(raw, (const char *)message, MNL_ALIGN(message->nlmsg_len));
}

static int parse(struct buffer *raw, struct nft_image **image)
{
	int error = raw->failed ? -ENOMEM : nft_image_parse_copy(raw, image);

	buffer_fini(raw);
	return error;
}

int nft_part_take(const struct nft_image *image, const char *word, struct nft_image **part)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)image->raw.data;
	int left = (int)image->raw.size;
	struct buffer raw = {0};

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		const char *chain = chain_of(message);
		if (type_of(message) == NFT_MSG_NEWTABLE ||
		    (chain && strncmp(chain, word, strlen(word)) == 0))
			add(&raw, message);
	}
	return parse(&raw, part);
}

int nft_part_read(const char *word, struct nft_image **part, struct buffer *why)
{
	struct buffer raw = {0};
	int error = nft_image_dump_chains(word, &raw, why);

	if (error) {
		buffer_fini(&raw);
		return error;
	}
	error = parse(&raw, part);
	if (error)
		buffer_printf(why, "cannot make sense of nftables' rules: %s", strerror(-error));
	return error;
}

static bool same_rules(const struct nft_chain *a, const struct nft_chain *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!text_equal(a->rules[i].same, b->rules[i].same))
			return false;
	return true;
}

bool nft_part_within(const struct nft_image *part, const struct nft_image *image)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < part->tables[family].chain_count; i++) {
			const struct nft_chain *chain = &part->tables[family].chains[i];
			const struct nft_chain *other = nft_image_chain(&image->tables[family], chain->name);
			if (!other || !same_rules(chain, other))
				return false;
		}
	return true;
}

bool nft_part_same(const struct nft_image *a, const struct nft_image *b)
{
	return nft_part_within(a, b) && nft_part_within(b, a);
}

bool nft_part_empty(const struct nft_image *part)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		if (part->tables[family].chain_count)
			return false;
	return true;
}

int nft_part_graft(const struct nft_image *image, const struct nft_image *part, struct nft_image **result)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)image->raw.data;
	int left = (int)image->raw.size;
	struct buffer raw = {0};

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		const char *chain = type_of(message) == NFT_MSG_NEWRULE ? chain_of(message) : NULL;
		if (!chain || !nft_image_chain(&part->tables[family_of(message)], chain))
			add(&raw, message);
	}
	message = (const struct nlmsghdr *)part->raw.data;
	left = (int)part->raw.size;
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (type_of(message) == NFT_MSG_NEWRULE)
			add(&raw, message);
	return parse(&raw, result);
}
