/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether a member that comes makes the rules tighter or looser hangs on what they do with the set: it is not
 * guessed, but computed from the rules with the members of before and of after. That takes its time with
 * large sets, and a ban should not wait for it: of sets of which it can be seen that their members are only
 * dropped it is not computed. */
#include "command/set_early.h"
#include "command/applied.h"
#include "command/command.h"
#include "kernel/nft_drops.h"
#include "kernel/state_overlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_elements(const void *a, const void *b)
{
	return nft_element_compare(a, b);
}

/* Gives the set of an image the elements that it will have. */
static int change_elements(struct arena *arena, struct nft_set *set, const struct nft_member_change *change)
{
	struct nft_element *elements = arena_array(arena, set->count + change->added + 1, sizeof(*elements));
	bool *removed = arena_array(arena, set->count + 1, sizeof(*removed));
	size_t count = 0;

	if (!elements || !removed)
		return -ENOMEM;
	for (size_t i = 0; i < change->removed; i++)
		removed[change->remove[i] - set->elements] = true;
	for (size_t i = 0; i < set->count; i++)
		if (!removed[i])
			elements[count++] = set->elements[i];
	for (size_t i = 0; i < change->added; i++) {
		elements[count] = change->add[i];
		/* one that will go by itself */
		if (elements[count].timeout && !elements[count].timed) {
			elements[count].timed = true;
			elements[count].expires = elements[count].timeout;
		}
		count++;
	}
	qsort(elements, count, sizeof(*elements), compare_elements);
	set->elements = elements;
	set->count = count;
	return 0;
}

static struct nft_set *find_set(struct nft_image *image, enum family family, const struct set_asked *asked)
{
	for (size_t i = 0; i < SET_CANDIDATES; i++) {
		struct nft_set *set = nft_image_set(&image->tables[family], asked->candidates[family][i]);
		if (set && !set->anonymous)
			return set;
	}
	return NULL;
}

static int change_image(struct arena *arena, struct nft_image *image, enum set_change what,
			const struct set_asked *asked)
{
	int error = 0;

	for (enum family family = 0; family < FAMILY_COUNT && !error; family++) {
		struct nft_set *set = find_set(image, family, asked);
		struct nft_member_change change = {0};
		struct nft_shape shape;
		if (!set)
			continue;
		if (what == SET_EMPTIES) {
			set->count = 0;
			continue;
		}
		if (!asked->count[family] || nft_set_shape(set, &shape))
			continue;
		error = what == SET_ADDS ? nft_members_add(arena, set, &shape, asked->members[family],
							   asked->count[family], &change)
					 : nft_members_remove(arena, set, &shape, asked->members[family],
							      asked->count[family], &change);
		if (!error)
			error = change_elements(arena, set, &change);
	}
	return error;
}

static bool only_tightens(struct nft_image *live, enum set_change what, const struct set_asked *asked)
{
	bool only = what == SET_ADDS;

	for (enum family family = 0; family < FAMILY_COUNT; family++) {
		struct nft_set *set = find_set(live, family, asked);
		if (set && asked->count[family])
			only &= nft_set_only_drops(live, family, set->name);
	}
	return only;
}

static int narrow(struct state_store *store, enum set_change what, const struct set_asked *asked,
		  struct early_report *report, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_image *target __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct early_change change = {0};
	int error = arena ? early_in_force(store, &change.from, why) : -ENOMEM;

	change.to = change.from;
	if (!error)
		error = nft_image_read(&target, why);
	change.tightens = !error && only_tightens(target, what, asked);
	if (!error && !change.tightens)
		error = state_overlay_lift(store, change.from, &target);
	if (!error && !change.tightens)
		error = change_image(arena, target, what, asked);
	change.target = target;
	return error ? error : early_narrow(store, &change, report, why);
}

int set_early_begin(struct state_store *store, enum set_change what, const struct set_asked *asked,
		    struct early_report *report)
{
	struct buffer why = {0};
	bool any = false;
	int error = early_attached(&any), code = EXIT_DONE;

	if (!error && any)
		error = narrow(store, what, asked, report, &why);
	if (error)
		code = command_fail("set", EXIT_SYSTEM, "early drop: %s: nothing was changed",
				    why.data ? why.data : strerror(-error));
	buffer_fini(&why);
	return code;
}

int set_early_end(struct state_store *store, struct early_report *report)
{
	struct buffer why = {0};
	uint32_t number = 0;
	bool any = false;
	int code = EXIT_DONE, error = early_attached(&any);

	if (!error && (any || report->count)) {
		error = early_in_force(store, &number, &why);
		if (!error)
			error = early_widen(store, number, NULL, true, report, &why);
	}
	if (error)
		code = command_fail("set", EXIT_SYSTEM, "early drop: %s",
				    why.data ? why.data : strerror(-error));
	else
		code = applied_early("set", report, false);
	buffer_fini(&why);
	return code;
}
