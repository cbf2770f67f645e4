/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the members of a set come from: list files, and feeds. A feed is not fetched here: its last good copy
 * is read when it is at hand, so that a host that boots without a network has its bans. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "read/words.h"

#include <errno.h>

#define FEED_EVERY_DEFAULT (12 * 3600)
#define FEED_EVERY_MIN 60
#define FEED_SHRINK_DEFAULT 50

/* Adds what a list has to the set. */
static int add_list(struct policy_reader *reader, struct policy_set *set, const struct source *source,
		    uint16_t number, enum policy_format format, struct policy_list *list)
{
	struct policy_list_result result = {0};

	for (int family = 0; family < FAMILY_COUNT; family++)
		result.elements[family] = set->parts->members[family];
	int status = policy_list_read(reader->arena, reader->sink, source, number, set->type, format,
				      reader->options->now, &result);
	for (int family = 0; family < FAMILY_COUNT; family++)
		set->parts->members[family] = result.elements[family];
	list->expired = result.expired;
	if (result.expired)
		diagnostic_add(reader->sink, SEVERITY_NOTE, "expired-members", list->span,
			       "%zu of the %zu members in %s are over, and left out", result.expired,
			       result.members, source->name);
	/* its faults have been said; the set's statement is right */
	return status == -EINVAL ? 0 : status;
}

int parse_file(struct policy_reader *reader, struct policy_set *set)
{
	struct policy_token token = *policy_peek(reader);
	struct text name;
	struct policy_list fresh = {.span = token.span};
	uint16_t number;
	int result = parse_string(reader, "the list file's name in quotes", &name);

	if (result == 0)
		result = policy_open(reader, &token, name, &fresh.source, &number);
	if (result == 0)
		result = add_list(reader, set, fresh.source, number, POLICY_FORMAT_PLAIN, &fresh);
	if (result < 0)
		return result;
	struct policy_list *slot = arena_push(reader->arena, (void **)&set->lists, &set->list_count,
					      &set->list_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = fresh;
	return 0;
}

/* --- Feeds --------------------------------------------------------------------------------------- */

enum item { ITEM_URL, ITEM_FORMAT, ITEM_EVERY, ITEM_SHRINK, ITEMS };
static const char *const items[ITEMS] = {"url", "format", "every", "shrink"};

/* It goes into the record of the feed, which tells when it is due again and is not read without end. */
#define URL_MAX 4000

static int parse_url(struct policy_reader *reader, struct policy_feed *feed)
{
	struct policy_token token = *policy_peek(reader);
	struct text url;
	int result = parse_string(reader, "an address of a file in quotes", &url);

	if (result < 0)
		return result;
	if (!text_starts(url, "https://") && !text_starts(url, "http://") && !text_starts(url, "file:///"))
		return policy_error(reader, &token, "bad-url", NULL,
				    "a feed comes by https://, http:// or file:///");
	if (url.size > URL_MAX)
		return policy_error(reader, &token, "bad-url", NULL,
				    "an address of %zu bytes is too long: %d are taken here", url.size,
				    URL_MAX);
	feed->url = arena_copy(reader->arena, url.data, url.size);
	return feed->url ? 0 : -ENOMEM;
}

static int parse_shrink(struct policy_reader *reader, struct policy_feed *feed)
{
	static const char *const at[] = {"at"}, *const most[] = {"most"};
	size_t which;
	int result = parse_word(reader, at, 1, "at most and a percentage", &which);

	if (result == 0)
		result = parse_word(reader, most, 1, "most", &which);
	if (result < 0)
		return result;
	const struct policy_token *token = policy_peek(reader);
	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "a percentage", NULL, 0);
	const char *wrong = value_percent(token->text, &feed->shrink);
	if (wrong)
		return policy_error(reader, token, "bad-number", NULL, "%.*s %s", (int)token->text.size,
				    token->text.data, wrong);
	policy_take(reader);
	return 0;
}

static int parse_item(struct policy_reader *reader, struct policy_feed *feed, unsigned *seen)
{
	static const char *const formats[] = {"plain", "netset", "spamhaus"};
	struct policy_token token = *policy_peek(reader);
	size_t which, format;
	int result = parse_word(reader, items, ITEMS, "url, format, every, shrink at most or }", &which);

	if (result < 0)
		return result;
	if (*seen >> which & 1)
		return policy_error(reader, &token, "said-twice", NULL, "%s stands twice", items[which]);
	*seen |= 1u << which;
	switch (which) {
	case ITEM_URL:
		return parse_url(reader, feed);
	case ITEM_FORMAT:
		result = parse_word(reader, formats, COUNT_OF(formats), "plain, netset or spamhaus", &format);
		if (result == 0)
			feed->format = (enum policy_format)format;
		return result;
	case ITEM_EVERY:
		return parse_duration(reader, FEED_EVERY_MIN, INT32_MAX, &feed->every);
	default:
		return parse_shrink(reader, feed);
	}
}

