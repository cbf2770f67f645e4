/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The file comes before the kernel's rules and goes behind them, so that a process that is killed leaves no
 * rules that no file knows. */
#include "kernel/state_overlay.h"
#include "kernel/nft_change.h"
#include "kernel/nft_known.h"
#include "kernel/state_file.h"
#include "kernel/state_switch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define OVERLAY "overlay"
#define OVERLAY_NEXT "overlay.next"
#define OVERLAY_MAX (64u << 20) /* bytes */
#define TRIES 20

bool state_overlay_held(const struct state_store *store)
{
	int file = openat(store->directory, DAEMON_LOCK, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	bool held = file >= 0 && flock(file, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	if (file >= 0)
		close(file);
	return held;
}

static int open_state(const struct state_store *store, uint32_t number)
{
	char path[32];

	snprintf(path, sizeof(path), "states/%" PRIu32, number);
	return directory_open(store->directory, path);
}

/* NULL: there is none, or it is damaged. 0 or -errno. */
static int read_overlay(int directory, const char *name, struct nft_image **part)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct buffer raw = {0};
	struct text text = {0};
	int error = arena ? file_read(arena, directory, name, OVERLAY_MAX, &text) : -ENOMEM;

	*part = NULL;
	if (!error) {
		buffer_add(&raw, text.data, text.size);
		error = raw.failed ? -ENOMEM : nft_image_parse_copy(&raw, part);
		buffer_fini(&raw);
	}
	return error == -ENOENT || error == -EFBIG || error == -EINVAL || error == -EBADMSG ? 0 : error;
}

/* The one whose rules the image has; NULL: it has those of none. */
static int find_overlay(int directory, const struct nft_image *image, struct nft_image **found)
{
	static const char *const names[] = {OVERLAY, OVERLAY_NEXT};
	int error = 0;

	*found = NULL;
	for (size_t i = 0; i < 2 && !error && !*found; i++) {
		struct nft_image *part;
		error = read_overlay(directory, names[i], &part);
		if (part && !nft_part_empty(part) && nft_part_within(part, image))
			*found = part;
		else
			nft_image_free(part);
	}
	return error;
}

int state_overlay_base(struct state_store *store, uint32_t number, struct nft_image **base,
		       struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_image *image __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int error = arena ? state_image(store, arena, number, false, &image, why) : -ENOMEM;

	return error ? error : nft_part_take(image, STATE_OVERLAY_WORD, base);
}

/* --- Putting it in force */

/* Families of which nothing is said are not touched. */
static int change(const struct nft_image *live, const struct nft_image *target, struct buffer *why)
{
	struct nft_changes *changes __attribute__((cleanup(nft_changes_cleanup))) = NULL;
	struct nft_image from = *live, to = *target;
	struct nft_batch batch;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (!to.tables[family].chain_count)
			from.tables[family].present = to.tables[family].present = false;
		to.tables[family].flags = from.tables[family].flags;
	}
	int error = nft_changes_find(&from, &to, &changes);
	if (error || !changes->count)
		return error;
	nft_batch_begin(&batch, live->generation);
	error = nft_changes_put(changes, &batch);
	if (!error)
		error = nft_batch_send(&batch, why);
	if (!error) /* members are as they were */
		nft_known_append(live->generation, &batch);
	nft_batch_fini(&batch);
	return error;
}

static bool same_names(const struct nft_image *a, const struct nft_image *b)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (a->tables[family].chain_count != b->tables[family].chain_count)
			return false;
		for (size_t i = 0; i < a->tables[family].chain_count; i++)
			if (!nft_image_chain(&b->tables[family], a->tables[family].chains[i].name))
				return false;
	}
	return true;
}

static int not_ours(struct buffer *why)
{
	buffer_puts(why, "the rules that share connections among backends are not those that were applied");
	return -ESTALE;
}

/* Those that look up sets are none of weir's. */
static int read_live(struct nft_image **live, struct buffer *why)
{
	size_t said = why->size;
	int error = nft_part_read(STATE_OVERLAY_WORD, live, why);

	if (error != -EBADMSG)
		return error;
	why->size = said;
	return not_ours(why);
}

static int is_ours(int directory, const struct nft_image *live, const struct nft_image *base,
		   struct buffer *why)
{
	struct nft_image *overlay __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int error = 0;

	if (nft_part_same(live, base))
		return 0;
	if (same_names(live, base))
		error = find_overlay(directory, live, &overlay);
	return error || overlay ? error : not_ours(why);
}

/* The file says what is in force, and no other says anything. Where that cannot be written down the other one
 * stays, which does. 0 or -errno. */
static int clean_up(int directory, const struct nft_image *target, bool overlaid)
{
	struct nft_image *written __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int error = 0;

	if (!overlaid)
		unlinkat(directory, OVERLAY, 0);
	else
		error = read_overlay(directory, OVERLAY, &written);
	if (!error && overlaid && (!written || !nft_part_same(written, target)))
		error = file_replace(directory, OVERLAY, target->raw);
	if (!error)
		unlinkat(directory, OVERLAY_NEXT, 0);
	return error;
}

