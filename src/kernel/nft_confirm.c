/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A member that was added is there when the kernel finds it by its value; an interval, when it also holds its
 * last address, and the address behind is in none or in one that begins there. One that was removed is gone
 * when the kernel finds none, or another one. */
#include "kernel/nft_confirm.h"
#include "kernel/nft_ask.h"
#include "kernel/nft_known.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

#define AT_ONCE 4096 /* elements */
#define EACH 3       /* questions about one, at most */

struct confirm {
	enum family family;
	const struct nft_set *set;
	struct arena *arena; /* of the questions at hand */
	struct nft_question *questions;
	const struct nft_element **asked;
	bool *removed;
	size_t count;
	bool same;
	struct buffer *first;
};

/* The value in front of it; it is not 0. */
static struct text before(struct arena *arena, struct text key)
{
	char *copy = arena_copy(arena, key.data, key.size);

	for (size_t i = key.size; copy && i > 0;)
		if (copy[--i]-- != 0)
			break;
	return (struct text){copy, copy ? key.size : 0};
}

static bool is_same(const struct nft_question *question, const struct nft_element *element)
{
	return question->has && text_equal(question->element.key, element->key) &&
	       !(question->element.flags & NFT_SET_ELEM_INTERVAL_END);
}

static bool is_there(const struct confirm *confirm, const struct nft_question *questions,
		     const struct nft_element *element)
{
	const struct nft_question *low = &questions[0], *high = &questions[1], *behind = &questions[2];

	if (!is_same(low, element) || !text_equal(low->element.rest, element->rest))
		return false;
	if (!confirm->set->pairs)
		return text_equal(low->element.end, element->end);
	if (!element->end.size)
		return true;
	return is_same(high, element) && (!behind->has || text_equal(behind->element.key, element->end) ||
					  behind->element.flags & NFT_SET_ELEM_INTERVAL_END);
}

static void complain(struct confirm *confirm, bool removed)
{
	confirm->same = false;
	if (!confirm->first->size)
		buffer_printf(confirm->first, "set %s: a member that was %s is %s", confirm->set->name,
			      removed ? "removed" : "added", removed ? "there" : "not there");
}

static int ask(struct confirm *confirm)
{
	int error = nft_elements_ask(confirm->arena, confirm->family, confirm->set->name, confirm->questions,
				     confirm->count * EACH);

	for (size_t i = 0; i < confirm->count && !error; i++) {
		const struct nft_question *questions = &confirm->questions[i * EACH];
		bool is =
		    confirm->removed[i]
			? is_same(questions, confirm->asked[i]) &&
			      text_equal(questions->element.end,
					 confirm->set->pairs ? (struct text){0} : confirm->asked[i]->end) &&
			      text_equal(questions->element.rest, confirm->asked[i]->rest)
			: is_there(confirm, questions, confirm->asked[i]);
		if (is == confirm->removed[i])
			complain(confirm, confirm->removed[i]);
	}
	confirm->count = 0;
	return error;
}

static int begin(struct confirm *confirm)
{
	confirm->arena = arena_new();
	confirm->count = 0;
	if (!confirm->arena)
		return -ENOMEM;
	confirm->questions = arena_array(confirm->arena, AT_ONCE * EACH, sizeof(*confirm->questions));
	confirm->asked = arena_array(confirm->arena, AT_ONCE, sizeof(*confirm->asked));
	confirm->removed = arena_array(confirm->arena, AT_ONCE, sizeof(*confirm->removed));
	return confirm->questions && confirm->asked && confirm->removed ? 0 : -ENOMEM;
}

/* Asks what was gathered; the memory of it is let go. */
static int flush(struct confirm *confirm)
{
	int error = confirm->count ? ask(confirm) : 0;

	if (confirm->arena)
		arena_free(confirm->arena);
	confirm->arena = NULL;
	return error;
}

static int add(struct confirm *confirm, const struct nft_element *element, bool removed)
{
	struct nft_question *questions;
	int error = 0;

	if (confirm->arena && confirm->count == AT_ONCE)
		error = flush(confirm);
	if (!error && !confirm->arena)
		error = begin(confirm);
	if (error)
		return error;
	questions = &confirm->questions[confirm->count * EACH];
	questions[0].key = questions[1].key = questions[2].key = element->key;
	if (confirm->set->pairs && element->end.size && !removed) {
		questions[1].key = before(confirm->arena, element->end);
		questions[2].key = element->end;
	}
	confirm->asked[confirm->count] = element;
	confirm->removed[confirm->count++] = removed;
	return 0;
}

/* Whether an element of the set, at that place or in front of it, begins where the other one does. */
static bool begins(const struct nft_set *set, size_t at, const struct nft_element *element)
{
	return (at < set->count && text_equal(set->elements[at].key, element->key)) ||
	       (at > 0 && text_equal(set->elements[at - 1].key, element->key));
}

/* Of both sides, which are sorted, those that are not the same. */
static int confirm_change(struct confirm *confirm, const struct nft_change *change)
{
	static const struct nft_set nothing;
	const struct nft_set *from = change->old_set && !change->anew ? change->old_set : &nothing;
	const struct nft_set *to = change->new_set;
	size_t i = 0, k = 0;
	int error = 0;

	while ((i < from->count || k < to->count) && !error) {
		int order = i == from->count ? 1
			    : k == to->count ? -1
					     : nft_element_compare(&from->elements[i], &to->elements[k]);
		bool same = order == 0 && nft_element_same(&from->elements[i], &to->elements[k]);
		/* Of one that begins where another one has begun the new one is asked for. */
		if (order < 0 && from->elements[i].key.size && !begins(to, k, &from->elements[i]))
			error = add(confirm, &from->elements[i], true);
		else if (order >= 0 && !same && !to->elements[k].timed) /* it may be over already */
			error = add(confirm, &to->elements[k], false);
		i += order <= 0;
		k += order >= 0;
	}
	return error;
}

