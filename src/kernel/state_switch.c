/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The order of steps: what is going to happen is written down; settings change; the rules change in one
 * transaction; that it has happened is written down. Of a process that was killed in between, the rules that
 * the kernel holds tell how far it came. */
#include "kernel/state_switch.h"
#include "kernel/state_overlay.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

uint64_t state_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int state_image(struct state_store *store, struct arena *arena, uint32_t number, bool before,
		struct nft_image **image, struct buffer *why)
{
	struct text raw = {"", 0};
	int error = 0;

	if (number && before) {
		error = state_read(store, arena, number, STATE_BEFORE, &raw, why);
		if (error == -ENOENT) {
			struct state state;
			why->size = 0;
			error = state_get(store, arena, number, &state, why);
			return error ? error : state_image(store, arena, state.previous, false, image, why);
		}
	} else if (number) {
		error = state_read(store, arena, number, STATE_IMAGE, &raw, why);
	}
	if (error)
		return error;
	error = nft_image_parse(raw.data, raw.size, image);
	if (error)
		buffer_printf(why, "%s/states/%" PRIu32 ": %s", store->path, number,
			      error == -EBADMSG ? "damaged" : strerror(-error));
	return error;
}

int state_sysctls(struct state_store *store, struct arena *arena, uint32_t number, struct sysctls *sysctls,
		  struct buffer *why)
{
	struct text text = {0};
	int error;

	*sysctls = (struct sysctls){0};
	if (!number)
		return 0;
	error = state_read(store, arena, number, STATE_SYSCTLS, &text, why);
	if (error)
		return error;
	error = sysctls_parse(arena, text, sysctls);
	if (error)
		buffer_printf(why, "%s/states/%" PRIu32 "/" STATE_SYSCTLS ": damaged", store->path, number);
	return error;
}

int state_sysctls_left(struct state_store *store, struct arena *arena, uint32_t number,
		       struct sysctls *sysctls)
{
	struct buffer why = {0};
	int error = state_sysctls(store, arena, number, sysctls, &why);

	buffer_fini(&why);
	if (error != -ENOENT && error != -EBADMSG)
		return error;
	*sysctls = (struct sysctls){0};
	return 0;
}

void state_move_fini(struct state_move *move)
{
	nft_changes_free(move->changes);
	nft_image_free(move->live);
	nft_image_free(move->target);
	if (move->arena)
		arena_free(move->arena);
	move->changes = NULL;
	move->live = move->target = NULL;
	move->arena = NULL;
}

/* What a move works on. */
struct moving {
	struct state_store *store;
	struct arena *arena;
	uint32_t from;
	struct sysctls now, next;
	struct nft_image *target;
};

static int load(struct moving *moving, const struct state_move *move, struct buffer *why)
{
	int error = state_current(moving->store, &moving->from, why);

	if (!error)
		error = state_image(moving->store, moving->arena, move->source, move->before, &moving->target,
				    why);
	if (!error)
		error = state_overlay_keep(moving->store, moving->from, move->number, &moving->target);
	if (!error)
		error = state_sysctls_left(moving->store, moving->arena, moving->from, &moving->now);
	if (!error)
		error = state_sysctls(moving->store, moving->arena, move->number, &moving->next, why);
	return error;
}

/* What `why` says stays, and what went wrong with the undoing is added. */
static int undo_rules(const struct nft_image *live, struct buffer *why)
{
	struct nft_changes *changes = NULL;
	struct nft_image *other = NULL;
	struct buffer again = {0};
	int error = live ? nft_switch(live, &other, &changes, &again) : 0;

	if (error)
		buffer_printf(why, "; the rules from before could not be put back: %s",
			      again.data ? again.data : strerror(-error));
	nft_changes_free(changes);
	nft_image_free(other);
	buffer_fini(&again);
	return error;
}

