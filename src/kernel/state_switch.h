/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From one state to another: on disk, in the kernel's rules and settings. Killed anywhere, the old one or the
 * new one is whole in the kernel, and state_recover() makes the disk say which.
 *
 * All of it is called with the store's lock held. */
#ifndef WEIR_KERNEL_STATE_SWITCH_H
#define WEIR_KERNEL_STATE_SWITCH_H

#include "kernel/nft_switch.h"
#include "kernel/state_store.h"
#include "kernel/sysctl.h"

#define STATE_IMAGE "image"     /* weir's tables as the state has them (struct nft_image) */
#define STATE_BEFORE "before"   /* as they were before it; missing: as the state before has them */
#define STATE_SYSCTLS "sysctls" /* sysctls_print() */
#define STATE_SCRIPT "rules.nft"

/* What is told of a move. */
struct state_move {
	enum state_pending_kind kind;
	uint32_t number; /* to be in force: of a state, or 0 for none */
	uint32_t source; /* the state whose image it is, and ... */
	bool before;     /* ... of which side */
	uint64_t deadline;
	/* Called once the change is on record and before the kernel is changed; its error ends it all. */
	int (*ready)(void *context);
	void *context;
	/* With an error: not all could be undone. It stays on record, so that the next one to look goes on
	 * with undoing it. */
	bool left;
	/* Results: what was done, and what that points to. */
	struct arena *arena;
	struct nft_image *target;
	struct nft_image *live;
	struct nft_changes *changes;
};
void state_move_fini(struct state_move *move);

/* 0. Else the old one is in force, and `why` says what was wrong; but for what it says could not be undone.
 */
int state_move(struct state_store *store, struct state_move *move, struct buffer *why);

enum state_recovered {
	STATE_RECOVERED_NOTHING, /* nothing was going on */
	STATE_RECOVERED_DONE,    /* a change that was cut off had come through: it is on record now */
	STATE_RECOVERED_UNDONE,  /* ... had not: what was before is in force */
	STATE_RECOVERED_EXPIRED, /* a trial whose time was over was taken back */
	STATE_RECOVERED_TRIAL,   /* a trial is running */
};

/* Finishes what a killed process, or the end of a trial, left. `pending`: of a trial that is running. */
int state_recover(struct state_store *store, enum state_recovered *recovered, struct state_pending *pending,
		  struct buffer *why);

/* Ends the trial that is running: as it was before. */
int state_end_trial(struct state_store *store, const struct state_pending *pending, struct buffer *why);
/* The trial's state is in force from now on. -ESTALE: it never came, as what began it was killed; it is
 * ended. */
int state_confirm(struct state_store *store, const struct state_pending *pending, struct buffer *why);

/* The tables of a state, or those before it; number 0: none at all. */
int state_image(struct state_store *store, struct arena *arena, uint32_t number, bool before,
		struct nft_image **image, struct buffer *why);
/* The same of a state to be left: where it is damaged or gone, nothing is known of its settings, and they
 * stay as they are. */
int state_sysctls_left(struct state_store *store, struct arena *arena, uint32_t number,
		       struct sysctls *sysctls);
/* The settings of a state; number 0: none. */
int state_sysctls(struct state_store *store, struct arena *arena, uint32_t number, struct sysctls *sysctls,
		  struct buffer *why);

uint64_t state_clock(void); /* ns of CLOCK_BOOTTIME */

#endif
