/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines of matches and targets for random rules, as templates of iptables' options, and those that no
 * comparison with the kernel can hold, with the reason. */
#ifndef WEIR_TEST_PARITY_RULES_EXTENSION_H
#define WEIR_TEST_PARITY_RULES_EXTENSION_H

#include "base/text.h"
#include "pool.h"

#define EXTENSION_LINES 192

enum extension_kind { EXTENSION_MATCH, EXTENSION_TARGET };

/* Where a line may stand besides the tables. */
enum extension_place {
	PLACE_FORWARD = 1 << 0, /* in FORWARD itself only: the hooks that a user chain is reached from vary */
	PLACE_SESSION = 1 << 1, /* the answer hangs on the packets before */
	PLACE_RESIZES = 1 << 2, /* the packet may become longer */
	PLACE_LOWERS = 1 << 3,  /* the packet's TTL may become lower */
	PLACE_TRACKED = 1 << 4, /* conntrack is in use once it is loaded */
	PLACE_LEGACY = 1 << 5,  /* what iptables-nft makes of it has another meaning; see the line */
	PLACE_UNKNOWN = 1 << 6, /* weir mostly cannot know: compared are the bounds that it gives */
	PLACE_RECEIVED = 1 << 7,     /* not behind OUTPUT, INPUT of nat, or POSTROUTING */
	PLACE_PREROUTING = 1 << 8,   /* there only: rewrites the destination, or looks at the way in */
	PLACE_SOURCE = 1 << 9,       /* in INPUT and POSTROUTING only: rewrites the source */
	PLACE_POSTROUTING = 1 << 10, /* there only */
	PLACE_CHANCE =
	    1 << 11, /* hangs on chance: what the engine draws in a session is not what the kernel does */
	PLACE_LEAVING = 1 << 12, /* in OUTPUT and POSTROUTING only */
	PLACE_CLOCK = 1 << 13,   /* changes at full hours */
	PLACE_TURNS = 1 << 16,   /* what came for a group is from then on for this host, and sent on */
	PLACE_COPIES = 1 << 15,  /* what it sends meets the rules of OUTPUT itself */
	PLACE_NAT = 1 << 14,     /* sends packets elsewhere: where the engine is asked which way they go */
};

struct extension_line {
	const char *name;
	enum extension_kind kind;
	unsigned families;    /* 1 << enum family */
	const char *tables;   /* NULL: all */
	const char *protocol; /* the rule's; NULL: any */
	unsigned place;       /* enum extension_place */
	/* `{a|b}` is one of them, `?!` a negation in some, `@p` a port, `@a` an address, `@r` a range of
	 * addresses, `@b` a number of 8 bits, `@f` the family's suffix in names of sets. */
	const char *text;
};

extern const struct extension_line extension_lines[];
extern const size_t extension_line_count;

/* Matches and targets that are not generated, and why. */
struct extension_left_out {
	const char *names, *reason;
};
extern const struct extension_left_out extensions_left_out[];
extern const size_t extension_left_out_count;

/* Which lines may be used. */
struct extension_choice {
	bool on[FAMILY_COUNT][EXTENSION_LINES];
};

/* Those that weir models. */
void extension_choose_modelled(struct extension_choice *choice);
bool extension_modelled(const struct extension_line *line, enum family family);
/* " -p PROTOCOL" when it wants one, then " -m NAME ..." or " -j NAME ...". */
void extension_expand_protocol(const struct extension_line *line, const struct pool *pool,
			       struct random *random, struct buffer *out);
void extension_expand(const struct extension_line *line, const struct pool *pool, struct random *random,
		      struct buffer *out);
/* One of the lines that are on and may stand there; NULL when there is none. `without`: enum extension_place
 * that it must not have. */
const struct extension_line *extension_draw(const struct extension_choice *choice, enum extension_kind kind,
					    const struct pool *pool, const char *table, unsigned without,
					    struct random *random);

#endif
