/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The packets that `weir cost` sends: found from what the rules mean, or read from a capture. */
#ifndef WEIR_COMMAND_COST_TRAFFIC_H
#define WEIR_COMMAND_COST_TRAFFIC_H

#include "meaning/region.h"
#include "observe/frames.h"

#define TRAFFIC_LOCALS_MAX 2048u

struct traffic {
	const char *kind; /* "dropped source", "accepted", "capture" */
	enum family family;
	bool both_families; /* a capture may hold packets of both */
	struct frames frames;
	size_t local_count, local_capacity;
	struct traffic_local {
		enum family family;
		address value;
	} * locals;      /* destinations, to be made the host's own */
	size_t left_out; /* packets of the capture that were not taken */
};

/* What is needed to find packets; `region` may be undecided. */
struct traffic_search {
	const struct ruleset *ruleset;
	const struct region *region;
	const char *interface;
	bool rejected; /* packets that are dropped with an answer count as dropped */
	uint64_t seed;
};

/* Packets that the engine says are accepted, from clients of all sorts; and packets that it says are dropped,
 * their sources spread evenly over those that the dropping rules name. traffic->frames has its arena and MAC
 * addresses set. 0, -ENOMEM, or -ESRCH when the rules have no such packet that could be found. */
int traffic_find_accepted(const struct traffic_search *search, struct traffic *traffic);
int traffic_find_dropped(const struct traffic_search *search, struct traffic *traffic);
/* The packets of a capture, all taken as arriving. Answers (from an address that was sent to, back to its
 * peer) are left out, as are frames that hold no IP. 0, or -errno with `why`. */
int traffic_read(const char *path, struct traffic *traffic, struct buffer *why);

/* The host has this address. 0, also when that was known; -E2BIG past TRAFFIC_LOCALS_MAX, -ENOMEM. */
int traffic_add_local(struct traffic *traffic, enum family family, address value);

#endif