static int undo_sysctls(const struct moving *moving, struct buffer *why)
{
	struct buffer again = {0};
	int error = sysctls_switch(&moving->next, &moving->now, &again);

	if (error)
		buffer_printf(why, "; a setting could not be put back: %s",
			      again.data ? again.data : strerror(-error));
	buffer_fini(&again);
	return error;
}

/* `left`: see struct state_move. */
static int change_kernel(struct moving *moving, struct state_move *move, struct buffer *why)
{
	int error = sysctls_switch(&moving->now, &moving->next, why);

	if (error)
		return error;
	error = nft_switch(moving->target, &move->live, &move->changes, why);
	if (error)
		move->left = undo_sysctls(moving, why) || error == -ENOTRECOVERABLE;
	return error;
}

static int write_down(struct moving *moving, const struct state_move *move, struct buffer *why)
{
	struct state_pending nothing = {0};
	int error;

	if (move->kind == STATE_PENDING_TRY)
		return 0; /* it stays pending until it is confirmed */
	error = state_set_current(moving->store, move->number, why);
	if (error)
		return error;
	/* Should this fail, the next one to look finds that it was done. */
	struct buffer ignored = {0};
	state_set_pending(moving->store, &nothing, &ignored);
	buffer_fini(&ignored);
	return 0;
}

/* Once the change is on record. */
static int change_all(struct moving *moving, struct state_move *move, struct buffer *why)
{
	int error = move->ready ? move->ready(move->context) : 0, undone;

	if (!error)
		error = change_kernel(moving, move, why);
	if (error)
		return error;
	error = write_down(moving, move, why);
	if (!error)
		return 0;
	undone = undo_rules(move->live, why);
	move->left = undo_sysctls(moving, why) || undone;
	return error;
}

int state_move(struct state_store *store, struct state_move *move, struct buffer *why)
{
	struct moving moving = {.store = store, .arena = arena_new()};
	struct state_pending pending = {.kind = move->kind,
					.number = move->number,
					.source = move->source,
					.before = move->before,
					.deadline = move->deadline},
			     nothing = {0};
	struct buffer ignored = {0};
	int error = moving.arena ? load(&moving, move, why) : -ENOMEM;

	move->arena = moving.arena;
	move->target = moving.target;
	move->left = false;
	pending.from = moving.from;
	if (!error)
		error = state_set_pending(store, &pending, why);
	if (!error) {
		error = change_all(&moving, move, why);
		if (error && !move->left)
			state_set_pending(store, &nothing, &ignored);
	}
	if (error)
		state_move_fini(move);
	buffer_fini(&ignored);
	return error;
}

/* --- What was cut off */

/* Puts back what was before a state. */
static int put_back(struct state_store *store, const struct state_pending *pending, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_image *before __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct sysctls now, next;
	struct nft_image *live = NULL;
	struct nft_changes *changes = NULL;
	int error = arena ? state_image(store, arena, pending->source, true, &before, why) : -ENOMEM;

	if (!error)
		error = state_sysctls(store, arena, pending->number, &now, why);
	if (!error)
		error = state_sysctls(store, arena, pending->from, &next, why);
	if (!error)
		error = nft_switch(before, &live, &changes, why);
	if (!error)
		error = sysctls_switch(&now, &next, why);
	nft_changes_free(changes);
	nft_image_free(live);
	return error;
}

static int forget(struct state_store *store, struct buffer *why)
{
	struct state_pending nothing = {0};

	return state_set_pending(store, &nothing, why);
}

int state_end_trial(struct state_store *store, const struct state_pending *pending, struct buffer *why)
{
	int error = put_back(store, pending, why);

	if (!error)
		error = forget(store, why);
	if (!error)
		state_remove(store, pending->number);
	return error;
}

