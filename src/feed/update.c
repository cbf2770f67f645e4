/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fetch, judge, keep. The copy is written before its record (store.h). */
#include "feed/update.h"

#include <errno.h>

const char *const feed_outcome_names[FEED_OUTCOMES] = {"same", "changed", "refused", "unreachable",
						       "not-kept"};

int64_t feed_due(const struct feed_record *record, const struct policy_feed *feed, int64_t now)
{
	bool failed = *record->error;
	int64_t from = failed ? record->tried : record->fetched;
	uint32_t wait = failed && feed->every > FEED_RETRY ? FEED_RETRY : feed->every;

	/* never, from elsewhere, or by a clock that was ahead */
	if (!from || strcmp(record->asked, feed->url) != 0 || from > now)
		return 0;
	return from + wait;
}

/* What is worked on. */
struct work {
	struct arena *arena;
	const struct feed_asked *asked;
	const char *name;
	struct feed_case judged;
	struct feed_record record;
	struct text copy; /* the last good one; of size 0 and data NULL: there is none */
	struct feed_list before;
	struct feed_answer answer;
	struct buffer why;
};

/* What is there. A copy that is damaged, or was of another format, counts with what can be read of it. */
static int look(struct work *work)
{
	const struct feed_asked *asked = work->asked;
	int error = feed_record_read(work->arena, asked->store, work->name, &work->record);

	if (!error)
		error = feed_copy_read(work->arena, asked->store, work->name, &work->copy);
	if (error == -ENOENT) {
		work->copy = (struct text){0};
		return 0;
	}
	if (error) {
		buffer_printf(&work->why, "cannot read %s/%s: %s", asked->store->path, work->name,
			      strerror(-error));
		return error;
	}
	struct source *source = source_new(work->arena, work->name, work->copy.data, work->copy.size);
	return source ? feed_list_read(work->arena, &work->judged, source, &work->before, NULL) : -ENOMEM;
}

/* Only a copy that is whole and good may be the answer to "has it changed?". */
static bool may_ask(const struct work *work)
{
	return work->copy.data && !work->before.wrong && feed_record_is_of(&work->record, work->copy) &&
	       strcmp(work->record.url, work->asked->feed->url) == 0;
}

static int fetch(struct work *work)
{
	bool ask = may_ask(work);
	const struct feed_request request = {.url = work->asked->feed->url,
					     .etag = ask ? work->record.etag : NULL,
					     .modified = ask ? work->record.modified : NULL,
					     .limits = work->asked->limits};

	return feed_fetch(&request, &work->answer, &work->why);
}

static bool is_same(const struct work *work)
{
	const struct buffer *body = &work->answer.body;

	return work->answer.unchanged ||
	       (work->copy.data && !work->before.wrong && body->size == work->copy.size &&
		(body->size == 0 || memcmp(body->data, work->copy.data, body->size) == 0));
}

static int judge(struct work *work, struct feed_change *change)
{
	const struct buffer *body = &work->answer.body;
	struct source *source =
	    source_new(work->arena, work->asked->feed->url, body->data ? body->data : "", body->size);

	return source ? feed_judge(work->arena, &work->judged, &work->before, source, change, &work->why)
		      : -ENOMEM;
}

/* The new copy, which is good. */
static int keep(struct work *work, const struct feed_change *change)
{
	struct text copy = {work->answer.body.data ? work->answer.body.data : "", work->answer.body.size};
	const struct feed_asked *asked = work->asked;
	int error = feed_store_mark(asked->store);

	if (!error)
		error = feed_copy_write(asked->store, work->name, copy);
	if (error) {
		buffer_printf(&work->why, "cannot write %s/%s: %s", asked->store->path, work->name,
			      strerror(-error));
		return error;
	}
	work->record.size = copy.size;
	work->record.sum = feed_sum(copy);
	work->record.members = change->after.members;
	work->record.changed = (int64_t)asked->now;
	return 0;
}

/* The outcome goes into the record, too. */
static void write_record(struct work *work, struct feed_update *update)
{
	struct feed_record *record = &work->record;
	bool good = update->outcome == FEED_SAME || update->outcome == FEED_CHANGED;

	record->tried = (int64_t)work->asked->now;
	record->asked = work->asked->feed->url;
	record->error = update->why;
	if (good) {
		record->fetched = record->tried;
		record->url = work->asked->feed->url;
	}
	if (good && !work->answer.unchanged) {
		record->etag = work->answer.etag;
		record->modified = work->answer.modified;
	}
	if (good && update->outcome == FEED_SAME && !feed_record_is_of(record, work->copy)) {
		/* it was lost */
		record->size = work->copy.size;
		record->sum = feed_sum(work->copy);
		record->members = work->before.members;
		record->changed = record->tried;
	}
	int error = feed_record_write(work->asked->store, work->name, record);
	if (!error || !good)
		return;
	const char *said = arena_printf(work->arena, "cannot write %s/%s.about: %s", work->asked->store->path,
					work->name, strerror(-error));
	update->outcome = FEED_NOT_KEPT;
	update->why = said ? said : "";
}

static int bring(struct work *work, struct feed_update *update)
{
	int error = look(work);

	if (error == -ENOMEM)
		return error;
	if (error) {
		update->outcome = FEED_NOT_KEPT;
		return 0;
	}
	error = fetch(work);
	if (error == -ENOMEM)
		return error;
	if (error) {
		update->outcome = error == -EFBIG ? FEED_REFUSED : FEED_UNREACHABLE;
		return 0;
	}
	if (is_same(work)) {
		update->outcome = FEED_SAME;
		update->change.before = update->change.after = work->before;
		return 0;
	}
	error = judge(work, &update->change);
	if (error == -ENOMEM)
		return error;
	if (error) {
		update->outcome = FEED_REFUSED;
		return 0;
	}
	update->outcome = keep(work, &update->change) ? FEED_NOT_KEPT : FEED_CHANGED;
	return 0;
}

int feed_update(struct arena *arena, const struct feed_asked *asked, struct feed_update *update)
{
	struct work work = {.arena = arena,
			    .asked = asked,
			    .name = arena_copy(arena, asked->feed->name.data, asked->feed->name.size),
			    .judged = {.policy = asked->policy,
				       .set = asked->set,
				       .feed = asked->feed,
				       .directory = asked->store->path,
				       .now = asked->now}};
	struct feed_update fresh = {.why = ""};
	int error = work.name ? bring(&work, &fresh) : -ENOMEM;

	if (!error && work.why.size && fresh.outcome != FEED_SAME && fresh.outcome != FEED_CHANGED) {
		char *why = arena_copy(arena, work.why.data, work.why.size);
		/* one line, without what a server may have said to a terminal */
		for (size_t i = 0; why && i < work.why.size; i++)
			if ((unsigned char)why[i] < ' ' || why[i] == 0x7f)
				why[i] = '?';
		if (why)
			fresh.why = why;
		else
			error = -ENOMEM;
	}
	if (!error)
		write_record(&work, &fresh);
	feed_answer_fini(&work.answer);
	buffer_fini(&work.why);
	if (!error)
		*update = fresh;
	return error;
}
