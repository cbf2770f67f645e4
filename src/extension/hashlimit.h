/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The buckets of -m hashlimit: a table for each name, as net/netfilter/xt_hashlimit.c keeps it. */
#ifndef WEIR_EXTENSION_HASHLIMIT_H
#define WEIR_EXTENSION_HASHLIMIT_H

#include "extension/rate.h"

enum hashlimit_mode { /* XT_HASHLIMIT_HASH_DIP ... of linux/netfilter/xt_hashlimit.h */
		      HASHLIMIT_DESTINATION = 1 << 0,
		      HASHLIMIT_DESTINATION_PORT = 1 << 1,
		      HASHLIMIT_SOURCE = 1 << 2,
		      HASHLIMIT_SOURCE_PORT = 1 << 3,
		      HASHLIMIT_ABOVE = 1 << 4,
		      HASHLIMIT_BYTES = 1 << 5,
		      HASHLIMIT_RATE_MATCH = 1 << 6,
};

#define HASHLIMIT_SCALE 1000000u /* XT_HASHLIMIT_SCALE_v2 */
/* and the number: hashlimit's table, and chains and sets, of a `limit` of a policy, of which weir says what
 * it means: that hangs on no kernel's clock. */
#define POLICY_LIMIT_NAME "weir-limit-"
#define HASHLIMIT_PORTS (HASHLIMIT_DESTINATION_PORT | HASHLIMIT_SOURCE_PORT)

/* struct hashlimit_cfg3, with `size` and `max` as they are printed. */
struct hashlimit {
	unsigned mode; /* enum hashlimit_mode */
	uint64_t average, burst;
	uint32_t size, max;           /* 0: the kernel's own choice */
	uint32_t gc_interval, expire; /* milliseconds */
	uint32_t interval;            /* seconds, of a rate match */
	unsigned source_prefix, destination_prefix;
};

/* Whether the kernel takes it: 0, -EINVAL, -ERANGE. */
int hashlimit_check(const struct hashlimit *config);
/* Bytes a second for a cost, and the cost of so many: as libxt_hashlimit.c hands them to the kernel. 0: that
 * many cannot be said. */
uint64_t hashlimit_bytes(uint64_t cost);
uint64_t hashlimit_cost(uint64_t bytes);

struct match;

/* What -m hashlimit says, and the name of its table; NULL of other matches. */
const struct hashlimit *hashlimit_of(const struct match *match, struct text *name);

struct hashlimit_key {
	address source, destination;
	uint16_t source_port, destination_port;
};
struct hashlimit_table;

/* Zeroed memory of this size is an empty table. */
size_t hashlimit_table_size(void);
/* Counts a packet of `length` bytes: YES below the limit, NO above it. UNKNOWN when memory is short; *full:
 * the table has no place for it. */
enum truth hashlimit_count(struct hashlimit_table *table, struct session *session,
			   const struct hashlimit *config, const struct hashlimit_key *key, uint64_t now,
			   uint32_t length, bool *full);

#endif
