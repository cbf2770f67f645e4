/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The transaction names the generation of the ruleset that the changes were found in: where somebody else was
 * faster, nothing happens, and they are found again. */
#include "kernel/nft_switch.h"
#include "kernel/nft_confirm.h"
#include "kernel/nft_known.h"

#include <errno.h>

#define TRIES 20

static int send_changes(const struct nft_changes *changes, uint32_t generation, struct buffer *why)
{
	struct nft_batch batch;
	int error;

	nft_batch_begin(&batch, generation);
	error = nft_members_count(changes);
	if (!error)
		error = nft_changes_put(changes, &batch);
	if (error)
		buffer_puts(why, "out of memory");
	else
		error = nft_batch_send(&batch, why);
	nft_batch_fini(&batch);
	return error;
}

/* From what is there to the image, whatever is there. */
static int move_to(const struct nft_image *target, struct nft_image **live, struct nft_changes **changes,
		   struct buffer *why)
{
	for (unsigned i = 0;; i++) {
		struct nft_image *seen = NULL;
		struct nft_changes *found = NULL;
		size_t said = why->size;
		int error = nft_image_read(&seen, why);

		if (error)
			return error;
		error = nft_changes_find(seen, target, &found);
		if (error)
			buffer_puts(why, "out of memory");
		else if (found->count)
			error = send_changes(found, seen->generation, why);
		if (!error) {
			*live = seen;
			*changes = found;
			return 0;
		}
		nft_changes_free(found);
		nft_image_free(seen);
		if (error != -ERESTART || i == TRIES)
			return error;
		why->size = said;
	}
}

int nft_image_differs(const struct nft_image *from, const struct nft_image *to, bool *differs,
		      struct buffer *first)
{
	struct nft_changes *changes __attribute__((cleanup(nft_changes_cleanup))) = NULL;
	int error = nft_changes_look(from, to, &changes);

	if (error)
		return error;
	*differs = changes->count;
	if (changes->count)
		nft_change_print(&changes->list[0], first);
	return 0;
}

static int check(const struct nft_image *target, const struct nft_changes *done, uint32_t generation,
		 struct buffer *why)
{
	struct nft_image *seen __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer first = {0};
	bool same = true, differs = false;
	int error = nft_members_confirm(done, &same, &first);

	if (error)
		buffer_printf(why, "cannot ask for the members of a set: %s", strerror(-error));
	/* Those that did not change are the kernel's still: nobody else was at work since they were read. */
	if (!error && same)
		nft_known_keep(target, nft_generation_behind(generation));
	if (!error && same)
		error = nft_image_read(&seen, why);
	if (!error && same)
		error = nft_image_differs(seen, target, &differs, &first);
	if (!error && (differs || !same)) {
		buffer_printf(why, "the kernel does not hold what it was given (%s)",
			      first.data ? first.data : "");
		error = -EILSEQ;
	}
	if (error)
		nft_known_forget();
	buffer_fini(&first);
	return error;
}

int nft_switch(const struct nft_image *target, struct nft_image **result, struct nft_changes **changes,
	       struct buffer *why)
{
	struct nft_image *live = NULL, *other = NULL;
	struct nft_changes *done = NULL, *undone = NULL;
	int error = move_to(target, &live, &done, why);

	if (error)
		return error;
	error = done->count ? check(target, done, live->generation, why) : 0;
	if (!error) {
		*result = live;
		*changes = done;
		return 0;
	}
	struct buffer again = {0};
	if (move_to(live, &other, &undone, &again)) {
		buffer_printf(why, "; and what was there before could not be put back: %s",
			      again.data ? again.data : "");
		error = -ENOTRECOVERABLE;
	} else {
		buffer_puts(why, "; what was there before was put back");
	}
	buffer_fini(&again);
	nft_changes_free(undone);
	nft_image_free(other);
	nft_changes_free(done);
	nft_image_free(live);
	return error;
}