int nft_members_confirm(const struct nft_changes *changes, bool *same, struct buffer *first)
{
	int error = 0;

	*same = true;
	for (size_t i = 0; i < changes->count && !error && *same; i++) {
		const struct nft_change *change = &changes->list[i];
		struct confirm confirm = {
		    .family = change->family, .set = change->new_set, .same = true, .first = first};
		if (change->kind != NFT_CHANGE_SET || !change->new_set || !nft_known_keeps(change->new_set))
			continue;
		error = confirm_change(&confirm, change);
		int flushed = flush(&confirm);
		error = error ? error : flushed;
		*same = confirm.same;
	}
	return error;
}

/* --- Members that go by themselves */

/* Those that go, from one place of the set on; *next: behind the last one. */
static size_t gather(struct nft_set *set, size_t *next, struct nft_element **some)
{
	size_t count = 0;

	for (; *next < set->count && count < AT_ONCE; ++*next)
		if (set->elements[*next].timed)
			some[count++] = &set->elements[*next];
	return count;
}

/* Of some members the time that is left; of one that is gone none. */
static int ask_times(enum family family, const struct nft_set *set, struct nft_element *const *some,
		     size_t count)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct nft_question *questions = arena ? arena_array(arena, count + 1, sizeof(*questions)) : NULL;
	int error = questions ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++)
		questions[i].key = some[i]->key;
	if (!error)
		error = nft_elements_ask(arena, family, set->name, questions, count);
	for (size_t i = 0; i < count && !error; i++) {
		const struct nft_element *there = &questions[i].element;
		some[i]->gone = !is_same(&questions[i], some[i]) || !there->timed ||
				(!set->pairs && !text_equal(there->end, some[i]->end));
		some[i]->timeout = there->timeout;
		some[i]->expires = there->expires;
	}
	return error;
}

/* The bytes that the image was parsed from say it, too: they may become a state's. */
static int take_gone(struct nft_image *image, enum family family, struct nft_set *set)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	const struct nft_element **gone = arena ? arena_array(arena, set->count + 1, sizeof(*gone)) : NULL;
	struct nft_batch batch;
	struct buffer raw = {0};
	size_t count = 0, kept = 0;
	char *copy = NULL;

	if (!gone)
		return -ENOMEM;
	for (size_t i = 0; i < set->count; i++)
		if (set->elements[i].gone)
			gone[count++] = &set->elements[i];
	if (!count)
		return 0;
	nft_batch_begin(&batch, 0);
	nft_put_elements(&batch, family, set, true, gone, count);
	buffer_add(&raw, image->raw.data, image->raw.size);
	nft_batch_take(&batch, &raw);
	if (!raw.failed && !batch.bytes.failed)
		copy = arena_copy(image->bytes, raw.data, raw.size);
	if (copy)
		image->raw = (struct text){copy, raw.size};
	nft_batch_fini(&batch);
	buffer_fini(&raw);
	for (size_t i = 0; i < set->count; i++)
		if (!set->elements[i].gone)
			set->elements[kept++] = set->elements[i];
	set->count = kept;
	return copy ? 0 : -ENOMEM;
}

static int ask_set(struct nft_image *image, enum family family, struct nft_set *set)
{
	struct nft_element **some = calloc(AT_ONCE, sizeof(*some));
	size_t next = 0, count;
	int error = some ? 0 : -ENOMEM;

	while (!error && (count = gather(set, &next, some)))
		error = ask_times(family, set, some, count);
	free(some);
	return error ? error : take_gone(image, family, set);
}

int nft_members_left(struct nft_image *image)
{
	int error = 0;

	for (enum family family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < image->tables[family].set_count && !error; i++) {
			struct nft_set *set = &image->tables[family].sets[i];
			if (set->sent && set->flags & NFT_SET_TIMEOUT)
				error = ask_set(image, family, set);
		}
	return error;
}

/* --- Counters */

/* Of a member that stays with another comment; those of other members are nobody's any more. */
static int count_change(const struct nft_change *change)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	const struct nft_set *from = change->old_set, *to = change->new_set;
	size_t i = 0, k = 0;
	int error = arena ? 0 : -ENOMEM;

	while (i < from->count && k < to->count && !error) {
		struct nft_element *old = &from->elements[i];
		int order = nft_element_compare(old, &to->elements[k]);
		if (order == 0 && !old->counted && !nft_element_same(old, &to->elements[k])) {
			struct nft_question question = {.key = old->key};
			error = nft_elements_ask(arena, change->family, from->name, &question, 1);
			if (!error && is_same(&question, old)) {
				old->counted = question.element.counted;
				old->packets = question.element.packets;
				old->bytes = question.element.bytes;
			}
		}
		i += order <= 0;
		k += order >= 0;
	}
	return error;
}

int nft_members_count(const struct nft_changes *changes)
{
	int error = 0;

	for (size_t i = 0; i < changes->count && !error; i++) {
		const struct nft_change *change = &changes->list[i];
		if (change->kind == NFT_CHANGE_SET && change->verb == NFT_CHANGE_ALTER && !change->anew &&
		    change->old_set->counters && nft_known_keeps(change->old_set))
			error = count_change(change);
	}
	return error;
}
