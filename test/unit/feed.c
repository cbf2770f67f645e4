/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Feeds: what is fetched, what of it is refused, and that the last good copy stays whatever comes. */
#include "feed_server.h"

#include "feed/update.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NOW 1795000000 /* in November 2026 */

static const struct feed_limits small = {.bytes = 4096, .lines = 100, .seconds = 10};

/* --- Fetching ------------------------------------------------------------------------------------ */

/* Fetches PATH from a server that gives these answers. */
static int fetch_with(struct server *server, const struct answer *answers, size_t count, const char *etag,
		      struct feed_limits limits, struct feed_answer *answer, struct buffer *why)
{
	char url[64];

	server_start(server, answers, count);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/list", server->port);
	struct feed_request request = {.url = url, .etag = etag, .limits = limits};
	int error = feed_fetch(&request, answer, why);
	server_stop(server);
	return error;
}

static void check_failure(const struct answer *answers, size_t count, struct feed_limits limits, int error,
			  const char *words)
{
	struct server server;
	struct feed_answer answer = {.unchanged = true};
	struct buffer why = {0};

	assert_int_equal(fetch_with(&server, answers, count, NULL, limits, &answer, &why), error);
	assert_non_null(why.data);
	if (!strstr(why.data, words))
		print_message("said: %s\nexpected: %s\n", why.data, words);
	assert_non_null(strstr(why.data, words));
	assert_null(answer.body.data); /* as it was */
	assert_true(answer.unchanged);
	buffer_fini(&why);
}

static void a_list_comes_with_its_tags(void **state)
{
	const struct answer answers[] = {
	    {"200 OK", "ETag: \"one\"\r\nLast-Modified: Sun, 22 Nov 2026 08:00:00 GMT\r\n", "192.0.2.1\n"}};
	struct server server;
	struct feed_answer answer = {0};
	struct buffer why = {0};

	(void)state;
	assert_int_equal(fetch_with(&server, answers, 1, NULL, small, &answer, &why), 0);
	assert_false(answer.unchanged);
	assert_string_equal(answer.body.data, "192.0.2.1\n");
	assert_string_equal(answer.etag, "\"one\"");
	assert_string_equal(answer.modified, "Sun, 22 Nov 2026 08:00:00 GMT");
	assert_null(strstr(server.requests[0], "If-None-Match"));
	feed_answer_fini(&answer);
	buffer_fini(&why);
}

static void what_is_unchanged_is_not_sent_again(void **state)
{
	const struct answer answers[] = {{"304 Not Modified", "ETag: \"one\"\r\n", NULL}};
	struct server server;
	struct feed_answer answer = {0};
	struct buffer why = {0};

	(void)state;
	assert_int_equal(fetch_with(&server, answers, 1, "\"one\"", small, &answer, &why), 0);
	assert_true(answer.unchanged);
	assert_non_null(strstr(server.requests[0], "If-None-Match: \"one\"\r\n"));
	feed_answer_fini(&answer);
	buffer_fini(&why);
	/* nobody had asked */
	check_failure(answers, 1, small, -EIO, "status 304");
}

static void a_tag_that_could_be_more_than_one_is_none(void **state)
{
	const struct answer answers[] = {
	    {"200 OK", "ETag: \"a\x01\"\r\nLast-Modified: \x80\r\n", "192.0.2.1\n"}};
	struct server server;
	struct feed_answer answer = {0};
	struct buffer why = {0};

	(void)state;
	assert_int_equal(fetch_with(&server, answers, 1, NULL, small, &answer, &why), 0);
	assert_string_equal(answer.etag, "");
	assert_string_equal(answer.modified, "");
	feed_answer_fini(&answer);
	buffer_fini(&why);
}

static void redirections_stay_within_the_scheme(void **state)
{
	const struct answer here[] = {{"302 Found", "Location: /other\r\nETag: \"old\"\r\n", NULL},
				      {"200 OK", NULL, "192.0.2.7\n"}};
	const struct answer file[] = {{"302 Found", "Location: file:///etc/hostname\r\n", NULL}};
	const struct answer secure[] = {
	    {"301 Moved Permanently", "Location: https://127.0.0.1:1/\r\n", NULL}};
	struct answer loop[ANSWERS_MAX];
	struct server server;
	struct feed_answer answer = {0};
	struct buffer why = {0};

	(void)state;
	assert_int_equal(fetch_with(&server, here, 2, NULL, small, &answer, &why), 0);
	assert_string_equal(answer.body.data, "192.0.2.7\n");
	assert_string_equal(answer.etag, "");
	feed_answer_fini(&answer);
	buffer_fini(&why);
	check_failure(file, 1, small, -EIO, "another scheme");
	check_failure(secure, 1, small, -EIO, "another scheme");
	for (size_t i = 0; i < ANSWERS_MAX; i++)
		loop[i] = here[0];
	check_failure(loop, ANSWERS_MAX, small, -EIO, "redirects");
}

