/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir's tables as the kernel holds them: what netlink says of "ip weir" and "ip6 weir", byte for byte, so
 * that it can be compared with what another network namespace holds, written to disk, and put back without
 * the nft program or a reader of rules.
 *
 * Everything points into the arena. What comes from a disk is checked like what comes from the kernel. */
#ifndef WEIR_KERNEL_NFT_IMAGE_H
#define WEIR_KERNEL_NFT_IMAGE_H

#include "base/arena.h"
#include "base/text.h"
#include "packet/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct nlattr;

/* A member of a set, or one interval: what two messages say, of its begin and its end, is one here. */
struct nft_element {
	struct text key;
	struct text end;  /* of an interval: the first value behind it (data NULL: it is open); of a member
			     with ranges the last ones; empty: a plain value */
	uint32_t flags;   /* NFT_SET_ELEM_* */
	uint32_t order;   /* of the messages, where members that go again are among them */
	bool gone;        /* in the reader alone */
	struct text rest; /* attributes that tell it from others of that key: data, comment, limit */
	uint64_t packets, bytes;
	bool counted;              /* has a counter */
	bool timed;                /* goes by itself */
	uint64_t timeout, expires; /* ms, in all and left; when it goes by itself */
};

struct nft_set {
	const char *name;
	bool anonymous;    /* of one rule; its name is chosen by the kernel */
	bool pairs;        /* its elements are intervals, begin and end */
	bool sent;         /* its members are as weir sent them, with those that go again (nft_known.h) */
	bool counters;     /* its members have counters */
	bool filled;       /* a rule puts members in, or takes them out */
	bool ends;         /* members go that have no time of their own */
	bool catches_all;  /* has an element without a key */
	uint32_t flags;    /* NFT_SET_* */
	uint32_t key_type; /* as nft(8) numbers data types, six bits each */
	uint32_t key_size; /* bytes */
	struct text definition; /* attributes as they are sent, without the names */
	size_t count, capacity;
	struct nft_element *elements; /* ascending; of a set that rules fill those at the moment */
};

struct nft_rule_image {
	uint64_t handle;
	const struct nlattr *expressions, *userdata; /* userdata NULL: none */
	/* The same for rules that do the same: counts are blank, anonymous sets stand with their members. */
	struct text same;
	bool counted;
	uint64_t packets, bytes; /* of its first counter */
};

struct nft_chain {
	const char *name;
	bool base;
	uint32_t policy;        /* NF_DROP, NF_ACCEPT, when base */
	struct text definition; /* without the policy */
	size_t count, capacity;
	struct nft_rule_image *rules; /* in order */
};

/* A limit with a name and the like. */
struct nft_object {
	const char *name;
	uint32_t type;
	struct text definition;
};

struct nft_table {
	bool present;
	uint32_t flags; /* NFT_TABLE_F_*: of one that is dormant no chain is asked */
	size_t set_count, set_capacity, chain_count, chain_capacity, object_count, object_capacity;
	struct nft_set *sets;
	struct nft_chain *chains;
	struct nft_object *objects;
};

struct nft_image {
	struct arena *arena;
	struct arena *bytes; /* what it points into, when that is its own; else NULL */
	struct text raw;     /* what it was parsed from */
	uint32_t generation; /* of the kernel's ruleset when it was read; 0: from elsewhere */
	struct nft_table tables[FAMILY_COUNT];
};

/* Reads the tables of this network namespace into `raw`, which nft_image_parse() takes. 0 or -errno, in words
 * in `why`. */
int nft_image_dump(struct buffer *raw, struct buffer *why);
int nft_image_dump_sets(const char *const *names, size_t count, bool counts, struct buffer *raw,
			struct buffer *why);
/* Chains whose names begin with that word, and their rules; without sets. */
int nft_image_dump_chains(const char *word, struct buffer *raw, struct buffer *why);
/* Reads the sets alone, and the members of those that one of the names is of (of none: count 0). `counts`:
 * with what members have counted, which is not known of large sets without asking for each. */
int nft_image_read_sets(const char *const *names, size_t count, bool counts, struct nft_image **image,
			struct buffer *why);
/* -EBADMSG: it is damaged. -ENOMEM. `raw` must stay. */
int nft_image_parse(const char *raw, size_t size, struct nft_image **image);
/* The same; the image keeps a copy of them. */
int nft_image_parse_copy(const struct buffer *raw, struct nft_image **image);
/* Dumps and parses; the bytes are kept with the image. Of members of large sets that are on record
 * (nft_known.h) it has not what they counted. */
int nft_image_read(struct nft_image **image, struct buffer *why);
void nft_image_free(struct nft_image *image);
static inline void nft_image_cleanup(struct nft_image **image)
{
	if (*image)
		nft_image_free(*image);
}

struct nft_set *nft_image_set(const struct nft_table *table, const char *name);
struct nft_chain *nft_image_chain(const struct nft_table *table, const char *name);
/* One element of a message; what it points to stays in the message, and in the arena. */
int nft_element_parse(struct arena *arena, const struct nlattr *nest, struct nft_element *element);
int nft_element_compare(const struct nft_element *a, const struct nft_element *b);
/* The same value, and nothing about it is other but what was counted. */
bool nft_element_same(const struct nft_element *a, const struct nft_element *b);

#endif
