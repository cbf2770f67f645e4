/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One transaction of nftables, as netlink messages: all of it happens, or none. */
#ifndef WEIR_KERNEL_NFT_BATCH_H
#define WEIR_KERNEL_NFT_BATCH_H

#include "base/text.h"
#include "packet/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define NFT_TABLE "weir" /* the only name of a table that is ever created, changed or deleted */

struct nlattr;

struct nft_batch {
	struct buffer bytes;
	size_t message; /* where the message at hand begins */
	size_t count;   /* of messages */
	bool too_long;  /* an attribute of more than 64 KiB */
};

/* Begins the transaction: of a ruleset of that generation, or it is refused (-ERESTART). */
void nft_batch_begin(struct nft_batch *batch, uint32_t generation);
void nft_batch_fini(struct nft_batch *batch);

/* Begins a message: NFT_MSG_*, NLM_F_*. It ends where the next one begins. */
void nft_batch_message(struct nft_batch *batch, enum family family, unsigned type, unsigned flags);
void nft_put(struct nft_batch *batch, unsigned type, const void *data, size_t size);
void nft_put_string(struct nft_batch *batch, unsigned type, const char *string);
void nft_put_u32(struct nft_batch *batch, unsigned type, uint32_t value); /* to network order, as all of it */
void nft_put_u64(struct nft_batch *batch, unsigned type, uint64_t value);
/* An attribute as it was read. */
void nft_put_copy(struct nft_batch *batch, const struct nlattr *attribute);
/* Attributes within an attribute: what begin returns goes to end. */
size_t nft_nest_begin(struct nft_batch *batch, unsigned type);
void nft_nest_end(struct nft_batch *batch, size_t nest);
/* Bytes of the nest so far. */
size_t nft_nest_size(const struct nft_batch *batch, size_t nest);

/* Its messages, without the one that begins it. */
void nft_batch_take(struct nft_batch *batch, struct buffer *messages);
/* The same of one that was sent. */
void nft_batch_messages(const struct nft_batch *batch, struct buffer *messages);

/* Ends and sends it. 0: the kernel has done it all. Else it has done nothing: -ERESTART (the ruleset is of
 * another generation by now), -EPERM, -ENOSPC and so on, in words in `why`. */
int nft_batch_send(struct nft_batch *batch, struct buffer *why);

#endif