static void limits_hold(void **state)
{
	static char bytes[8000], lines[300];
	const struct answer many[] = {{"200 OK", NULL, bytes}}, short_lines[] = {{"200 OK", NULL, lines}};
	const struct answer stall[] = {{"200 OK", NULL, "192.0.2.1\n", .stall = true}};
	const struct feed_limits wide = {.bytes = 1 << 20, .lines = 100, .seconds = 10};
	const struct feed_limits brief = {.bytes = 4096, .lines = 100, .seconds = 1};

	(void)state;
	memset(bytes, 'x', sizeof(bytes) - 1);
	for (size_t i = 0; i < sizeof(lines) - 1; i++)
		lines[i] = i % 2 ? '\n' : '1';
	check_failure(many, 1, small, -EFBIG, "more than 4096 bytes");
	check_failure(many, 1, wide, -EFBIG, "line 1 has more than 4096 bytes");
	check_failure(short_lines, 1, small, -EFBIG, "more than 100 lines");
	check_failure(stall, 1, brief, -EIO, "it takes too long");
}

static void half_an_answer_is_none(void **state)
{
	const struct answer cut[] = {{"200 OK", NULL, "192.0.2.1\n", .cut = true}};
	const struct answer missing[] = {{"404 Not Found", NULL, "<html>"}};
	const struct answer nothing[] = {{"204 No Content", NULL, NULL}};

	(void)state;
	check_failure(cut, 1, small, -EIO, "");
	check_failure(missing, 1, small, -EIO, "status 404");
	check_failure(nothing, 1, small, -EIO, "status 204");
}

/* --- A place for copies --------------------------------------------------------------------------- */

struct place {
	char path[64], list[96];
	struct feed_store store;
	struct arena *arena;
	char policy[512];
	uint64_t now;
};

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status, (void)kind, (void)walk;
	return remove(path);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct buffer why = {0};
	char feeds[80];

	assert_non_null(place);
	snprintf(place->path, sizeof(place->path), "%s/weir-feed-XXXXXX", "/tmp");
	assert_non_null(mkdtemp(place->path));
	snprintf(feeds, sizeof(feeds), "%s/feeds", place->path);
	snprintf(place->list, sizeof(place->list), "%s/list", place->path);
	place->arena = arena_new();
	place->now = NOW;
	assert_int_equal(feed_store_open(feeds, false, &place->store, &why), -ENOENT);
	why.size = 0;
	assert_int_equal(feed_store_open(feeds, true, &place->store, &why), 0);
	assert_int_equal(feed_store_lock(&place->store, &why), 0);
	buffer_fini(&why);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	feed_store_close(&place->store);
	arena_free(place->arena);
	nftw(place->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(place);
	return 0;
}

