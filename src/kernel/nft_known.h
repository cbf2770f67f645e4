/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The members of weir's large sets as the kernel was last seen to hold them, on disk: to ask it for all of
 * them takes a second for 100,000 intervals, and minutes for a million (nft_ask.h).
 *
 *	DIRECTORY/members    of which generation of the ruleset, which boot and which network namespace; the
 *	                     members; what weir set has changed since, with the generation that it led to
 *
 * The kernel counts a generation for each transaction that changed anything in its network namespace, by
 * whomever (nf_tables_commit()), and does not go back. So where it is of the generation that is on record,
 * nothing has changed since; else what is on record says nothing. Members that rules put in come without a
 * transaction: sets of these are never on record, nor is anything but members; all else is read from the
 *kernel each time. Members that go by themselves go without one: each of them is asked for
 *(nft_members_left()).
 *
 * The namespace is known by its cookie, which the kernel gives to no other until it is started anew, which
 * its boot_id tells. */
#ifndef WEIR_KERNEL_NFT_KNOWN_H
#define WEIR_KERNEL_NFT_KNOWN_H

#include "kernel/nft_image.h"

struct nft_batch;

/* Where it is kept: state_store_open() says so, for its thread. In another thread, as in the network
 * namespace where rules are tried, nothing is on record, and nothing is kept. */
void nft_known_open(int directory);
/* Whether it may be written: that store's lock is held. */
void nft_known_allow(int directory, bool writable);
void nft_known_close(int directory);

/* What is on record for the generation that the kernel has now. */
struct nft_known {
	struct arena *arena;
	struct text messages;
};
bool nft_known_holds(uint32_t generation);
/* Nothing: *known NULL. */
void nft_known_read(uint32_t generation, struct nft_known **known);
void nft_known_free(struct nft_known *known);
/* Adds the messages that the members of a set are. false: it is not on record. */
bool nft_known_members(const struct nft_known *known, enum family family, const char *set,
		       struct buffer *raw);

/* Whether a set is one of those that are kept. */
bool nft_known_keeps(const struct nft_set *set);
/* Keeps what the kernel holds at that generation. Where it cannot be written, nothing is on record. */
void nft_known_keep(const struct nft_image *image, uint32_t generation);
/* What a transaction changed that led from one generation to the next one: members of sets, or no sets at
 * all. */
void nft_known_append(uint32_t generation, const struct nft_batch *batch);
void nft_known_forget(void);

/* The generation behind: what a transaction that changed something leads to. */
static inline uint32_t nft_generation_behind(uint32_t generation)
{
	return generation + 1 ? generation + 1 : 1; /* there is no generation 0 */
}

#endif
