/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What every match and target must be able to do. Each lives in one file of src/extension/, which registers
 * it in extension/registry.c. */
#ifndef WEIR_RULESET_EXTENSION_TYPE_H
#define WEIR_RULESET_EXTENSION_TYPE_H

#include "diagram/diagram.h"
#include "packet/packet.h"
#include "ruleset/ruleset.h"

struct fields;
struct rule_parser;

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

static inline enum truth truth_not(enum truth truth)
{
	return truth == TRUTH_UNKNOWN ? TRUTH_UNKNOWN : truth == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
}

/* What a match sees besides the packet. */
struct evaluation {
	enum truth has_state;        /* NO before conntrack (raw): INVALID unless untracked */
	bool state_known;            /* state below is certain */
	enum connection_state state; /* at this point of the path: UNTRACKED behind NOTRACK */
	bool hot_drop;               /* out: the packet is dropped at once, whatever else the rule says */
};

/* Effects of evaluating a match or of running a target that others could notice if the packet never came:
 * names for
 * --allow, one bit each. */
enum effect {
	EFFECT_LOG = 1 << 0,     /* LOG, NFLOG, AUDIT, TRACE */
	EFFECT_REJECT = 1 << 1,  /* an answer is sent */
	EFFECT_COUNTER = 1 << 2, /* a set with counters, nfacct, rateest */
	EFFECT_STATE = 1 << 3,   /* state that others see: limit, recent, hashlimit, SET, statistic nth ... */
	EFFECT_CONNTRACK = 1 << 4, /* a connection's state would have moved */
	EFFECT_UNKNOWN = 1 << 5,   /* not modelled: may do anything */
};
#define EFFECT_COUNT 6
extern const char
    *const effect_names[EFFECT_COUNT]; /* "log", "reject", "counter", "state", "conntrack", "unknown" */

struct match_type {
	const char *name;
	bool modelled;    /* false: match_opaque */
	bool reads_state; /* looks at connection state, or may */
	/* Called for each word after "-m NAME" (or implied by -p) that the type takes as its own; see
	 * rule_parser.h. Returns 1 when it took the option, 0 when the option is not its own, -EINVAL with a
	 * diagnostic, -ENOMEM. */
	int (*parse)(struct rule_parser *parser, struct match *match);
	/* All options read: is it complete? 0, -EINVAL with a diagnostic, -ENOMEM. May be NULL. */
	int (*finish)(struct rule_parser *parser, struct match *match);
	/* As iptables-save prints it, beginning with "-m NAME"; "-m tcp" alone when it has no options. */
	void (*print)(const struct match *match, const struct rule *rule, struct buffer *out);
	enum truth (*evaluate)(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation);
	/* Names the predicates that mean() will ask for (fields_need_*). 0 or -errno. May be NULL. */
	int (*declare)(const struct match *match, const struct rule *rule, struct fields *fields);
	/* The packets it matches, as a boolean diagram over the fields. DIAGRAM_UNDECIDED past the budget. */
	diagram_node (*mean)(const struct match *match, const struct rule *rule, const struct fields *fields);
	/* Packets that make it hot-drop cannot reach XDP's drop (parsing hands them up); not part of mean().
	 */
	unsigned (*effects)(const struct match *match); /* of evaluating it: enum effect; NULL: none */
};

enum target_kind {
	TARGET_ACCEPT,
	TARGET_DROP,
	TARGET_RETURN,
	TARGET_JUMP,     /* jump or goto to a chain */
	TARGET_CONTINUE, /* goes on with the next rule: LOG, none */
	TARGET_NOTRACK,  /* goes on; the packet is untracked if nothing set its conntrack before */
	TARGET_REJECT,   /* drops, with an answer */
	TARGET_OPAQUE,   /* may do anything: end here, change the packet, go on */
};

struct target_type {
	const char *name;
	bool modelled;
	enum target_kind kind;
	unsigned effects; /* enum effect, of running it */
	int (*parse)(struct rule_parser *parser,
		     struct target *target); /* as match_type.parse; NULL: no options */
	int (*finish)(struct rule_parser *parser, struct target *target);
	void (*print)(const struct target *target, const struct rule *rule, struct buffer *out); /* options
		only, with a leading blank; NULL: none */
	/* Tables it may stand in, as 1 << enum table_id; 0: all. */
	unsigned tables;
};

#endif