static void write_to(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A policy in which the feed `drop` is at `url`, or else in the place's file. */
static void set_policy(struct place *place, const char *url, const char *items, const char *rest)
{
	char file[128];

	snprintf(file, sizeof(file), "file://%s", place->list);
	int size = snprintf(place->policy, sizeof(place->policy),
			    "set bans { feed drop { url \"%s\"; %s }\n%s", url ? url : file, items, rest);
	assert_true(size > 0 && size < (int)sizeof(place->policy));
}

/* Updates the feed; *update lives in the place's arena. */
static void update_now(struct place *place, struct feed_update *update)
{
	struct diagnostics *sink = diagnostics_new();
	const struct policy_options options = {.now = place->now};
	struct policy_tree *tree = NULL;
	struct source *source = source_new(place->arena, "edge.weir", place->policy, strlen(place->policy));

	assert_non_null(source);
	assert_int_equal(policy_read(place->arena, sink, source, &options, &tree), 0);
	const struct policy_set *set = policy_find_set(tree, TEXT("bans"));
	assert_non_null(set);
	assert_true(set->feed_count > 0);
	const struct feed_asked asked = {.store = &place->store,
					 .policy = source,
					 .set = set,
					 .feed = &set->feeds[0],
					 .limits = FEED_LIMITS,
					 .now = place->now};
	assert_int_equal(feed_update(place->arena, &asked, update), 0);
	diagnostics_free(sink);
}

static void check_copy(struct place *place, const char *expected)
{
	struct text copy = {0};
	int error = feed_copy_read(place->arena, &place->store, "drop", &copy);

	if (!expected) {
		assert_int_equal(error, -ENOENT);
		return;
	}
	assert_int_equal(error, 0);
	assert_true(text_is(copy, expected));
}

/* What the list is now, and what becomes of it. */
static void check_update(struct place *place, const char *list, enum feed_outcome outcome, const char *why,
			 const char *copy)
{
	struct feed_update update;
	struct feed_record record;

	if (list)
		write_to(place->list, list);
	update_now(place, &update);
	if (update.outcome != outcome || !strstr(update.why, why))
		print_message("%s: %s\nexpected: %s: %s\n", feed_outcome_names[update.outcome], update.why,
			      feed_outcome_names[outcome], why);
	assert_int_equal(update.outcome, outcome);
	assert_non_null(strstr(update.why, why));
	check_copy(place, copy);
	assert_int_equal(feed_record_read(place->arena, &place->store, "drop", &record), 0);
	assert_int_equal(record.tried, place->now);
	assert_string_equal(record.error, update.why);
	if (outcome == FEED_CHANGED)
		assert_int_equal(record.changed, place->now);
}

/* --- What is taken ------------------------------------------------------------------------------- */

static void a_good_list_becomes_the_copy(void **state)
{
	struct place *place = *state;
	struct feed_update update;
	struct feed_record record;

	set_policy(place, NULL, "", "}\n");
	assert_false(feed_store_marked(&place->store));
	check_update(place, "192.0.2.0/24\n", FEED_CHANGED, "", "192.0.2.0/24\n");
	assert_true(feed_store_marked(&place->store));
	place->now += 10;
	check_update(place, NULL, FEED_SAME, "", "192.0.2.0/24\n");
	assert_int_equal(feed_record_read(place->arena, &place->store, "drop", &record), 0);
	assert_int_equal(record.changed, NOW);
	assert_int_equal(record.fetched, NOW + 10);
	write_to(place->list, "192.0.2.0/25\n192.0.2.128/26\n198.51.100.7\n2001:db8::/127\n");
	update_now(place, &update);
	assert_int_equal(update.outcome, FEED_CHANGED);
	assert_int_equal((int)update.change.added_addresses[FAMILY_IPV4], 1);
	assert_int_equal((int)update.change.added_addresses[FAMILY_IPV6], 2);
	assert_int_equal((int)update.change.vanished_addresses[FAMILY_IPV4], 64);
	assert_int_equal(update.change.vanished[FAMILY_IPV4].count, 1);
	assert_true(update.change.vanished[FAMILY_IPV4].elements[0].low == 0xc00002c0);
	assert_int_equal(update.change.after.members, 4);
}

static void a_wrong_line_refuses_it_all(void **state)
{
	struct place *place = *state;

	set_policy(place, NULL, "", "}\n");
	check_update(place, "<html>\n", FEED_REFUSED, ":1:1: error[bad-address]", NULL);
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
	check_update(place, "192.0.2.1\n192.0.2.2\n192.0.2.300\n", FEED_REFUSED, ":3:1: error[bad-address]",
		     "192.0.2.1\n");
	check_update(place, "{\"cidr\": 7}\n", FEED_REFUSED, "error[", "192.0.2.1\n");
	set_policy(place, NULL, "format spamhaus", "}\n");
	check_update(place, "192.0.2.1\n", FEED_REFUSED, "error[not-json]", "192.0.2.1\n");
	check_update(place, "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\"}\n{\"type\":\"metadata\"}\n",
		     FEED_CHANGED, "",
		     "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\"}\n{\"type\":\"metadata\"}\n");
}

static void an_empty_list_empties_nothing(void **state)
{
	struct place *place = *state;

	set_policy(place, NULL, "shrink at most 100%", "}\n");
	check_update(place, "# nothing yet\n", FEED_CHANGED, "", "# nothing yet\n");
	check_update(place, "192.0.2.1\n2001:db8::1\n", FEED_CHANGED, "", "192.0.2.1\n2001:db8::1\n");
	check_update(place, "", FEED_REFUSED, "it is empty, and the last one had 2 members",
		     "192.0.2.1\n2001:db8::1\n");
	check_update(place, "# 192.0.2.1\n", FEED_REFUSED, "it is empty", "192.0.2.1\n2001:db8::1\n");
	check_update(place, "192.0.2.1 until 2020-01-01\n", FEED_REFUSED, "it is empty",
		     "192.0.2.1\n2001:db8::1\n");
	/* all of one family may go, when the policy lets all go */
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
}

static void shrinking_is_counted_in_addresses(void **state)
{
	struct place *place = *state;

	set_policy(place, NULL, "", "}\n");
	check_update(place, "192.0.2.0/25\n192.0.2.128/25\n", FEED_CHANGED, "",
		     "192.0.2.0/25\n192.0.2.128/25\n");
	/* half of the lines are gone, and no address */
	check_update(place, "192.0.2.0/24\n", FEED_CHANGED, "", "192.0.2.0/24\n");
	/* more lines, and most of the addresses are gone */
	check_update(place, "192.0.2.1\n192.0.2.2\n192.0.2.3\n", FEED_REFUSED,
		     "253 of 256 addresses of IPv4 would be gone, 98%, and at most 50% may be at once",
		     "192.0.2.0/24\n");
	/* others in their place are no help */
	check_update(place, "198.18.0.0/15\n", FEED_REFUSED, "256 of 256", "192.0.2.0/24\n");
	check_update(place, "192.0.2.0/25\n", FEED_CHANGED, "",
		     "192.0.2.0/25\n"); /* 50% is not more than 50% */
	check_update(place,
		     "192.0.2.0/27\n192.0.2.32/28\n192.0.2.48/29\n192.0.2.56/30\n192.0.2.60/31\n192.0.2.62\n",
		     FEED_REFUSED, "65 of 128 addresses of IPv4 would be gone, 51%", "192.0.2.0/25\n");
	set_policy(place, NULL, "shrink at most 0%", "}\n");
	check_update(place, "192.0.2.0-192.0.2.126\n", FEED_REFUSED, "1 of 128", "192.0.2.0/25\n");
}

static void each_family_shrinks_by_itself(void **state)
{
	static const char first[] = "0.0.0.0/0\n2000::/3\n";
	struct place *place = *state;

	set_policy(place, NULL, "", "}\n");
	check_update(place, first, FEED_CHANGED, "", first);
	check_update(place, "2000::/3\n", FEED_REFUSED, "4294967296 of 4294967296 addresses of IPv4", first);
	check_update(place, "0.0.0.0/0\n2000::/5\n", FEED_REFUSED,
		     "some 2^124 of 2^125 addresses of IPv6 would be gone, 75%", first);
	check_update(place, "0.0.0.0/1\n2000::/4\n", FEED_CHANGED, "", "0.0.0.0/1\n2000::/4\n");
	/* more than there are numbers for: counted as one less */
	check_update(place, "0.0.0.0/1\n::/0\n", FEED_CHANGED, "", "0.0.0.0/1\n::/0\n");
	check_update(place, "0.0.0.0/1\n::/1\n", FEED_REFUSED, "51%", "0.0.0.0/1\n::/0\n");
}

static void what_is_over_does_not_count(void **state)
{
	struct place *place = *state;
	const char *const first = "192.0.2.0/24 until 2026-12-01\n198.51.100.1\n";

	set_policy(place, NULL, "", "}\n");
	check_update(place, first, FEED_CHANGED, "", first);
	place->now = 1797000000; /* in December */
	check_update(place, "198.51.100.1\n", FEED_CHANGED, "", "198.51.100.1\n");
}

static void a_failsafe_is_never_covered(void **state)
{
	struct place *place = *state;
	static const char rest[] = "}\nset admins { 203.0.113.0/24 }\n"
				   "failsafe tcp port 22 from @admins\nblock from @bans\n";
	static const char excepting[] = "except @admins }\nset admins { 203.0.113.0/24 }\n"
					"failsafe tcp port 22 from @admins\nblock from @bans\n";
	static const char nested[] = "}\nset all { @bans }\n"
				     "failsafe tcp port 22 from 203.0.113.0/24\nblock from @all\n";

	set_policy(place, NULL, "", rest);
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
	check_update(place, "192.0.2.1\n203.0.113.9\n", FEED_REFUSED,
		     ":2:1: error[failsafe-banned]: 203.0.113.9", "192.0.2.1\n");
	set_policy(place, NULL, "", nested);
	check_update(place, "192.0.2.1\n203.0.0.0/8\n", FEED_REFUSED, "error[failsafe-banned]",
		     "192.0.2.1\n");
	set_policy(place, NULL, "", excepting);
	check_update(place, "192.0.2.1\n203.0.113.9\n", FEED_CHANGED, "", "192.0.2.1\n203.0.113.9\n");
}

static void anothers_bad_copy_is_not_its_fault(void **state)
{
	struct place *place = *state;
	char other[128];

	set_policy(place, NULL, "", "feed other { url \"http://127.0.0.1:1/\" } }\n");
	snprintf(other, sizeof(other), "%s/other", place->store.path);
	write_to(other, "damaged\n");
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
}

/* --- What does not come -------------------------------------------------------------------------- */

static void what_cannot_be_read_leaves_the_copy(void **state)
{
	struct place *place = *state;

	set_policy(place, NULL, "", "}\n");
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
	assert_int_equal(remove(place->list), 0);
	check_update(place, NULL, FEED_UNREACHABLE, "No such file", "192.0.2.1\n");
	assert_int_equal(mkfifo(place->list, 0600), 0);
	check_update(place, NULL, FEED_UNREACHABLE, "no regular file", "192.0.2.1\n");
	set_policy(place, "http://127.0.0.1:1/list", "", "}\n");
	check_update(place, NULL, FEED_UNREACHABLE, "onnect", "192.0.2.1\n");
}

static void a_disk_that_takes_nothing_leaves_the_copy(void **state)
{
	struct place *place = *state;
	char block[160];

	set_policy(place, NULL, "", "}\n");
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
	snprintf(block, sizeof(block), "%s/.drop.new", place->store.path);
	assert_int_equal(mkdir(block, 0700), 0);
	check_update(place, "192.0.2.1\n192.0.2.2\n", FEED_NOT_KEPT, "cannot write", "192.0.2.1\n");
	assert_int_equal(rmdir(block), 0);
	check_update(place, NULL, FEED_CHANGED, "", "192.0.2.1\n192.0.2.2\n");
}

static void ten_million_lines_are_an_error(void **state)
{
	struct place *place = *state;
	static char lines[200001];

	set_policy(place, NULL, "", "}\n");
	check_update(place, "192.0.2.1\n", FEED_CHANGED, "", "192.0.2.1\n");
	memset(lines, '\n', sizeof(lines) - 1);
	for (size_t i = 0; i < sizeof(lines) - 1; i += 2)
		lines[i] = 'x';
	FILE *file = fopen(place->list, "w");
	assert_non_null(file);
	for (int i = 0; i < 100; i++)
		assert_true(fputs(lines, file) >= 0);
	assert_int_equal(fclose(file), 0);
	check_update(place, NULL, FEED_REFUSED, "more than 5000000 lines", "192.0.2.1\n");
	assert_int_equal(truncate(place->list, 8000000), 0);
	check_update(place, NULL, FEED_REFUSED, ":1:1: error[bad-address]", "192.0.2.1\n");
}

/* --- Whether it has changed ---------------------------------------------------------------------- */

static void only_a_whole_copy_is_asked_about(void **state)
{
	struct place *place = *state;
	static const struct answer answers[] = {
	    {"200 OK", "ETag: \"one\"\r\n", "192.0.2.1\n"}, /* first */
	    {"304 Not Modified", NULL, NULL},
	    {"200 OK", "ETag: \"two\"\r\n", "192.0.2.1\n192.0.2.2\n"}, /* the copy was changed by others */
	    {"200 OK", "ETag: \"bad\"\r\n", "garbage\n"},
	    {"304 Not Modified", NULL, NULL},
	    {"200 OK", NULL, "192.0.2.1\n192.0.2.2\n"}, /* from another address */
	};
	struct server server;
	char url[64], copy[128];

	server_start(&server, answers, 6);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/list", server.port);
	snprintf(copy, sizeof(copy), "%s/drop", place->store.path);
	set_policy(place, url, "", "}\n");
	check_update(place, NULL, FEED_CHANGED, "", "192.0.2.1\n");
	assert_null(strstr(server.requests[0], "If-None-Match"));
	check_update(place, NULL, FEED_SAME, "", "192.0.2.1\n");
	assert_non_null(strstr(server.requests[1], "If-None-Match: \"one\""));
	write_to(copy, "192.0.2.2\n");
	check_update(place, NULL, FEED_CHANGED, "", "192.0.2.1\n192.0.2.2\n");
	assert_null(strstr(server.requests[2], "If-None-Match"));
	/* what is refused is not what is asked about */
	check_update(place, NULL, FEED_REFUSED, "error[bad-address]", "192.0.2.1\n192.0.2.2\n");
	check_update(place, NULL, FEED_SAME, "", "192.0.2.1\n192.0.2.2\n");
	assert_non_null(strstr(server.requests[4], "If-None-Match: \"two\""));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/moved", server.port);
	set_policy(place, url, "", "}\n");
	check_update(place, NULL, FEED_SAME, "", "192.0.2.1\n192.0.2.2\n");
	assert_null(strstr(server.requests[5], "If-None-Match"));
	server_stop(&server);
}

static void a_damaged_record_is_none(void **state)
{
	struct place *place = *state;
	static const char *const damaged[] = {
	    "", "{", "[]", "{\"tried\": \"x\", \"url\": 7}", "null", "{\"tried\":-5,\"url\":\"a\\nb\"}"};
	char path[128];
	struct feed_record record;

	snprintf(path, sizeof(path), "%s/drop.about", place->store.path);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		write_to(path, damaged[i]);
		assert_int_equal(feed_record_read(place->arena, &place->store, "drop", &record), 0);
		assert_int_equal(record.tried, 0);
		assert_string_equal(record.url, "");
	}
}