/* The names of feeds are those of their copies on disk: each has its own. */
static int check_name(struct policy_reader *reader, const struct policy_feed *feed,
		      const struct policy_token *token)
{
	const struct span *first = name_index_find(reader->feeds, feed->name);
	struct diagnostic *said;

	if (!first) {
		struct span *span = arena_alloc(reader->arena, sizeof(*span));
		if (!span)
			return -ENOMEM;
		*span = token->span;
		return name_index_add(reader->arena, &reader->feeds, feed->name, span);
	}
	policy_error(reader, token, "defined-twice", &said, "there is a feed called %.*s already",
		     (int)feed->name.size, feed->name.data);
	diagnostic_label(said, *first, "here");
	return -EINVAL;
}

static int parse_items(struct policy_reader *reader, struct policy_feed *feed)
{
	unsigned seen = 0;

	if (!policy_take_kind(reader, TOKEN_OPEN))
		return policy_expected(reader, "{", NULL, 0);
	int result;
	while ((result = policy_item(reader)) > 0) {
		result = parse_item(reader, feed, &seen);
		if (result < 0)
			return result;
	}
	if (result < 0 || feed->url)
		return result;
	diagnostic_add(reader->sink, SEVERITY_ERROR, "no-url", reader->last,
		       "there is no url, where the feed comes from");
	return -EINVAL;
}

static int never_fetched(const struct policy_reader *reader, const struct policy_feed *feed)
{
	if (!reader->options->wants_feeds)
		return 0;
	struct diagnostic *said =
	    diagnostic_add(reader->sink, SEVERITY_WARNING, "never-fetched", feed->span,
			   "no copy of %.*s was fetched yet: the set is without its members",
			   (int)feed->name.size, feed->name.data);
	diagnostic_hint(said, "weir feed update fetches it");
	return 0;
}

/* The last good copy, if there is one. */
static int read_copy(struct policy_reader *reader, struct policy_set *set, struct policy_feed *feed)
{
	const struct policy_options *options = reader->options;
	struct policy_list list = {.span = feed->span};
	struct source *source;
	uint16_t number;

	if (!options->feed_directory)
		return never_fetched(reader, feed);
	char *path = arena_printf(reader->arena, "%s/%.*s", options->feed_directory, (int)feed->name.size,
				  feed->name.data);
	if (!path)
		return -ENOMEM;
	int result = policy_read_file(reader, path, &source);
	if (result == -ENOENT)
		return never_fetched(reader, feed);
	if (result == -ENOMEM)
		return result;
	if (result < 0) {
		diagnostic_add(reader->sink, SEVERITY_ERROR, "cannot-read", feed->span, "cannot read %s: %s",
			       path, strerror(-result));
		return -EINVAL;
	}
	feed->copy = source;
	result = policy_add_source(reader, source, &number);
	if (result == -E2BIG) {
		diagnostic_add(reader->sink, SEVERITY_ERROR, "too-many-files", feed->span,
			       "more than %d files are read", POLICY_SOURCES_MAX);
		return -EINVAL;
	}
	return result < 0 ? result : add_list(reader, set, source, number, feed->format, &list);
}

int parse_feed(struct policy_reader *reader, struct policy_set *set)
{
	struct policy_feed fresh = {.every = FEED_EVERY_DEFAULT, .shrink = FEED_SHRINK_DEFAULT};
	struct policy_token token = *policy_peek(reader);
	struct span begin = reader->last;
	int result = parse_name(reader, "the feed's name", &fresh.name);

	if (result == 0)
		result = check_name(reader, &fresh, &token);
	if (result == 0)
		result = parse_items(reader, &fresh);
	if (result < 0)
		return result;
	fresh.span = span_join(begin, reader->last);
	result = read_copy(reader, set, &fresh);
	if (result < 0)
		return result;
	struct policy_feed *slot = arena_push(reader->arena, (void **)&set->feeds, &set->feed_count,
					      &set->feed_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = fresh;
	return 0;
}