/* Whether the kernel holds what the change was to make. */
static int came_through(struct state_store *store, const struct state_pending *pending, bool *through,
			struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_image *target __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer first = {0};
	bool differs = true;
	int error =
	    arena ? state_image(store, arena, pending->source, pending->before, &target, why) : -ENOMEM;

	if (!error)
		error = nft_image_read(&live, why);
	if (!error)
		error = state_overlay_lift(store, pending->number, &live);
	if (!error)
		error = nft_image_differs(live, target, &differs, &first);
	buffer_fini(&first);
	*through = !differs;
	return error;
}

/* Whether the kernel still holds what was before the trial, as its process died in between. Members that
 * were added or deleted during a trial make it neither. */
static int never_came(struct state_store *store, const struct state_pending *pending, bool *never,
		      struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_image *before __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer first = {0};
	bool through = false, differs = true;
	int error = came_through(store, pending, &through, why);

	if (!error && !arena)
		error = -ENOMEM;
	if (!error && !through)
		error = state_image(store, arena, pending->number, true, &before, why);
	if (!error && !through)
		error = nft_image_read(&live, why);
	if (!error && !through)
		error = state_overlay_lift(store, pending->from, &live);
	if (!error && !through)
		error = nft_image_differs(live, before, &differs, &first);
	buffer_fini(&first);
	*never = !through && !differs;
	return error;
}

int state_confirm(struct state_store *store, const struct state_pending *pending, struct buffer *why)
{
	bool never = false;
	int error = never_came(store, pending, &never, why);

	if (!error && never) {
		error = state_end_trial(store, pending, why);
		if (!error) {
			buffer_puts(
			    why, "the trial never came into force, as what began it was killed: try again");
			error = -ESTALE;
		}
	}
	if (!error)
		error = state_set_current(store, pending->number, why);
	return error ? error : forget(store, why);
}

static int recover_change(struct state_store *store, const struct state_pending *pending,
			  enum state_recovered *recovered, struct buffer *why)
{
	bool through = false;
	int error = came_through(store, pending, &through, why);

	if (error)
		return error;
	*recovered = through ? STATE_RECOVERED_DONE : STATE_RECOVERED_UNDONE;
	if (through) {
		error = state_set_current(store, pending->number, why);
	} else if (pending->kind == STATE_PENDING_APPLY) {
		error = put_back(store, pending, why);
	} else {
		/* The transaction had not come; settings had, perhaps. */
		struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
		struct sysctls now, next;
		error = arena ? state_sysctls(store, arena, pending->number, &now, why) : -ENOMEM;
		if (!error)
			error = state_sysctls(store, arena, pending->from, &next, why);
		if (!error)
			error = sysctls_switch(&now, &next, why);
	}
	if (!error)
		error = forget(store, why);
	if (!error && !through && pending->kind == STATE_PENDING_APPLY)
		state_remove(store, pending->number);
	return error;
}

int state_recover(struct state_store *store, enum state_recovered *recovered, struct state_pending *pending,
		  struct buffer *why)
{
	uint32_t current = 0;
	int error = state_pending(store, pending, why);

	*recovered = STATE_RECOVERED_NOTHING;
	if (error || pending->kind == STATE_PENDING_NONE)
		return error;
	error = state_current(store, &current, why);
	if (error)
		return error;
	if (pending->number == current) { /* only the record of its end is missing */
		*recovered = STATE_RECOVERED_DONE;
		return forget(store, why);
	}
	if (state_pending_of_old(pending)) { /* the kernel has neither: it was started anew */
		*recovered = STATE_RECOVERED_UNDONE;
		error = forget(store, why);
		if (!error && pending->kind != STATE_PENDING_ROLLBACK)
			state_remove(store, pending->number);
		return error;
	}
	if (pending->kind != STATE_PENDING_TRY)
		return recover_change(store, pending, recovered, why);
	if (state_clock() < pending->deadline) {
		*recovered = STATE_RECOVERED_TRIAL;
		return 0;
	}
	*recovered = STATE_RECOVERED_EXPIRED;
	return state_end_trial(store, pending, why);
}
