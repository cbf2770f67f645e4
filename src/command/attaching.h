/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From rules to XDP at one interface: what weir attach does, and weir apply for the devices of a policy.
 * Everything is computed, proven and tried before the one call that switches; whatever stands against it is
 * said in words, and nothing is changed. */
#ifndef WEIR_COMMAND_ATTACHING_H
#define WEIR_COMMAND_ATTACHING_H

#include "command/region_options.h"
#include "kernel/attach.h"
#include "plane/xdp.h"

struct attaching {
	/* What is asked for. */
	const char *interface;
	const struct ruleset *ruleset;
	const struct ruleset *within; /* struct region_options */
	const struct region_arguments *arguments;
	const char *sources; /* where the rules come from, as is told later */
	enum attach_mode mode;
	unsigned vouched;      /* enum vouch */
	enum meta_rules rules; /* whose they are; has_fingerprint, fingerprint: of what is live */
	bool trusted, has_fingerprint;
	bool by_hand, options; /* by weir attach, and told more than what the host says */
	uint64_t fingerprint;
	bool log; /* the verifier's, when it refuses */
	bool progress;
	/* Results, as far as it came. */
	struct buffer why; /* lines; those that begin with a blank say more of the one in front */
	struct arena *arena;
	struct host host;
	struct region *regions[FAMILY_COUNT];
	const struct region *used[FAMILY_COUNT]; /* NULL where undecided */
	struct plane *plane;
	uint64_t compile_ns, proof_ns;
	struct attach_result result;
	/* Inside. */
	struct region_local *locals; /* given and found */
	size_t local_count;
	enum truth forwarding[FAMILY_COUNT], nat[FAMILY_COUNT];
	struct host_reach reach[FAMILY_COUNT];
	struct plane_xdp *xdp;
	void *meta;
	size_t meta_size;
};

/* All give EXIT_DONE, or an exit code with the reason in `why`. In this order. */
int attaching_examine(struct attaching *attaching); /* the host, as far as it does not hang on the rules */
/* What may be dropped early, without tables. */
int attaching_regions(struct attaching *attaching);
int attaching_compute(struct attaching *attaching); /* with tables; checks the host once more */
int attaching_load(struct attaching *attaching);    /* into the kernel, and tries it */
int attaching_switch(struct attaching *attaching);  /* attaches it */
/* Facts and rules were read before the tables were made, and may have changed until they were attached: what
 * no longer holds is taken away at once. `fingerprint`: of what is live now; NULL: it is not looked at. */
int attaching_look_again(struct attaching *attaching, const uint64_t *fingerprint);
void attaching_fini(struct attaching *attaching);

/* What becomes of the rules and policies that drop. */
struct attaching_totals {
	size_t rules, all, some, none, unreached;
	size_t limited; /* of all and some: above a rate */
};
struct attaching_totals attaching_count(const struct attaching *attaching);
/* Something of note about the mode, or NULL. */
const char *attaching_note(const struct attaching *attaching);

/* The program's id; 0: none. */
uint32_t link_program(const struct link *link);

#endif