/* -ERESTART: the rules changed meanwhile. */
static int put_once(int directory, const struct nft_image *base, const struct nft_image *target,
		    struct buffer *why)
{
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *seen __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int error = read_live(&live, why);

	if (!error)
		error = is_ours(directory, live, base, why);
	if (error || nft_part_same(live, target))
		return error;
	if (!nft_part_same(target, base)) {
		/* of one that was killed, what is in force is on the file that is written now */
		error = clean_up(directory, live, !nft_part_same(live, base));
		if (!error)
			error = file_replace(directory, OVERLAY_NEXT, target->raw);
	}
	if (error) {
		buffer_printf(why, "cannot write down which backends are out: %s", strerror(-error));
		return error;
	}
	error = change(live, target, why);
	if (!error)
		error = nft_part_read(STATE_OVERLAY_WORD, &seen, why);
	if (!error && !nft_part_same(seen, target)) {
		buffer_puts(why, "the kernel does not hold what it was given");
		error = -EILSEQ;
	}
	return error;
}

int state_overlay_put(struct state_store *store, uint32_t number, const struct nft_image *base,
		      const struct nft_image *target, struct buffer *why)
{
	int directory = open_state(store, number), error = directory < 0 ? directory : -ERESTART;
	size_t said = why->size;

	if (directory >= 0 && !same_names(base, target)) {
		buffer_puts(why, "the state's chains are others than this version of weir makes");
		error = -ESTALE;
	}
	for (unsigned i = 0; i < TRIES && error == -ERESTART; i++) {
		why->size = said;
		error = put_once(directory, base, target, why);
	}
	if (!error) /* what cannot be written down now is on the other file */
		(void)clean_up(directory, target, !nft_part_same(base, target));
	if (directory >= 0)
		close(directory);
	return error;
}

/* --- What the others see of it */

static int graft(struct nft_image **image, const struct nft_image *part)
{
	struct nft_image *grafted;
	int error = nft_part_graft(*image, part, &grafted);

	if (error)
		return error;
	nft_image_free(*image);
	*image = grafted;
	return 0;
}

/* A state that is damaged or gone says nothing. */
static int base_if_any(struct state_store *store, uint32_t number, struct nft_image **base)
{
	struct buffer why = {0};
	int error = state_overlay_base(store, number, base, &why);

	buffer_fini(&why);
	return error == -ENOENT || error == -EBADMSG ? 0 : error;
}

int state_overlay_lifted(struct state_store *store, uint32_t number, const struct nft_image *image,
			 struct nft_image **lifted)
{
	struct nft_image *overlay __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *base __attribute__((cleanup(nft_image_cleanup))) = NULL;
	int directory = number ? open_state(store, number) : -ENOENT;

	*lifted = NULL;
	if (directory < 0)
		return directory == -ENOENT ? 0 : directory;
	int error = find_overlay(directory, image, &overlay);
	close(directory);
	if (!error && overlay)
		error = base_if_any(store, number, &base);
	return !error && base && same_names(base, overlay) ? nft_part_graft(image, base, lifted) : error;
}

int state_overlay_lift(struct state_store *store, uint32_t number, struct nft_image **live)
{
	struct nft_image *lifted;
	int error = state_overlay_lifted(store, number, *live, &lifted);

	if (!error && lifted) {
		nft_image_free(*live);
		*live = lifted;
	}
	return error;
}

/* What `from` has in force; written down for `number` before that is in force. */
static int take_over(struct state_store *store, uint32_t number, const struct nft_image *overlay,
		     struct nft_image **target)
{
	int directory = open_state(store, number), error = directory < 0 ? directory : 0;

	if (!error)
		error = file_replace(directory, OVERLAY, overlay->raw);
	if (directory >= 0)
		close(directory);
	return error ? error : graft(target, overlay);
}

int state_overlay_keep(struct state_store *store, uint32_t from, uint32_t number, struct nft_image **target)
{
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *overlay __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *base __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *next __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *wanted __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer why = {0};
	int directory = from && number && state_overlay_held(store) ? open_state(store, from) : -ENOENT,
	    error;

	if (directory < 0 || faccessat(directory, OVERLAY, F_OK, 0) < 0) {
		if (directory >= 0)
			close(directory);
		return 0;
	}
	error = read_live(&live, &why);
	if (error == -ESTALE)
		error = 0;
	if (!error && live)
		error = find_overlay(directory, live, &overlay);
	if (!error && overlay)
		error = base_if_any(store, from, &base);
	if (!error && base)
		error = base_if_any(store, number, &next);
	if (!error && next)
		error = nft_part_take(*target, STATE_OVERLAY_WORD, &wanted);
	if (!error && wanted && nft_part_same(base, wanted) && nft_part_same(next, wanted) &&
	    same_names(overlay, wanted))
		error = take_over(store, number, overlay, target);
	close(directory);
	buffer_fini(&why);
	return error;
}