static void when_a_feed_is_due(void **state)
{
	const struct policy_feed feed = {.url = "https://example.net/a", .every = 43200},
				 quick = {.url = feed.url, .every = 60};
	struct feed_record record = FEED_RECORD_NONE;

	(void)state;
	assert_int_equal(feed_due(&record, &feed, NOW), 0); /* never fetched */
	record.asked = feed.url;
	record.tried = record.fetched = NOW - 100;
	assert_int_equal(feed_due(&record, &feed, NOW), NOW - 100 + 43200);
	record.error = "no";
	record.tried = NOW - 50;
	assert_int_equal(feed_due(&record, &feed, NOW), NOW - 50 + FEED_RETRY);
	assert_int_equal(feed_due(&record, &quick, NOW), NOW - 50 + 60);
	record.error = "";
	record.fetched = NOW + 1000; /* the clock was ahead */
	assert_int_equal(feed_due(&record, &feed, NOW), 0);
	record.fetched = NOW - 100;
	record.asked = "https://example.net/b";
	assert_int_equal(feed_due(&record, &feed, NOW), 0);
}

static void one_fetches_at_a_time(void **state)
{
	struct place *place = *state;
	struct feed_store other;
	struct buffer why = {0};

	assert_int_equal(feed_store_open(place->store.path, false, &other, &why), 0);
	assert_int_equal(feed_store_lock(&other, &why), -EAGAIN);
	assert_non_null(strstr(why.data, "another weir fetches feeds"));
	feed_store_close(&other);
	buffer_fini(&why);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_comes_with_its_tags),
	    cmocka_unit_test(what_is_unchanged_is_not_sent_again),
	    cmocka_unit_test(a_tag_that_could_be_more_than_one_is_none),
	    cmocka_unit_test(redirections_stay_within_the_scheme),
	    cmocka_unit_test(limits_hold),
	    cmocka_unit_test(half_an_answer_is_none),
	    HERE(a_good_list_becomes_the_copy),
	    HERE(a_wrong_line_refuses_it_all),
	    HERE(an_empty_list_empties_nothing),
	    HERE(shrinking_is_counted_in_addresses),
	    HERE(each_family_shrinks_by_itself),
	    HERE(what_is_over_does_not_count),
	    HERE(a_failsafe_is_never_covered),
	    HERE(anothers_bad_copy_is_not_its_fault),
	    HERE(what_cannot_be_read_leaves_the_copy),
	    HERE(a_disk_that_takes_nothing_leaves_the_copy),
	    HERE(ten_million_lines_are_an_error),
	    HERE(only_a_whole_copy_is_asked_about),
	    HERE(a_damaged_record_is_none),
	    cmocka_unit_test(when_a_feed_is_due),
	    HERE(one_fetches_at_a_time),
	};

	setenv("no_proxy", "*", 1); /* loopback is meant */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
