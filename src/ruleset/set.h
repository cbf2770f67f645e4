/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets as ipset has them. A member is one element of the kernel's set: what `ipset save` prints as one line.
 * Of a range or prefix that was added to a set of addresses each address is a member of its own.
 *
 * Members are kept packed (set_member.c): an address of hash:ip takes 9 bytes. set_member_get() unpacks one.
 */
#ifndef WEIR_RULESET_SET_H
#define WEIR_RULESET_SET_H

#include "base/arena.h"
#include "base/source.h"
#include "base/text.h"
#include "packet/address.h"
#include "packet/packet.h"

struct set_lookup;

enum set_type {
	SET_BITMAP_IP,
	SET_BITMAP_IP_MAC,
	SET_BITMAP_PORT,
	SET_HASH_IP,
	SET_HASH_MAC,
	SET_HASH_IP_MAC,
	SET_HASH_IP_MARK,
	SET_HASH_IP_PORT,
	SET_HASH_IP_PORT_IP,
	SET_HASH_IP_PORT_NET,
	SET_HASH_NET,
	SET_HASH_NET_NET,
	SET_HASH_NET_PORT,
	SET_HASH_NET_PORT_NET,
	SET_HASH_NET_INTERFACE,
	SET_LIST,
	SET_TYPE_COUNT,
};

/* What stands in one dimension of a member. */
enum set_part {
	SET_PART_NONE,
	SET_PART_ADDRESS,
	SET_PART_NET,
	SET_PART_PORT,      /* protocol and port */
	SET_PART_BARE_PORT, /* of TCP and UDP alike */
	SET_PART_MAC,
	SET_PART_MARK,
	SET_PART_INTERFACE,
	SET_PART_SET,
};

#define SET_PARTS_MAX 3

struct set_type_info {
	const char *name;
	enum set_part parts[SET_PARTS_MAX];
	uint8_t dimensions;
	bool nomatch;    /* members may have it */
	bool any_family; /* its sets have no family of their own */
};
extern const struct set_type_info set_types[SET_TYPE_COUNT];

struct set_member {
	/* The first address: all that it stands for (a prefix, or the block of a set with netmask), and the
	 * prefix length. In hash:ip,port,net and its kind `low2`, `high2` and `prefix2` are the second. */
	address low, high, low2, high2;
	uint8_t prefix, prefix2;
	uint8_t protocol;
	bool nomatch, physdev, wildcard;
	bool has_mac;  /* bitmap:ip,mac: false while the kernel waits for the first packet */
	bool timed;    /* has a timeout other than 0 */
	uint16_t port; /* host byte order; ICMP: type << 8 | code */
	uint8_t mac[6];
	uint32_t mark;
	char interface[INTERFACE_NAME_MAX];
	struct set *set;     /* list:set */
	uint32_t begin;      /* where the line that added it begins in the set's source */
	uint32_t timeout;    /* seconds left when the input was written; 0: stays */
	const char *comment; /* NULL: none */
	uint64_t packets, bytes;
	uint32_t skb_mark, skb_mask, skb_priority;
	uint16_t skb_queue;
};

/* Where the parts of a packed member are, in bytes; 0: it has none. Made by set_prepare(). */
struct set_layout {
	uint16_t stride;
	uint16_t key, key_size;  /* what a look-up goes by */
	uint16_t whole_key_size; /* what tells members apart: the key and the interface */
	uint16_t address, prefix, address2, prefix2, port, mac, mark, interface, set;
	uint16_t timeout, counters, comment, skbinfo;
};

/* Lines that add, without -exist, what is a member already: `ipset restore` stops at the first of them. */
#define SET_REPEATS_MAX 4
struct set_repeats {
	size_t count; /* lines */
	struct {
		uint32_t before, again; /* where the two lines begin in the set's source */
	} lines[SET_REPEATS_MAX];
	uint32_t last; /* that was counted */
};

