/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Moves from one state to another, with XDP before and behind them. Killed anywhere in between, XDP drops
 * what both states drop, or nothing. */
#include "command/early_private.h"
#include "kernel/state_switch.h"

#include <errno.h>
#include <string.h>

/* That what is in force now is not dropped early, or not all of it, undoes nothing. */
static void widen(struct state_store *store, uint32_t number, bool narrowed, struct early_report *report)
{
	struct buffer why = {0};

	report->error = early_widen(store, number, NULL, narrowed, report, &why);
	if (report->error)
		early_tell(report, "XDP", EARLY_FAILED, why.data);
	buffer_fini(&why);
}

static void take_away(struct early_report *report)
{
	struct buffer why = {0};

	report->error = early_detach(report, &why);
	if (report->error)
		early_tell(report, "XDP", EARLY_FAILED, why.data);
	buffer_fini(&why);
}

struct moving {
	struct state_store *store;
	const struct early_change *change;
	struct early_report *report;
	struct buffer *why;
	int (*ready)(void *context);
	void *context;
	bool narrowed;
};

static int begin(void *context)
{
	struct moving *moving = context;
	int error = moving->ready ? moving->ready(moving->context) : 0;

	if (!error)
		error = early_narrow(moving->store, moving->change, moving->report, moving->why);
	moving->narrowed = !error;
	return error;
}

int early_move(struct state_store *store, struct state_move *move, const struct nft_image *target,
	       struct early_report *report, struct buffer *why)
{
	struct early_change change = {.to = move->number, .target = target};
	struct moving moving = {store, &change, report, why, move->ready, move->context, false};
	int error = early_in_force(store, &change.from, why);

	if (error)
		return error;
	move->ready = begin;
	move->context = &moving;
	error = state_move(store, move, why);
	move->ready = moving.ready;
	move->context = moving.context;
	if (!error)
		widen(store, move->number, moving.narrowed, report);
	else if (move->left) /* it cannot be told what the kernel has */
		take_away(report);
	else
		widen(store, change.from, moving.narrowed, report);
	return error;
}

/* From a trial to what was before it. Where that is not to be known, nothing is dropped early meanwhile. */
static int narrow_back(struct state_store *store, const struct state_pending *trial,
		       struct early_report *report, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_image *before __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct early_change change = {.from = trial->number, .to = trial->from};
	size_t said = why->size;

	if (!arena || state_image(store, arena, trial->source, true, &before, why)) {
		why->size = said;
		return early_detach(report, why);
	}
	change.target = before;
	return early_narrow(store, &change, report, why);
}

int early_end_trial(struct state_store *store, const struct state_pending *trial, struct early_report *report,
		    struct buffer *why)
{
	int narrowed = narrow_back(store, trial, report, why);
	int error = narrowed ? narrowed : state_end_trial(store, trial, why);

	widen(store, error ? trial->number : trial->from, !narrowed, report);
	return error;
}

int early_recover(struct state_store *store, enum state_recovered *recovered, struct state_pending *pending,
		  struct early_report *report, struct buffer *why)
{
	bool over, narrowed = false;
	uint32_t number = 0;
	int error = state_pending(store, pending, why);

	*recovered = STATE_RECOVERED_NOTHING;
	if (error || pending->kind == STATE_PENDING_NONE)
		return error;
	over = pending->kind == STATE_PENDING_TRY && state_clock() >= pending->deadline;
	if (!state_pending_of_old(pending)) {
		if (over)
			error = narrow_back(store, pending, report, why);
		else if (pending->kind != STATE_PENDING_TRY)
			error = early_detach(report, why);
		narrowed = over;
	}
	if (!error)
		error = state_recover(store, recovered, pending, why);
	if (!error)
		error = early_in_force(store, &number, why);
	if (!error && *recovered != STATE_RECOVERED_TRIAL)
		widen(store, number, narrowed, report);
	return error;
}
