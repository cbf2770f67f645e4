/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The same filter in fewer rules. Rewriting yields text, as iptables-save and ipset save would write it; the
 * text is read back with the project's own readers and compared with the input (prove.c), and without that
 * proof it is worth nothing.
 *
 * Each step is a file of its own, and says at its head why what it does changes nothing. */
#ifndef WEIR_REWRITE_REWRITE_H
#define WEIR_REWRITE_REWRITE_H

#include "meaning/difference.h"
#include "ruleset/ruleset.h"

struct reach_report;
struct rewrite;

/* Steps, one bit each, for rewrite_options.without. */
enum rewrite_step {
	REWRITE_DEAD = 1 << 0,     /* rules that nothing reaches, chains that nothing jumps to */
	REWRITE_REPEATED = 1 << 1, /* what was said already */
	REWRITE_LISTS = 1 << 2,    /* lists of rules become sets */
	REWRITE_PREFIX = 1 << 3,   /* what many rules ask alike is asked once, in front of a chain */
	REWRITE_ORDER = 1 << 4,    /* what is met most comes first */
};
#define REWRITE_STEP_COUNT 5
extern const char *const rewrite_step_names[REWRITE_STEP_COUNT]; /* "dead", "repeated", "lists", ... */

struct rewrite_options {
	unsigned without; /* enum rewrite_step */
	bool no_counters; /* sets count nothing, whatever the rules had counted */
	/* Of each family: what is left of each rule. NULL: not known. Needed by rewrite_compute() alone. */
	const struct reach_report *reach[FAMILY_COUNT];
};

/* The ruleset must stay while the rewrite is used. 0, -ENOMEM. */
int rewrite_compute(const struct ruleset *ruleset, const struct rewrite_options *options,
		    struct rewrite **rewrite);
void rewrite_free(struct rewrite *rewrite);
static inline void rewrite_cleanup(struct rewrite **rewrite)
{
	rewrite_free(*rewrite);
}

/* As iptables-restore and ip6tables-restore take it; nothing when the input has no table of that family. */
void rewrite_print_rules(const struct rewrite *rewrite, enum family family, struct buffer *out);
/* As ipset restore takes it: the sets of the input, then those that were made. */
void rewrite_print_sets(const struct rewrite *rewrite, struct buffer *out);
/* The first line of each of them begins so. */
extern const char rewrite_mark[];

/* --- What became of it */

enum rewrite_fate {
	FATE_KEPT,     /* stands by itself */
	FATE_MEMBER,   /* is a member of a set */
	FATE_PORT,     /* is one of the ports of a rule */
	FATE_REPEATED, /* `by` says the same before it */
	FATE_DEAD,     /* every packet that it matches was taken before it: by `by`, when one rule alone takes
			  them */
	FATE_CONTRADICTS, /* its own conditions exclude each other */
	FATE_UNCALLED,    /* nothing jumps to its chain */
};

struct rewrite_place {
	enum rewrite_fate fate;
	const struct rule *by; /* FATE_REPEATED, FATE_DEAD; may be NULL */
	struct text chain;     /* where it is now; a chain of the same table */
	uint32_t number;       /* 1-based in that chain; 0: nowhere */
	const char *set;       /* FATE_MEMBER */
	bool moved;            /* past rules of another kind */
};
struct rewrite_place rewrite_place(const struct rewrite *rewrite, const struct rule *rule);
/* "192.0.2.1,tcp:80": what the rule is in its set; "tcp:80" of FATE_PORT. */
void rewrite_print_member(const struct rewrite *rewrite, const struct rule *rule, struct buffer *out);

/* The comment of a rule that is one of several ports, where their comments are not all the same: it stands
 * nowhere in what is written. Nothing of all others. */
void rewrite_print_lost_comment(const struct rewrite *rewrite, const struct rule *rule, struct buffer *out);

/* A chain of the input, or one that was made (chain NULL). */
struct rewrite_chain {
	enum family family;
	enum table_id table;
	struct text name;
	const struct chain *chain;
	bool gone;
	size_t before, after; /* rules */
};
size_t rewrite_chain_count(const struct rewrite *rewrite);
struct rewrite_chain rewrite_chain_at(const struct rewrite *rewrite, size_t index);
/* One of the rules of that chain, as it is written. */
void rewrite_print_rule(const struct rewrite *rewrite, size_t chain, uint32_t number, struct buffer *out);

/* A set that was made. */
struct rewrite_set {
	const char *name, *type;
	enum family family;
	size_t members, uses; /* rules of the output that look it up */
};
size_t rewrite_set_count(const struct rewrite *rewrite);
struct rewrite_set rewrite_set_at(const struct rewrite *rewrite, size_t index);

/* Some rule's match on a TCP or UDP port was taken into a set, or a list of ports, which do not drop packets
 * whose header is cut off behind the ports: what -m tcp drops at once then goes on. */
bool rewrite_loses_hot_drop(const struct rewrite *rewrite);
bool rewrite_changed(const struct rewrite *rewrite);

/* --- The proof */

/* Reads the texts back into *after and compares them with the input. 0 with *difference; -EINVAL with
 * diagnostics when what was written does not read as it was meant; -ENOMEM. */
int rewrite_prove(struct rewrite *rewrite, const struct difference_options *options, struct diagnostics *sink,
		  struct ruleset **after, struct difference **difference);

/* The same, and while the proof is undecided once more with a step less, within the same budget of time.
 * *rewrite is then another one; *left_out: enum rewrite_step, those that were taken at first and are not any
 * more. What the last try came to is in *difference. */
int rewrite_prove_less(struct rewrite **rewrite, const struct difference_options *options,
		       struct diagnostics *sink, struct ruleset **after, struct difference **difference,
		       unsigned *left_out);

/* --- What it costs: rules that a packet walks */

struct rewrite_cost {
	const struct chain *chain; /* built-in, of the input */
	double before, after; /* mean over packets that are drawn from the rules, and some that meet none */
	size_t most_before, most_after;
};
/* For each built-in chain with rules: what packets that are drawn from them walk there. Arrays belong to the
 * rewrite. 0, -ENOMEM. */
int rewrite_measure(struct rewrite *rewrite, const struct ruleset *after, const struct rewrite_cost **costs,
		    size_t *count);

#endif