#define SET_MEMBER_PACKED_MAX 160
#define SET_CHUNKS 28 /* enough for 2^32 members */

struct set {
	struct text name;
	enum set_type type;
	struct text type_name; /* "hash:ip" */
	enum family family;    /* of a type without a family: FAMILY_IPV4 */
	uint8_t dimensions;
	struct span span;
	bool counters, comment, has_timeout, forceadd, skbinfo, has_initval, has_netmask, has_bitmask;
	bool changing; /* a SET target of the rules adds or deletes members: what is in it holds for no packet
			*/
	uint32_t timeout; /* default for members, seconds */
	uint8_t netmask;  /* bits of it; else family_bits() */
	uint8_t bucketsize;
	address mask; /* by netmask or bitmask, may have holes; else family_max() */
	uint32_t hashsize, maxelem, initval, markmask;
	uint32_t size;     /* list:set */
	address low, high; /* bitmaps: the range, of addresses or ports */
	const struct source *source;
	size_t member_count;
	struct set_repeats repeats;
	struct set_layout layout;
	unsigned char *chunks[SET_CHUNKS]; /* of packed members, each twice as large as the one before */
	/* Index over the members for tests of single packets, made at the first one by extension/set_lookup.c
	 * and shared by all rules; the only part that changes once the readers are done. */
	struct set_lookup *lookup;
};

/* Once type, family, options and masks are as they will be, and before members are added. */
void set_prepare(struct set *set);
/* The member's first address as the set keeps it: masked. */
address set_masked(const struct set *set, address value);
/* Whether the mask, if there is one, makes prefixes. */
bool set_mask_is_prefix(const struct set *set);

/* In the order of the input; a member that was added again stands where it came first, as it was last. */
void set_member_get(const struct set *set, size_t index, struct set_member *member);
int set_member_append(struct arena *arena, struct set *set, const struct set_member *member); /* 0, -ENOMEM */
void set_member_put(struct set *set, size_t index, const struct set_member *member);
/* Marks it as removed; it stays, and counts, until set_members_compact(). */
void set_member_remove(struct set *set, size_t index);
bool set_member_removed(const struct set *set, size_t index);
void set_members_clear(struct set *set);
/* Closes the gaps; `order`, when not NULL, gives the members that stay, as they are to stand. 0 or -ENOMEM.
 */
int set_members_compact(struct set *set, const uint32_t *order, size_t count);
/* Notes that a member of the line at `before` is added again by the one at `again`. */
void set_repeat(struct set *set, uint32_t before, uint32_t again);
/* The line that added it. */
struct span set_member_span(const struct set *set, const struct set_member *member);

/* Finds members by their keys. Any member of that key with the interface, too (whole), or without a look at
 * it. */
struct set_index {
	struct set_slot {
		uint32_t number; /* of the member, + 1; 0: free */
		uint32_t hash;   /* of its key */
	} * slots;
	size_t slot_count, used;
	uint64_t seed;
};
#define SET_NO_MEMBER SIZE_MAX
void set_index_fini(struct set_index *index);
/* Adds the member's number, be there one of the same key or not. 0 or -ENOMEM. */
int set_index_add(struct set_index *index, const struct set *set, size_t number);
/* The first member of the same whole key, or SET_NO_MEMBER. */
size_t set_index_find(const struct set_index *index, const struct set *set, const struct set_member *member);
/* Goes through the members of the same key: *at is 0 at first. SET_NO_MEMBER at the end. */
struct set_index_walk {
	unsigned char packed[SET_MEMBER_PACKED_MAX];
	size_t slot;
	uint32_t hash;
	bool started;
};
void set_index_walk_init(struct set_index_walk *walk, const struct set *set, const struct set_member *member);
size_t set_index_next(const struct set_index *index, const struct set *set, struct set_index_walk *walk);

/* "192.0.2.1,tcp:80", without options. */
void set_member_print(const struct set *set, const struct set_member *member, struct buffer *out);

#endif
