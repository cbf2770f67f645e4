/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Early drop of what is applied: XDP at the devices that the policy's interface statements name, computed
 * from the rules of the state in force and the members that its sets have in the kernel.
 *
 * What must stay true: what XDP drops the kernel's rules drop, too, at every moment, whatever is killed when.
 * So a change of the rules has three steps. Before it XDP is narrowed to what the old rules and the new ones
 * both drop (nothing is done where that is all it drops). Then the rules change. Then XDP is made what the
 * new ones drop. Where it cannot be told what XDP drops, or what both would drop, it is taken away first,
 * which is never wrong. */
#ifndef WEIR_COMMAND_EARLY_APPLY_H
#define WEIR_COMMAND_EARLY_APPLY_H

#include "kernel/state_switch.h"

struct ruleset;
struct json_object;

enum early_verb {
	EARLY_KEPT, /* as it was, with its counters */
	EARLY_ATTACHED,
	EARLY_SWAPPED, /* another program in one step */
	EARLY_DETACHED,
	EARLY_NOT_ATTACHED,
	EARLY_WOULD_ATTACH,
	EARLY_WOULD_KEEP,
	EARLY_FAILED, /* what must go could not be taken away, or nothing is known */
	EARLY_VERBS
};
extern const char *const early_verbs[EARLY_VERBS]; /* "kept", ... */

/* What became of a device; words: why it is not attached, or how. */
struct early_result {
	const char *device;
	enum early_verb verb;
	const char *words;
};
struct early_report {
	struct arena *arena; /* NULL until something is told; early_report_fini() */
	size_t count, capacity;
	struct early_result *list;
	int error; /* of EARLY_FAILED: -errno */
};
void early_report_fini(struct early_report *report);
void early_report_print(const struct early_report *report, struct buffer *out); /* a line each */
struct json_object *early_report_json(const struct early_report *report);

/* A change that is about to be: from what the kernel's tables are, which are those of state `from`, to those
 * of the image, which are those of state `to`. */
struct early_change {
	uint32_t from, to;
	const struct nft_image *target;
	bool tightens; /* it is known that all that is dropped now will be; the target is not looked at */
};
/* Before it. 0; -errno when XDP could not be narrowed: nothing may be loosened then. In words in `why`. */
int early_narrow(struct state_store *store, const struct early_change *change, struct early_report *report,
		 struct buffer *why);
/* Behind it, and where nothing changed. `narrowed`: early_narrow() was there. `device` NULL: all. That
 * something could not be attached is told in the report. 0; -errno when what must go could not be taken away,
 * or nothing is known, in words in `why`. */
int early_widen(struct state_store *store, uint32_t number, const char *device, bool narrowed,
		struct early_report *report, struct buffer *why);
/* Whether weir is attached anywhere for applied rules. 0 or -errno. */
int early_attached(bool *any);
/* Takes away all that weir attached for applied rules. */
int early_detach(struct early_report *report, struct buffer *why);
/* With the store's lock held: takes away what was attached for applied rules where weir's tables are others
 * by now, and asks no file: for when what is in force cannot be told. 0 or -errno. */
int early_withdraw(struct early_report *report, struct buffer *why);

/* state_move(), with both around it; `target`: the tables that it makes. What became of XDP behind it is told
 * in the report alone. */
int early_move(struct state_store *store, struct state_move *move, const struct nft_image *target,
	       struct early_report *report, struct buffer *why);
/* state_end_trial() and state_recover(), likewise. */
int early_end_trial(struct state_store *store, const struct state_pending *trial, struct early_report *report,
		    struct buffer *why);
int early_recover(struct state_store *store, enum state_recovered *recovered, struct state_pending *pending,
		  struct early_report *report, struct buffer *why);

/* What early_widen() would do for these rules, were the tables those of the image; changes nothing. */
int early_rehearse(const struct ruleset *ruleset, const struct nft_image *target,
		   struct early_report *report);

/* The state that is in force: a running trial's, else the current one. */
int early_in_force(struct state_store *store, uint32_t *number, struct buffer *why);

#endif
